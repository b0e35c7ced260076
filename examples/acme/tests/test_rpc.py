"""Calls between silos are signed; anything else is refused."""

import json

import pytest
from django.test import Client

from acme import rpc
from acme.env import env
from acme.models import OrganizationMapping
from acme.services import create_organization

NOW = 1_700_000_000
BODY = b'{"organization": "acme-us"}'


def signed(**changes):
    request = {"secret": "s", "method": "m", "body": BODY, "timestamp": str(NOW)}
    signature = rpc.sign(**request)
    request |= {"signature": signature, "now": NOW} | changes
    rpc.verify(**request)


def test_a_good_signature_passes():
    signed()
    signed(now=NOW + rpc.MAX_AGE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signature": None}, "isn't signed"),
        ({"signature": ""}, "isn't signed"),
        ({"timestamp": None}, "isn't signed"),
        ({"signature": "v1=00"}, "signature is wrong"),
        ({"signature": "größe"}, "signature is wrong"),
        ({"secret": "other"}, "signature is wrong"),
        ({"body": BODY + b" "}, "signature is wrong"),
        ({"method": "other"}, "signature is wrong"),
        ({"timestamp": str(NOW + 1)}, "signature is wrong"),
        ({"now": NOW + rpc.MAX_AGE + 1}, "is 61 s old"),
        ({"now": NOW - rpc.MAX_AGE - 1}, "is 61 s old"),
    ],
)
def test_anything_else_is_refused(changes, message):
    with pytest.raises(rpc.Refused, match=message):
        signed(**changes)


def post(method, arguments, headers=None):
    body = json.dumps(arguments).encode()
    if headers is None:
        headers = rpc.signed_headers(env.rpc_secret, method, body)
    return Client().post(
        f"/api/rpc/{method}/", body, content_type="application/json", headers=headers
    )


def report(count, last_at):
    arguments = {"organization": "globex", "region": "us", "count": count, "last_at": last_at}
    return post("record_events", arguments)


def test_over_http(database):
    assert post("record_events", {}, headers={}).status_code == 403
    assert post("no_such_method", {}).status_code == 404
    assert post("record_events", {"what": 1}).status_code == 400
    assert Client().get("/api/rpc/record_events/").status_code == 405

    create_organization("globex", "us")
    assert report(2, "2026-01-01T00:00:02Z").json() == {"result": True}


def test_reports_that_come_twice_or_late_do_no_harm(database):
    create_organization("globex", "us")
    report(2, "2026-01-01T00:00:02Z")
    report(2, "2026-01-01T00:00:02Z")
    report(1, "2026-01-01T00:00:01Z")
    mapping = OrganizationMapping.objects.get()
    assert mapping.event_count == 2
    assert mapping.last_event_at.second == 2
