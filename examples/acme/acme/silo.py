"""Which silo each model lives in, and what keeps the others away from it.

The guard is a database router: Django asks it before every query, save and
delete, and before it creates a table.
"""

from django.apps import apps
from django.core import checks
from django.db import models

from acme.env import Env, Silo, env

CONTROL = frozenset({Silo.CONTROL})
REGION = frozenset({Silo.REGION})
BOTH = CONTROL | REGION

#: Model label to the silos that it lives in.
_silos: dict[str, frozenset[Silo]] = {}


class SiloUnavailable(RuntimeError):
    """A model of another silo was used."""

    def __init__(self, model: type[models.Model], env: Env):
        silos = " and ".join(sorted(s.value.lower() for s in silos_of(model) or ()))
        super().__init__(
            f"{model._meta.object_name} lives in the {silos} silo, and this is silo "
            f"{env.silo!r} ({env.mode.value}): ask that silo by RPC"
        )


def control_silo_model(model):
    """The model's table is in control's database."""
    return _place(model, CONTROL)


def region_silo_model(model):
    """The model's table is in each region's database."""
    return _place(model, REGION)


def all_silo_model(model):
    """The model has a table of its own in each silo's database."""
    return _place(model, BOTH)


def _place(model, silos):
    _silos[model._meta.label_lower] = silos
    return model


def silos_of(model) -> frozenset[Silo] | None:
    """The silos of a model; None for one that isn't ours, such as Django's own."""
    # By label, so that the historical models inside migrations are found too.
    return _silos.get(model._meta.label_lower)


class SiloRouter:
    def __init__(self, env: Env = env):
        self.env = env

    def db_for_read(self, model, **hints):
        silos = silos_of(model)
        if silos is not None and not self.env.mode.serves(silos):
            raise SiloUnavailable(model, self.env)
        return None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if model_name is None:
            return None
        silos = _silos.get(f"{app_label}.{model_name}".lower())
        return None if silos is None else self.env.mode.serves(silos)


@checks.register(checks.Tags.models)
def every_model_has_a_silo(app_configs, **kwargs):
    return [
        checks.Error(
            f"{model._meta.label} has no silo",
            hint="decorate it with @control_silo_model, @region_silo_model or "
            "@all_silo_model from acme.silo",
            obj=model,
            id="acme.E001",
        )
        for model in apps.get_app_config("acme").get_models()
        if silos_of(model) is None
    ]
