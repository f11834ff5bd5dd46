"""Streaming: what a graph or a query names, as columns, in blocks packed by the server.

A record a relationship spends nearly all its time on the record, not on the wire. So the
server collects columns and sends a block as one record: a graph's own facts cut into ranges
of the dense number ``nid``, a free query's rows collected by relation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError, StoreError, TooLargeError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import BLOCKS_AHEAD, RECORDS_AHEAD, Store, Transaction
from kgplatform.store.guard import check_reading
from kgplatform.triples import SPLITS

BLOCK = 10_000
"""Range of nid that one record covers."""

MAX_COLLECTED = 5_000_000
"""Rows that a free query may be expected to give for the server to collect them; beyond that
a record a row keeps its memory flat."""


@dataclass(frozen=True)
class Columns:
    """Triples as columns of positions in two vocabularies.

    Attributes:
        entities: entity_ids, distinct, in no order.
        relations: Relation names, distinct, in no order.
        head: Positions in ``entities``, int64 [E].
        relation: Positions in ``relations``, int64 [E].
        tail: Positions in ``entities``, int64 [E].
        split: 0 train, 1 valid, 2 test, -1 none; int64 [E].
        integer_ids: Whether the query's ids were numbers, which ``entities`` has as text.
    """

    entities: list[str]
    relations: list[str]
    head: np.ndarray
    relation: np.ndarray
    tail: np.ndarray
    split: np.ndarray
    integer_ids: bool = False


class Part(NamedTuple):
    """The triples of one block: many heads and tails, one relation and one split."""

    head: np.ndarray
    relation: int
    tail: np.ndarray
    split: int


def stream_graph(store: Store, graph: str, progress: Progress = silent) -> Columns:
    """All entities and asserted facts of one graph, predicted links left out.

    Raises:
        InputError: There is no such graph.
        StoreError: A load of it is under way or was cut, it changed during the export, or
            something else than a load made entities in it.
    """
    with store.reading() as transaction:
        before = _graph_record(transaction, graph)
        _check_numbered(transaction, graph)
        params = {"graph": graph, "end": before["entities"], "block": BLOCK}
        entities, position = _stream_entities(transaction, params)
        parts: list[Part] = []
        relations: dict[str, int] = {}
        done = 0
        for relation, split, heads, tails in transaction.stream(
            queries.get("read/stream_triples"), params
        ):
            code = relations.setdefault(relation, len(relations))
            head, tail = _known(position, heads), _known(position, tails)
            parts.append(Part(head, code, tail, _split_code(split, relation)))
            done += len(heads)
            progress("relationships", done, None)
        after = _graph_record(transaction, graph)
    columns = _joined(entities, relations, parts)
    unknown = min(columns.head.min(initial=0), columns.tail.min(initial=0)) < 0
    if unknown or after["version"] != before["version"]:
        raise StoreError(
            f"graph {graph!r} changed while it was read", hint="repeat when nobody writes to it"
        )
    progress("relationships", done, done)
    return columns


def stream_query(
    store: Store, query: str, params: Mapping[str, Any], progress: Progress = silent
) -> Columns:
    """The triples that a reading query returns as ``head, relation, tail`` (and ``split``).

    Raises:
        QueryRefusedError: The query would write, or lacks a column; nothing of it ran.
        InputError: A row holds something else than text or whole numbers.
    """
    text = query.strip().rstrip(";")
    plan = check_reading(store, text, params, ("head", "relation", "tail"))
    split = "split" if "split" in plan.columns else "null"
    inner = f"CALL () {{\n{text}\n}}\n"
    packed = (
        f"{inner}RETURN relation, {split} AS split, collect(head) AS heads,\n"
        "collect(tail) AS tails, count(*) AS rows"
    )
    single = (
        f"{inner}RETURN relation, {split} AS split, [head] AS heads, [tail] AS tails, 1 AS rows"
    )
    if plan.estimated_rows <= MAX_COLLECTED:
        try:
            return _gather(store, packed, params, BLOCKS_AHEAD, progress)
        except TooLargeError:
            # The planner's estimate was far too low; the server gave up before it was harmed.
            progress("rows do not fit the server's memory; reading them one by one", 0, None)
    return _gather(store, single, params, RECORDS_AHEAD, progress)


def _gather(
    store: Store, query: str, params: Mapping[str, Any], records_ahead: int, progress: Progress
) -> Columns:
    """Columns from blocks of ids as values; the vocabularies grow as names appear."""
    entities: dict[str, int] = {}
    relations: dict[str, int] = {}
    parts: list[Part] = []
    kinds: set[type] = set()
    done = 0
    with store.reading(records_ahead) as transaction:
        for relation, split, heads, tails, rows in transaction.stream(query, params):
            kinds.update(map(type, heads), map(type, tails))
            _check_block(relation, heads, tails, rows, kinds)
            code = relations.setdefault(relation, len(relations))
            head, tail = _codes(entities, heads), _codes(entities, tails)
            parts.append(Part(head, code, tail, _split_code(split, relation)))
            done += len(heads)
            progress("rows", done, None)
    progress("rows", done, done)
    return _joined(list(entities), relations, parts, integer_ids=kinds == {int})


def _check_block(
    relation: Any, heads: list[Any], tails: list[Any], rows: int, kinds: set[type]
) -> None:
    """Refuse values that are no names, before they become positions."""
    if not isinstance(relation, str) or not relation:
        raise InputError(
            f"the query returned {relation!r} as a relation", hint="return type(r) or a text"
        )
    # The server's collect() leaves nulls out, which would pair heads with wrong tails.
    if len(heads) != rows or len(tails) != rows or type(None) in kinds:
        raise InputError(
            f"the query returned a null head or tail for relation {relation!r}",
            hint="return a property that every node has, or filter with IS NOT NULL",
        )
    if not kinds <= {str, int}:
        wrong = ", ".join(sorted(kind.__name__ for kind in kinds - {str, int}))
        raise InputError(
            f"the query returned ids of type {wrong} for relation {relation!r}",
            hint="return a property that every node has, a text or a whole number",
        )
    if len(kinds) > 1:
        raise InputError(
            "the query returned both texts and numbers as ids", hint="wrap them in toString(…)"
        )


def _codes(entities: dict[str, int], names: list[Any]) -> np.ndarray:
    texts = names if not names or isinstance(names[0], str) else map(str, names)
    return np.fromiter(
        (entities.setdefault(name, len(entities)) for name in texts), np.int64, len(names)
    )


def _joined(
    entities: list[str],
    relations: dict[str, int],
    parts: list[Part],
    integer_ids: bool = False,
) -> Columns:
    sizes = [len(part.head) for part in parts]
    empty = [np.empty(0, dtype=np.int64)]
    return Columns(
        entities=entities,
        relations=list(relations),
        head=np.concatenate([part.head for part in parts] or empty),
        relation=np.repeat(np.array([part.relation for part in parts], dtype=np.int64), sizes),
        tail=np.concatenate([part.tail for part in parts] or empty),
        split=np.repeat(np.array([part.split for part in parts], dtype=np.int64), sizes),
        integer_ids=integer_ids,
    )


def _stream_entities(
    transaction: Transaction, params: Mapping[str, Any]
) -> tuple[list[str], np.ndarray]:
    """Ids of a graph's entities, and for each nid the position of its id (-1: nobody's)."""
    position = np.full(params["end"], -1, dtype=np.int64)
    entities: list[str] = []
    for nids, ids in transaction.stream(queries.get("read/stream_entities"), params):
        position[np.array(nids, dtype=np.int64)] = np.arange(
            len(entities), len(entities) + len(ids)
        )
        entities.extend(ids)
    return entities, position


def _known(position: np.ndarray, nids: list[int]) -> np.ndarray:
    """Positions of entities by nid; -1 for one that came after their list was read."""
    numbers = np.array(nids, dtype=np.int64)
    inside = (numbers >= 0) & (numbers < len(position))
    return np.where(inside, position[np.where(inside, numbers, 0)], -1)


def _check_numbered(transaction: Transaction, graph: str) -> None:
    (row,) = transaction.rows(queries.get("read/count_unnumbered"), graph=graph)
    if row["entities"]:
        raise StoreError(
            f"{row['entities']} entities of graph {graph!r} were not made by a load, "
            f"for example {row['example']!r}",
            hint="load a file that names them: that numbers them and changes nothing else",
        )


def _graph_record(transaction: Transaction, graph: str) -> dict[str, Any]:
    rows = transaction.rows(queries.get("read/get_graph"), graph=graph)
    if not rows:
        known = [row["name"] for row in transaction.rows(queries.get("read/list_graphs"))]
        raise InputError(
            f"there is no graph {graph!r} in this database",
            hint=f"graphs: {', '.join(known)}" if known else "load one with `kgp load`",
        )
    (record,) = rows
    if record["loading"] is not None:
        loads = ", ".join(record["loading"])
        raise StoreError(
            f"a load of {loads} into graph {graph!r} is under way or was cut",
            hint="wait for it, or run the same `kgp load` again to complete it",
        )
    return record


def _split_code(split: Any, relation: str) -> int:
    if split is None or split == "":
        return -1
    if split not in SPLITS:
        raise InputError(
            f"relation {relation!r} has a split {split!r}", hint=f"use {', '.join(SPLITS)} or null"
        )
    return SPLITS.index(split)
