"""The HTTP API, in a monolith."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

from django.core.management import call_command
from django.test import Client

from acme import services
from acme.env import project_id, project_key
from acme.models import Event, Heartbeat, Organization, Project

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def get(path):
    return Client().get(path).json()


def add(body, content_type="application/json"):
    return Client().post("/api/organizations/", json.dumps(body), content_type=content_type)


def event(number):
    return {
        "event_id": f"{number:032x}",
        "message": f"event {number}",
        "level": "error",
        "platform": "python",
    }


def test_seed_can_be_repeated(database):
    out = [StringIO(), StringIO()]
    for each in out:
        call_command("seed", stdout=each)
    assert out[0].getvalue() == out[1].getvalue()
    assert Organization.objects.get().slug == "acme-us"
    project = Project.objects.get()
    assert project.pk == project_id("acme-us")
    assert project.public_key == project_key("acme-us")


def test_health():
    response = Client().get("/_health/")
    assert (response.status_code, response.content) == (200, b"ok")


def test_a_silo_tells_of_its_parts(database):
    off = {"count": 0, "last": None, "on": False}
    assert get("/api/silo/") == {
        "silo": "monolith",
        "mode": "MONOLITH",
        "region": "us",
        "beat": off,
        "workers": off,
        "ingest": False,
    }
    services.beat(Heartbeat.BEAT)
    services.beat(Heartbeat.BEAT)
    services.beat(Heartbeat.WORKERS)
    services.beat(Heartbeat.WORKERS, alive=False)
    [silo] = get("/api/silos/")["silos"]
    assert (silo["name"], silo["up"]) == ("monolith", True)
    assert (silo["beat"]["count"], silo["beat"]["on"]) == (2, True)
    assert (silo["workers"]["count"], silo["workers"]["on"]) == (1, False)


def test_organizations(database):
    response = add({"slug": "globex", "region": "us"})
    assert response.status_code == 201
    assert add({"slug": "globex", "region": "us"}).status_code == 201
    [organization] = get("/api/organizations/")["organizations"]
    assert organization == {
        "slug": "globex",
        "name": "Globex",
        "region": "us",
        "event_count": 0,
        "last_event_at": None,
    }
    assert get("/api/projects/")["projects"][0]["organization"] == "globex"


def test_organizations_that_are_refused(database):
    assert add({"slug": "globex", "region": "mars"}).json() == {
        "error": "there is no region 'mars'; there are: us"
    }
    assert add({"slug": "No!", "region": "us"}).status_code == 400
    assert add({"slug": 7, "region": "us"}).status_code == 400
    assert add(["globex"]).status_code == 400
    assert add({"slug": "globex", "region": "us"}, "text/plain").status_code == 415
    assert Organization.objects.count() == 0


def test_events_are_stored_once_and_listed_in_order(database):
    project = services.create_project("acme-us")
    for number in (1, 2, 3, 2):
        services.store_event(project, event(number), NOW + timedelta(seconds=number), "w")
    assert Event.objects.count() == 3
    assert services.event_totals("acme-us") == {"count": 3, "last_at": NOW + timedelta(seconds=3)}

    newest = get("/api/events/?limit=2")
    assert [e["message"] for e in newest["events"]] == ["event 2", "event 3"]
    assert get(f"/api/events/?after={newest['last']}")["events"] == []
    first = newest["events"][0]["id"]
    assert [e["message"] for e in get(f"/api/events/?after={first}")["events"]] == ["event 3"]
    assert Client().get("/api/events/?after=x").status_code == 400


def test_a_project_may_have_the_event_id_of_another(database):
    for organization in ("acme-us", "globex"):
        services.store_event(services.create_project(organization), event(1), NOW, "w")
    assert Event.objects.count() == 2
