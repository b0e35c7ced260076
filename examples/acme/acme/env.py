"""The ACME_* environment, read once: who this process is and where the others are."""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent

#: The region that a monolith plays, since it has to be somewhere.
MONOLITH_REGION = "us"


class Silo(Enum):
    """The three ways to run the app. A monolith is control and region in one."""

    MONOLITH = "MONOLITH"
    CONTROL = "CONTROL"
    REGION = "REGION"

    def serves(self, silos: frozenset["Silo"]) -> bool:
        return self is Silo.MONOLITH or self in silos


@dataclass(frozen=True)
class Region:
    """A region as the others see it."""

    name: str
    silo: str
    url: str
    relay: int | None = None

    @property
    def relay_url(self) -> str | None:
        if self.relay is None:
            return None
        return http_url(urlsplit(self.url).hostname or "127.0.0.1", self.relay)


@dataclass(frozen=True)
class Env:
    mode: Silo
    silo: str
    region: str
    host: str
    port: int
    relay_port: int | None
    web_url: str
    control_url: str
    regions: tuple[Region, ...]
    rpc_secret: str
    database_url: str
    broker_url: str
    var: Path
    beat_seconds: float

    @property
    def url(self) -> str:
        return http_url(self.host, self.port)

    @property
    def relay_url(self) -> str | None:
        return None if self.relay_port is None else http_url(self.host, self.relay_port)

    @property
    def broker_folder(self) -> Path:
        return self.var / "broker" / self.silo

    def find_region(self, name: str) -> Region | None:
        return next((region for region in self.regions if region.name == name), None)


def http_url(host: str, port: int) -> str:
    """A URL at which a listener on this host and port can be reached."""
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def load(environ: Mapping[str, str]) -> Env:
    """Reads the environment. What is missing makes a monolith on port 8001."""

    def get(name: str, default: str) -> str:
        return environ.get(f"ACME_{name}") or default

    mode_name = get("SILO_MODE", "MONOLITH").upper()
    try:
        mode = Silo[mode_name]
    except KeyError:
        raise SystemExit(
            f"ACME_SILO_MODE is {mode_name!r}; it can be MONOLITH, CONTROL or REGION"
        ) from None

    region = "" if mode is Silo.CONTROL else get("REGION", MONOLITH_REGION)
    silo = get("SILO", mode.value.lower())
    host = get("HOST", "127.0.0.1")
    port = int(get("PORT", "8010" if mode is Silo.REGION else "8001"))
    relay_port = int(get("RELAY_PORT", "0")) or None

    regions = tuple(
        Region(
            name=entry["name"],
            silo=entry.get("silo", entry["name"]),
            url=entry["url"].rstrip("/"),
            relay=int(entry["relay"]) if entry.get("relay") else None,
        )
        for entry in json.loads(get("REGIONS", "[]"))
    )
    if not regions and mode is not Silo.CONTROL:
        regions = (Region(region, silo, http_url(host, port), relay_port),)

    return Env(
        mode=mode,
        silo=silo,
        region=region,
        host=host,
        port=port,
        relay_port=relay_port,
        web_url=http_url(get("WEB_HOST", "127.0.0.1"), int(get("WEB_PORT", "8000"))),
        control_url=get("CONTROL_URL", "http://127.0.0.1:8001").rstrip("/"),
        regions=regions,
        rpc_secret=get("RPC_SECRET", "acme-development-secret"),
        database_url=get("DATABASE_URL", ""),
        broker_url=get("BROKER_URL", ""),
        var=Path(get("VAR", str(ROOT / "var"))).absolute(),
        beat_seconds=float(get("BEAT_SECONDS", "5")),
    )


def project_id(organization: str) -> int:
    """The project id of an organization: the same wherever it is worked out."""
    return 100_000 + zlib.crc32(organization.encode()) % 900_000


def project_key(organization: str) -> str:
    """The public key of an organization's project. It names, it doesn't protect."""
    return hashlib.sha256(f"acme project of {organization}".encode()).hexdigest()[:32]


def dsn(relay_url: str, project: int, key: str) -> str:
    """The address that the SDK is given."""
    return f"{relay_url.replace('://', f'://{key}@', 1)}/{project}"


env = load(os.environ)
