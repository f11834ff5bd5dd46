"""The judge: from the features of a candidate to the probability that it is true.

An additive logistic regression (Hastie and Tibshirani 1986, "Generalized Additive Models": each
feature counts by straight pieces) for each set of groups that a candidate may have, as in Fletcher
Mercaldo and Blume 2020, "Missing data and prediction: the pattern submodel", so that nothing is
imputed for a candidate of which less is known; with a shrunken correction a relation, and a curve
fitted on judgements held out. Being additive, it can say what counted how much.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kgplatform.errors import InputError
from kgplatform.facts.features import groups_of
from kgplatform.parsed import parsed_json
from kgplatform.training.calibrate import Curve

FORMAT = 1
ROWS = ("mean", "spread", "weights", "missing")
"""What a part has one number a column of."""

REFIT = "fit it again from judgements"


@dataclass(frozen=True, eq=False)
class Part:
    """A logistic regression for candidates that have some groups of features.

    Attributes:
        columns: Names of its features, [F].
        mean: Of each, [F].
        spread: Of each, [F].
        weights: Log-odds a standard deviation, [F].
        knots: Where the slope of each changes, in standard deviations from the mean, [F, K].
        bends: By how much it changes there, [F, K].
        missing: Log-odds where a single value is not there, [F].
        bias: Log-odds of a mean candidate.
        corrections: What is added to ``weights`` and ``bias`` for a relation, [F + 1] each.
        curve: From log-odds to a probability.
        said: On what it was fitted and how well it held there.
    """

    columns: tuple[str, ...]
    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    knots: np.ndarray
    bends: np.ndarray
    missing: np.ndarray
    bias: float
    corrections: Mapping[str, np.ndarray]
    curve: Curve
    said: Mapping[str, Any] = field(default_factory=dict)

    @property
    def groups(self) -> frozenset[str]:
        """The groups that it asks for."""
        return groups_of(self.columns)

    def table(self, features: Sequence[Mapping[str, float]]) -> np.ndarray:
        """Features as its columns, NaN where there is none, [n, F]."""
        rows = [[row.get(name, np.nan) for name in self.columns] for row in features]
        return np.array(rows, dtype=np.float64).reshape(len(features), len(self.columns))

    def contributions(
        self, features: Sequence[Mapping[str, float]], relations: Sequence[str]
    ) -> np.ndarray:
        """What each column and, last, relation and bias add to the log-odds, [n, F + 1]."""
        values = self.table(features)
        absent = np.isnan(values)
        values = np.where(absent, 0.0, (values - self.mean) / self.spread)
        none = np.zeros(len(self.columns) + 1)
        own = np.array([self.corrections.get(name, none) for name in relations])
        own = own.reshape(len(features), len(self.columns) + 1)
        added = values * (self.weights + own[:, :-1]) + absent * self.missing
        added += (np.maximum(values[:, :, None] - self.knots, 0.0) * self.bends).sum(axis=2)
        return np.concatenate((added, own[:, -1:] + self.bias), axis=1)

    def probability(self, odds: np.ndarray) -> np.ndarray:
        """Calibrated, [n] → [n]."""
        return self.curve.confidence(odds, odds)


@dataclass(frozen=True, eq=False)
class Judge:
    """What judges candidates.

    Attributes:
        parts: By falling number of columns.
        fitted_on: In words, for whoever wonders whether it suits them.
    """

    parts: tuple[Part, ...]
    fitted_on: str

    def part_for(self, features: Mapping[str, float]) -> Part:
        """The part that uses most of what there is.

        Raises:
            InputError: It asks for groups that are not there, whichever part is taken.
        """
        have = groups_of(features)
        for part in self.parts:
            if part.groups <= have:
                return part
        raise InputError(
            f"this judge (fitted on {self.fitted_on}) knows nothing of candidates with "
            f"{', '.join(sorted(have)) or 'no features'} alone",
            hint=REFIT,
        )


def save_judge(judge: Judge, path: Path) -> None:
    """Write a judge as JSON, whole or not at all."""
    from kgplatform.training.artifacts import write_atomically

    values = {
        "format": FORMAT,
        "fitted_on": judge.fitted_on,
        "parts": [_part_to_json(part) for part in judge.parts],
    }
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text + "\n")


def load_judge(path: Path) -> Judge:
    """Read what :func:`save_judge` wrote.

    Raises:
        InputError: There is no such file, or it is no judge.
    """
    try:
        values = parsed_json(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise InputError(
                f"{path} is a judge of format {values['format']}, not {FORMAT}", hint=REFIT
            )
        parts = tuple(_part_from_json(part) for part in values["parts"])
        return Judge(parts, str(values["fitted_on"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        detail = " ".join(str(error).split())
        raise InputError(f"{path} is no judge: {detail}", hint=REFIT) from None


def _part_to_json(part: Part) -> dict[str, Any]:
    values = {name: getattr(part, name) for name in ("columns", "bias", "said")}
    for name in (*ROWS, "knots", "bends"):
        values[name] = getattr(part, name).tolist()
    values["corrections"] = {name: own.tolist() for name, own in part.corrections.items()}
    curve = asdict(part.curve)
    values["curve"] = curve | {"knots": [each.tolist() for each in part.curve.knots]}
    return values


def _part_from_json(values: dict[str, Any]) -> Part:
    columns = tuple(values["columns"])
    tables = {}
    bends = np.shape(values["bends"])[1:]
    for name in (*ROWS, "knots", "bends"):
        tables[name] = np.array(values[name], dtype=np.float64)
        shape = (len(columns),) if name in ROWS else (len(columns), *bends)
        if tables[name].shape != shape or not np.isfinite(tables[name]).all():
            raise ValueError(f"{name} does not fit the columns")
    corrections = {
        name: np.array(own, dtype=np.float64) for name, own in values["corrections"].items()
    }
    if any(own.shape != (len(columns) + 1,) for own in corrections.values()):
        raise ValueError("corrections do not fit the columns")
    curve = dict(values["curve"])
    first, second = (np.array(each, dtype=np.float64) for each in curve.pop("knots"))
    return Part(
        columns,
        **tables,
        bias=float(values["bias"]),
        corrections=corrections,
        curve=Curve(**curve, knots=(first, second)),
        said=values["said"],
    )
