"""Streaming: what a graph or a query names, as columns, in blocks packed by the server.

A record a relationship spends nearly all its time on the record, not on the wire. So the
server collects columns and sends a block as one record: a graph's own facts cut into ranges
of the dense number ``nid``, a free query's rows collected by relation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError, StoreError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store, Transaction
from kgplatform.store.guard import check_reading
from kgplatform.triples import SPLITS

BLOCK = 10_000
"""Range of nid that one record covers."""

MAX_COLLECTED = 2_000_000
"""Rows of a free query that the server may hold at once to pack them; more come a record each."""


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


def stream_graph(store: Store, graph: str, progress: Progress = silent) -> Columns:
    """All entities and asserted facts of one graph, predicted links left out.

    Raises:
        InputError: There is no such graph.
        StoreError: A load of it is under way or was cut, or it changed during the export.
    """
    with store.reading() as transaction:
        before = _graph_record(transaction, graph)
        params = {"graph": graph, "end": before["entities"], "block": BLOCK}
        entities, position = _stream_entities(transaction, params)
        parts: list[tuple[np.ndarray, int, np.ndarray, int]] = []
        relations: dict[str, int] = {}
        done = 0
        for relation, split, heads, tails in transaction.stream(
            queries.get("read/stream_triples"), params
        ):
            code = relations.setdefault(relation, len(relations))
            head, tail = position[np.array(heads)], position[np.array(tails)]
            parts.append((head, code, tail, _split_code(split, relation)))
            done += len(heads)
            progress("relationships", done, None)
        after = _graph_record(transaction, graph)
    columns = _joined(entities, relations, parts)
    if (
        after["version"] != before["version"]
        or min(columns.head.min(initial=0), columns.tail.min(initial=0)) < 0
    ):
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
    returned = check_reading(store, text, params, ("head", "relation", "tail"))
    split = "split" if "split" in returned else "null"
    inner = f"CALL () {{\n{text}\n}}\n"
    with store.reading() as transaction:
        (counted,) = transaction.rows(f"{inner}RETURN count(*) AS rows", **params)
        total = int(counted["rows"])
        packed = total <= MAX_COLLECTED
        returning = (
            f"WITH relation, {split} AS split, collect([head, tail]) AS pairs\n"
            "RETURN relation, split, [p IN pairs | p[0]] AS heads, [p IN pairs | p[1]] AS tails"
            if packed
            else f"RETURN relation, {split} AS split, [head] AS heads, [tail] AS tails"
        )
        return _gather(transaction.stream(inner + returning, params), total, progress)


def _gather(blocks: Iterable[list[Any]], total: int, progress: Progress) -> Columns:
    """Columns from blocks of text ids; the vocabularies grow as names appear."""
    entities: dict[str, int] = {}
    relations: dict[str, int] = {}
    parts: list[tuple[np.ndarray, int, np.ndarray, int]] = []
    kinds: set[type] = set()
    done = 0
    for relation, split, heads, tails in blocks:
        if not isinstance(relation, str) or not relation:
            raise InputError(
                f"the query returned {relation!r} as a relation", hint="return type(r) or a text"
            )
        code = relations.setdefault(relation, len(relations))
        kinds.update(map(type, heads), map(type, tails))
        if not kinds <= {str, int}:
            wrong = sorted(kind.__name__ for kind in kinds - {str, int})
            raise InputError(
                f"the query returned ids of type {', '.join(wrong)} for relation {relation!r}",
                hint="return a property that every node has, a text or a whole number",
            )
        parts.append(
            (_codes(entities, heads), code, _codes(entities, tails), _split_code(split, relation))
        )
        done += len(heads)
        progress("rows", done, total)
    if len(kinds) > 1:
        raise InputError(
            "the query returned both texts and numbers as ids", hint="wrap them in toString(…)"
        )
    progress("rows", done, done)
    return _joined(list(entities), relations, parts, integer_ids=kinds == {int})


def _codes(entities: dict[str, int], names: list[Any]) -> np.ndarray:
    texts = names if not names or isinstance(names[0], str) else map(str, names)
    return np.fromiter(
        (entities.setdefault(name, len(entities)) for name in texts), np.int64, len(names)
    )


def _joined(
    entities: list[str],
    relations: dict[str, int],
    parts: list[tuple[np.ndarray, int, np.ndarray, int]],
    integer_ids: bool = False,
) -> Columns:
    sizes = [len(part[0]) for part in parts]
    empty = [np.empty(0, dtype=np.int64)]
    return Columns(
        entities=entities,
        relations=list(relations),
        head=np.concatenate([part[0] for part in parts] or empty),
        relation=np.repeat(np.array([part[1] for part in parts], dtype=np.int64), sizes),
        tail=np.concatenate([part[2] for part in parts] or empty),
        split=np.repeat(np.array([part[3] for part in parts], dtype=np.int64), sizes),
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
        raise StoreError(
            f"a load of {record['loading']} into graph {graph!r} is under way or was cut",
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
