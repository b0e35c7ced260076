"""The ingest process: takes events from SDKs, checks their key, and queues them.

    python -m acme.relay

It knows nothing of the database. Which projects there are it asks the region's
server; the events it hands to the region's workers through the broker.
"""

import json
import re
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from kombu.exceptions import OperationalError

from acme import envelope, rpc
from acme.celery import app
from acme.env import env, http_url

#: How long the list of projects is believed, and how soon an unknown one is asked for again.
FRESH, AGAIN = 10.0, 0.5

_PATH = re.compile(r"/api/(\d{1,12})/(envelope|store)/?")


class Unready(Exception):
    """The region's server doesn't answer, so that no key can be checked."""


class Projects:
    """The public keys of the region's projects, asked for now and then."""

    def __init__(self, fetch):
        self._fetch = fetch
        self._keys: dict[str, str] = {}
        self._asked_at = float("-inf")
        self._known = False
        self._lock = threading.Lock()

    def allows(self, project: str, key: str, now: float) -> bool:
        with self._lock:
            age = now - self._asked_at
            if age > FRESH or (age > AGAIN and project not in self._keys):
                self._ask(now)
            expected = self._keys.get(project)
        return expected is not None and compare_digest(expected.encode(), key.encode())

    def _ask(self, now: float) -> None:
        try:
            self._keys = self._fetch()
        except rpc.RpcError as error:
            # What is known stays good while the server restarts.
            if not self._known:
                raise Unready(str(error)) from error
        else:
            self._known = True
        self._asked_at = now


def upstream_is_up() -> bool:
    try:
        with urlopen(f"{env.url}/_health/", timeout=1) as response:
            return response.status == 200
    except OSError:
        return False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "acme-relay"
    # A client that stops talking doesn't keep its thread.
    timeout = 15
    server: "Relay"

    def do_GET(self):
        if urlsplit(self.path).path.rstrip("/") != "/_health":
            self._answer(404, {"error": "there is nothing here"})
        elif upstream_is_up():
            self._answer(200, {"status": "ok"}, quiet=True)
        else:
            self._answer(503, {"error": f"the server at {env.url} isn't answering"}, quiet=True)

    def do_OPTIONS(self):
        self._answer(204, None, quiet=True)

    def do_POST(self):
        with self.server.working:
            self._ingest()

    def _ingest(self):
        url = urlsplit(self.path)
        try:
            body = self._body()
            found = _PATH.fullmatch(url.path)
            if not found:
                return self._answer(404, {"error": "there is nothing here"})
            project, kind = found.groups()
            key = envelope.key_of(
                self.headers.get("X-Sentry-Auth") or self.headers.get("Authorization") or "",
                parse_qs(url.query),
            )
            if not self.server.projects.allows(project, key, time.monotonic()):
                return self._answer(403, {"error": f"wrong key for project {project}"})
            body = envelope.decompress(body, self.headers.get("Content-Encoding", ""))
            parsed = (envelope.parse if kind == "envelope" else envelope.parse_store)(body)
            received_at = datetime.now(UTC).isoformat()
            for event in parsed.events:
                app.send_task("acme.process_event", args=[int(project), event, received_at])
        except envelope.TooLarge:
            self._answer(413, {"error": f"more than {envelope.MAX_SIZE} bytes"})
        except envelope.Garbage as error:
            self._answer(400, {"error": str(error)})
        except Unready as error:
            self._answer(503, {"error": str(error)}, {"Retry-After": "1"})
        except (OperationalError, OSError) as error:
            self._answer(503, {"error": f"can't queue: {error}"}, {"Retry-After": "1"})
        else:
            self._answer(200, {"id": parsed.event_id} if parsed.event_id else {})

    def _body(self) -> bytes:
        """The body as it was sent, in one piece or in chunks."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunks()
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if length < 0:
            self.close_connection = True
            raise envelope.Garbage("Content-Length isn't a number")
        if length > envelope.MAX_SIZE:
            self._skip(length)
            raise envelope.TooLarge
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            raise envelope.Garbage("the body ends too early")
        return body

    def _chunks(self) -> bytes:
        body = b""
        self.close_connection = True
        while True:
            try:
                size = int(self.rfile.readline(64).split(b";")[0], 16)
            except ValueError:
                raise envelope.Garbage("a chunk has no size") from None
            if not 0 <= size <= envelope.MAX_SIZE - len(body):
                raise envelope.TooLarge
            body += self.rfile.read(size)
            self.rfile.readline(64)
            if size == 0:
                return body

    def _skip(self, length: int) -> None:
        """Reads a little too much, so that the client gets to the answer; then hangs up."""
        self.close_connection = True
        left = min(length, 8 * envelope.MAX_SIZE)
        while left > 0 and (piece := self.rfile.read(min(left, 65536))):
            left -= len(piece)

    def _answer(self, status, content, headers=None, quiet=False):
        body = b"" if content is None else json.dumps(content).encode()
        self.quiet = quiet
        self.note = (content or {}).get("error", "")
        self.send_response(status)
        # Any page may send events: the key is public.
        self.send_header("Access-Control-Allow-Origin", "*")
        if self.command == "OPTIONS":
            self.send_header("Access-Control-Allow-Methods", "POST, OPTIONS")
            self.send_header(
                "Access-Control-Allow-Headers", "Content-Type, Content-Encoding, X-Sentry-Auth"
            )
            self.send_header("Access-Control-Max-Age", "600")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code="-", size="-"):
        if not getattr(self, "quiet", False):
            note = getattr(self, "note", "")
            # The query may hold a key, which is of no use in a log.
            path = urlsplit(self.path).path
            log(f"{self.command} {path} {int(code)}" + (f": {note}" if note else ""))

    def log_message(self, format, *args):
        log(format % args)


class Working:
    """Counts the requests in hand, so that stopping can wait for them."""

    def __init__(self):
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self):
        with self._changed:
            self._count += 1

    def __exit__(self, *_):
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, timeout)


class Relay(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address, projects: Projects):
        self.projects = projects
        self.working = Working()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def handle_error(self, request, client_address):
        error = sys.exception()
        # Clients that hang up are everyday life.
        if not isinstance(error, (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def log(text: str) -> None:
    print(f"relay: {text}", file=sys.stderr, flush=True)


def main() -> int:
    if env.relay_port is None:
        print("ACME_RELAY_PORT isn't set, so there is nowhere to listen", file=sys.stderr)
        return 2
    projects = Projects(lambda: rpc.call(env.url, "project_keys", timeout=2))
    try:
        relay = Relay((env.host, env.relay_port), projects)
    except OSError as error:
        print(f"can't listen at {env.host}:{env.relay_port}: {error.strerror}", file=sys.stderr)
        return 1

    def stop(*_):
        # From another thread, because shutdown() waits for the loop that this one runs.
        threading.Thread(target=relay.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log(f"listening at {http_url(env.host, env.relay_port)}, projects from {env.url}")
    relay.serve_forever(poll_interval=0.1)
    relay.server_close()
    relay.working.wait(timeout=1.5)
    log("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
