"""How sure a mean reciprocal rank is, given the facts that it was measured on."""

from __future__ import annotations

import numpy as np

from kgplatform.training.ranks import Ranks

RESAMPLES = 1000

LEVEL = 0.95


def mrr_interval(ranks: Ranks, seed: int = 0) -> tuple[float, float]:
    """A 95 % confidence interval of the MRR by the percentile bootstrap over facts.

    A fact brings the ranks of both its sides, which are alike, so facts are drawn, not ranks
    (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13). It says how much
    other facts of the same kind would change the figure; not what another seed would do.

    Args:
        ranks: Of at least one fact.
        seed: Of the draws.
    """
    values = ((ranks.head.reciprocal() + ranks.tail.reciprocal()) / 2).numpy()
    draw = np.random.default_rng(seed)
    means = np.array(
        [values[draw.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    )
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
