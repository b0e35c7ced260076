"""Makes the demo data of this silo. Done again, it changes nothing."""

from django.core.management.base import BaseCommand

from acme import services
from acme.env import env
from acme.silo import CONTROL, REGION


class Command(BaseCommand):
    help = "Make one organization per region, and its project: in each silo what belongs there."

    def handle(self, *args, **options):
        if env.mode.serves(CONTROL):
            for region in env.regions:
                services.create_organization(f"acme-{region.name}", region.name)
                self.stdout.write(f"organization acme-{region.name} in {region.name}")
        if env.mode.serves(REGION):
            organization = f"acme-{env.region}"
            project = services.create_project(organization)
            self.stdout.write(f"project {project} of {organization}")
