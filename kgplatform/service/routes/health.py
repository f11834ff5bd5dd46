"""Whether the service lives and can work, and what Prometheus reads."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from kgplatform import queries
from kgplatform.errors import KGPlatformError
from kgplatform.service.metrics import MEDIA_TYPE
from kgplatform.service.models import Health
from kgplatform.service.routes.pooled import EVERY, service_of

log = logging.getLogger("kgplatform.service")

DATABASE_SECONDS = 3.0

router = APIRouter(tags=["operation"], responses=EVERY)


@router.get("/health/live", response_model_exclude_none=True)
async def live() -> Health:
    """The process answers; nothing else is looked at."""
    return Health(status="live")


@router.get(
    "/health/ready",
    response_model=Health,
    responses={503: {"model": Health, "description": "Not all is open yet, or no database."}},
)
async def ready(request: Request) -> Response:
    """Whether requests can be answered: the database is there, and all has been opened.

    What could not be opened does not count: it is listed with the reason, and the rest works.
    """
    service = service_of(request)
    store, doors = service.engine.store, service.engine.doors
    found = Health(status="ready", database="answers", doors=doors.states())
    try:
        await service.pool.run(lambda: store.rows(queries.get("read/ping")), DATABASE_SECONDS)
    except KGPlatformError as error:
        log.warning("not ready: %s", type(error).__name__)
        found.status, found.database = "not ready", "does not answer"
    if not doors.tried:
        found.status = "not ready"
    return JSONResponse(found.model_dump(), 200 if found.status == "ready" else 503)


@router.get("/metrics", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def metrics(request: Request) -> Response:
    """Counts for Prometheus: requests by route, method and status, and their seconds."""
    service = service_of(request)
    return Response(service.metrics.text(service.pool.under_way), media_type=MEDIA_TYPE)
