"""Loading: the entities of a graph, made, described, and found again by number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from kgplatform import queries
from kgplatform.errors import SchemaError
from kgplatform.store.batches import Batches
from kgplatform.store.client import Store, Transaction
from kgplatform.store.lanes import removed_meanwhile
from kgplatform.store.load_counts import LoadCounts
from kgplatform.store.values import sendable, sendable_value
from kgplatform.triples import Entity, Value, is_vector

NID_BITS = 40
NID_MASK = (1 << NID_BITS) - 1

IDS_REMEMBERED = 1_000_000
"""Entities that this load has made or found and finds again by number, about 200 bytes each;
when there are more, they are asked for again."""


ATTEMPTS = 5
"""How often entities are asked for that somebody else removes at the same time."""


class SeenEntities:
    """What a load has named of its entities: 64 bits of each."""

    def __init__(self) -> None:
        self._bits: set[int] = set()

    def add(self, entity_ids: Iterable[str]) -> None:
        """Remember entities."""
        self._bits.update(map(_bits, entity_ids))

    def __contains__(self, entity_id: str) -> bool:
        return _bits(entity_id) in self._bits


class _Found(NamedTuple):
    """Entities that a transaction has found or made.

    Attributes:
        packed: By id: the number of its node and, in the lower bits, its nid.
        created: How many of them it has made.
    """

    packed: dict[str, int]
    created: int


class _JustRemovedError(Exception):
    """An entity was removed by somebody else while it was looked at."""


class EntityWriter:
    """Makes and describes the entities of one load, one transaction at a time.

    Args:
        store: The database.
        graph: The graph's name.
        source: What claims the entities.
        seen: Where to remember those that the source names, if what it names no more shall go.
        counts: Where to count.
        was_empty: Whether the graph had no entities when the load began.

    Attributes:
        hash: What was read.
    """

    def __init__(
        self,
        store: Store,
        graph: str,
        source: str,
        seen: SeenEntities | None,
        counts: LoadCounts,
        was_empty: bool,
    ) -> None:
        self._store = store
        self._graph = graph
        self._source = source
        self._seen = seen
        self._counts = counts
        self._known: dict[str, int] = {}
        # Whether the graph has no entities that are not known, as far as this load can tell.
        self._knows_all = was_empty
        self.hash = hashlib.sha256()

    def prepare(self, batch: list[Entity]) -> list[Entity]:
        """What is done with entities as they are read."""
        self.hash.update("".join(map(repr, batch)).encode())
        return batch

    def describe(self, batch: Sequence[Entity]) -> None:
        """Make entities, and give them what the source says of them."""
        plain, lists = _by_entity(batch)

        def work(transaction: Transaction) -> _Found:
            unknown = self._unknown(entity.entity_id for entity in batch)
            found = self._merge(transaction, unknown) if unknown else _Found({}, 0)
            transaction.run(
                queries.get("load/describe_entities"),
                graph=self._graph,
                ids=[entity.entity_id for entity in plain],
                names=[entity.name for entity in plain],
                descriptions=[entity.description for entity in plain],
                types=[list(entity.types) for entity in plain],
                properties=[sendable(entity.properties) for entity in plain],
            )
            if lists:
                transaction.run(
                    queries.get("load/join_lists"),
                    graph=self._graph,
                    ids=[entity_id for entity_id, _ in lists],
                    names=[name for _, name in lists],
                    values=[list(map(sendable_value, values)) for values in lists.values()],
                )
            return found

        self._write(work)
        self._counts.entities_described += len(batch)

    def numbers(self, names: Sequence[str], batches: Batches) -> list[int]:
        """The packed numbers of entities, in the order of ``names``; those that lack are made.

        Args:
            names: entity_ids, any of them several times.
            batches: How many the server takes at once.
        """
        if len(self._known) > IDS_REMEMBERED:
            self._known = {name: self._known[name] for name in set(names) & self._known.keys()}
            self._knows_all = False
        if unknown := self._unknown(names):
            batches.write(unknown, self._make)
        return [self._known[name] for name in names]

    def forget(self) -> None:
        """Ask for all entities again: one was not where it had been found."""
        self._known.clear()
        self._knows_all = False

    def _make(self, unknown: Sequence[str]) -> None:
        self._write(lambda tx: self._merge(tx, unknown))

    def _write(self, work: Callable[[Transaction], _Found]) -> None:
        for _ in range(ATTEMPTS):
            try:
                found = self._store.write(work)
            except SchemaError:
                # The constraint: somebody else has made an entity of this graph.
                if not self._knows_all:
                    raise
                self._knows_all = False
            except _JustRemovedError:
                continue
            else:
                self._remember(found)
                return
        raise removed_meanwhile(self._graph)

    def _unknown(self, names: Iterable[str]) -> list[str]:
        return [name for name in dict.fromkeys(names) if name not in self._known]

    def _merge(self, transaction: Transaction, unknown: Sequence[str]) -> _Found:
        if self._knows_all:
            row = self._numbered(transaction, "load/create_entities", unknown)
            nodes = enumerate(row["made"], row["first"])
            made = (node << NID_BITS | nid for nid, node in nodes)
            return _Found(dict(zip(unknown, made, strict=True)), len(unknown))
        row = self._numbered(transaction, "load/merge_entities", unknown)
        if any(nid is None for _, _, nid in row["there"]):
            raise _JustRemovedError
        if self._seen is not None:
            transaction.run(
                queries.get("load/reset_entities"),
                graph=self._graph,
                ids=[name for name in unknown if name not in self._seen],
                source=self._source,
            )
        return _Found(_packed(unknown, row), len(row["missing"]))

    def _numbered(
        self, transaction: Transaction, query: str, unknown: Sequence[str]
    ) -> dict[str, Any]:
        found = transaction.run(
            queries.get(query), graph=self._graph, ids=list(unknown), source=self._source
        )
        if not found.rows:
            raise removed_meanwhile(self._graph)
        return found.row

    def _remember(self, found: _Found) -> None:
        """Keep what a transaction found, now that it is committed."""
        self._counts.entities_created += found.created
        if self._seen is not None:
            self._seen.add(found.packed)
        self._known.update(found.packed)


def _packed(ids: Sequence[str], row: dict[str, Any]) -> dict[str, int]:
    packed = {ids[i]: node << NID_BITS | nid for i, node, nid in row["there"]}
    made = zip(row["missing"], row["made"], strict=True)
    for nid, (i, node) in enumerate(made, row["first"]):
        packed[ids[i]] = node << NID_BITS | nid
    return packed


def _by_entity(
    batch: Sequence[Entity],
) -> tuple[list[Entity], dict[tuple[str, str], list[Value]]]:
    """Split what is set from what is added to: lists of several statements are joined.

    Lists of numbers are vectors, and set as they are.
    """
    plain: list[Entity] = []
    lists: dict[tuple[str, str], list[Value]] = {}
    for entity in batch:
        properties = entity.properties or {}
        single: dict[str, Value] = {}
        for name, value in properties.items():
            if isinstance(value, list) and not is_vector(value):
                lists.setdefault((entity.entity_id, name), []).extend(value)
            else:
                single[name] = value
        plain.append(
            Entity(entity.entity_id, entity.name, entity.description, entity.types, single)
        )
    return plain, lists


def _bits(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
