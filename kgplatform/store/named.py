"""Entities that names and texts of documents may mean, of a graph too large to be read whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.store.client import Store
from kgplatform.store.lucene import MOST_ALIKE, alike, words_of
from kgplatform.store.search import NAME_INDEX
from kgplatform.store.texts import active_set_of, as_text
from kgplatform.store.writeback import Target

INDEX = NAME_INDEX
"""One a database and property: it serves all graphs."""

NAMES_AT_ONCE = 200
SECONDS = 600
"""How long an index that was just made may take to be filled."""


@dataclass(frozen=True)
class NamedEntities:
    """Entities that were found.

    Attributes:
        names: Names and aliases by entity_id, in order.
        labels: Labels of each beside ``Entity``, by entity_id.
    """

    names: dict[str, tuple[str, ...]]
    labels: dict[str, tuple[str, ...]]


def find_named(
    store: Store, graph: str, names: Sequence[str], *, top_k: int = 10, aliases: str = "aliases"
) -> NamedEntities:
    """Entities with names like given ones, slips of the pen allowed for.

    The full-text index is made if it is not there.

    Args:
        store: The database.
        graph: The graph.
        names: What documents say.
        top_k: Most entities for each name.
        aliases: The property of further names.

    Raises:
        SchemaError: The index cannot be made.
    """
    index = ensure_name_index(store, aliases)
    rows: list[dict[str, Any]] = []
    asked = list(dict.fromkeys(filter(None, map(_lucene, names))))
    for some in _parts(asked):
        rows += store.rows(
            queries.get("search/find_named"),
            graph=graph,
            texts=some,
            index=index,
            top_k=top_k,
            aliases=aliases,
        )
    return _entities(rows)


def ensure_name_index(store: Store, aliases: str = "aliases") -> str:
    """Make the full-text index of names if it is not there, and wait for it; its name.

    Raises:
        SchemaError: The index cannot be made.
    """
    index = INDEX if aliases == "aliases" else f"{INDEX}_{aliases}"
    store.command(queries.fill("write/create_name_index", index=index, property=aliases))
    store.command(queries.get("write/await_index"), index=index, seconds=SECONDS)
    return index


def find_near(
    store: Store, graph: str, vectors: np.ndarray, *, top_k: int = 5, aliases: str = "aliases"
) -> NamedEntities:
    """Entities whose texts' vectors are near given ones, by the graph's active set of texts.

    Args:
        store: The database.
        graph: The graph.
        vectors: By the same encoder, float [n, D].
        top_k: Most entities for each vector.
        aliases: The property of further names.

    Raises:
        InputError: The graph has no vectors of texts, or of another length.
    """
    active = active_set_of(store, Target(graph=graph), "text")
    if active is None:
        raise InputError(
            f"graph {graph!r} has no vectors of texts", hint="`kgp encode --write` makes them"
        )
    if active["dimension"] != vectors.shape[1]:
        raise InputError(
            f"vectors of {vectors.shape[1]} numbers, but the graph's have {active['dimension']}",
            hint=f"encode with {active['encoder']!r}",
        )
    rows: list[dict[str, Any]] = []
    for some in _parts(vectors.tolist()):
        rows += store.rows(
            queries.get("search/find_near"),
            vectors=some,
            index=active["index"],
            top_k=top_k,
            aliases=aliases,
        )
    return _entities(rows)


def _lucene(name: str) -> str:
    return alike(words_of(name)[:MOST_ALIKE])


def _parts(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), NAMES_AT_ONCE):
        yield values[start : start + NAMES_AT_ONCE]


def _entities(rows: Sequence[dict[str, Any]]) -> NamedEntities:
    names: dict[str, tuple[str, ...]] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for row in sorted(rows, key=lambda row: str(row["id"])):
        others = row["aliases"] if isinstance(row["aliases"], list) else [row["aliases"]]
        every = [as_text(row["name"]), *map(as_text, others)]
        names[row["id"]] = tuple(dict.fromkeys(filter(None, every)))
        labels[row["id"]] = tuple(sorted(set(row["labels"]) - {"Entity"}))
    return NamedEntities(names, labels)
