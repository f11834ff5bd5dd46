"""What settings a search may draw, and how they are written: ``learning_rate=0.001..0.5:log``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kgplatform.errors import UsageError
from kgplatform.models import ENCODERS, MODELS

if TYPE_CHECKING:
    from optuna import Trial

WAYS = "a..b (numbers between), a..b:log (evenly by orders of magnitude) or a,b,c (one of these)"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both among them.

    Attributes:
        low: The least.
        high: The most.
        log: Whether each order of magnitude is drawn as often.
    """

    low: float | int
    high: float | int
    log: bool = False


Choice = tuple[str, ...]
"""Values as a command line has them, each as likely at first."""

Space = Mapping[str, Range | Choice]


def default_space(model: str) -> dict[str, Range | Choice]:
    """What is searched where nobody says so: what the literature finds to matter.

    Ruffinelli et al. 2020, "You CAN Teach an Old Dog New Tricks!", searched some twenty settings;
    these are those that moved the result most, of a model's own.

    Args:
        model: Name in ``kgplatform.models.MODELS``.
    """
    adam = MODELS[model].defaults.get("optimizer") == "adam"
    space: dict[str, Range | Choice] = {
        "learning_rate": Range(0.001, 0.1, log=True) if adam else Range(0.01, 1.0, log=True),
        "dropout": Range(0.0, 0.6),
        "regularization": Range(1e-6, 0.1, log=True),
        "batch_size": ("256", "512", "1024"),
    }
    if model in ENCODERS:
        # An encoder's batches follow from the graph's size.
        del space["batch_size"]
        space["layers"] = ("1", "2")
    if model in ("transe", "rotate"):
        space["norm"] = ("1", "2")
    return space


def parsed(name: str, text: str) -> Range | Choice:
    """One setting's values, as given on the command line.

    Raises:
        UsageError: It is none of the ways to write them.
    """
    if ".." in text:
        low, _, rest = text.partition("..")
        high, colon, kind = rest.partition(":")
        if not colon or kind == "log":
            return _range(name, low, high, log=bool(colon))
    elif choices := tuple(part.strip() for part in text.split(",") if part.strip()):
        return choices
    raise _wrong(name, text)


def suggested(trial: Trial, space: Space) -> dict[str, Any]:
    """A value of each setting, drawn for a trial; the same again for a trial that has them."""
    values: dict[str, Any] = {}
    for name, among in space.items():
        if not isinstance(among, Range):
            values[name] = trial.suggest_categorical(name, among)
        elif isinstance(among.low, int) and isinstance(among.high, int):
            values[name] = trial.suggest_int(name, among.low, among.high, log=among.log)
        else:
            values[name] = trial.suggest_float(name, among.low, among.high, log=among.log)
    return values


def space_to_json(space: Space) -> dict[str, Any]:
    """A space as plain values."""
    return {
        name: dataclasses.asdict(among) if isinstance(among, Range) else list(among)
        for name, among in space.items()
    }


def space_from_json(values: Mapping[str, Any]) -> dict[str, Range | Choice]:
    """What :func:`space_to_json` gave."""
    return {
        name: Range(**among) if isinstance(among, Mapping) else tuple(among)
        for name, among in values.items()
    }


def _range(name: str, low: str, high: str, *, log: bool) -> Range:
    text = f"{low}..{high}"
    try:
        first, last = _number(low), _number(high)
    except ValueError:
        raise _wrong(name, text) from None
    if not first < last or (log and first <= 0):
        raise UsageError(
            f"setting {name} cannot be searched in {text}{':log' if log else ''}",
            hint="the first number must be the smaller, and with :log above 0",
        )
    return Range(first, last, log)


def _number(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if number in (float("inf"), float("-inf")) or number != number:
        raise ValueError(text)
    return number


def _wrong(name: str, text: str) -> UsageError:
    return UsageError(f"setting {name} cannot be searched in {text!r}", hint=f"write {WAYS}")
