"""Replacing: what a source once claimed and no longer has leaves the graph."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial

import numpy as np

from kgplatform import queries
from kgplatform.progress import Progress
from kgplatform.store.batches import Batches
from kgplatform.store.client import Store, Transaction
from kgplatform.store.lanes import Lanes
from kgplatform.store.load_entities import SeenEntities
from kgplatform.store.retract import retract_chunks, settle
from kgplatform.store.stream import BLOCK


def release_facts(
    store: Store, graph: str, source: str, known: np.ndarray, lanes: Lanes, progress: Progress
) -> int:
    """Take the source's claim from all facts that it has not named; nobody's facts go.

    Args:
        store: The database.
        graph: The graph's name.
        source: The source's name.
        known: 64 bits of the fact_id of each fact that it has named, ascending, uint64 [N]. Where
            two facts share them (one chance in a million for 5,000,000 facts) one that should go
            may stay; none goes that should stay.
        lanes: The load's lanes.
        progress: Told of facts removed.

    Returns:
        How many facts were removed.
    """
    inner = f"{source}#"
    removed = 0
    claims = _blocks(store, "load/list_claims", graph, source=source, inner=inner)
    batches = Batches(BLOCK)
    for columns in claims:
        bits = np.array([int(key[:16], 16) for key in columns[0]], dtype=np.uint64)
        gone = np.flatnonzero(~np.isin(bits, known)).tolist()

        def release(rows: Sequence[int], columns: list[list[str]] = columns) -> None:
            nonlocal removed
            names = ("fact_ids", "heads", "relations", "tails")
            params = {
                name: [column[i] for i in rows] for name, column in zip(names, columns, strict=True)
            }

            def work(transaction: Transaction) -> int:
                outcome = transaction.run(
                    queries.get("load/release_facts"),
                    graph=graph,
                    source=source,
                    inner=inner,
                    **params,
                )
                return int(outcome.row["removed"])

            removed += lanes.write(work)
            progress("facts removed", removed, None)

        batches.write(gone, release)
    return removed


def release_entities(
    store: Store, graph: str, source: str, seen: SeenEntities, lanes: Lanes
) -> int:
    """Take the source's claim from all entities that it has not named.

    Returns:
        How many entities were removed: those that nobody claims and no fact needs.
    """
    removed = 0

    def release(names: Sequence[str]) -> None:
        nonlocal removed

        def work(transaction: Transaction) -> int:
            outcome = transaction.run(
                queries.get("load/release_entities"), graph=graph, source=source, ids=list(names)
            )
            return int(outcome.row["removed"])

        removed += lanes.write(work)

    batches = Batches(BLOCK)
    for (ids,) in _blocks(store, "load/list_claimed_entities", graph, source=source):
        batches.write([name for name in ids if name not in seen], release)
    return removed


def release_documents(store: Store, graph: str, source: str, kept: Collection[str]) -> int:
    """Remove the documents that a source once had and has no more, and what only they support.

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
            release = partial(_release, graph=graph, source=source, document_id=document_id)
            removed += store.write(release)
    return removed


def _release(transaction: Transaction, graph: str, source: str, document_id: str) -> int:
    """Take the source's claim from a document; with its chunks goes what they alone supported."""
    (row,) = transaction.rows(
        queries.get("read/list_only_claimed_chunks"),
        graph=graph,
        source=source,
        ids=[document_id],
    )
    lost = retract_chunks(transaction, graph, row["ids"])
    outcome = transaction.run(
        queries.get("load/release_documents"), graph=graph, source=source, ids=[document_id]
    )
    settle(transaction, graph, lost)
    return int(outcome.row["removed"])


def _blocks(store: Store, name: str, graph: str, **params: str) -> Iterator[list[list[str]]]:
    """Blocks of columns, read in one transaction of their own while others write."""
    (record,) = store.rows(queries.get("read/get_graph"), graph=graph)
    with store.reading() as transaction:
        yield from transaction.stream(
            queries.get(name),
            {"graph": graph, "end": record["entities"], "block": BLOCK, **params},
        )
