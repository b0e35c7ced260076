"""Reads what an SDK sends: compressed bodies, envelopes, events."""

import json
import re
import zlib
from dataclasses import dataclass
from urllib.parse import unquote

try:
    import brotli
except ImportError:  # The rest works without it.
    brotli = None

#: The largest body taken, before and after it's unpacked.
MAX_SIZE = 1024 * 1024

_EVENT_ID = re.compile(r"[0-9a-f]{32}")
_LEVELS = ("fatal", "error", "warning", "info", "debug")


class Garbage(Exception):
    """It can't be read."""


class TooLarge(Exception):
    """It's larger than MAX_SIZE."""


@dataclass(frozen=True)
class Envelope:
    event_id: str | None
    #: The events in it; its other items (sessions, traces, reports) aren't for this app.
    events: list[dict]


def decompress(body: bytes, encoding: str) -> bytes:
    """Undoes a Content-Encoding, never making more than MAX_SIZE bytes."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        unpacked = body
    elif encoding in ("gzip", "x-gzip", "deflate"):
        unpacked = _inflate(body, raw=False)
    elif encoding == "br" and brotli:
        unpacked = _unbrotli(body)
    else:
        raise Garbage(f"content encoding {encoding!r} isn't supported")
    if len(unpacked) > MAX_SIZE:
        raise TooLarge
    return unpacked


def _inflate(body: bytes, raw: bool) -> bytes:
    # 32 reads the header, be it gzip's or zlib's; some call headerless data "deflate" too.
    decompressor = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS + 32)
    try:
        unpacked = decompressor.decompress(body, MAX_SIZE + 1)
    except zlib.error as error:
        if not raw:
            return _inflate(body, raw=True)
        raise Garbage(f"the body can't be unpacked: {error}") from error
    if not decompressor.eof and len(unpacked) <= MAX_SIZE:
        raise Garbage("the compressed body ends too early")
    return unpacked


def _unbrotli(body: bytes) -> bytes:
    decompressor = brotli.Decompressor()
    try:
        unpacked = decompressor.process(body, output_buffer_limit=MAX_SIZE + 1)
    except brotli.error as error:
        raise Garbage(f"the body can't be unpacked: {error}") from error
    if not decompressor.is_finished() and len(unpacked) <= MAX_SIZE:
        raise Garbage("the compressed body ends too early")
    return unpacked


def parse(body: bytes) -> Envelope:
    """An envelope: a line of JSON, then for each item a line of JSON and its payload."""
    first, _, rest = body.partition(b"\n")
    header = _object(first, "the envelope's header")
    events = []
    while rest.strip():
        line, _, rest = rest.lstrip(b"\n").partition(b"\n")
        item = _object(line, "an item's header")
        length = item.get("length")
        if length is None:
            payload, _, rest = rest.partition(b"\n")
        elif isinstance(length, int) and 0 <= length <= len(rest):
            payload, rest = rest[:length], rest[length:]
            if rest[:1] not in (b"", b"\n"):
                raise Garbage("an item is longer than its header says")
        else:
            raise Garbage("an item is shorter than its header says")
        if item.get("type") == "event":
            events.append(normalize(_object(payload, "an event"), header.get("event_id")))
    event_id = events[0]["event_id"] if events else header.get("event_id")
    return Envelope(event_id if isinstance(event_id, str) else None, events)


def parse_store(body: bytes) -> Envelope:
    """The older form: the body is one event."""
    event = normalize(_object(body, "the event"), None)
    return Envelope(event["event_id"], [event])


def normalize(event: dict, event_id: object) -> dict:
    """The parts of an event that this app keeps."""
    event_id = str(event.get("event_id") or event_id or "").replace("-", "").lower()
    if not _EVENT_ID.fullmatch(event_id):
        raise Garbage("an event needs an event_id of 32 hexadecimal digits")
    level = event.get("level")
    return {
        "event_id": event_id,
        "message": _message(event)[:1000] or "(no message)",
        "level": level if level in _LEVELS else "error",
        "platform": str(event.get("platform") or "other")[:64],
    }


def _message(event: dict) -> str:
    log = event.get("logentry") or event.get("message")
    if isinstance(log, dict):
        log = log.get("formatted") or log.get("message")
    if log:
        return str(log)
    exceptions = event.get("exception")
    if isinstance(exceptions, dict):
        exceptions = exceptions.get("values")
    if isinstance(exceptions, list) and exceptions and isinstance(exceptions[-1], dict):
        last = exceptions[-1]
        return ": ".join(str(last[k]) for k in ("type", "value") if last.get(k))
    return ""


def _object(text: bytes, what: str) -> dict:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Garbage(f"{what} isn't JSON") from error
    if not isinstance(value, dict):
        raise Garbage(f"{what} isn't an object")
    return value


def key_of(auth_header: str, query: dict[str, list[str]]) -> str:
    """The public key that a request carries, or nothing."""
    scheme, _, fields = auth_header.strip().partition(" ")
    if scheme.lower() == "sentry":
        for field in fields.split(","):
            name, _, value = field.strip().partition("=")
            if name == "sentry_key":
                return unquote(value.strip())
    return query.get("sentry_key", [""])[0]
