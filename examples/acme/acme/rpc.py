"""Calls between silos: JSON over HTTP, signed with a secret that the silos share.

The signature covers the time, the method and the body, so that a request can be
neither altered, nor sent to another method, nor kept for later.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from acme.env import Silo, env

TIMESTAMP_HEADER = "X-Acme-Timestamp"
SIGNATURE_HEADER = "X-Acme-Signature"

#: How old a request may be, in seconds.
MAX_AGE = 60

TIMEOUT = 3.0


class RpcError(Exception):
    """The other silo didn't answer, or said no."""


class Refused(Exception):
    """A request without a valid signature."""


#: Method name to the silos that serve it and the function.
methods: dict[str, tuple[frozenset[Silo], Callable[..., Any]]] = {}


def rpc_method(silos: frozenset[Silo]):
    """Makes a function callable from the other silos."""

    def register(function):
        methods[function.__name__] = silos, function
        return function

    return register


def sign(secret: str, method: str, body: bytes, timestamp: str) -> str:
    text = f"{timestamp}\n{method}\n".encode() + body
    return "v1=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def signed_headers(secret: str, method: str, body: bytes) -> dict[str, str]:
    timestamp = str(int(time.time()))
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: sign(secret, method, body, timestamp)}


def verify(
    secret: str,
    method: str,
    body: bytes,
    timestamp: str | None,
    signature: str | None,
    now: float | None = None,
) -> None:
    """Raises Refused unless the request was signed with the secret, and lately."""
    if not timestamp or not signature:
        raise Refused("this request isn't signed")
    # Compared as bytes: hmac refuses strings that aren't ASCII.
    if not hmac.compare_digest(
        sign(secret, method, body, timestamp).encode(), signature.encode("utf-8", "replace")
    ):
        raise Refused("the signature is wrong: do both silos have the same ACME_RPC_SECRET?")
    try:
        age = abs((time.time() if now is None else now) - int(timestamp))
    except ValueError:
        raise Refused("the time stamp isn't a number") from None
    if age > MAX_AGE:
        raise Refused(f"the request is {age:.0f} s old, more than {MAX_AGE} s")


def call(url: str, method: str, *, timeout: float = TIMEOUT, **arguments: Any) -> Any:
    """Calls a method of the silo at this URL."""
    body = json.dumps(arguments).encode()
    request = Request(
        f"{url}/api/rpc/{method}/",
        data=body,
        headers={
            "Content-Type": "application/json",
            **signed_headers(env.rpc_secret, method, body),
        },
    )
    try:
        with urlopen(request, timeout=timeout) as response:
            return json.load(response)["result"]
    except HTTPError as error:
        with error:
            detail = error.read(500).decode("utf-8", "replace")
        raise RpcError(f"{method} at {url}: status {error.code}: {detail}") from error
    except (OSError, URLError, ValueError, KeyError) as error:
        raise RpcError(f"{method} at {url}: {error}") from error


def call_control(method: str, **arguments: Any) -> Any:
    """Calls a method of control; a monolith calls itself, without HTTP."""
    if env.mode is Silo.MONOLITH:
        return methods[method][1](**arguments)
    return call(env.control_url, method, **arguments)


def call_region(name: str, method: str, **arguments: Any) -> Any:
    """Calls a method of the region with this name."""
    if env.mode is Silo.MONOLITH:
        return methods[method][1](**arguments)
    region = env.find_region(name)
    if region is None:
        raise RpcError(f"there is no region {name!r}")
    return call(region.url, method, **arguments)
