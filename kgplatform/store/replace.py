"""Replacing: what a source once claimed and no longer has leaves the graph."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Collection, Iterable, Iterator

import numpy as np

from kgplatform import queries
from kgplatform.progress import Progress
from kgplatform.store.client import Store
from kgplatform.store.stream import BLOCK


class Seen:
    """What a load has read of its source: 64 bits of each fact and entity.

    Eight bytes a fact keep 5,000,000 in 40 MB. Where two facts share 64 bits (one chance in a
    million for a graph of that size) one that should go may stay; none goes that should stay.
    """

    def __init__(self) -> None:
        self._facts = array("Q")
        self._entities: set[int] = set()

    def add_facts(self, fact_ids: Iterable[str]) -> None:
        """Remember facts."""
        self._facts.extend(int(key[:16], 16) for key in fact_ids)

    def add_entities(self, entity_ids: Iterable[str]) -> None:
        """Remember entities."""
        self._entities.update(map(_bits, entity_ids))

    def has_entity(self, entity_id: str) -> bool:
        """Whether the source has named it."""
        return _bits(entity_id) in self._entities

    def facts(self) -> np.ndarray:
        """The facts' bits in ascending order, uint64."""
        return np.unique(np.frombuffer(self._facts, dtype=np.uint64))


def release_the_rest(
    store: Store, graph: str, source: str, seen: Seen, progress: Progress
) -> tuple[int, int]:
    """Take the source's claim from all that it has not named, and remove what nobody claims.

    Returns:
        How many facts and how many entities were removed.
    """
    inner = f"{source}#"
    facts = entities = 0
    known = seen.facts()
    claims = _blocks(store, "load/list_claims", graph, source=source, inner=inner)
    for keys, heads, relations, tails in claims:
        bits = np.array([int(key[:16], 16) for key in keys], dtype=np.uint64)
        gone = np.flatnonzero(~np.isin(bits, known)).tolist()
        if gone:
            outcome = store.run(
                queries.get("load/release_facts"),
                graph=graph,
                source=source,
                inner=inner,
                fact_ids=[keys[i] for i in gone],
                heads=[heads[i] for i in gone],
                relations=[relations[i] for i in gone],
                tails=[tails[i] for i in gone],
            )
            facts += outcome.row["removed"]
            progress("facts removed", facts, None)
    for (ids,) in _blocks(store, "load/list_claimed_entities", graph, source=source):
        if gone_ids := [name for name in ids if not seen.has_entity(name)]:
            outcome = store.run(
                queries.get("load/release_entities"), graph=graph, source=source, ids=gone_ids
            )
            entities += outcome.row["removed"]
    return facts, entities


def release_documents(store: Store, graph: str, source: str, kept: Collection[str]) -> int:
    """Remove the documents that a source once had and has no more.

    Args:
        store: The database.
        graph: The graph's name.
        source: The source's name.
        kept: Ids of the documents that it has.

    Returns:
        How many were removed.
    """
    (row,) = store.rows(queries.get("load/list_claimed_documents"), graph=graph, source=source)
    removed = 0
    for document_id in row["ids"]:
        if document_id not in kept:
            # One at a time: a document may have any number of chunks.
            outcome = store.run(
                queries.get("load/release_documents"),
                graph=graph,
                source=source,
                ids=[document_id],
            )
            removed += outcome.row["removed"]
    return removed


def _blocks(store: Store, name: str, graph: str, **params: str) -> Iterator[list[list[str]]]:
    """Blocks of columns, read in one transaction of their own while others write."""
    (record,) = store.rows(queries.get("read/get_graph"), graph=graph)
    with store.reading() as transaction:
        yield from transaction.stream(
            queries.get(name),
            {"graph": graph, "end": record["entities"], "block": BLOCK, **params},
        )


def _bits(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
