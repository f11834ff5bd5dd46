"""Filtered ranking on both sides, with realistic ties; refuses scores that are not numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import LinkModel
from kgplatform.progress import Progress, silent
from kgplatform.training.known import Known, known_of_snapshot
from kgplatform.triples import Split

SCORES_AT_ONCE = 1 << 24
"""Most scores held at a time (64 MB in float32): bounds memory on graphs of any size."""

HITS = (1, 3, 10)

EVALUATED: tuple[Split, ...] = ("valid", "test")


@dataclass(frozen=True)
class Metrics:
    """Filtered ranking metrics, of both sides together or of one.

    Attributes:
        mrr: Mean reciprocal rank.
        hits_at_1: Share of ranks at most 1.
        hits_at_3: Share of ranks at most 3.
        hits_at_10: Share of ranks at most 10.
        mean_rank: Mean rank, 1 is best.
        count: How many ranks these are of.
        sides: The same for ``head`` and ``tail`` queries alone; empty if this is one side.
    """

    mrr: float
    hits_at_1: float
    hits_at_3: float
    hits_at_10: float
    mean_rank: float
    count: int
    sides: Mapping[str, Metrics]

    def to_json(self) -> dict[str, Any]:
        """Plain values, with ``head`` and ``tail`` inside if they are known."""
        names = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank", "count")
        values: dict[str, Any] = {name: getattr(self, name) for name in names}
        return values | {side: metrics.to_json() for side, metrics in self.sides.items()}


def rank(scores: Tensor, target: Tensor, known: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Realistic ranks: the mean of the optimistic and the pessimistic rank among ties.

    A model that gives all entities one score thus ranks everything in the middle, not first
    (Berrendorf et al. 2020, "On the Ambiguity of Rank-Based Evaluation").

    Args:
        scores: Of each query with each entity, [B, N]; known answers are overwritten.
        target: The true entity of each query, [B].
        known: Row and entity of answers that do not compete; the target may be among them.

    Returns:
        float64 [B] on the CPU, from 1.

    Raises:
        TrainingError: A score is NaN or infinite.
    """
    if not bool(torch.isfinite(scores).all()):
        raise TrainingError(
            "the model gives scores that are NaN or infinite; they cannot be ranked",
            hint="train again with a lower learning_rate or more regularization",
        )
    true = scores.gather(1, target.unsqueeze(1))
    if known is not None:
        scores[known] = float("-inf")
        scores.scatter_(1, target.unsqueeze(1), true)
    # Counted on the device, averaged on the CPU: not every device has float64.
    better = (scores > true).sum(1).cpu()
    # The target equals itself, hence at least 1.
    equal = (scores == true).sum(1).cpu()
    return better.double() + (equal.double() + 1) / 2


def metrics_of_ranks(ranks: Tensor, sides: Mapping[str, Metrics] | None = None) -> Metrics:
    """Metrics of at least one rank, float64 [n]."""
    hits = {f"hits_at_{k}": float((ranks <= k).double().mean()) for k in HITS}
    return Metrics(
        mrr=float(ranks.reciprocal().mean()),
        mean_rank=float(ranks.mean()),
        count=len(ranks),
        sides=sides or {},
        **hits,
    )


@torch.no_grad()
def evaluate(
    model: LinkModel,
    triples: Tensor,
    known: Known,
    *,
    batch_size: int | None = None,
    progress: Progress = silent,
    stage: str = "evaluating",
) -> Metrics:
    """Rank the head and the tail of each triple among all entities that are not known answers.

    Args:
        model: On the device of ``known``; left in evaluation mode.
        triples: Facts to rank, [n, 3], n ≥ 1.
        known: Facts that do not compete: train, valid and test for a test result.
        batch_size: Queries at a time; by default as many as fit ``SCORES_AT_ONCE``.
        progress: Told of triples done.
        stage: What to call this towards ``progress``.

    Raises:
        TrainingError: There is no triple, or a score is NaN or infinite.
    """
    if not len(triples):
        raise TrainingError("there is no triple to evaluate on")
    model.eval()
    device = model.entity.device
    triples = triples.to(device)
    size = batch_size or max(1, min(1024, SCORES_AT_ONCE // model.num_entities))
    ranks: dict[str, list[Tensor]] = {"head": [], "tail": []}
    done = 0
    for batch in torch.split(triples, size):
        head, relation, tail = batch.unbind(1)
        scores = model.score_tails(head, relation)
        ranks["tail"].append(rank(scores, tail, known.tails.of(head, relation)))
        scores = model.score_heads(relation, tail)
        ranks["head"].append(rank(scores, head, known.heads.of(tail, relation)))
        done += len(batch)
        progress(stage, done, len(triples))
    by_side = {side: torch.cat(parts) for side, parts in ranks.items()}
    sides = {side: metrics_of_ranks(values) for side, values in by_side.items()}
    return metrics_of_ranks(torch.cat(list(by_side.values())), sides)


def evaluate_splits(
    model: LinkModel, snapshot: KGSnapshot, *, progress: Progress = silent
) -> dict[str, dict[str, Any]]:
    """Metrics of the validation and the test split, each if there is one.

    Both are filtered by the facts of all splits, as published figures are; see
    docs/decisions/0003-evaluation-protocol.md.

    Args:
        model: A trained model over the snapshot's vocabulary.
        snapshot: With its split; see :func:`kgplatform.graph.split.ensure_split`.
        progress: Told of triples done.
    """
    evaluated = {split: facts for split in EVALUATED if len(facts := snapshot.triples(split))}
    if not evaluated:
        return {}
    known = known_of_snapshot(snapshot, model.entity.device)
    return {
        split: evaluate(
            model, facts, known, progress=progress, stage=f"evaluating on {split}"
        ).to_json()
        for split, facts in evaluated.items()
    }
