"""Filtered ranking on both sides, with realistic ties; refuses scores that are not numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import LinkModel
from kgplatform.progress import Progress, silent
from kgplatform.training.known import Known, known_of_snapshot
from kgplatform.training.ranks import Ranks, rank_triples
from kgplatform.triples import Split

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


def evaluate(
    model: LinkModel,
    triples: Tensor,
    known: Known,
    *,
    scores_at_once: int | None = None,
    progress: Progress = silent,
    stage: str = "evaluating",
) -> Metrics:
    """Rank the head and the tail of each triple among all entities that are not known answers.

    Args:
        model: On the device of ``known``; left in evaluation mode.
        triples: Facts to rank, [n, 3], n ≥ 1.
        known: Facts that do not compete: train, valid and test for a test result.
        scores_at_once: Most scores held at a time; by default what suits the device.
        progress: Told of triples done.
        stage: What to call this towards ``progress``.

    Raises:
        TrainingError: There is no triple, or a score is NaN or infinite.
    """
    if not len(triples):
        raise TrainingError("there is no triple to evaluate on")
    model.eval()
    ranks = rank_triples(
        model,
        triples.to(model.entity.device),
        known,
        scores_at_once=scores_at_once,
        advanced=lambda done: progress(stage, done // 2, len(triples)),
    )
    return metrics_of(ranks)


def metrics_of(ranks: Ranks) -> Metrics:
    """Metrics of both sides together, and of each."""
    sides = {"head": metrics_of_ranks(ranks.head), "tail": metrics_of_ranks(ranks.tail)}
    return metrics_of_ranks(ranks.both(), sides)


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
