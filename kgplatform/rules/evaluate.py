"""Rules alone as a model: filtered ranks on both sides, by the protocol of every other model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.progress import Progress, silent
from kgplatform.rules.apply import Applier, keys_of
from kgplatform.rules.matrices import RelationMatrices, matrices_of
from kgplatform.rules.table import RuleTable
from kgplatform.training.evaluate import EVALUATED
from kgplatform.training.known import Known, Side, known_of_snapshot
from kgplatform.training.metrics import Metrics, metrics_of_ranks
from kgplatform.training.ranks import rank
from kgplatform.triples import SPLITS

KEYS_AT_ONCE = 1 << 23
"""Keys held at a time, 64 MB: queries times entities."""

CHOSEN_ON = 500
"""Validation facts by which the length of rules is chosen."""

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


def all_in_splits(snapshot: KGSnapshot) -> KGSnapshot:
    """The snapshot in which facts that the source gives no split are training facts."""
    return snapshot.with_split(snapshot.split.clamp_min(SPLITS.index("train")))


def train_matrices(snapshot: KGSnapshot) -> RelationMatrices:
    """The training facts of a snapshot whose edges all have a split."""
    triples = snapshot.triples("train").numpy()
    return matrices_of(triples, snapshot.num_entities, snapshot.num_relations)


def query_batches(applier: Applier, triples: Tensor) -> Iterator[QueryBatch]:
    """Both sides of facts [n, 3] with what the rules say of them, some queries at a time."""
    n = applier.matrices.num_entities
    size = max(1, KEYS_AT_ONCE // n)
    for relation in np.unique(triples[:, 1].numpy()).tolist():
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
    return metrics_of_sides({side: torch.cat(parts) for side, parts in ranks.items()})


def metrics_of_sides(ranks: Mapping[Side, Tensor]) -> Metrics:
    """Metrics of ranks on both sides, together and by side."""
    sides: dict[str, Metrics] = {side: metrics_of_ranks(values) for side, values in ranks.items()}
    return metrics_of_ranks(torch.cat(list(ranks.values())), sides)


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


def choose_length(
    matrices: RelationMatrices, rules: RuleTable, snapshot: KGSnapshot, progress: Progress = silent
) -> int:
    """How long rules may be for the highest mean reciprocal rank on validation facts.

    In small, dense graphs there are so many long bodies that some are confident by chance, and
    on Kinship and UMLS they make predictions worse (docs/log.md).

    Args:
        matrices: Training facts.
        rules: What was mined from them.
        snapshot: With validation facts, of which at most ``CHOSEN_ON`` are used.
        progress: Told of ranks done.
    """
    facts = snapshot.triples("valid")
    chosen = torch.randperm(len(facts), generator=torch.Generator().manual_seed(0))[:CHOSEN_ON]
    known = known_of_snapshot(snapshot, torch.device("cpu"))
    lengths = np.unique(rules.length).tolist()
    mrr = {
        length: evaluate_rules(
            Applier(matrices, rules[rules.length <= length]), facts[chosen], known, progress
        ).mrr
        for length in lengths
    }
    return int(max(lengths, key=lambda length: mrr[length]))


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
