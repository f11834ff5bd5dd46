"""Rules alone as a model: filtered ranks on both sides, by the protocol of every other model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.progress import Progress, silent
from kgplatform.rules.apply import Applier, keys_of
from kgplatform.rules.matrices import RelationMatrices, matrices_of
from kgplatform.training.evaluate import EVALUATED, Metrics, metrics_of_ranks, rank
from kgplatform.training.known import Known, Side, known_of_snapshot

KEYS_AT_ONCE = 1 << 23
"""Keys held at a time, 64 MB: queries times entities."""

SIDES: tuple[Side, ...] = ("tail", "head")


@dataclass(frozen=True, eq=False)
class QueryBatch:
    """Facts whose one end is asked for, all of one relation.

    Attributes:
        side: The end that is asked for.
        relation: The relation.
        anchor: The entity at the other end, int64 [B].
        answer: The entity that is asked for, int64 [B].
        keys: What the rules say of every entity, int64 [B, N]; see ``keys_of``.
    """

    side: Side
    relation: int
    anchor: Tensor
    answer: Tensor
    keys: np.ndarray


def train_matrices(snapshot: KGSnapshot) -> RelationMatrices:
    """The training facts of a snapshot whose edges all have a split."""
    triples = snapshot.triples("train").numpy()
    return matrices_of(triples, snapshot.num_entities, snapshot.num_relations)


def query_batches(applier: Applier, triples: Tensor) -> Iterator[QueryBatch]:
    """Both sides of facts [n, 3] with what the rules say of them, some queries at a time."""
    n = applier.matrices.num_entities
    size = max(1, KEYS_AT_ONCE // n)
    for relation in triples[:, 1].unique().tolist():
        facts = triples[triples[:, 1] == relation]
        for side in SIDES:
            ends = (facts[:, 0], facts[:, 2])
            anchors, answers = ends if side == "tail" else ends[::-1]
            directed = relation if side == "tail" else applier.matrices.inverse(relation)
            order = torch.argsort(anchors, stable=True)
            for rows in torch.split(order, size):
                asked, place = np.unique(anchors[rows].numpy(), return_inverse=True)
                keys = keys_of(applier, directed, asked)[place]
                yield QueryBatch(side, relation, anchors[rows], answers[rows], keys)


def evaluate_rules(
    applier: Applier, triples: Tensor, known: Known, progress: Progress = silent
) -> Metrics:
    """Metrics of rules on at least one fact, int64 [n, 3].

    Entities that no rule names share the last place, and answers with the same rules theirs
    (realistic ties).

    Args:
        applier: Rules and training facts.
        triples: Facts to rank.
        known: Facts that do not compete.
        progress: Told of ranks done.
    """
    ranks: dict[Side, list[Tensor]] = {side: [] for side in SIDES}
    done = 0
    for batch in query_batches(applier, triples):
        ranks[batch.side].append(rank(ranked(batch.keys), batch.answer, known_of(known, batch)))
        done += len(batch.answer)
        progress("ranking by rules", done, 2 * len(triples))
    by_side = {side: torch.cat(ranks[side]) for side in SIDES}
    sides = {side: metrics_of_ranks(values) for side, values in by_side.items()}
    return metrics_of_ranks(torch.cat(list(by_side.values())), sides)


def evaluate_on_splits(
    applier: Applier, snapshot: KGSnapshot, progress: Progress = silent
) -> dict[str, dict[str, Any]]:
    """Metrics of the validation and the test split, each if there is one."""
    known = known_of_snapshot(snapshot, torch.device("cpu"))
    return {
        split: evaluate_rules(applier, facts, known, progress).to_json()
        for split in EVALUATED
        if len(facts := snapshot.triples(split))
    }


def known_of(known: Known, batch: QueryBatch) -> tuple[Tensor, Tensor]:
    """Known answers to a batch's queries: row and entity."""
    answers = known.tails if batch.side == "tail" else known.heads
    return answers.of(batch.anchor, torch.full_like(batch.anchor, batch.relation))


def ranked(keys: np.ndarray) -> Tensor:
    """Keys [B, N] as scores of the same order, float64; keys have more digits than a float."""
    scores = np.zeros(keys.shape)
    # Most entities have no rule: sorting them, too, would take most of the time.
    some = np.nonzero(keys)
    _, place = np.unique(keys[some], return_inverse=True)
    scores[some] = place + 1
    return torch.from_numpy(scores)
