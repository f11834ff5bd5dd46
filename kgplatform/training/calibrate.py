"""From a model's scores to the probability of a fact: Platt scaling on validation facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Feature = Literal["score", "log_share"]


@dataclass(frozen=True)
class Calibration:
    """confidence = 1 / (1 + exp(-(slope · feature + intercept))), slope ≥ 0.

    Attributes:
        feature: ``score``: the model's own; ``log_share``: the logarithm of the candidate's
            part of its query's softmax, times the query's answers, which compares across
            queries.
        slope: Never negative: a better score is never less sure.
        intercept: Log-odds at a feature of zero.
        log_loss: Mean log loss on the facts it was fitted on, of the feature chosen.
    """

    feature: Feature
    slope: float
    intercept: float
    log_loss: float

    def confidence(self, score: np.ndarray, log_share: np.ndarray) -> np.ndarray:
        """Probabilities in [0, 1] of candidates, [n] → float64 [n]."""
        values = score if self.feature == "score" else log_share
        return _sigmoid(self.slope * values.astype(np.float64) + self.intercept)


def fit_calibration(
    score: np.ndarray, log_share: np.ndarray, label: np.ndarray, weight: np.ndarray
) -> Calibration:
    """Fit a logistic curve on either feature and keep that of the lower log loss.

    Two parameters on thousands of candidates do not overfit, so both are compared on the
    facts they were fitted on (Platt 1999, "Probabilistic Outputs for Support Vector
    Machines").

    Args:
        score: The model's scores, [n].
        log_share: The same candidates' ``log_share``, [n].
        label: Whether the candidate is a validation fact, bool [n], some but not all true.
        weight: How many candidates each stands for, [n].
    """
    fits = [_fit("score", score, label, weight), _fit("log_share", log_share, label, weight)]
    return min(fits, key=lambda fit: fit.log_loss)


def _fit(
    feature: Feature, values: np.ndarray, label: np.ndarray, weight: np.ndarray
) -> Calibration:
    from sklearn.linear_model import LogisticRegression

    values = values.astype(np.float64)
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
    odds = slope * values + intercept
    # log(1 + exp(x)) without overflow.
    losses = np.logaddexp(0, np.where(label, -odds, odds))
    return Calibration(feature, slope, intercept, float(np.average(losses, weights=weight)))


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(values / 2)))
