"""Search, questions, recommendation, text and explanation: a request and the engine make an answer.

What is opened once stands behind the engine's doors. ``tell`` is given where somebody reads along:
it is told of stages and pieces of text, and says whether anybody still does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from kgplatform.answer.ask import ask as answer_of
from kgplatform.answer.explain import explain_link
from kgplatform.answer.generate import generate as text_about
from kgplatform.answer.generate import in_prose
from kgplatform.answer.recommend import Recommender
from kgplatform.answer.recommend import recommend as recommended
from kgplatform.answer.search import search as find
from kgplatform.errors import TimedOutError, UnknownNameError
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
from kgplatform.service.engine import Engine
from kgplatform.service.spoken import Spoken
from kgplatform.store.deadline import seconds_left
from kgplatform.text.llm.listen import heard_by

Tell = Callable[[str, dict[str, Any]], bool]
"""Given an event and its data; false if nobody listens any more."""


def search(engine: Engine, asked: SearchRequest) -> SearchResponse:
    """What a text names or describes."""
    graph = engine.graph(asked.graph)
    searcher = engine.doors.get("search", graph)
    hits = find(
        searcher,
        asked.text,
        top_k=asked.top_k,
        labels=asked.labels,
        where=asked.where,
        by=asked.by,
        expand=asked.expand,
    )
    return SearchResponse(
        text=asked.text,
        graph=graph,
        channels=list(asked.by or searcher.channels),
        missing={} if asked.by else dict(searcher.missing),
        hits=hits,
    )


def ask(engine: Engine, asked: AskRequest, tell: Tell | None = None) -> AskResponse:
    """The answer to a question; as a text, too, if that is wanted."""
    graph = engine.graph(asked.graph)
    asker = engine.doors.get("ask", graph)
    _stage(tell, "answering")
    with _heard(None):
        found = answer_of(asker, asked.question, strategy=asked.strategy, top_k=asked.top_k)
    prose = None
    if asked.prose:
        checker = engine.doors.get("generate", graph)
        _stage(tell, "writing")
        with _heard(tell):
            prose = in_prose(
                engine.store, engine.settings, graph, found, llm=engine.model, checker=checker
            )
    return AskResponse(
        graph=graph,
        question=found.question,
        text=found.text,
        answers=list(found.answers),
        strategy=found.strategy,
        confidence=found.confidence,
        cypher=found.cypher,
        params=found.params,
        prose=prose,
    )


def recommend(engine: Engine, asked: RecommendRequest) -> RecommendResponse:
    """What somebody may like next."""
    graph = engine.graph(asked.graph)
    recommender = _recommender(engine.doors.get("recommend", graph), asked.relation)
    found = recommended(recommender, asked.entity, top_k=asked.top_k, include_known=asked.known)
    return RecommendResponse(
        graph=graph,
        entity=asked.entity,
        run=recommender.run,
        relation=recommender.trained.relation,
        recommendations=found,
    )


def generate(engine: Engine, asked: GenerateRequest, tell: Tell | None = None) -> GenerateResponse:
    """A paragraph about an entity."""
    graph = engine.graph(asked.graph)
    checker = engine.doors.get("generate", graph)
    _stage(tell, "writing")
    with _heard(tell):
        found = text_about(
            engine.store,
            engine.settings,
            graph,
            asked.topic,
            llm=engine.model,
            predicted=asked.predicted,
            limit=asked.limit,
            checker=checker,
        )
    return GenerateResponse(graph=graph, generated=found)


def explain(engine: Engine, asked: ExplainRequest) -> ExplainResponse:
    """Why a link holds or may hold."""
    graph = engine.graph(asked.graph)
    explainer = engine.doors.get("explain", graph)
    found = explain_link(
        engine.store,
        engine.settings,
        graph,
        asked.head,
        asked.relation,
        asked.tail,
        max_hops=asked.max_hops,
        limit=asked.limit,
        counterfactuals=asked.counterfactuals,
        explainer=explainer,
    )
    return ExplainResponse(graph=graph, explanation=found)


def _recommender(opened: list[Recommender], relation: str | None) -> Recommender:
    for each in opened:
        if relation in (None, each.trained.relation):
            return each
    raise UnknownNameError(
        "relation with a recommender", str(relation), {each.trained.relation for each in opened}
    )


def _stage(tell: Tell | None, name: str) -> None:
    if tell is not None:
        tell("stage", {"stage": name})


@contextlib.contextmanager
def _heard(tell: Tell | None) -> Iterator[None]:
    """Hear the language model: pass on what it says, and stop it when the time is over."""
    spoken = Spoken()

    def listener(piece: str) -> bool:
        try:
            seconds_left()
        except TimedOutError:
            return False
        text = spoken.take(piece)
        return tell is None or not text or tell("text", {"text": text})

    with heard_by(listener):
        yield
