"""How a training is shown while it runs."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kgplatform.cli.output import (
    SECONDS_BETWEEN_LINES,
    Describe,
    described_bars,
    note,
    progress_bar,
)
from kgplatform.progress import Progress

if TYPE_CHECKING:
    from kgplatform.training.watch import Moment, Watch

STAGE = "training"
"""What the training loop calls its epochs."""


@contextlib.contextmanager
def training_view() -> Iterator[tuple[Progress, Watch]]:
    """What to give a training as ``progress`` and ``watch``: a bar on a terminal, else lines.

    Both say how far it is, the loss, the last validation MRR, triples a second and time left.
    """
    if sys.stderr.isatty():
        with described_bars() as (bar, describe):
            yield bar, _OnBar(describe)
    else:
        with progress_bar() as lines:
            yield _without_epochs(lines), _Lines()


def moment_text(moment: Moment, mrr: float | None) -> str:
    """A moment in a line."""
    best = "" if mrr is None else f", valid mrr {mrr:.3f}"
    left = duration(moment.seconds_left)
    return f"loss {moment.loss:.4g}{best}, {moment.rate:,.0f} triples/s, at most {left} left"


def duration(seconds: float) -> str:
    """A time for people: ``12 s``, ``3:07 min``, ``2:15 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"


class _Lines:
    """A line of text every few seconds."""

    def __init__(self) -> None:
        self._printed = time.monotonic()
        self._mrr: float | None = None

    def __call__(self, moment: Moment) -> None:
        self._mrr = (moment.line or {}).get("valid_mrr", self._mrr)
        now = time.monotonic()
        if now - self._printed < SECONDS_BETWEEN_LINES and moment.epoch < moment.epochs:
            return
        self._printed = now
        epoch = moment.epoch + (moment.line is None)
        note(f"epoch {epoch:,} of {moment.epochs:,}: {moment_text(moment, self._mrr)}")


class _OnBar:
    """The text beside the bar of epochs."""

    def __init__(self, describe: Describe) -> None:
        self._describe = describe
        self._mrr: float | None = None

    def __call__(self, moment: Moment) -> None:
        self._mrr = (moment.line or {}).get("valid_mrr", self._mrr)
        self._describe(STAGE, f"{STAGE}: {moment_text(moment, self._mrr)}")


def _without_epochs(progress: Progress) -> Progress:
    """The same, but for the epochs, of which lines tell more."""

    def others(stage: str, done: int, total: int | None) -> None:
        if stage != STAGE:
            progress(stage, done, total)

    return others
