"""Extractions in the graph: what they have read, what they have there, and how they leave it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from kgplatform import queries
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches
from kgplatform.store.client import Store, Transaction
from kgplatform.store.lanes import is_taken
from kgplatform.store.name_pairs import write_name_pairs
from kgplatform.store.replace import release_documents
from kgplatform.store.retract import retract_documents, settle

DOCUMENTS_A_BATCH = 100
"""Documents whose findings one transaction takes back."""

STALE_AT_ONCE = 1_000


def extraction_claim(source: str) -> str:
    """What stands among the sources of documents that an extraction itself has brought.

    Not the source's own name: what ``kgp load`` has brought is not an extraction's to remove.
    """
    return f"extract:{source}"


def read_extraction(store: Store, run: str) -> dict[str, Any] | None:
    """``graph``, ``claim`` and ``created`` of an extraction; None if the run is none."""
    rows = store.rows(queries.get("read/get_extraction"), run=run)
    return rows[0] if rows else None


def extracted_documents(store: Store, graph: str, run: str) -> list[str]:
    """Ids of the documents that an extraction has read."""
    (row,) = store.rows(queries.get("read/list_extracted_documents"), graph=graph, run=run)
    return list(row["ids"])


def count_extracted(store: Store, graph: str, run: str) -> dict[str, int]:
    """How many candidates an extraction supports, by status, of how many documents."""
    (row,) = store.rows(queries.get("read/count_extracted"), graph=graph, run=run)
    return {name: int(value) for name, value in row.items()}


def stale_candidates(store: Store, graph: str) -> list[str]:
    """Ids of candidates that have lost support since they were judged, the first thousand."""
    (row,) = store.rows(queries.get("read/list_stale"), graph=graph, limit=STALE_AT_ONCE)
    return list(row["ids"])


def release_extraction(
    store: Store,
    graph: str,
    run: str,
    claim: str,
    kept: Collection[str] = (),
    progress: Progress = silent,
) -> dict[str, int]:
    """Take back all that an extraction has found in documents, but those that are kept.

    Documents that it has brought itself go, too, unless something else claims them. In bounded
    transactions, each of which leaves the graph consistent, so that one that is cut is completed
    by the next.

    Returns:
        ``documents`` removed, ``candidates`` removed.
    """
    gone = [each for each in extracted_documents(store, graph, run) if each not in kept]
    candidates = done = 0

    def take_back(batch: Sequence[str]) -> None:
        nonlocal candidates, done

        def work(transaction: Transaction) -> int:
            # Of a graph that somebody else has removed meanwhile nothing is left to take back.
            if not is_taken(transaction, graph):
                return 0
            lost = retract_documents(transaction, graph, run, batch)
            removed = settle(transaction, graph, lost)
            write_name_pairs(transaction, graph, run, batch, ())
            transaction.run(
                queries.get("write/mark_stale"), graph=graph, ids=sorted(lost.candidates)
            )
            return removed

        candidates += store.write(work)
        done += len(batch)
        progress("documents taken back", done, len(gone))

    Batches(DOCUMENTS_A_BATCH).write(gone, take_back)
    removed = release_documents(store, graph, claim, kept)
    return {"documents": removed, "candidates": candidates}


def undo_extraction(
    store: Store, run: str, graph: str, claim: str, progress: Progress = silent
) -> dict[str, int]:
    """Take back all that an extraction has written; its record is removed by the caller."""
    removed = release_extraction(store, graph, run, claim, (), progress)
    store.run(queries.get("write/lower_nid"), graph=graph)
    return removed
