"""What texts said leaves the graph when the texts do, and nothing that anything else supports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kgplatform import queries
from kgplatform.store.client import Transaction
from kgplatform.store.lanes import take_graph

FACTS_SHOWN = 50
"""How many facts from texts an entity carries for Browser, at most: a hub has thousands."""


@dataclass(frozen=True)
class Lost:
    """What has lost support.

    Attributes:
        candidates: Ids of candidates that fewer chunks state than before.
        entities: Ids of entities, new ones among them, that fewer chunks name.
    """

    candidates: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()


def retract_chunks(transaction: Transaction, graph: str, chunks: Sequence[str]) -> Lost:
    """Take back what anybody found in chunks that are about to be removed."""
    if not chunks:
        return Lost()
    return _lost(transaction.rows(queries.get("write/retract_chunks"), graph=graph, ids=chunks))


def retract_documents(
    transaction: Transaction, graph: str, run: str, documents: Sequence[str]
) -> Lost:
    """Take back what an extraction has found in documents; the documents stay."""
    if not documents:
        return Lost()
    return _lost(
        transaction.rows(
            queries.get("write/retract_evidence"), graph=graph, run=run, documents=documents
        )
    )


def settle(transaction: Transaction, graph: str, lost: Lost, ends: Iterable[str] = ()) -> int:
    """Remove candidates that nothing supports, with their facts and the entities only they had.

    Args:
        transaction: The one in which the support went.
        graph: The graph.
        lost: What has lost support.
        ends: Further entities whose facts from texts have changed.

    Returns:
        How many candidates were removed.
    """
    gone = transaction.rows(
        queries.get("read/list_unsupported"), graph=graph, ids=sorted(lost.candidates)
    )
    withdraw(transaction, graph, gone)
    ids = [row["id"] for row in gone]
    if ids:
        transaction.run(queries.get("write/remove_unsupported"), graph=graph, ids=ids)
    touched = {*lost.entities, *ends}
    for row in gone:
        touched |= {row["head"], row["tail"]}
    settle_entities(transaction, graph, touched)
    return len(gone)


def withdraw(transaction: Transaction, graph: str, facts: Sequence[dict[str, Any]]) -> int:
    """Take the texts' claim from facts (maps of head, relation, tail); how many went."""
    if not facts:
        return 0
    outcome = transaction.run(queries.get("write/withdraw_facts"), graph=graph, items=list(facts))
    if outcome.row["removed"]:
        # Whoever exports the graph meanwhile sees by its version that it has changed.
        take_graph(transaction, graph, "changed")
    return int(outcome.row["removed"])


def settle_entities(transaction: Transaction, graph: str, entities: Iterable[str]) -> None:
    """Bring entities in line with the candidates about them, and show these on them."""
    ids = sorted(set(entities))
    if not ids:
        return
    transaction.run(queries.get("write/settle_entities"), graph=graph, ids=ids)
    transaction.run(queries.get("write/set_llm_facts"), graph=graph, ids=ids, limit=FACTS_SHOWN)


def _lost(rows: Sequence[dict[str, Any]]) -> Lost:
    return Lost(
        frozenset(each for row in rows for each in row["candidates"]),
        frozenset(each for row in rows for each in row["entities"]),
    )
