"""The part of a graph around some entities: a hop is one exchange for each thousand of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store, Transaction
from kgplatform.store.stream import (
    Columns,
    Part,
    changed,
    graph_record,
    joined,
    part,
    split_codes,
)
from kgplatform.vocabulary import Vocabulary

AT_ONCE = 1_000
SHOWN = 5


def stream_around(
    store: Store, graph: str, seeds: Sequence[str], hops: int, progress: Progress = silent
) -> Columns:
    """The facts on paths of at most ``hops`` facts that begin in a seed, whatever their direction.

    Args:
        store: The database.
        graph: The graph.
        seeds: entity_ids; each is in the result, also where it has no fact.
        hops: At least 1.
        progress: Told of facts read; one between two entities of a hop counts twice.

    Raises:
        InputError: There is no such graph, or a seed is not in it.
        StoreError: A load of it is under way, or it changed during the export.
    """
    entities: Vocabulary[str] = Vocabulary()
    relations: Vocabulary[str] = Vocabulary()
    parts: list[Part] = []
    done = 0
    with store.reading() as transaction:
        version = graph_record(transaction, graph)["version"]
        frontier = list(dict.fromkeys(seeds))
        entities.codes(frontier)
        for hop in range(hops):
            known = len(entities)
            for start in range(0, len(frontier), AT_ONCE):
                asked = frontier[start : start + AT_ONCE]
                row = _expand(transaction, graph, asked)
                if row["version"] != version or (hop and len(row["found"]) < len(asked)):
                    raise changed(graph)
                _check_found(graph, asked, row["found"])
                parts.append(
                    part(
                        entities.codes(row["heads"]),
                        relations.codes(row["relations"]),
                        entities.codes(row["tails"]),
                        split_codes(row["splits"]),
                    )
                )
                done += len(row["heads"])
                progress("facts", done, None)
            frontier = list(entities)[known:]
    progress("facts", done, done)
    return joined(list(entities), relations, parts)


def _expand(transaction: Transaction, graph: str, ids: list[str]) -> dict[str, Any]:
    rows = transaction.rows(queries.get("read/expand_entities"), graph=graph, ids=ids)
    if not rows:
        raise changed(graph)
    return rows[0]


def _check_found(graph: str, asked: list[str], found: list[str]) -> None:
    if len(found) < len(asked):
        there = set(found)
        missing = [name for name in asked if name not in there]
        raise InputError(
            f"{len(missing)} seeds are not in graph {graph!r}: "
            f"{', '.join(map(repr, missing[:SHOWN]))}",
            hint="seeds are entity ids, as a source has them",
        )
