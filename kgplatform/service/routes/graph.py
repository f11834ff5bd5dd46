"""Routes that read the graph: what it is made of, entities, what is like them, paths."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from kgplatform.service import functions
from kgplatform.service.models import (
    EntityRequest,
    EntityResponse,
    Graphs,
    GraphSchema,
    PathsRequest,
    PathsResponse,
    SchemaRequest,
    SimilarRequest,
    SimilarResponse,
)
from kgplatform.service.routes.pooled import EVERY, WORKING, answer, service_of

router = APIRouter(tags=["graph"], responses=EVERY)


@router.get("/graphs")
async def graphs(request: Request) -> Graphs:
    """The graphs that can be asked about."""
    return Graphs(graphs=list(service_of(request).engine.config.graphs))


@router.post("/schema", response_model=GraphSchema, responses=WORKING)
async def schema(request: Request, body: SchemaRequest) -> Response:
    """Labels and relations of a graph, and what its relations join."""
    return await answer(
        request, functions.schema, body, service_of(request).engine.config.writing_timeout
    )


@router.post("/entity", response_model=EntityResponse, responses=WORKING)
async def entity(request: Request, body: EntityRequest) -> Response:
    """An entity by its id or name, with its facts: asserted or predicted, how sure, from where."""
    return await answer(request, functions.entity, body)


@router.post("/similar", response_model=SimilarResponse, responses=WORKING)
async def similar(request: Request, body: SimilarRequest) -> Response:
    """The nearest entities to one by the active vectors, and what they have in common."""
    return await answer(request, functions.similar, body)


@router.post("/paths", response_model=PathsResponse, responses=WORKING)
async def paths(request: Request, body: PathsRequest) -> Response:
    """The shortest paths between two entities, or the surest one."""
    return await answer(request, functions.paths, body)
