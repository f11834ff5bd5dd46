"""Whether the graph helped: a model beside what it must beat, with intervals, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
LEVEL = 0.95

LEAST_SEEDS = 5
"""With fewer, the interval does not know what another seed would do, and no gain is claimed."""

FUSED, TEXT_ONLY, GRAPH_ONLY = "fused", "text only", "graph only"
PERMUTED, SHUFFLED, RANDOM = "entities permuted", "edges shuffled", "random vectors"
MUST_BEAT = (TEXT_ONLY, GRAPH_ONLY, PERMUTED, SHUFFLED, RANDOM)
"""A gain by the graph is claimed only over all of these."""

WHY = {
    TEXT_ONLY: "the graph adds nothing to the text",
    GRAPH_ONLY: "the graph alone does as well, so it is not the fusion that helps",
    PERMUTED: "vectors of other entities do as well, so it is not what they say that helps",
    SHUFFLED: "other edges do as well, so it is not who is linked with whom that helps",
    RANDOM: "random vectors do as well, so it is not what they say that helps",
}


@dataclass(frozen=True)
class Difference:
    """By how much the fused model's macro-F1 exceeds another's, and a 95 % interval of that."""

    mean: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.low > 0


def macro_f1_of(truth: np.ndarray, told: np.ndarray, classes: int) -> float:
    """The mean F1 of the classes that occur in truth or answers, [T] each."""
    table = np.bincount(truth * classes + told, minlength=classes * classes)
    table = table.reshape(classes, classes)
    both = table.sum(0) + table.sum(1)
    here = both > 0
    return float((2 * table.diagonal()[here] / both[here]).mean())


def difference(
    truth: np.ndarray, fused: np.ndarray, other: np.ndarray, classes: int, seed: int = 0
) -> Difference:
    """A paired bootstrap over texts and seeds (Efron and Tibshirani 1993; Koehn 2004).

    Each draw takes as many test texts as there are, and as many seeds, and asks both models on the
    same ones, so that texts which are hard for both do not widen the interval.

    Args:
        truth: Classes of the test texts, [T].
        fused: The model's answers by seed, [S, T].
        other: Those of another one, [S', T].
        classes: C.
        seed: Of the draws.
    """

    def mean_f1(answers: np.ndarray, rows: np.ndarray, which: np.ndarray) -> float:
        return float(
            np.mean([macro_f1_of(truth[rows], answers[each, rows], classes) for each in which])
        )

    everything = np.arange(len(truth))
    mean = mean_f1(fused, everything, np.arange(len(fused)))
    mean -= mean_f1(other, everything, np.arange(len(other)))
    draw = np.random.default_rng(seed)
    draws = []
    for _ in range(RESAMPLES):
        rows = draw.integers(0, len(truth), len(truth))
        which = draw.integers(0, len(fused), len(fused))
        # The same seeds of both, where both have them.
        matched = which % len(other) if len(other) != len(fused) else which
        draws.append(mean_f1(fused, rows, which) - mean_f1(other, rows, matched))
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(mean, float(low), float(high))


def differences(
    truth: np.ndarray, answers: Mapping[str, np.ndarray], classes: int
) -> dict[str, Difference]:
    """The fused model beside all others, by their names; answers are [S, T] each."""
    return {
        name: difference(truth, answers[FUSED], other, classes)
        for name, other in answers.items()
        if name != FUSED
    }


def helped(found: Mapping[str, Difference], seeds: int) -> bool | None:
    """Whether the graph helped; None where too few seeds or controls were tried to say so."""
    if any(name in found and not found[name].sure for name in MUST_BEAT):
        return False
    return True if seeds >= LEAST_SEEDS and all(name in found for name in MUST_BEAT) else None


def verdict(found: Mapping[str, Difference], scores: Mapping[str, Sequence[float]]) -> str:
    """A few sentences on whether the graph helped.

    Args:
        found: The fused model beside others.
        scores: Macro-F1 by model and seed.
    """
    fused = float(np.mean(scores[FUSED]))
    failed = [name for name in MUST_BEAT if name in found and not found[name].sure]
    missing = [name for name in MUST_BEAT if name not in found]
    lines = []
    if TEXT_ONLY in found:
        gain = found[TEXT_ONLY]
        lines.append(
            f"Text and graph together reach macro-F1 {fused:.3f}, text alone "
            f"{np.mean(scores[TEXT_ONLY]):.3f}: a difference of {gain.mean:+.3f} "
            f"(95 % interval {gain.low:+.3f} to {gain.high:+.3f})."
        )
    if failed:
        reasons = "; ".join(f"{WHY[name]} ({found[name].mean:+.3f})" for name in failed)
        lines.append(f"It is not shown that the graph helps: {reasons}.")
    elif missing:
        lines.append(f"Whether the graph helps is open: not compared with {', '.join(missing)}.")
    elif len(scores[FUSED]) < LEAST_SEEDS:
        lines.append(
            f"Whether the graph helps is open: it passed every control with {len(scores[FUSED])} "
            f"seeds, and {LEAST_SEEDS} are the least to claim it."
        )
    else:
        lines.append(
            "The graph helped: the fused model beats text alone, the graph alone and every control."
        )
    return " ".join(lines)
