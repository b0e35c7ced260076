"""What the silos do for each other, and for themselves."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from acme.env import Silo, env, project_id, project_key
from acme.models import (
    MONOLITH_REGION_NAME,
    Event,
    Heartbeat,
    Organization,
    OrganizationMapping,
    Project,
    User,
)
from acme.rpc import rpc_method
from acme.silo import CONTROL, REGION

# Control.


def create_organization(slug: str, region: str, name: str = "") -> Organization:
    """An organization and where it lives, in control. Done twice, it's as if done once."""
    owner, _ = User.objects.get_or_create(
        email="ada@acme.example", defaults={"name": "Ada Acme"}
    )
    with transaction.atomic():
        organization, _ = Organization.objects.get_or_create(
            slug=slug, defaults={"name": name or title(slug), "owner": owner}
        )
        OrganizationMapping.objects.get_or_create(
            organization=organization, defaults={"region_name": stored_region(region)}
        )
    return organization


def title(slug: str) -> str:
    return " ".join(
        word.upper() if len(word) < 3 else word.capitalize() for word in slug.split("-")
    )


def stored_region(name: str) -> str:
    return MONOLITH_REGION_NAME if env.mode is Silo.MONOLITH else name


def shown_region(name: str) -> str:
    return env.region if name == MONOLITH_REGION_NAME and env.region else name


@rpc_method(CONTROL)
def record_events(organization: str, region: str, count: int, last_at: str) -> bool:
    """A region reports how many events an organization has, and when the last one came.

    The numbers are totals, so it does no harm when a report comes twice or too late.
    """
    at = parse_datetime(last_at)
    if at is None:
        raise ValueError(f"{last_at!r} isn't a time")
    with transaction.atomic():
        mapping = (
            OrganizationMapping.objects.select_for_update()
            .filter(organization__slug=organization, region_name=stored_region(region))
            .first()
        )
        if mapping is None:
            return False
        newest = datetime.min.replace(tzinfo=at.tzinfo)
        if (mapping.last_event_at or newest, mapping.event_count) < (at, count):
            mapping.last_event_at, mapping.event_count = at, count
            mapping.save(update_fields=["last_event_at", "event_count"])
    return True


# Region.


@rpc_method(REGION)
def create_project(organization: str) -> int:
    """The project of an organization, in its region. Done twice, it's as if done once."""
    project, _ = Project.objects.get_or_create(
        organization=organization,
        defaults={
            "id": project_id(organization),
            "name": f"{organization}-web",
            "public_key": project_key(organization),
        },
    )
    return project.pk


@rpc_method(REGION)
def project_keys() -> dict[str, str]:
    """The public key of each project: what the relay checks events against."""
    return {str(pk): key for pk, key in Project.objects.values_list("pk", "public_key")}


def store_event(project: int, event: dict, received_at: datetime, worker: str) -> tuple[Event, bool]:
    """Stores an event once, however often it's handed in."""
    return Event.objects.get_or_create(
        project_id=project,
        event_id=event["event_id"],
        defaults={
            "message": event["message"],
            "level": event["level"],
            "platform": event["platform"],
            "received_at": received_at,
            "processed_at": timezone.now(),
            "processed_by": worker,
        },
    )


def event_totals(organization: str) -> dict:
    events = Event.objects.filter(project__organization=organization)
    return {"count": events.count(), "last_at": events.aggregate(at=Max("received_at"))["at"]}


# Every silo.


def beat(part: str, alive: bool = True) -> None:
    """Counts a sign of life of a part that has no port; or says that it has stopped."""
    heartbeats = Heartbeat.objects.filter(silo=env.silo, part=part)
    if not alive:
        heartbeats.update(at=None)
        return
    if not heartbeats.update(counter=F("counter") + 1, at=timezone.now()):
        Heartbeat.objects.get_or_create(
            silo=env.silo, part=part, defaults={"counter": 1, "at": timezone.now()}
        )
