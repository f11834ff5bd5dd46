"""Properties that the importer cannot hold: kept in a file, and set when it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from kgplatform import queries
from kgplatform.store.bulk.repeats import Fact
from kgplatform.store.bulk.values import dump, restore
from kgplatform.store.client import Store
from kgplatform.store.values import sendable
from kgplatform.triples import Value

BATCH_ROWS = 1_000
BATCH_LENGTH = 4_000_000
"""Characters a transaction, unless one row alone has more."""


class LeftOver:
    """A file of such properties; it is made at the first of them.

    Args:
        path: Where the file goes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: TextIO | None = None

    def __enter__(self) -> LeftOver:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def add_entity(self, entity_id: str, properties: dict[str, Value]) -> None:
        """Keep an entity's."""
        self._add([entity_id, properties])

    def add_fact(self, fact: Fact, head: str, tail: str, properties: dict[str, Value]) -> None:
        """Keep a fact's."""
        self._add([head, fact.relation, tail, fact.fact_id, properties])

    def write(self, store: Store, graph: str) -> None:
        """Set them all, in transactions of bounded size; it may be repeated."""
        if not self._path.exists():
            return
        with self._path.open(encoding="utf-8", newline="\n") as lines:
            while batch := list(_batch(lines)):
                _write_entities(store, graph, [row for row in batch if len(row) == 2])
                _write_facts(store, graph, [row for row in batch if len(row) != 2])

    def _add(self, row: list[Any]) -> None:
        if self._stream is None:
            self._stream = self._path.open("w", encoding="utf-8", newline="\n")
        self._stream.write(f"{dump(row)}\n")


def _batch(lines: Iterator[str]) -> Iterator[list[Any]]:
    length = 0
    for line in islice(lines, BATCH_ROWS):
        yield restore(line)
        length += len(line)
        if length > BATCH_LENGTH:
            return


def _write_entities(store: Store, graph: str, rows: list[list[Any]]) -> None:
    if rows:
        store.run(
            queries.get("load/describe_entities"),
            graph=graph,
            ids=[entity_id for entity_id, _ in rows],
            names=[None] * len(rows),
            descriptions=[None] * len(rows),
            types=[[]] * len(rows),
            properties=[sendable(properties) for _, properties in rows],
        )


def _write_facts(store: Store, graph: str, rows: list[list[Any]]) -> None:
    if rows:
        heads, relations, tails, keys, properties = zip(*rows, strict=True)
        store.run(
            queries.get("load/describe_facts"),
            graph=graph,
            heads=list(heads),
            relations=list(relations),
            tails=list(tails),
            fact_ids=list(keys),
            properties=list(map(sendable, properties)),
        )
