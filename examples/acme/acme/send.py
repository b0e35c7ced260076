"""Sends one event with the real SDK, and says whether it got there.

    python -m acme.send --message "Hello" [--region us | --organization SLUG | --dsn DSN]
"""

import argparse
import sys
from urllib.parse import urlsplit

import sentry_sdk
from sentry_sdk.transport import HttpTransport

from acme.env import MONOLITH_REGION, dsn, env, project_id, project_key


class Transport(HttpTransport):
    """The SDK drops what it can't send, silently; here that has to show."""

    dropped: list[str] = []

    def on_dropped_event(self, reason):
        self.dropped.append(reason)


def default_dsn(region_name: str | None = None, organization: str | None = None) -> str:
    """The DSN of an organization that `manage.py seed` made, or that was added later.

    It leads to the region's relay if the environment says where that is, and else,
    as in a shell of your own, to the page's port, which leads on to the relay.
    """
    name = region_name or env.region or next((r.name for r in env.regions), MONOLITH_REGION)
    region = env.find_region(name)
    relay_url = region.relay_url if region else None
    if relay_url is None and name == env.region:
        relay_url = env.relay_url
    if relay_url is None:
        relay_url = f"{env.web_url}/relay/{name}"
    organization = organization or f"acme-{name}"
    return dsn(relay_url, project_id(organization), project_key(organization))


def send(dsn: str, message: str, level: str = "error") -> str:
    """Sends an event and returns its id. Raises SystemExit if it didn't arrive."""
    Transport.dropped.clear()
    sentry_sdk.init(
        dsn=dsn,
        transport=Transport,
        default_integrations=False,
        auto_session_tracking=False,
        send_client_reports=False,
    )
    event_id = sentry_sdk.capture_message(message, level=level)
    sentry_sdk.flush(timeout=5)
    sentry_sdk.get_client().close()
    if Transport.dropped or event_id is None:
        url = urlsplit(dsn)
        why = ", ".join(Transport.dropped) or "the SDK made no event"
        raise SystemExit(f"{url.hostname}:{url.port} didn't take the event: {why}")
    return event_id


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m acme.send", description="Send one event.")
    parser.add_argument("--message", default="Hello from the SDK")
    parser.add_argument("--level", default="error")
    parser.add_argument("--region", help="default: this silo's own, or the first one")
    parser.add_argument("--organization", help="default: acme-REGION")
    parser.add_argument("--dsn", help="instead of region and organization")
    options = parser.parse_args(arguments)
    target = options.dsn or default_dsn(options.region, options.organization)
    print(send(target, options.message, options.level))
    return 0


if __name__ == "__main__":
    sys.exit(main())
