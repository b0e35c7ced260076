"""The HTTP API. Every silo runs the same code and answers for its own part of it."""

import functools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from urllib.request import urlopen

from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from acme import rpc, services
from acme.env import Region, Silo, dsn, env
from acme.models import Event, Heartbeat, Organization, Project
from acme.silo import CONTROL, REGION, SiloUnavailable

#: How long to wait for a neighbour that is asked whether it's up, in seconds.
PATIENCE = 0.8

SLUG = re.compile(r"[a-z][a-z0-9-]{1,48}[a-z0-9]")


class JsonErrors:
    """Turns the errors that are expected here into JSON."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, SiloUnavailable):
            return problem(500, str(exception))
        if isinstance(exception, rpc.RpcError):
            return problem(503, str(exception))
        return None


def problem(status: int, message: str) -> JsonResponse:
    return JsonResponse({"error": message}, status=status)


def served_by(silos: frozenset[Silo]):
    """Answers 404, and says who to ask, in the silos that don't serve a view."""

    def decorate(view):
        @functools.wraps(view)
        def guarded(request, *args, **kwargs):
            if env.mode.serves(silos):
                return view(request, *args, **kwargs)
            names = " and ".join(silo.value.lower() for silo in silos)
            return problem(404, f"this is silo {env.silo!r}; ask the {names} silo")

        return guarded

    return decorate


# Every silo.


@require_GET
def health(request):
    return HttpResponse("ok", content_type="text/plain")


@require_GET
def silo(request):
    return JsonResponse(own_state())


def own_state() -> dict:
    parts = {h.part: h for h in Heartbeat.objects.filter(silo=env.silo)}
    return {
        "silo": env.silo,
        "mode": env.mode.value,
        "region": env.region or None,
        "beat": signs_of_life(parts.get(Heartbeat.BEAT)),
        "workers": signs_of_life(parts.get(Heartbeat.WORKERS)),
        "ingest": answers(f"{env.relay_url}/_health/") if env.relay_url else False,
    }


def signs_of_life(heartbeat: Heartbeat | None) -> dict:
    at = heartbeat.at if heartbeat else None
    # Two may be missed: a busy worker is late with a tick.
    recent = at is not None and (timezone.now() - at).total_seconds() < 3 * env.beat_seconds
    return {"count": heartbeat.counter if heartbeat else 0, "last": at, "on": recent}


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=PATIENCE / 2) as response:
            return response.status == 200
    except (OSError, HTTPException):
        return False


# Control.


@require_GET
@served_by(CONTROL)
def silos(request):
    """All silos and whether they are up."""
    own = {"name": env.silo, "url": env.url, "up": True, **own_state()}
    others = [] if env.mode is Silo.MONOLITH else env.regions
    return JsonResponse({"silos": [own, *_pool.map(state_of, others)], "at": timezone.now()})


#: More than a few regions wait for each other, which their time limits bound.
_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="ask")


def state_of(region: Region) -> dict:
    state = {
        "name": region.silo,
        "silo": region.silo,
        "mode": Silo.REGION.value,
        "region": region.name,
        "url": region.url,
        "up": False,
        "beat": None,
        "workers": None,
        "ingest": False,
    }
    try:
        with urlopen(f"{region.url}/api/silo/?poll", timeout=PATIENCE) as response:
            answer = json.load(response)
    except (OSError, HTTPException, ValueError):
        return state
    if answer.get("region") != region.name:
        # Somebody else's server has the port.
        return state
    return state | {key: answer.get(key) for key in ("beat", "workers", "ingest")} | {"up": True}


@require_http_methods(["GET", "POST"])
@served_by(CONTROL)
def organizations(request):
    if request.method == "POST":
        return add_organization(request)
    found = Organization.objects.select_related("mapping").order_by("mapping__region_name", "slug")
    return JsonResponse({"organizations": [show_organization(o) for o in found]})


def add_organization(request):
    # A form on another site can't send this content type.
    if request.content_type != "application/json":
        return problem(415, "send application/json")
    try:
        body = json.loads(request.body)
        slug, region = body["slug"], body["region"]
    except (ValueError, KeyError, TypeError):
        return problem(400, 'send {"slug": …, "region": …}')
    if not isinstance(slug, str) or not SLUG.fullmatch(slug):
        return problem(400, "a slug is 3 to 50 small letters, digits and dashes")
    if env.find_region(region) is None:
        names = ", ".join(r.name for r in env.regions) or "none"
        return problem(400, f"there is no region {region!r}; there are: {names}")

    with transaction.atomic():
        organization = services.create_organization(slug, region)
        mapping = organization.mapping
        if services.shown_region(mapping.region_name) != region:
            return problem(409, f"{slug} is in {mapping.region_name} already")
        # An organization without its region's project would be of no use, so both or neither.
        rpc.call_region(region, "create_project", organization=slug)
    return JsonResponse(show_organization(organization), status=201)


def show_organization(organization: Organization) -> dict:
    mapping = organization.mapping
    return {
        "slug": organization.slug,
        "name": organization.name,
        "region": services.shown_region(mapping.region_name),
        "event_count": mapping.event_count,
        "last_event_at": mapping.last_event_at,
    }


# Regions.


@require_GET
@served_by(REGION)
def projects(request):
    relay = env.relay_url
    return JsonResponse(
        {
            "projects": [
                {
                    "id": project.pk,
                    "name": project.name,
                    "organization": project.organization,
                    "public_key": project.public_key,
                    "dsn": dsn(relay, project.pk, project.public_key) if relay else None,
                }
                for project in Project.objects.order_by("organization")
            ]
        }
    )


@require_GET
@served_by(REGION)
def events(request):
    """Events in the order in which they were stored: the newest, or those after an id."""
    try:
        limit = min(max(int(request.GET.get("limit", 50)), 1), 500)
        after = int(request.GET["after"]) if "after" in request.GET else None
    except ValueError:
        return problem(400, "after and limit are numbers")
    found = Event.objects.select_related("project")
    if after is None:
        page = list(found.order_by("-pk")[:limit])[::-1]
    else:
        page = list(found.filter(pk__gt=after).order_by("pk")[:limit])
    return JsonResponse(
        {
            "region": env.region,
            "last": page[-1].pk if page else after or 0,
            "events": [show_event(event) for event in page],
        }
    )


def show_event(event: Event) -> dict:
    return {
        "id": event.pk,
        "event_id": event.event_id,
        "project": event.project_id,
        "organization": event.project.organization,
        "message": event.message,
        "level": event.level,
        "platform": event.platform,
        "received_at": event.received_at,
        "processed_at": event.processed_at,
        "processed_by": event.processed_by,
    }


# Between silos.


@require_POST
def call(request, method):
    try:
        rpc.verify(
            env.rpc_secret,
            method,
            request.body,
            request.headers.get(rpc.TIMESTAMP_HEADER),
            request.headers.get(rpc.SIGNATURE_HEADER),
        )
    except rpc.Refused as refused:
        return problem(403, str(refused))
    silos, function = rpc.methods.get(method, (frozenset(), None))
    if function is None:
        return problem(404, f"there is no method {method!r}")
    if not env.mode.serves(silos):
        return problem(404, f"{method!r} isn't served by silo {env.silo!r}")
    try:
        result = function(**json.loads(request.body))
    except (TypeError, ValueError) as error:
        return problem(400, f"{method}: {error}")
    return JsonResponse({"result": result})
