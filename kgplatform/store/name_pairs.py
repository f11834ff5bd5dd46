"""Pairs of names that were, or may be, taken for one entity's, and what people decide on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kgplatform import queries
from kgplatform.store.client import Store, Transaction

PAIR_STATUSES = ("merged", "doubtful", "split", "joined")
"""By resolution, the first two; by a person, the others."""


def write_name_pairs(
    transaction: Transaction,
    graph: str,
    run: str,
    documents: Sequence[str],
    pairs: Sequence[Mapping[str, Any]],
) -> None:
    """Put pairs of names of documents in place of those that were kept of them before."""
    transaction.run(
        queries.get("write/remove_name_pairs"), graph=graph, run=run, documents=list(documents)
    )
    if pairs:
        transaction.run(
            queries.get("write/merge_name_pairs"), graph=graph, run=run, items=list(pairs)
        )


def list_name_pairs(store: Store, graph: str, status: str, limit: int) -> list[dict[str, Any]]:
    """Pairs of a status, the most doubtful first."""
    return store.rows(queries.get("read/list_name_pairs"), graph=graph, status=status, limit=limit)


def name_decisions(store: Store, graph: str, documents: Sequence[str]) -> list[dict[str, Any]]:
    """What people have decided on names of documents."""
    return store.rows(
        queries.get("read/list_name_decisions"), graph=graph, documents=list(documents)
    )


def decide_name_pairs(store: Store, graph: str, ids: Sequence[str], status: str) -> int:
    """Decide that pairs are one entity's names (``joined``) or not (``split``).

    Their documents are read again by the next extraction, which does so.

    Returns:
        How many of the pairs are there.
    """
    outcome = store.run(
        queries.get("write/decide_name_pairs"), graph=graph, ids=list(ids), status=status
    )
    return int(outcome.row["decided"])
