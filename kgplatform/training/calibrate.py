"""From a model's scores to the probability of a fact: Platt's curve or isotonic steps."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Feature = Literal["score", "log_share"]
Method = Literal["platt", "isotonic"]

FOLDS = 5
"""Parts of the queries, each judged by what is fitted on the others."""

BINS = 15
"""Bins of equal mass in the expected calibration error."""

LIKELY = 0.1
"""From this probability on a candidate counts as likely: most are not, and say nothing."""

EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Edges of the reliability table."""


@dataclass(frozen=True)
class Curve:
    """A probability that never falls as its feature rises.

    Attributes:
        feature: ``score``: the model's own; ``log_share``: the logarithm of the candidate's
            part of its query's softmax, times the query's answers, which compares across
            queries.
        method: ``platt``: 1 / (1 + exp(-(slope · feature + intercept))), slope ≥ 0 (Platt 1999,
            "Probabilistic Outputs for Support Vector Machines"); ``isotonic``: straight lines
            between ``knots`` (Zadrozny and Elkan 2002, "Transforming Classifier Scores into
            Accurate Multiclass Probability Estimates").
        slope: Of Platt's curve.
        intercept: Its log-odds at a feature of zero.
        knots: Features and probabilities of the isotonic lines, [k] each.
    """

    feature: Feature
    method: Method
    slope: float = 0.0
    intercept: float = 0.0
    knots: tuple[np.ndarray, np.ndarray] = (np.zeros(1), np.zeros(1))

    def confidence(self, score: np.ndarray, log_share: np.ndarray) -> np.ndarray:
        """Probabilities in [0, 1] of candidates, [n] → float64 [n]."""
        values = (score if self.feature == "score" else log_share).astype(np.float64)
        if self.method == "isotonic":
            return np.asarray(np.interp(values, *self.knots))
        return _sigmoid(self.slope * values + self.intercept)


@dataclass(frozen=True)
class ReliabilityBin:
    """Candidates of one range of probabilities: what was said of them, and what was true.

    Attributes:
        low: Where the range begins.
        high: Where it ends.
        count: How many candidates, those that they stand for counted.
        confidence: Their mean probability.
        true: How many of them are facts, as a share.
    """

    low: float
    high: float
    count: float
    confidence: float
    true: float


@dataclass(frozen=True)
class Calibration:
    """A curve, and how well it holds for queries that it was not fitted on.

    Attributes:
        curve: Fitted on all labelled candidates.
        log_loss: Mean log loss of held-out folds, by ``feature/method``; the least was chosen.
        error: Expected calibration error of held-out folds, all candidates.
        likely_error: The same of candidates with a probability of :data:`LIKELY` or more; NaN
            if there are none.
        reliability: Of held-out folds.
    """

    curve: Curve
    log_loss: dict[str, float]
    error: float
    likely_error: float
    reliability: tuple[ReliabilityBin, ...]


def fit_calibration(
    score: np.ndarray,
    log_share: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray,
    query: np.ndarray,
) -> Calibration:
    """Fit both methods on both features and keep what has the lowest log loss when held out.

    Folds are of whole queries, as candidates of one query are judged together.

    Args:
        score: The model's scores, [n].
        log_share: The same candidates' ``log_share``, [n].
        label: Whether the candidate is a validation fact, bool [n], some but not all true.
        weight: How many candidates each stands for, [n].
        query: Which query each answers, int64 [n].
    """
    features: dict[Feature, np.ndarray] = {"score": score, "log_share": log_share}
    fold = _folds(query)
    held_out: dict[tuple[Feature, Method], np.ndarray] = {}
    losses: dict[tuple[Feature, Method], float] = {}
    for feature, method in itertools.product(features, _FITS):
        values = features[feature].astype(np.float64)
        held_out[feature, method] = _held_out(feature, method, values, label, weight, fold)
        losses[feature, method] = _log_loss(held_out[feature, method], label, weight)
    best = min(losses, key=lambda each: losses[each])
    sure = held_out[best]
    likely = sure >= LIKELY
    return Calibration(
        _FITS[best[1]](best[0], features[best[0]].astype(np.float64), label, weight),
        {"/".join(each): loss for each, loss in losses.items()},
        expected_calibration_error(sure, label, weight),
        expected_calibration_error(sure[likely], label[likely], weight[likely]),
        reliability(sure, label, weight),
    )


def expected_calibration_error(
    confidence: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray | None = None,
    bins: int = BINS,
) -> float:
    """Σ_b W_b / W · |mean label - mean confidence| over bins of equal mass.

    After Nixon et al. 2019, "Measuring Calibration in Deep Learning" (adaptive bins). Equal
    confidences share a bin, so that their order changes nothing.

    Args:
        confidence: [n].
        label: bool [n].
        weight: [n]; None for 1 each.
        bins: Most bins.

    Returns:
        In [0, 1]; NaN without candidates.
    """
    if not len(confidence):
        return float("nan")
    weight = np.ones(len(confidence)) if weight is None else weight.astype(np.float64)
    values, place = np.unique(confidence, return_inverse=True)
    mass, gap = np.zeros(len(values)), np.zeros(len(values))
    np.add.at(mass, place, weight)
    np.add.at(gap, place, weight * (label - confidence))
    middle = np.cumsum(mass) - mass / 2
    bin_of = np.minimum((middle / mass.sum() * bins).astype(np.int64), bins - 1)
    return float(np.abs(np.bincount(bin_of, gap, bins)).sum() / mass.sum())


def reliability(
    confidence: np.ndarray, label: np.ndarray, weight: np.ndarray
) -> tuple[ReliabilityBin, ...]:
    """What was said and what was true by ranges of probability, empty ones left out; [n] each."""
    found = []
    for low, high in itertools.pairwise(EDGES):
        here = (confidence >= low) & ((confidence < high) | (high == EDGES[-1]))
        if here.any():
            mean, true = (
                float(np.average(values[here], weights=weight[here]))
                for values in (confidence, label)
            )
            found.append(ReliabilityBin(low, high, float(weight[here].sum()), mean, true))
    return tuple(found)


def _folds(query: np.ndarray) -> np.ndarray:
    """A fold of each candidate, the same for all of a query, [n]."""
    queries, place = np.unique(query, return_inverse=True)
    return np.asarray(np.random.default_rng(0).permutation(len(queries))[place] % FOLDS)


def _held_out(
    feature: Feature,
    method: Method,
    values: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray,
    fold: np.ndarray,
) -> np.ndarray:
    """The probability of each candidate by a curve fitted on the other folds, [n]."""
    found = np.empty(len(values))
    for part in range(FOLDS):
        here = fold == part
        rest = ~here
        if label[rest].all() or not label[rest].any():
            # Too few facts to leave some out: judged by the rate of the rest, or of all.
            rate = np.average(label, weights=weight)
            found[here] = rate
            continue
        curve = _FITS[method](feature, values[rest], label[rest], weight[rest])
        found[here] = curve.confidence(values[here], values[here])
    return found


def _log_loss(confidence: np.ndarray, label: np.ndarray, weight: np.ndarray) -> float:
    of_truth = np.where(label, confidence, 1 - confidence)
    return float(np.average(-np.log(np.maximum(of_truth, 1e-12)), weights=weight))


def _fit_platt(
    feature: Feature, values: np.ndarray, label: np.ndarray, weight: np.ndarray
) -> Curve:
    from sklearn.linear_model import LogisticRegression

    # Standardised for the solver alone; the curve is given back in the feature's own units.
    mean, spread = values.mean(), values.std() or 1.0
    fitted = LogisticRegression(C=np.inf).fit(
        ((values - mean) / spread)[:, None], label, sample_weight=weight
    )
    slope = max(0.0, float(fitted.coef_[0, 0] / spread))
    intercept = float(fitted.intercept_[0] - slope * mean)
    if slope == 0.0:
        rate = float(np.average(label, weights=weight))
        intercept = float(np.log(rate / (1 - rate)))
    return Curve(feature, "platt", slope, intercept)


def _fit_isotonic(
    feature: Feature, values: np.ndarray, label: np.ndarray, weight: np.ndarray
) -> Curve:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(values, label, sample_weight=weight)
    # No step is surer than Platt's own targets, (n + 1) / (n + 2): an infinite loss otherwise.
    least = 1 / (float(weight[~label].sum()) + 2)
    most = 1 - 1 / (float(weight[label].sum()) + 2)
    places = np.clip(fitted.y_thresholds_.astype(np.float64), min(least, most), most)
    return Curve(feature, "isotonic", knots=(fitted.X_thresholds_.astype(np.float64), places))


_FITS: dict[Method, Any] = {"platt": _fit_platt, "isotonic": _fit_isotonic}


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(values / 2)))
