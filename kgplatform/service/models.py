"""What is asked of the service, and what it says; answers hold the records of the library."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from kgplatform.service.config import LONGEST_NAME, MOST_RESULTS
from kgplatform.store.entity import EntityCard
from kgplatform.store.paths import MOST_HOPS, FoundPath
from kgplatform.store.search import Hit
from kgplatform.store.statements import Statement

Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
TopK = Annotated[int, Field(ge=1, le=MOST_RESULTS, description="Most results.")]


class Asked(BaseModel):
    """What every request may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    graph: Name | None = Field(
        default=None, description="The graph; the service's first one if none is named."
    )


class SchemaRequest(Asked):
    """What a graph is made of."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})


class SimilarRequest(Asked):
    """Which entities are like one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"entity": "Poland", "top_k": 5, "graph": "countries"}]}
    )

    entity: Name = Field(description="An id or a name.")
    top_k: TopK = 10
    kind: Annotated[str, Field(pattern="^(graph|joint|text|image)$")] | None = Field(
        default=None, description="By which vectors; the first of these that there are."
    )


class SimilarResponse(BaseModel):
    """The nearest entities by the active vectors, with facts that both have."""

    graph: str
    entity: str
    hits: list[Hit]


class EntityRequest(Asked):
    """What the graph says of an entity."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"entity": "Poland", "relations": ["BORDERS"]}]}
    )

    entity: Name = Field(description="An id or a name.")
    relations: list[Name] = Field(
        default=[], max_length=100, description="Only facts of these relations."
    )
    predicted: bool = Field(default=True, description="Whether predicted links, too.")
    limit: int = Field(default=50, ge=1, le=500, description="Most facts.")


class EntityResponse(BaseModel):
    """An entity and its facts, asserted ones first, the surest first."""

    graph: str
    entity: EntityCard
    statements: list[Statement]


class PathsRequest(Asked):
    """How two entities are connected."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"start": "Poland", "end": "Portugal", "max_hops": 4}]}
    )

    start: Name = Field(description="An id or a name.")
    end: Name = Field(description="An id or a name.")
    max_hops: int = Field(default=4, ge=1, le=MOST_HOPS, description="Most facts of a path.")
    predicted: bool = Field(default=False, description="Whether predicted links may be on it.")
    weighted: bool = Field(
        default=False, description="The one path of the greatest confidence, not the shortest."
    )
    limit: int = Field(default=10, ge=1, le=MOST_RESULTS, description="Most paths.")


class PathsResponse(BaseModel):
    """Paths, the surest first; none where there is none of so many facts."""

    graph: str
    paths: list[FoundPath]


class RelationSchema(BaseModel):
    """A relation of a graph as its facts show it."""

    name: str
    heads: list[str] = Field(description="Labels that it begins in; none: any.")
    tails: list[str] = Field(description="Labels that it ends in; none: any.")
    functional: bool = Field(description="Whether a head has one tail at most.")
    symmetric: bool = Field(description="Whether it holds both ways.")
    example: str | None = Field(description="A fact of it in words.")


class GraphSchema(BaseModel):
    """What a graph is made of."""

    graph: str
    version: int = Field(description="Counts the changes of the graph.")
    entities: int
    labels: list[str]
    relations: list[RelationSchema]


class Graphs(BaseModel):
    """The graphs that this service speaks of; the first is meant where none is named."""

    graphs: list[str]


class Health(BaseModel):
    """Whether the service works."""

    status: str = Field(examples=["ready"])
    database: str | None = Field(default=None, description="Whether it answers.")
    doors: dict[str, str] | None = Field(
        default=None, description="What can be asked, and why something cannot."
    )
