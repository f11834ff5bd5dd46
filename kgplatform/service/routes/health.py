"""Whether the service lives and can work, and what Prometheus reads."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from kgplatform import queries
from kgplatform.errors import KGPlatformError
from kgplatform.service.metrics import MEDIA_TYPE
from kgplatform.service.models import Health
from kgplatform.service.routes.common import EVERY, service_of

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
    responses={503: {"model": Health, "description": "The database does not answer."}},
)
async def ready(request: Request) -> Response:
    """Whether requests can be answered: the database is there, and a worker was free to ask it."""
    service = service_of(request)
    store = service.engine.store
    try:
        await service.pool.run(lambda: store.rows(queries.get("read/ping")), DATABASE_SECONDS)
    except KGPlatformError as error:
        log.warning("not ready: %s", type(error).__name__)
        found = Health(status="not ready", database="does not answer")
        return JSONResponse(found.model_dump(exclude_none=True), status_code=503)
    return JSONResponse(Health(status="ready", database="answers").model_dump(exclude_none=True))


@router.get("/metrics", response_class=Response, responses={200: {"content": {MEDIA_TYPE: {}}}})
async def metrics(request: Request) -> Response:
    """Counts for Prometheus: requests by route, method and status, and their seconds."""
    service = service_of(request)
    return Response(service.metrics.text(service.pool.under_way), media_type=MEDIA_TYPE)
