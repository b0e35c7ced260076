"""What the workers do."""

import logging
import threading
import warnings

from celery import shared_task, signals
from django.db import DatabaseError, connection
from django.utils.dateparse import parse_datetime

from acme import rpc, services
from acme.env import env
from acme.models import Heartbeat, Project

logger = logging.getLogger(__name__)

# Celery warns root at length, because of pickle; all messages here are JSON.
warnings.filterwarnings("ignore", message="You're running the worker with superuser")


@shared_task(name="acme.tick")
def tick():
    """What beat sends."""
    services.beat(Heartbeat.BEAT)


@shared_task(
    name="acme.process_event",
    bind=True,
    autoretry_for=(DatabaseError,),
    max_retries=5,
    retry_backoff=True,
    retry_jitter=False,
)
def process_event(self, project: int, event: dict, received_at: str):
    """Stores an event that the relay let in, and has control told of it."""
    organization = Project.objects.values_list("organization", flat=True).filter(pk=project).first()
    if organization is None:
        logger.warning("event %s is for project %s, which is gone", event["event_id"], project)
        return
    _, is_new = services.store_event(
        project, event, parse_datetime(received_at), self.request.hostname or env.silo
    )
    logger.info(
        "event %s of %s %s: %s",
        event["event_id"][:8],
        organization,
        "stored" if is_new else "was here already",
        event["message"],
    )
    report_events.delay(organization)


@shared_task(name="acme.report_events", bind=True, max_retries=5)
def report_events(self, organization: str):
    """Tells control how many events an organization has. The events are safe without it."""
    totals = services.event_totals(organization)
    try:
        known = rpc.call_control(
            "record_events",
            organization=organization,
            region=env.region,
            count=totals["count"],
            last_at=totals["last_at"].isoformat(),
        )
    except rpc.RpcError as error:
        if self.request.retries >= self.max_retries:
            logger.warning("gave up telling control about %s: %s", organization, error)
            return
        raise self.retry(exc=error, countdown=2**self.request.retries) from error
    if not known:
        logger.warning("control has no organization %s in %s", organization, env.region)


# The workers' own sign of life, so that the page can say whether they are there.

_stop = threading.Event()


@signals.worker_ready.connect
def _start_heartbeat(**kwargs):
    threading.Thread(target=_heartbeat, name="heartbeat", daemon=True).start()


@signals.worker_shutting_down.connect
def _stop_heartbeat(**kwargs):
    _stop.set()


def _heartbeat():
    alive = True
    while alive:
        alive = not _stop.is_set()
        try:
            services.beat(Heartbeat.WORKERS, alive=alive)
        except DatabaseError as error:
            logger.warning("no heartbeat: %s", error)
        finally:
            connection.close()
        _stop.wait(env.beat_seconds)
