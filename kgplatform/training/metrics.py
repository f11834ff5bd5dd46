"""Ranks become figures: MRR, hits and mean rank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kgplatform.training.ranks import Ranks

HITS = (1, 3, 10)


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


def metrics_of(ranks: Ranks) -> Metrics:
    """Metrics of both sides together, and of each."""
    sides = {"head": metrics_of_ranks(ranks.head), "tail": metrics_of_ranks(ranks.tail)}
    return metrics_of_ranks(ranks.both(), sides)
