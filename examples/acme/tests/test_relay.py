"""What the relay reads, what it refuses, and what it hands on."""

import gzip
import json
import threading
import zlib
from http.client import HTTPConnection

import brotli
import pytest

from acme import envelope, relay, rpc, send
from acme.env import load

ID = "0123456789abcdef0123456789abcdef"
EVENT = {"event_id": ID, "message": "hello", "level": "warning", "platform": "python"}
KEY = "k" * 32
REGIONS = json.dumps(
    [
        {"name": "us", "silo": "region", "url": "http://127.0.0.1:8010", "relay": 8015},
        {"name": "de", "silo": "de", "url": "http://127.0.0.1:8020", "relay": 8025},
    ]
)


def make(event=EVENT, header=None, length=True, extra=b""):
    payload = json.dumps(event).encode()
    item = {"type": "event"} | ({"length": len(payload)} if length else {})
    header = {"event_id": ID} if header is None else header
    return b"\n".join([json.dumps(header).encode(), extra + json.dumps(item).encode(), payload])


SESSION = b'{"type":"session","length":9}\n{"a":"\n"}\n'


@pytest.mark.parametrize(
    "body",
    [make(), make() + b"\n", make(length=False), make(extra=SESSION), make(extra=b"\n")],
    ids=["length", "newline", "no length", "another item first", "empty line"],
)
def test_an_envelope_gives_its_events(body):
    assert envelope.parse(body) == envelope.Envelope(ID, [EVENT])


def test_an_envelope_without_events_is_fine():
    assert envelope.parse(b'{"event_id":"x"}\n' + SESSION).events == []
    assert envelope.parse(b"{}").event_id is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"[]",
        b"{}\nnot json\n{}",
        b'{}\n{"type":"event","length":99}\n{}',
        b'{}\n{"type":"event","length":-1}\n{}',
        b'{}\n{"type":"event","length":2}\n{}{}',
        b'{}\n{"type":"event"}\n{}',
        make(EVENT | {"event_id": "../../etc"}),
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_garbage_is_refused(body):
    with pytest.raises(envelope.Garbage):
        envelope.parse(body)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"message": "m"}, "m"),
        ({"logentry": {"message": "a %s", "formatted": "a b"}}, "a b"),
        ({"exception": {"values": [{"type": "A"}, {"type": "E", "value": "v"}]}}, "E: v"),
        ({"exception": [{"type": "E", "value": "v"}]}, "E: v"),
        ({"exception": {"values": [7]}}, "(no message)"),
        ({}, "(no message)"),
    ],
)
def test_the_message_of_an_event(fields, message):
    event = envelope.parse_store(json.dumps({"event_id": ID} | fields).encode()).events[0]
    assert event == {"event_id": ID, "message": message, "level": "error", "platform": "other"}


def raw_deflate(body):
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


PACKERS = [
    ("", bytes),
    ("identity", bytes),
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("br", brotli.compress),
]


@pytest.mark.parametrize(("encoding", "pack"), PACKERS)
def test_bodies_are_unpacked(encoding, pack):
    assert envelope.decompress(pack(b"body" * 100), encoding) == b"body" * 100


@pytest.mark.parametrize(("encoding", "pack"), PACKERS)
def test_a_small_body_that_unpacks_to_a_large_one_is_refused(encoding, pack):
    assert len(envelope.decompress(pack(b"0" * envelope.MAX_SIZE), encoding)) == envelope.MAX_SIZE
    with pytest.raises(envelope.TooLarge):
        envelope.decompress(pack(b"0" * (envelope.MAX_SIZE + 1)), encoding)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"nonsense"),
        ("gzip", gzip.compress(b"body" * 100)[:-12]),
        ("br", b"nonsense"),
        ("br", brotli.compress(b"body" * 100)[:-2]),
        ("zstd", b""),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(encoding, body):
    with pytest.raises(envelope.Garbage):
        envelope.decompress(body, encoding)


@pytest.mark.parametrize(
    ("header", "query", "key"),
    [
        ("Sentry sentry_key=abc, sentry_version=7", {}, "abc"),
        ("sentry sentry_version=7,sentry_key=abc", {}, "abc"),
        ("", {"sentry_key": ["abc"]}, "abc"),
        ("Bearer sentry_key=abc", {}, ""),
        ("Sentry", {}, ""),
        ("", {}, ""),
    ],
)
def test_where_the_key_is(header, query, key):
    assert envelope.key_of(header, query) == key


class Upstream:
    """A region's server, as far as the relay knows one."""

    def __init__(self, keys):
        self.keys = keys
        self.up = True
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if not self.up:
            raise rpc.RpcError("down")
        return dict(self.keys)


def test_projects_are_asked_for_now_and_then():
    upstream = Upstream({"1": KEY})
    projects = relay.Projects(upstream)
    assert projects.allows("1", KEY, now=0)
    assert not projects.allows("1", "wrong", now=1)
    assert not projects.allows("1", "größe", now=1)
    assert upstream.asked == 1

    # A new project is found soon, and strangers don't make it ask each time.
    upstream.keys["2"] = KEY
    assert projects.allows("2", KEY, now=2)
    assert not any(projects.allows("3", KEY, now=2.1) for _ in range(9))
    assert upstream.asked == 2

    # What is known stays good while the server is away.
    upstream.up = False
    assert projects.allows("1", KEY, now=60)


def test_without_a_server_nothing_is_let_in():
    upstream = Upstream({"1": KEY})
    upstream.up = False
    projects = relay.Projects(upstream)
    with pytest.raises(relay.Unready):
        projects.allows("1", KEY, now=0)
    upstream.up = True
    assert projects.allows("1", KEY, now=0)


@pytest.fixture
def running(monkeypatch):
    sent = []
    monkeypatch.setattr(relay.app, "send_task", lambda name, args: sent.append((name, args)))
    server = relay.Relay(("127.0.0.1", 0), relay.Projects(Upstream({"1": KEY})))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def post(body, path=f"/api/1/envelope/?sentry_key={KEY}", **headers):
        connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, body, names)
        response = connection.getresponse()
        answer = json.loads(response.read() or b"null")
        connection.close()
        return response.status, answer, response.headers

    yield post, sent
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_event_is_handed_to_the_workers(running):
    post, sent = running
    status, answer, headers = post(gzip.compress(make()), Content_Encoding="gzip")
    assert (status, answer) == (200, {"id": ID})
    assert headers["Access-Control-Allow-Origin"] == "*"
    [(name, [project, event, _])] = sent
    assert (name, project, event) == ("acme.process_event", 1, EVENT)


def test_the_older_endpoint_and_the_header_work_too(running):
    post, sent = running
    auth = f"Sentry sentry_key={KEY}, sentry_version=7"
    assert post(json.dumps(EVENT), "/api/1/store/", X_Sentry_Auth=auth)[:2] == (200, {"id": ID})
    assert len(sent) == 1


def test_a_body_in_chunks_is_taken(running):
    post, sent = running
    body = make()
    assert post(iter([body[:20], body[20:]]))[0] == 200
    assert len(sent) == 1


def test_what_the_relay_refuses(running):
    post, sent = running
    wrong = "/api/1/envelope/?sentry_key=wrong"
    assert post(make(), wrong)[:2] == (403, {"error": "wrong key for project 1"})
    assert post(make(), f"/api/2/envelope/?sentry_key={KEY}")[0] == 403
    assert post(make(), "/api/1/envelope/")[0] == 403
    assert post(b"garbage")[:2] == (400, {"error": "the envelope's header isn't JSON"})
    assert post(b"0" * (envelope.MAX_SIZE + 1))[0] == 413
    assert post(iter([b"0" * envelope.MAX_SIZE, b"0"]))[0] == 413
    assert post(make(), "/somewhere")[0] == 404
    assert sent == []


@pytest.mark.parametrize(
    ("environ", "region", "expected"),
    [
        ({}, None, "@127.0.0.1:8000/relay/us/247728"),
        ({}, "de", "@127.0.0.1:8000/relay/de/499825"),
        ({"ACME_RELAY_PORT": "8006"}, None, "@127.0.0.1:8006/247728"),
        ({"ACME_REGIONS": REGIONS, "ACME_SILO_MODE": "CONTROL"}, None, "@127.0.0.1:8015/247728"),
        ({"ACME_REGIONS": REGIONS, "ACME_SILO_MODE": "CONTROL"}, "de", "@127.0.0.1:8025/499825"),
    ],
)
def test_where_send_sends_to(monkeypatch, environ, region, expected):
    monkeypatch.setattr(send, "env", load(environ))
    assert send.default_dsn(region).partition("@")[2] == expected[1:]
