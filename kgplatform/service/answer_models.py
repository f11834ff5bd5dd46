"""Requests and answers of search, questions, recommendation, text and explanation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from kgplatform.answer.explanation import Explanation
from kgplatform.answer.generate import Generated
from kgplatform.answer.recommend import Recommended
from kgplatform.answer.records import AnswerEntity
from kgplatform.service.config import LONGEST_TEXT
from kgplatform.service.models import Asked, Name, TopK
from kgplatform.store.search import Hit

Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Value = str | bool | int | float
Channel = Literal["name", "fulltext", "text", "graph"]
Strategy = Literal["template", "cypher", "link", "joint", "walker"]


class SearchRequest(Asked):
    """What a text names or describes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "landlocked country on the Danube", "labels": ["Country"]}]
        }
    )

    text: Text = Field(description="A name, a description, a question.")
    top_k: TopK = 10
    labels: list[Name] = Field(
        default=[], max_length=20, description="Hits have one of these; Chunk is that of passages."
    )
    where: dict[Name, Value | list[Value]] = Field(
        default={}, max_length=10, description="Hits have these values of their properties."
    )
    by: list[Channel] | None = Field(
        default=None, max_length=4, description="Only these ways of finding."
    )
    expand: int = Field(
        default=0, ge=0, le=100, description="Further entities, a step along the graph from hits."
    )


class SearchResponse(BaseModel):
    """What was found, the best first, each with its reasons."""

    text: str
    graph: str
    channels: list[str] = Field(description="The ways in which was searched.")
    missing: dict[str, str] = Field(description="Ways for which the graph has nothing.")
    hits: list[Hit]


class AskRequest(Asked):
    """A question in words."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"question": "What is the capital of Poland?"}]}
    )

    question: Annotated[str, Field(min_length=1, max_length=1_000)]
    strategy: Strategy | None = Field(
        default=None, description="How to answer; the surest of all ways if none is named."
    )
    top_k: TopK = 5
    prose: bool = Field(
        default=False, description="Whether to write the answer as a text, with its facts."
    )


class AskResponse(BaseModel):
    """The answer; no entities and the strategy ``none`` where it is not known."""

    graph: str
    question: str
    text: str
    answers: list[AnswerEntity]
    strategy: str
    confidence: float
    cypher: str | None
    params: dict[str, Any] | None
    prose: Generated | None = None


class RecommendRequest(Asked):
    """What somebody may like next."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"entity": "reader-1", "top_k": 5}]})

    entity: Name = Field(description="Who is to get it: an id or a name.")
    relation: Name | None = Field(
        default=None, description="What liking is called; that of the first run if not named."
    )
    top_k: TopK = 10
    known: bool = Field(default=False, description="Whether also what they like already.")


class RecommendResponse(BaseModel):
    """Recommendations, the best first; each is predicted."""

    graph: str
    entity: str
    run: str
    relation: str
    recommendations: list[Recommended]


class GenerateRequest(Asked):
    """A paragraph about an entity."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"topic": "Poland", "limit": 20}]})

    topic: Name = Field(description="An id or a name.")
    predicted: bool = Field(default=True, description="Whether predicted links are told, too.")
    limit: int = Field(default=60, ge=1, le=200, description="Most facts.")


class GenerateResponse(BaseModel):
    """A text by the language model, or by a template where there is none; checked by the graph."""

    graph: str
    generated: Generated


class ExplainRequest(Asked):
    """Why a link holds or may hold."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"head": "poland", "relation": "BORDERS", "tail": "lithuania"}]
        }
    )

    head: Name = Field(description="An id or a name.")
    relation: Name = Field(description="The relation's name.")
    tail: Name = Field(description="An id or a name.")
    max_hops: int = Field(default=4, ge=1, le=6, description="Most facts of a path.")
    limit: int = Field(default=5, ge=1, le=20, description="Most of each kind of reason.")
    counterfactuals: bool = Field(
        default=True, description="Whether facts are taken away in turn, to see what changes."
    )


class ExplainResponse(BaseModel):
    """Paths, rules, similar facts, and what the link hangs on."""

    graph: str
    explanation: Explanation
