"""Which table lives where, and that the others are kept away from it."""

import json
import os
import sqlite3
import subprocess
import sys
from io import StringIO

import pytest
from conftest import ROOT
from django.core.management import call_command

from acme.database import database as settings_for
from acme.env import load
from acme.models import Event, Heartbeat, Organization, OrganizationMapping, Project, User
from acme.silo import SiloRouter, SiloUnavailable, every_model_has_a_silo

CONTROL = {"ACME_SILO_MODE": "CONTROL", "ACME_SILO": "control"}
REGION = {"ACME_SILO_MODE": "REGION", "ACME_SILO": "region", "ACME_REGION": "us"}
REGIONS = json.dumps(
    [
        {"name": "us", "silo": "region", "url": "http://127.0.0.1:8010", "relay": 8015},
        {"name": "de", "silo": "de", "url": "http://127.0.0.1:8020", "relay": 8025},
    ]
)


def python(environ, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"ACME_REGIONS": REGIONS} | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (CONTROL, {"acme_user", "acme_organization", "acme_organizationmapping"}),
        (REGION, {"acme_project", "acme_event"}),
    ],
    ids=["control", "region"],
)
def test_each_database_gets_its_silos_tables_only(tmp_path, environ, expected):
    environ = environ | {"ACME_VAR": str(tmp_path)}
    migrate = python(environ, "manage.py", "migrate")
    assert migrate.returncode == 0, migrate.stderr

    seeds = [python(environ, "manage.py", "seed") for _ in range(2)]
    assert [seed.returncode for seed in seeds] == [0, 0], seeds[0].stderr
    assert seeds[0].stdout == seeds[1].stdout

    with sqlite3.connect(tmp_path / "db" / f"{environ['ACME_SILO']}.sqlite3") as connection:
        found = {
            name
            for (name,) in connection.execute("select name from sqlite_master where type='table'")
            if not name.startswith("sqlite_")
        }
        assert found == expected | {"acme_heartbeat", "django_migrations"}
        if environ["ACME_SILO"] == "control":
            rows = connection.execute(
                "select slug, region_name from acme_organization o "
                "join acme_organizationmapping m on m.organization_id = o.id order by slug"
            ).fetchall()
            assert rows == [("acme-de", "de"), ("acme-us", "us")]
        else:
            rows = connection.execute("select organization from acme_project").fetchall()
            assert rows == [("acme-us",)]


def test_a_model_of_another_silo_cannot_be_used(tmp_path):
    result = python(
        CONTROL | {"ACME_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "acme.settings"},
        "-c",
        "import django; django.setup()\nfrom acme.models import Project\nProject.objects.count()",
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "acme.silo.SiloUnavailable: Project lives in the region silo, and this is silo "
        "'control' (CONTROL): ask that silo by RPC"
    )


@pytest.mark.parametrize(
    ("environ", "allowed"),
    [
        ({}, {User, Organization, OrganizationMapping, Project, Event, Heartbeat}),
        (CONTROL, {User, Organization, OrganizationMapping, Heartbeat}),
        (REGION, {Project, Event, Heartbeat}),
    ],
    ids=["monolith", "control", "region"],
)
def test_the_router_guards_reads_writes_and_migrations(environ, allowed):
    router = SiloRouter(load(environ))
    for model in (User, Organization, OrganizationMapping, Project, Event, Heartbeat):
        is_allowed = model in allowed
        assert router.allow_migrate("default", "acme", model.__name__) is is_allowed
        for ask in (router.db_for_read, router.db_for_write):
            if is_allowed:
                assert ask(model) is None
            else:
                with pytest.raises(SiloUnavailable):
                    ask(model)


def test_every_model_says_where_it_lives():
    assert every_model_has_a_silo(None) == []
    out = StringIO()
    call_command("silo_models", stdout=out)
    tables = {entry["table"]: entry["silo"] for entry in json.loads(out.getvalue())["tables"]}
    assert tables == {
        "acme_user": "control",
        "acme_organization": "control",
        "acme_organizationmapping": "control",
        "acme_project": "region",
        "acme_event": "region",
        "acme_heartbeat": "both",
        "django_migrations": None,
    }


def test_the_migrations_are_up_to_date(database):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "acme"),
        (CONTROL, "acme_control"),
        (REGION, "acme_region"),
        (REGION | {"ACME_SILO": "de", "ACME_REGION": "de"}, "acme_de"),
    ],
)
def test_each_silo_has_its_postgres_database(environ, name):
    url = "postgres://ann:p%40ss@db.example:5433"
    found = settings_for(load(environ | {"ACME_DATABASE_URL": url}))
    assert found["NAME"] == name
    assert (found["USER"], found["PASSWORD"]) == ("ann", "p@ss")
    assert (found["HOST"], found["PORT"]) == ("db.example", "5433")

    other = settings_for(load(environ | {"ACME_DATABASE_URL": f"{url}/foo"}))
    assert other["NAME"] == name.replace("acme", "foo")
