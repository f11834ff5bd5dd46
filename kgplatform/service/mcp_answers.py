"""Tools for assistants that answer: search, questions, recommendation, text, explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

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
    Strategy,
)
from kgplatform.service.config import LONGEST_TEXT
from kgplatform.service.engine import Engine
from kgplatform.service.mcp_called import EntityName, Graph, TopK, called
from kgplatform.service.work import Pool


def answering_tools(engine: Engine, pool: Pool) -> list[Callable[..., object]]:
    """The tools whose doors the service has."""
    slow = engine.config.writing_timeout

    async def search(
        text: Annotated[
            str, Field(description="A name, a description, a topic.", max_length=LONGEST_TEXT)
        ],
        top_k: TopK = 10,
        labels: Annotated[
            Annotated[list[str], Field(fail_fast=True, max_length=20)] | None,
            Field(description="Only entities with one of these labels; Chunk for passages."),
        ] = None,
        graph: Graph = None,
    ) -> SearchResponse:
        """Find entities and passages by what they are called or by what is said of them.

        It needs no exact name. Each hit has its id, labels, and the reasons why it was found; take
        the id for the other tools. Passages (kind "chunk") are texts of documents, with a source.
        """
        return await called(
            engine,
            pool,
            answers.search,
            lambda: SearchRequest(graph=graph, text=text, top_k=top_k, labels=labels or []),
        )

    async def ask(
        question: Annotated[
            str, Field(description="One question in plain words, in English.", max_length=1_000)
        ],
        strategy: Annotated[
            Strategy | None, Field(description="How to answer; best left out: the surest is taken.")
        ] = None,
        top_k: TopK = 5,
        graph: Graph = None,
    ) -> AskResponse:
        """Answer a question about the graph's facts, such as "Which countries border Poland?".

        The answer has entities with a confidence and the paths of facts that lead to them, the
        query that was run, and says whether it is asserted or predicted. Strategy "none" and no
        entities mean that the graph does not know: say so, and do not guess.
        """
        seconds = None if engine.model is None else slow
        return await called(
            engine,
            pool,
            answers.ask,
            lambda: AskRequest(graph=graph, question=question, strategy=strategy, top_k=top_k),
            seconds,
        )

    async def recommend(
        entity: EntityName,
        relation: Annotated[
            str | None, Field(description="What liking is called, if there are several.")
        ] = None,
        top_k: TopK = 10,
        graph: Graph = None,
    ) -> RecommendResponse:
        """Recommend what an entity (a user, a reader) may like next, by a trained model.

        All of it is predicted, with a probability where that is known, and with paths over what the
        entity likes already. What it is known to like is left out.
        """
        return await called(
            engine,
            pool,
            answers.recommend,
            lambda: RecommendRequest(graph=graph, entity=entity, relation=relation, top_k=top_k),
        )

    async def explain(
        head: EntityName,
        relation: Annotated[str, Field(description="A relation, as describe_graph names it.")],
        tail: EntityName,
        graph: Graph = None,
    ) -> ExplainResponse:
        """Say why "head relation tail" holds or may hold: paths, rules, similar facts.

        The link need not be in the graph; "statement" is empty then. Counterfactuals say what the
        reasons hang on: how sure they are without a certain fact.
        """
        return await called(
            engine,
            pool,
            answers.explain,
            lambda: ExplainRequest(graph=graph, head=head, relation=relation, tail=tail),
            slow,
        )

    async def describe_entity(
        topic: EntityName,
        predicted: Annotated[bool, Field(description="Whether predicted links are told.")] = True,
        graph: Graph = None,
    ) -> GenerateResponse:
        """Write a short text about an entity, each sentence with the ids of the facts it says.

        What the text says was read out of it again and looked up: "faithfulness" is the share that
        the graph supports.
        """
        return await called(
            engine,
            pool,
            answers.generate,
            lambda: GenerateRequest(graph=graph, topic=topic, predicted=predicted),
            slow,
        )

    tools: dict[str, Callable[..., object]] = {
        "search": search,
        "ask": ask,
        "recommend": recommend,
        "explain": explain,
        "generate": describe_entity,
    }
    return [tool for name, tool in tools.items() if name not in engine.config.without]
