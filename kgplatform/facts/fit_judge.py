"""Fitting a judge on candidates of which it is known whether they are true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import scipy.sparse as sp

from kgplatform.errors import InputError
from kgplatform.facts.features import GROUPS, groups_of
from kgplatform.facts.judge_model import Judge, Part
from kgplatform.training.calibrate import Calibration, fit_calibration

LEAST_EXAMPLES = 20
"""Fewer examples, or fewer than :data:`LEAST_OF_EACH` true or false ones, fit nothing."""

LEAST_OF_EACH = 5

LEAST_OF_RELATION = 10
"""A relation with fewer examples has no correction of its own."""

CORRECTION = 0.5
"""Scale of a relation's own columns: the smaller, the more it is judged as the others are."""

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Inverse penalties that are tried on held-out folds."""

BENDS_FROM = 500
"""From this many examples on a feature may count by more than one straight line."""

QUANTILES = (0.25, 0.5, 0.75)
"""Where the slope of a feature may change."""

BEND = 0.5
"""Scale of the columns of bends, as of a relation's own."""

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Example:
    """A candidate whose truth is known.

    Attributes:
        features: As :func:`kgplatform.facts.features.features_of` gives them.
        relation: Its relation.
        true: Whether it is true.
        weight: How many such it stands for.
    """

    features: Mapping[str, float]
    relation: str
    true: bool
    weight: float = 1.0


def fit_judge(
    examples: Sequence[Example],
    fitted_on: str,
    *,
    fewer: bool = True,
    seed: int = 0,
) -> Judge:
    """A judge that suits known judgements.

    For each set of groups that an example has, a part is fitted on all that have at least these.

    Args:
        examples: At least 20, five true and five false ones among them.
        fitted_on: Where they are from, in words.
        fewer: Whether parts are fitted for candidates, too, that lack one of the groups, and for
            those of which nothing but the evidence is known.
        seed: For the folds.

    Raises:
        InputError: There are too few examples.
    """
    have = [groups_of(each.features) for each in examples]
    wanted = set(have)
    if fewer:
        wanted |= {groups - {one} for groups in set(have) for one in groups if len(groups) > 1}
        wanted |= {frozenset({"evidence"}) for groups in set(have) if "evidence" in groups}
    parts = []
    for groups in wanted:
        fit_on = [each for each, of in zip(examples, have, strict=True) if groups <= of]
        if _enough(fit_on):
            parts.append(fit_part(fit_on, groups, seed))
    if not parts:
        true = sum(each.true for each in examples)
        raise InputError(
            f"{len(examples)} judgements ({true} true) are too few to fit a judge on",
            hint=f"at least {LEAST_EXAMPLES} with {LEAST_OF_EACH} of either kind; "
            "`kgp review` makes them",
        )
    parts.sort(key=lambda part: (-len(part.columns), part.columns))
    return Judge(tuple(parts), fitted_on)


def taught_judge(
    start: Judge, examples: Sequence[Example], fitted_on: str, *, seed: int = 0
) -> Judge:
    """What a judge becomes by judgements of one's own.

    For each set of groups there is the old part with a new curve, which a few judgements settle,
    and a part that is fitted anew, which wants many: the one with less log loss on judgements held
    out is taken. A part that there are too few judgements for stays as it is.

    Args:
        start: The judge so far.
        examples: Judgements.
        fitted_on: Where they are from, in words.
        seed: For the folds.

    Raises:
        InputError: There are too few judgements for any part.
    """
    fresh = {part.groups: part for part in fit_judge(examples, fitted_on, seed=seed).parts}
    have = [groups_of(each.features) for each in examples]
    parts = []
    for part in start.parts:
        mine = [each for each, of in zip(examples, have, strict=True) if part.groups <= of]
        kept = _with_new_curve(part, mine) if _enough(mine) else part
        other = fresh.pop(part.groups, None)
        parts.append(other if other and other.said["log_loss"] < kept.said["log_loss"] else kept)
    parts += fresh.values()
    parts.sort(key=lambda part: (-len(part.columns), part.columns))
    return Judge(tuple(parts), f"{fitted_on}; before that on {start.fitted_on}")


def _with_new_curve(part: Part, examples: Sequence[Example]) -> Part:
    """The same weights, and the curve that examples ask for."""
    added = part.contributions(
        [each.features for each in examples], [each.relation for each in examples]
    )
    label = np.array([each.true for each in examples])
    weight = np.array([each.weight for each in examples])
    odds = added.sum(axis=1)
    calibration = calibrate(odds, label, weight)
    said = {
        "examples": len(label),
        "true": int(label.sum()),
        "accuracy": float(((part.probability(odds) >= 0.5) == label).mean()),
        "log_loss": calibration.log_loss[f"score/{calibration.curve.method}"],
        "calibration_error": calibration.error,
    }
    return replace(part, curve=calibration.curve, said=said)


def _enough(examples: Sequence[Example]) -> bool:
    true = sum(each.true for each in examples)
    return len(examples) >= LEAST_EXAMPLES and min(true, len(examples) - true) >= LEAST_OF_EACH


def fit_part(examples: Sequence[Example], groups: frozenset[str], seed: int = 0) -> Part:
    """One logistic regression with its curve, on examples that have all the groups."""
    seen = set(chain.from_iterable(each.features for each in examples))
    columns = tuple(
        name for group, names in GROUPS.items() if group in groups for name in names if name in seen
    )
    table = np.array(
        [[each.features.get(name, np.nan) for name in columns] for each in examples],
        dtype=np.float64,
    )
    label = np.array([each.true for each in examples])
    weight = np.array([each.weight for each in examples])
    design = _Design(table, [each.relation for each in examples])
    strength, held_out = _held_out(design, label, weight, seed)
    calibration = calibrate(held_out, label, weight)
    fitted = design.fit(np.arange(len(label)), label, weight, strength)
    return Part(
        columns,
        design.mean,
        design.spread,
        fitted.weights,
        design.knots,
        fitted.bends,
        fitted.missing,
        fitted.bias,
        fitted.corrections,
        calibration.curve,
        {
            "examples": len(label),
            "true": int(label.sum()),
            "strength": strength,
            "accuracy": float(((held_out > 0) == label).mean()),
            "log_loss": calibration.log_loss[f"score/{calibration.curve.method}"],
            "calibration_error": calibration.error,
        },
    )


def calibrate(odds: np.ndarray, label: np.ndarray, weight: np.ndarray) -> Calibration:
    """Platt's curve or isotonic steps from held-out log-odds, whichever holds better, [n] each."""
    return fit_calibration(odds, odds, label, weight, np.arange(len(odds)))


@dataclass(frozen=True, eq=False)
class _Fitted:
    weights: np.ndarray
    bends: np.ndarray
    missing: np.ndarray
    bias: float
    corrections: dict[str, np.ndarray]


class _Design:
    """The columns of a logistic regression: shared ones, their bends, those of each relation.

    Args:
        table: Features, NaN where there is none, [n, F].
        relations: [n].
    """

    def __init__(self, table: np.ndarray, relations: Sequence[str]) -> None:
        absent = np.isnan(table)
        some = ~absent.all(axis=0)
        self.mean = np.zeros(table.shape[1])
        self.spread = np.ones(table.shape[1])
        self.mean[some] = np.nanmean(table[:, some], axis=0)
        spread = np.nanstd(table[:, some], axis=0)
        self.spread[some] = np.where(spread > 1e-9, spread, 1.0)
        values = np.where(absent, 0.0, (table - self.mean) / self.spread)
        self.width = table.shape[1]
        quantiles = QUANTILES if len(table) >= BENDS_FROM else ()
        self.knots = np.quantile(values, quantiles, axis=0).T.reshape(self.width, len(quantiles))
        bent = np.maximum(values[:, :, None] - self.knots, 0.0).reshape(len(values), -1)
        names, place, count = np.unique(relations, return_inverse=True, return_counts=True)
        self.own = [str(name) for name in names[count >= LEAST_OF_RELATION]]
        row_of = {name: at for at, name in enumerate(self.own)}
        at = np.array([row_of.get(str(names[each]), -1) for each in place])
        self.matrix = sp.csr_array(
            sp.hstack([values, absent, BEND * bent, self._of_relations(values, at)])
        )

    def _of_relations(self, values: np.ndarray, at: np.ndarray) -> sp.csr_array:
        """Columns of each relation, [n, relations (F + 1)], scaled by :data:`CORRECTION`.

        The penalty on a coefficient is that on a correction, divided by the scale squared.
        """
        width = self.width + 1
        rows = np.flatnonzero(at >= 0)
        cells = np.append(values[rows], np.ones((len(rows), 1)), axis=1) * CORRECTION
        row = np.repeat(rows, width)
        column = (at[rows, None] * width + np.arange(width)).ravel()
        shape = (len(values), max(1, len(self.own)) * width)
        return sp.csr_array(sp.coo_array((cells.ravel(), (row, column)), shape=shape))

    def fit(
        self, rows: np.ndarray, label: np.ndarray, weight: np.ndarray, strength: float
    ) -> _Fitted:
        """Weights from some of the rows."""
        fitted = _logistic(strength).fit(self.matrix[rows], label[rows], weight[rows])
        values = fitted.coef_[0]
        after = 2 * self.width + self.knots.size
        own = values[after:].reshape(-1, self.width + 1) * CORRECTION
        return _Fitted(
            values[: self.width],
            BEND * values[2 * self.width : after].reshape(self.knots.shape),
            values[self.width : 2 * self.width],
            float(fitted.intercept_[0]),
            dict(zip(self.own, own[: len(self.own)], strict=True)),
        )

    def odds(
        self,
        fit_on: np.ndarray,
        judged: np.ndarray,
        label: np.ndarray,
        weight: np.ndarray,
        strength: float,
    ) -> np.ndarray:
        """Log-odds of rows by what others are fitted on, [judged]."""
        model = _logistic(strength).fit(self.matrix[fit_on], label[fit_on], weight[fit_on])
        return np.asarray(model.decision_function(self.matrix[judged]))


def _held_out(
    design: _Design, label: np.ndarray, weight: np.ndarray, seed: int
) -> tuple[float, np.ndarray]:
    """The strength of the lowest log loss on folds held out, and the log-odds there, [n]."""
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(
        min(FOLDS, int(label.sum()), int((~label).sum())), shuffle=True, random_state=seed
    )
    splits = list(folds.split(label, label))
    best: tuple[float, float, np.ndarray] | None = None
    for strength in STRENGTHS:
        odds = np.empty(len(label))
        for fit_on, judged in splits:
            odds[judged] = design.odds(fit_on, judged, label, weight, strength)
        loss = float(np.average(np.logaddexp(0, np.where(label, -odds, odds)), weights=weight))
        if best is None or loss < best[0]:
            best = (loss, strength, odds)
    assert best is not None
    return best[1], best[2]


def _logistic(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=2_000)
