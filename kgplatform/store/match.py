"""Matching a user's own pattern: reading only, for a bounded time, a bounded number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neo4j.graph import Node, Path, Relationship

from kgplatform.store.client import Store
from kgplatform.store.guard import check_reading
from kgplatform.store.pattern import matching_query
from kgplatform.store.stream_query import statement

LONGEST_LIST = 16
"""Longer lists among properties are left out: they are vectors."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What a pattern found.

    Attributes:
        columns: The names that the query returns.
        rows: A value a column: plain values; a node as its ``id``, ``labels`` and
            ``properties``; a relationship as ``head``, ``type``, ``tail`` and ``properties``
            (an end that the row does not hold as a node is None); a path as its ``nodes`` and
            ``relationships``. Each of these has a ``kind``.
        more: Whether there are more rows.
    """

    columns: tuple[str, ...]
    rows: list[list[Any]]
    more: bool


def match_pattern(
    store: Store, text: str, params: Mapping[str, Any], *, limit: int, seconds: float
) -> Matched:
    """Run a reading query, or ``MATCH`` a pattern and return all that it names.

    Args:
        store: The database.
        text: ``MATCH … RETURN …``, or a pattern: ``(a)-[r:KNOWS]->(b) WHERE …``.
        params: Its parameters.
        limit: Most rows.
        seconds: How long the server may take.

    Raises:
        QueryRefusedError: The query would write, read files or call out; it did not run.
        StoreError: It took too long.
    """
    query = statement(matching_query(text))
    plan = check_reading(store, query, params, ())
    rows: list[list[Any]] = []
    with store.reading(min(limit + 1, 1_000), seconds) as transaction:
        for values in transaction.stream(query, params):
            if len(rows) == limit:
                return Matched(plan.columns, rows, more=True)
            rows.append([_plain(value) for value in values])
    return Matched(plan.columns, rows, more=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Node):
        return {
            "kind": "node",
            "id": value.get("id"),
            "labels": sorted(value.labels),
            "properties": _properties(value),
        }
    if isinstance(value, Relationship):
        ends = [None if end is None else end.get("id") for end in value.nodes]
        return {
            "kind": "relationship",
            "head": ends[0],
            "type": value.type,
            "tail": ends[1],
            "properties": _properties(value),
        }
    if isinstance(value, Path):
        return {
            "kind": "path",
            "nodes": [_plain(node) for node in value.nodes],
            "relationships": [_plain(each) for each in value.relationships],
        }
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value


def _properties(entity: Node | Relationship) -> dict[str, Any]:
    return {
        name: value
        for name, value in entity.items()
        if not isinstance(value, bytes)
        and not (isinstance(value, list) and len(value) > LONGEST_LIST)
    }
