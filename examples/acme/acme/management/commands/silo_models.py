"""Says which table lives in which silo: what splitting a database needs to know."""

import json

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from acme.env import Silo
from acme.silo import silos_of


def tables() -> list[dict]:
    models = [*apps.get_models(include_auto_created=True), MigrationRecorder.Migration]
    found = [
        {
            "table": model._meta.db_table,
            "silo": name_of(silos_of(model)),
            "model": model._meta.label,
        }
        for model in models
    ]
    return sorted(found, key=lambda entry: entry["table"])


def name_of(silos: frozenset[Silo] | None) -> str | None:
    if silos is None:
        return None
    return "both" if len(silos) > 1 else next(iter(silos)).value.lower()


class Command(BaseCommand):
    help = "Print each table with its silo (control, region, both or null), as JSON."
    requires_system_checks = []

    def handle(self, *args, **options):
        answer = {"tables": tables(), "vendor": connection.vendor}
        self.stdout.write(json.dumps(answer, indent=2))
