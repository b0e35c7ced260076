"""The tests run the app as a monolith on a database of their own."""

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

for name in [name for name in os.environ if name.startswith("ACME_")]:
    del os.environ[name]
_var = tempfile.TemporaryDirectory(prefix="acme-tests-")
os.environ["ACME_VAR"] = _var.name
os.environ["DJANGO_SETTINGS_MODULE"] = "acme.settings"

import django  # noqa: E402
import pytest  # noqa: E402
from django.core.management import call_command  # noqa: E402

django.setup()


@pytest.fixture(scope="session")
def _migrated():
    call_command("migrate", verbosity=0)


@pytest.fixture
def database(_migrated):
    """The monolith's tables, empty."""
    call_command("flush", interactive=False, verbosity=0)


def pytest_unconfigure():
    from django.db import connections

    connections.close_all()
    _var.cleanup()
