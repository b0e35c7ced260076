"""Django settings. What differs between silos comes from acme.env."""

from acme.database import database
from acme.env import env

# This app is for a developer's machine: it has no login, and it answers under any name.
DEBUG = True
SECRET_KEY = "acme-development-key"
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["acme"]
MIDDLEWARE = ["acme.views.JsonErrors"]
ROOT_URLCONF = "acme.urls"
WSGI_APPLICATION = "acme.wsgi.application"

DATABASES = {"default": database(env)}
DATABASE_ROUTERS = ["acme.silo.SiloRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"quiet": {"()": "acme.log.NotRoutine"}},
    "formatters": {
        "access": {"format": "%(message)s"},
        "plain": {"format": "%(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {
        "access": {
            "class": "logging.StreamHandler",
            "formatter": "access",
            "filters": ["quiet"],
        },
        "plain": {"class": "logging.StreamHandler", "formatter": "plain"},
    },
    "loggers": {
        "django.server": {"handlers": ["access"], "level": "INFO", "propagate": False},
        # The access line says it already.
        "django.request": {"level": "ERROR"},
        "acme": {"handlers": ["plain"], "level": "INFO", "propagate": False},
    },
}
