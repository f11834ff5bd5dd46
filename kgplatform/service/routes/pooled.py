"""What all routes have in common: from a request's body to an answer made in the pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel

from kgplatform.service.engine import Engine
from kgplatform.service.metrics import Metrics
from kgplatform.service.problems import MEDIA_TYPE
from kgplatform.service.work import Pool

B = TypeVar("B", bound=BaseModel)


@dataclass(frozen=True)
class Service:
    """What an application works with; routes find it as ``request.app.state.service``."""

    engine: Engine
    pool: Pool
    metrics: Metrics


def service_of(request: Request) -> Service:
    """The service that a request was sent to."""
    service: Service = request.app.state.service
    return service


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that are none, for its documentation."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": WHY[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


WHY = {
    400: "The request cannot be answered as it is.",
    401: "A key is needed.",
    403: "Asked by a name that is not this machine's own.",
    404: "There is no such entity, or the service does not speak of this graph.",
    408: "The body did not arrive.",
    409: "What the service was started with does not allow it.",
    413: "The body is too large.",
    422: "The body is not of the form that is described here.",
    429: "Too many requests; wait as long as Retry-After says.",
    502: "The database or the language model failed.",
    503: "The database does not answer, or too much is asked at once.",
    504: "It took longer than allowed.",
}

EVERY = problems(401, 403, 408, 413, 429)
WORKING = problems(400, 404, 409, 422, 502, 503, 504)


async def answer(
    request: Request,
    function: Callable[[Engine, B], BaseModel],
    body: B,
    seconds: float | None = None,
) -> Response:
    """Do the work in the pool; its answer becomes JSON there, too, and not in the event loop."""
    service = service_of(request)
    engine = service.engine
    allowed = engine.config.timeout if seconds is None else seconds
    content = await service.pool.run(
        lambda: function(engine, body).model_dump_json().encode(), allowed
    )
    return Response(content, media_type="application/json")
