"""What a projection would do, before it runs: columns, their types, rows, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgplatform.graph.features import FeatureColumn
from kgplatform.graph.projection_features import label_of
from kgplatform.store.client import Store
from kgplatform.store.cut import cut_of
from kgplatform.store.guard import check_columns, check_reading
from kgplatform.store.projections import Definition
from kgplatform.store.query_values import Times, names, weights
from kgplatform.store.stream import graph_record, split_codes
from kgplatform.store.stream_query import OPTIONAL, TRIPLE, statement

SAMPLE = 100
"""Rows that are looked at."""

WHERE = "in its first rows"


@dataclass(frozen=True)
class Checked:
    """One query of a projection, planned by the server and tried on a few rows.

    Attributes:
        what: ``triples``, ``features``, ``labels`` or ``edge features``.
        columns: Its columns with the types of their values, in order.
        unused: Columns among them that mean nothing here.
        estimated_rows: What the server's planner expects; a guess.
        read: How its rows will come.
    """

    what: str
    columns: tuple[tuple[str, str], ...]
    unused: tuple[str, ...]
    estimated_rows: float
    read: str


def check_definition(store: Store, definition: Definition) -> list[Checked]:
    """Plan all queries of a definition and try each on its first rows.

    Raises:
        QueryRefusedError: A query would write, call what it may not, or lacks a column.
        InputError: There is no such graph, or a column holds what it cannot have.
        StoreError: The graph is being loaded.
    """
    checked = []
    if definition.graph is not None:
        with store.reading() as transaction:
            graph_record(transaction, definition.graph)
    given: tuple[tuple[str, str | None, tuple[str, ...], tuple[str, ...] | None, _Try], ...] = (
        ("triples", definition.cypher, TRIPLE, OPTIONAL, _try_triples),
        ("features", definition.features, ("entity",), None, _try_features),
        ("labels", definition.labels, ("entity", "label"), ("split",), _try_labels),
        ("edge features", definition.edge_features, TRIPLE, None, _try_edges),
    )
    for what, query, required, optional, attempt in given:
        if query is not None:
            rows, found = _check(store, what, query, definition.params, required, optional)
            attempt(rows)
            checked.append(found)
    return checked


_Try = Callable[[dict[str, list[Any]]], None]


def _check(
    store: Store,
    what: str,
    query: str,
    params: Mapping[str, Any],
    required: tuple[str, ...],
    optional: tuple[str, ...] | None,
) -> tuple[dict[str, list[Any]], Checked]:
    text = statement(query)
    plan = check_reading(store, text, params, required)
    unused = [] if optional is None else check_columns(plan.columns, required, optional)
    rows = store.rows(f"CALL () {{\n{text}\n}}\nRETURN * LIMIT {SAMPLE}", **params)
    values = {name: [row[name] for row in rows] for name in plan.columns}
    cut = cut_of(text, plan.operators)
    if cut.node is not None:
        read = f"in ranges of {cut.node}"
    else:
        read = f"together or one by one: {cut.why}"
    return values, Checked(
        what,
        tuple((name, _types(column)) for name, column in values.items()),
        tuple(unused),
        plan.estimated_rows,
        read,
    )


def _types(values: list[Any]) -> str:
    kinds = {_type(value) for value in values if value is not None}
    return ", ".join(sorted(kinds)) or "null"


def _type(value: Any) -> str:
    if isinstance(value, list):
        inside = ", ".join(sorted({_type(each) for each in value}))
        return f"list of {len(value)} {inside}" if value else "empty list"
    known = {str: "text", int: "whole number", float: "number", bool: "truth value"}
    return known.get(type(value), type(value).__name__)


def _try_triples(values: dict[str, list[Any]]) -> None:
    rows = len(values["head"])
    kinds: set[type] = set()
    for column in ("head", "tail"):
        names(column, values[column], rows, WHERE, kinds)
    names("relation", values["relation"], rows, WHERE, {str})
    if "split" in values:
        split_codes(values["split"])
    if "weight" in values:
        weights(values["weight"], rows, WHERE)
    if "time" in values:
        Times().of(values["time"], rows, WHERE)


def _try_features(values: dict[str, list[Any]]) -> None:
    rows = len(values["entity"])
    names("entity", values["entity"], rows, WHERE, set())
    _try_columns({name: column for name, column in values.items() if name != "entity"}, rows)


def _try_labels(values: dict[str, list[Any]]) -> None:
    names("entity", values["entity"], len(values["entity"]), WHERE, set())
    for value in values["label"]:
        label_of(value)
    if "split" in values:
        split_codes(values["split"])


def _try_edges(values: dict[str, list[Any]]) -> None:
    own = (*TRIPLE, "time")
    rows = len(values["head"])
    _try_columns({name: column for name, column in values.items() if name not in own}, rows)


def _try_columns(columns: dict[str, list[Any]], rows: int) -> None:
    for name, column in columns.items():
        FeatureColumn(name, rows).add(np.arange(rows), column)
