"""What a text may mean in a graph: candidates by words and vectors, and what is around them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kgplatform import queries
from kgplatform.store.client import Store
from kgplatform.store.lucene import content_words, named_in, said_in, stem
from kgplatform.store.named import INDEX, SECONDS, ensure_name_index
from kgplatform.store.statements import Statement, statement_of
from kgplatform.triples import Scalar

TEXT_INDEX = "search_texts"
"""One a database, over entities and chunks; it serves all graphs."""

LOOKED_AT = 500
"""Relationships of an entity that are looked at for a step along the graph."""

FACTS_OF_EACH = 30
"""Of these, how many are given: those to what has the fewest."""


ASKED = 3.0
"""What a fact counts for whose relation a text has a word of, beside others."""


class Key(NamedTuple):
    """A node that can be found: an entity's or a chunk's id."""

    id: str
    chunk: bool


@dataclass(frozen=True, slots=True)
class ActiveSet:
    """A set of vectors that readers use.

    Attributes:
        kind: One of ``kgplatform.store.writeback.KINDS``.
        label: Of its nodes: ``Entity`` or ``Chunk``.
        property: Where the vectors stand.
        index: The vector index over it.
        dimension: Their length.
        encoder: Which one read the texts; None for vectors of a graph.
        encoder_digest: Of that encoder, as far as its run has kept one.
        run: Which run wrote it.
    """

    kind: str
    label: str
    property: str
    index: str
    dimension: int
    encoder: str | None
    encoder_digest: str | None
    run: str


@dataclass(frozen=True)
class Filter:
    """What hits must have.

    Attributes:
        labels: One of these; empty for any.
        where: For each property, values of which it has one; a list has each of its items.
    """

    labels: Sequence[str] = ()
    where: Mapping[str, Sequence[Scalar]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.labels or self.where)


class Found(NamedTuple):
    """A candidate of one channel.

    Attributes:
        key: Which node.
        names: What it is called, aliases too, where it was looked for by name.
        score: The channel's own, the higher the better.
        fits: Whether it has what the filter wants.
    """

    key: Key
    names: tuple[str, ...]
    score: float
    fits: bool


@dataclass(frozen=True, slots=True)
class Around:
    """A hit and a step along the graph from it.

    Attributes:
        name: What it is called; of a chunk, its document's title.
        labels: Its own, without ``Entity``.
        text: The description of an entity, the text of a chunk.
        source: Where a chunk comes from.
        facts: Statements that begin or end in an entity, with how many relationships the other end
            has; asserted ones first.
        mentions: Entities that a chunk mentions: id, name and how many relationships it has.
    """

    name: str
    labels: tuple[str, ...]
    text: str
    source: str | None
    facts: tuple[tuple[Statement, int], ...]
    mentions: tuple[tuple[str, str, int], ...]


def ensure_search_indexes(store: Store) -> None:
    """Make the full-text indexes that search reads if they are not there, and wait for them.

    Raises:
        SchemaError: One cannot be made.
    """
    ensure_name_index(store)
    store.command(queries.fill("write/create_search_index", index=TEXT_INDEX))
    store.command(queries.get("write/await_index"), index=TEXT_INDEX, seconds=SECONDS)


def active_sets(store: Store, graph: str) -> list[ActiveSet]:
    """The sets of vectors of a graph that readers use, the newest first."""
    rows = store.rows(queries.get("search/list_active_sets"), graph=graph)
    return [ActiveSet(**row) for row in rows]


def find_candidates(
    store: Store,
    graph: str,
    text: str,
    *,
    words: bool,
    sets: Sequence[ActiveSet],
    vector: Sequence[float],
    pool: int,
    wanted: Filter,
) -> dict[str, list[Found]]:
    """Candidates for what a text means, by channel, the best of each first.

    Args:
        store: The database.
        graph: The graph.
        text: What is looked for.
        words: Whether by its words, too.
        sets: Vectors of texts to compare with.
        vector: The text's, by the encoder of all these sets.
        pool: Most candidates of each index.
        wanted: What hits must have; others are given, too, and say so.

    Returns:
        Lists of ``name``, ``fulltext`` and ``text``.
    """
    rows = store.rows(
        queries.get("search/find_candidates"),
        graph=graph,
        # Names are seeds of the graph's channel, too, and so always looked for.
        name_query=named_in(text) or None,
        word_query=(said_in(graph, text) or None) if words else None,
        name_index=INDEX,
        text_index=TEXT_INDEX,
        sets=[{"index": each.index, "property": each.property} for each in sets],
        vector=list(vector),
        pool=pool,
        labels=list(wanted.labels),
        where={name: list(values) for name, values in wanted.where.items()},
    )
    found: dict[str, list[Found]] = {"name": [], "fulltext": [], "text": []}
    for row in rows:
        found[row["channel"]].append(
            Found(
                Key(row["id"], row["chunk"]),
                tuple(str(each) for each in row["names"] if each is not None),
                row["score"],
                row["fits"] is True,
            )
        )
    return {channel: _ordered(candidates) for channel, candidates in found.items()}


def find_near_seeds(
    store: Store,
    graph: str,
    vectors: ActiveSet,
    seeds: Mapping[str, float],
    pool: int,
    wanted: Filter,
) -> list[Found]:
    """Entities around the weighted middle of some, by a graph's vectors, the nearest first.

    Args:
        store: The database.
        graph: The graph.
        vectors: Of its entities.
        seeds: A positive weight of each by its id; those without a vector count nothing.
        pool: Most of them.
        wanted: What hits must have; others are given, too, and say so.
    """
    rows = store.rows(
        queries.fill("search/find_near_seeds", property=vectors.property),
        graph=graph,
        ids=list(seeds),
        weights=list(seeds.values()),
        index=vectors.index,
        pool=pool,
        labels=list(wanted.labels),
        where={name: list(values) for name, values in wanted.where.items()},
    )
    found = [Found(Key(row["id"], False), (), row["score"], row["fits"] is True) for row in rows]
    return _ordered(found)


def find_by_facts(
    store: Store, graph: str, seeds: Mapping[str, float], text: str, pool: int, wanted: Filter
) -> list[Found]:
    """Entities that have facts with some, the best first.

    Args:
        store: The database.
        graph: The graph.
        seeds: A positive weight of each by its id.
        text: Its words say which relations are asked for.
        pool: Most of them.
        wanted: What hits must have; others are given, too, and say so.
    """
    rows = store.rows(
        queries.get("search/find_by_facts"),
        graph=graph,
        ids=list(seeds),
        weights=list(seeds.values()),
        stems=[stem(word) for word in content_words(text) if len(word) > 3],
        asked=ASKED,
        looked_at=LOOKED_AT,
        pool=pool,
        labels=list(wanted.labels),
        where={name: list(values) for name, values in wanted.where.items()},
    )
    return [Found(Key(row["id"], False), (), row["score"], row["fits"] is True) for row in rows]


def around(store: Store, graph: str, keys: Collection[Key]) -> dict[Key, Around]:
    """What entities and chunks are, and a step along the graph from each."""
    rows = store.rows(
        queries.get("search/expand_hits"),
        graph=graph,
        entities=[key.id for key in keys if not key.chunk],
        chunks=[key.id for key in keys if key.chunk],
        looked_at=LOOKED_AT,
        most=FACTS_OF_EACH,
    )
    return {Key(row["id"], row["chunk"]): _around(graph, row) for row in rows}


def _around(graph: str, row: Mapping[str, Any]) -> Around:
    return Around(
        str(row["name"] or row["id"]),
        tuple(sorted(set(row["labels"]) - {"Entity"})),
        str(row["text"] or ""),
        row["source"],
        tuple((statement_of(graph, fact), fact["degree"]) for fact in row["facts"]),
        tuple((each["id"], each["name"] or each["id"], each["degree"]) for each in row["mentions"]),
    )


def _ordered(found: Sequence[Found]) -> list[Found]:
    return sorted(found, key=lambda each: (-each.score, each.key))
