"""Sends one event with the real SDK to a project of this silo."""

from django.core.management.base import BaseCommand, CommandError

from acme.env import dsn, env
from acme.models import Project
from acme.send import default_dsn, send
from acme.silo import REGION


class Command(BaseCommand):
    help = "Send one event with the SDK, and print its id."

    def add_arguments(self, parser):
        parser.add_argument("--message", default="Hello from the SDK")
        parser.add_argument("--level", default="error")
        parser.add_argument("--region", help="default: this silo's own, or the first one")
        parser.add_argument("--project", type=int, help="default: the one of acme-REGION")

    def handle(self, *args, message, level, region, project, **options):
        target = default_dsn(region)
        if project is not None:
            target = self.dsn_of(project)
        self.stdout.write(send(target, message, level))

    def dsn_of(self, project: int) -> str:
        if not env.mode.serves(REGION):
            raise CommandError("control knows no projects: give --region, or ask in the region")
        if env.relay_url is None:
            raise CommandError(f"silo {env.silo} has no relay: start it with --ingest")
        found = Project.objects.filter(pk=project).first()
        if found is None:
            raise CommandError(f"there is no project {project} in {env.region}")
        return dsn(env.relay_url, found.pk, found.public_key)
