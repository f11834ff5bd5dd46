"""Answers of a walker in the graph, with the ways that lead to them, so that Browser draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.store.batches import in_transactions
from kgplatform.store.client import Store, Transaction
from kgplatform.store.schema import migrate, require_key
from kgplatform.store.writeback import Target, find_nodes

REMOVED_AT_ONCE = 5_000


@dataclass(frozen=True)
class Answer:
    """An answer as the graph keeps it.

    Attributes:
        id: Unique among the run's answers; writing it again replaces it.
        properties: What the node carries: what was asked, the answer, its probability.
        ways: Entities of each way, from the question's to the answer's, the likeliest way first.
    """

    id: str
    properties: Mapping[str, Any]
    ways: tuple[tuple[str, ...], ...]


def write_answers(
    store: Store,
    run_id: str,
    run_properties: Mapping[str, Any],
    target: Target,
    answers: Sequence[Answer],
) -> dict[str, int]:
    """Write answers as ``(:Answer)-[:STEP {way, i}]->`` the entities of their ways.

    Args:
        store: The database.
        run_id: Whose answers they are; ``kgp undo`` removes them.
        run_properties: What the run's node carries.
        target: Where the entities are.
        answers: Any number.

    Returns:
        ``answers`` and ``steps`` written, ``missing`` entities, whose steps are left out.

    Raises:
        InputError: A probability is NaN or infinite.
        SchemaError: Nothing makes the key unique.
    """
    for answer in answers:
        if not isfinite(answer.properties["probability"]):
            raise InputError(f"the probability of answer {answer.id} is not a number")
    migrate(store)
    require_key(store, target.label, target.key)
    store.run(queries.get("write/merge_run"), run=run_id, run_properties=dict(run_properties))
    counts = {"answers": 0, "steps": 0, "missing": 0}
    for answer in answers:
        places = [
            (way, i, key) for way, keys in enumerate(answer.ways, 1) for i, key in enumerate(keys)
        ]

        def work(
            transaction: Transaction,
            answer: Answer = answer,
            places: Sequence[tuple[int, int, str]] = places,
        ) -> dict[str, int]:
            nodes = find_nodes(transaction, target, [key for _, _, key in places])
            there = [
                (node, way, i) for node, (way, i, _) in zip(nodes, places, strict=True) if node
            ]
            outcome = transaction.run(
                queries.get("write/replace_answer"),
                run=run_id,
                id=answer.id,
                answer_properties=dict(answer.properties),
                nodes=[node for node, _, _ in there],
                ways=[way for _, way, _ in there],
                indexes=[i for _, _, i in there],
            )
            return {**outcome.row, "missing": len(places) - len(there)}

        for name, count in store.write(work).items():
            counts[name] += count
    return counts


def count_answers(store: Store, run_id: str) -> int:
    """How many answers of a run are in the database."""
    (row,) = store.rows(queries.get("read/count_answers"), run=run_id)
    return int(row["answers"])


def remove_answers(store: Store, run_id: str) -> int:
    """Remove a run's answers with their steps; how many there were."""
    query = queries.get("write/remove_answers")
    return in_transactions(
        store, query, REMOVED_AT_ONCE, lambda: count_answers(store, run_id), run=run_id
    )
