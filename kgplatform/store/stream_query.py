"""Streaming of what a reading query returns: its triples as columns, its features as rows.

A query of one relationship between two nodes is read by a scan where it wants much of the
database (:mod:`kgplatform.store.scan_query`). The rows of others are packed on the server:
collected by relation, all at once where they are few, else for one range of nodes after another
where the query can be cut (:mod:`kgplatform.store.cut`), else a record a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError, TooLargeError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import BLOCKS_AHEAD, RECORDS_AHEAD, Store
from kgplatform.store.cut import ROWS_A_BLOCK, cut_of, cut_query, nodes_a_block
from kgplatform.store.guard import ReadingPlan, check_columns, check_reading
from kgplatform.store.query_values import Times, names, weights
from kgplatform.store.scan_query import scan_query
from kgplatform.store.side_by_side import ranges, stream_side_by_side
from kgplatform.store.stream import Columns, Part, joined, part, split_code
from kgplatform.vocabulary import Vocabulary

MAX_AT_ONCE = 200_000
"""Rows that a query which can be cut may be expected to give for the server to collect all at
once; beyond that it is cut into ranges."""

MAX_COLLECTED = 2_000_000
"""The same for a query that cannot be cut; beyond that a record a row keeps the server's memory
flat."""

FEATURES_A_BLOCK = 2_000
"""Rows of features in a block: a vector of 128 numbers takes 4 kB of memory as it arrives."""

TRIPLE = ("head", "relation", "tail")
OPTIONAL = ("split", "weight", "time")


def stream_query(
    store: Store, query: str, params: Mapping[str, Any], progress: Progress = silent
) -> Columns:
    """The triples that a query returns as ``head, relation, tail[, split, weight, time]``.

    Raises:
        QueryRefusedError: The query would write, or lacks a column; nothing of it ran.
        InputError: A row holds a value that its column cannot have.
    """
    text = statement(query)
    plan = check_reading(store, text, params, TRIPLE)
    if unused := check_columns(plan.columns, TRIPLE, OPTIONAL):
        progress(f"columns that are not used: {', '.join(unused)}", 0, None)
    if (scanned := scan_query(store, text, params, plan, progress)) is not None:
        return scanned
    given = [name for name in OPTIONAL if name in plan.columns]
    split = "split" if "split" in given else "null"
    numbers = [name for name in ("weight", "time") if name in given]
    packed = f"RETURN relation, {split} AS split, count(*) AS rows, " + ", ".join(
        f"collect({name}) AS {name}s" for name in ("head", "tail", *numbers)
    )
    returned = ["relation", "split", "rows", *(f"{name}s" for name in ("head", "tail", *numbers))]
    inner = f"CALL () {{\n{text}\n}}\n"
    cut = cut_of(text, plan.operators)
    most = MAX_COLLECTED if cut.node is None else min(MAX_COLLECTED, MAX_AT_ONCE)
    if plan.estimated_rows <= most:
        try:
            return _gather(stream_side_by_side(store, inner + packed, [params]), numbers, progress)
        except TooLargeError:
            # The planner's estimate was far too low; the server gave up before it was harmed.
            progress("rows do not fit the server's memory at once", 0, None)
    if cut.node is not None:
        progress(f"rows, in ranges of {cut.node}", 0, None)
        whole = cut_query(text, cut.node, packed, returned)
        shares = _shares(store, plan, params)
        return _gather(stream_side_by_side(store, whole, shares), numbers, progress)
    progress(f"rows one by one, as the query cannot be cut: {cut.why}", 0, None)
    single = f"RETURN relation, {split} AS split, 1 AS rows, " + ", ".join(
        f"[{name}] AS {name}s" for name in ("head", "tail", *numbers)
    )
    records = stream_side_by_side(store, inner + single, [params], RECORDS_AHEAD)
    return _gather(records, numbers, progress)


def stream_rows(
    store: Store,
    query: str,
    params: Mapping[str, Any],
    required: Sequence[str],
    progress: Progress = silent,
) -> Iterator[tuple[tuple[str, ...], list[list[Any]]]]:
    """The rows of any reading query, block by block, such that neither side holds many.

    Args:
        store: The database.
        query: The query.
        params: Its parameters.
        required: Columns that it must return; it may return more.
        progress: Told how it is read, and of rows read.

    Yields:
        The names of the columns, and a block's columns, parallel to them.

    Raises:
        QueryRefusedError: The query would write, or lacks a column; nothing of it ran.
    """
    text = statement(query)
    plan = check_reading(store, text, params, required)
    values = ", ".join(map(queries.quote, plan.columns))
    cut = cut_of(text, plan.operators)
    if cut.node is not None:
        whole = cut_query(text, cut.node, f"RETURN collect([{values}]) AS rows", ["rows"])
        shares, ahead = _shares(store, plan, params, FEATURES_A_BLOCK), BLOCKS_AHEAD
    else:
        progress(f"rows one by one, as the query cannot be cut: {cut.why}", 0, None)
        whole = f"CALL () {{\n{text}\n}}\nRETURN [[{values}]] AS rows"
        shares, ahead = [dict(params)], FEATURES_A_BLOCK
    done = 0
    waiting: list[list[Any]] = []
    for (rows,) in stream_side_by_side(store, whole, shares, ahead):
        waiting += rows
        done += len(rows)
        if len(waiting) >= FEATURES_A_BLOCK:
            yield plan.columns, list(map(list, zip(*waiting, strict=True)))
            waiting = []
            progress("rows", done, None)
    if waiting:
        yield plan.columns, list(map(list, zip(*waiting, strict=True)))
    progress("rows", done, done)


def statement(query: str) -> str:
    """A query as it can stand inside another: without the semicolon at its end."""
    return query.strip().rstrip(";")


def _shares(
    store: Store, plan: ReadingPlan, params: Mapping[str, Any], rows: int = ROWS_A_BLOCK
) -> list[dict[str, Any]]:
    """Parameters of a query that is cut, for each session that reads it."""
    (row,) = store.rows(queries.get("read/find_last_node"))
    end = row["last"] + 1
    block = nodes_a_block(end, plan.estimated_rows, rows)
    shared = {**params, "kgp_end": row["last"], "kgp_block": block}
    return [shared | share for share in ranges(0, end, block, ("kgp_first", "kgp_step"))]


def _gather(records: Iterator[list[Any]], numbers: Sequence[str], progress: Progress) -> Columns:
    """Columns from blocks of values; the vocabularies grow as names appear."""
    entities: Vocabulary[str] = Vocabulary()
    relations: Vocabulary[str] = Vocabulary()
    parts: list[Part] = []
    kinds: set[type] = set()
    times = Times()
    done = 0
    for relation, split, rows, heads, tails, *more in records:
        name = _relation(relation)
        of = f"for relation {name!r}"
        extra = dict(zip(numbers, more, strict=True))
        parts.append(
            part(
                entities.codes(names("head", heads, rows, of, kinds)),
                np.full(rows, relations[name], dtype=np.int64),
                entities.codes(names("tail", tails, rows, of, kinds)),
                np.full(rows, split_code(split), dtype=np.int64),
                weights(extra["weight"], rows, of) if "weight" in extra else None,
                times.of(extra["time"], rows, of) if "time" in extra else None,
            )
        )
        done += rows
        progress("rows", done, None)
    progress("rows", done, done)
    return joined(list(entities), relations, parts, integer_ids=kinds == {int})


def _relation(relation: Any) -> str:
    if not isinstance(relation, str) or not relation:
        raise InputError(
            f"the query returned {relation!r} as a relation", hint="return type(r) or a text"
        )
    return relation
