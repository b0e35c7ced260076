"""From ACME_DATABASE_URL to Django's database settings: one database per silo."""

from urllib.parse import parse_qsl, unquote, urlsplit

from acme.env import Env, Silo


def database(env: Env) -> dict:
    return _postgres(env) if env.database_url else _sqlite(env)


def _sqlite(env: Env) -> dict:
    folder = env.var / "db"
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": folder / f"{env.silo}.sqlite3",
        "OPTIONS": {
            # Server, workers and commands write to one file: they wait for each other.
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _postgres(env: Env) -> dict:
    url = urlsplit(env.database_url)
    if url.scheme not in ("postgres", "postgresql"):
        raise SystemExit(
            f"ACME_DATABASE_URL is a {url.scheme or 'bare'} URL; it can be postgres://… or empty"
        )
    base = unquote(url.path.strip("/")) or "acme"
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": base if env.mode is Silo.MONOLITH else f"{base}_{env.silo}",
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": unquote(url.hostname or ""),
        "PORT": str(url.port or ""),
        "OPTIONS": {"connect_timeout": 5, **dict(parse_qsl(url.query))},
    }
