"""Routes that answer: search, questions, recommendation, text, explanation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from kgplatform.service import answers
from kgplatform.service.answer_models import (
    AskRequest,
    AskResponse,
    ExplainRequest,
    ExplainResponse,
    GenerateRequest,
    GenerateResponse,
    RecommendRequest,
    RecommendResponse,
    SearchRequest,
    SearchResponse,
)
from kgplatform.service.routes.pooled import EVERY, WORKING, answer, service_of
from kgplatform.service.stream import EVENTS, MEDIA_TYPE, streamed

router = APIRouter(tags=["answers"], responses=EVERY | WORKING)

_EVENT = {
    "type": "object",
    "properties": {
        "event": {"enum": ["stage", "text", "answer", "error"]},
        "data": {"type": "string", "description": "JSON."},
    },
    "required": ["event", "data"],
}
STREAMED: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": _EVENT}}, "description": EVENTS}
}
Stream = Annotated[bool, Query(description="Whether to answer as server-sent events.")]


@router.post("/search", response_model=SearchResponse)
async def search(request: Request, body: SearchRequest) -> Response:
    """Entities and passages that a text names, describes or asks for, each with the reasons."""
    return await answer(request, answers.search, body)


@router.post("/ask", response_model=AskResponse, responses=STREAMED)
async def ask(request: Request, body: AskRequest, stream: Stream = False) -> Response:
    """The answer to a question: entities, how sure, asserted or predicted, paths and evidence.

    Where no way of answering is sure enough, there are no entities and the strategy is `none`.
    """
    engine = service_of(request).engine
    slow = body.prose or body.strategy == "cypher" or engine.model is not None
    seconds = engine.config.writing_timeout if slow else engine.config.timeout
    if stream:
        return streamed(request, lambda tell: answers.ask(engine, body, tell), seconds)
    return await answer(request, answers.ask, body, seconds)


@router.post("/recommend", response_model=RecommendResponse)
async def recommend(request: Request, body: RecommendRequest) -> Response:
    """What an entity may like next, how likely, and by which paths of the graph."""
    return await answer(request, answers.recommend, body)


@router.post("/generate", response_model=GenerateResponse, responses=STREAMED)
async def generate(request: Request, body: GenerateRequest, stream: Stream = False) -> Response:
    """A paragraph about an entity, each sentence with its facts, checked against the graph."""
    engine = service_of(request).engine
    seconds = engine.config.writing_timeout
    if stream:
        return streamed(request, lambda tell: answers.generate(engine, body, tell), seconds)
    return await answer(request, answers.generate, body, seconds)


@router.post("/explain", response_model=ExplainResponse)
async def explain(request: Request, body: ExplainRequest) -> Response:
    """Why a link holds or may hold: paths, rules, similar facts, and what it hangs on."""
    return await answer(
        request, answers.explain, body, service_of(request).engine.config.writing_timeout
    )
