"""Predicted links of a run into the graph; an asserted fact is never repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches
from kgplatform.store.client import Store, Transaction
from kgplatform.store.schema import migrate, require_key
from kgplatform.store.writeback import Target, find_nodes

LINKS_A_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Link:
    """A predicted link, by the keys of its ends.

    ``rank`` is its place among the answers of its query; ``support`` the rule that speaks for it,
    '' if there is none.
    """

    head: str
    relation: str
    tail: str
    score: float
    confidence: float
    rank: int = 1
    support: str = ""


def write_links(
    store: Store,
    run_id: str,
    run_properties: Mapping[str, Any],
    target: Target,
    links: Sequence[Link],
    progress: Progress = silent,
) -> dict[str, int]:
    """Write predicted links as ``PREDICTED`` relationships; asserted facts are never repeated.

    Returns:
        ``written``, ``known`` (asserted meanwhile, so skipped), ``missing`` (an end is gone).

    Raises:
        InputError: A score or confidence is NaN or infinite.
        SchemaError: Nothing makes the key unique.
        StoreError: The database failed; the write can be repeated.
    """
    for link in links:
        if not (isfinite(link.score) and isfinite(link.confidence)):
            raise InputError(
                f"the link ({link.head}, {link.relation}, {link.tail}) has score {link.score} "
                f"and confidence {link.confidence}",
                hint="train again with a smaller learning rate",
            )
    migrate(store)
    require_key(store, target.label, target.key)
    store.run(queries.get("write/merge_run"), run=run_id, run_properties=dict(run_properties))
    counts = {"written": 0, "known": 0, "missing": 0}
    done = 0

    def write(batch: Sequence[Link]) -> None:
        nonlocal done
        made = store.write(lambda transaction: _merge(transaction, run_id, target, batch))
        for name, count in made.items():
            counts[name] += count
        done += len(batch)
        progress("predicted links", done, len(links))

    Batches(LINKS_A_BATCH).write(links, write)
    return counts


def _merge(
    transaction: Transaction, run_id: str, target: Target, batch: Sequence[Link]
) -> dict[str, int]:
    """Write some links; what became of how many."""
    heads = find_nodes(transaction, target, [link.head for link in batch])
    tails = find_nodes(transaction, target, [link.tail for link in batch])
    found = [
        (head, tail, link)
        for head, tail, link in zip(heads, tails, batch, strict=True)
        if head and tail
    ]
    outcome = transaction.run(
        queries.get("write/merge_predicted"),
        run=run_id,
        heads=[head for head, _, _ in found],
        tails=[tail for _, tail, _ in found],
        relations=[link.relation for _, _, link in found],
        scores=[link.score for _, _, link in found],
        confidences=[link.confidence for _, _, link in found],
        ranks=[link.rank for _, _, link in found],
        supports=[link.support or None for _, _, link in found],
    )
    return {**outcome.row, "missing": len(batch) - len(found)}
