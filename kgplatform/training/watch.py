"""What a training tells whoever watches it: how far it is, how fast, how well."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SECONDS_BETWEEN_LOOKS = 1.0
"""How often the loss is looked at within an epoch: on a GPU, each look waits for the queue."""


@dataclass(frozen=True)
class Moment:
    """Where a training stands.

    Attributes:
        epoch: Epochs done.
        epochs: Most epochs there will be.
        loss: Mean loss of a triple, in this epoch so far or, at its end, in all of it.
        rate: Triples (or, with k-vs-all, questions) a second, without evaluations.
        seconds_left: Until the last epoch at the pace so far, evaluations counted; an upper
            bound, as the training may stop earlier.
        line: At the end of an epoch, what ``metrics.jsonl`` gets of it.
    """

    epoch: int
    epochs: int
    loss: float
    rate: float
    seconds_left: float
    line: Mapping[str, Any] | None = None


Watch = Callable[[Moment], None]


def unwatched(moment: Moment) -> None:
    """Tell nobody; the default of every library function."""


class Pace:
    """How fast a training is, since this object was made.

    Args:
        epoch: Epochs that were done by then.
        epochs: Most epochs there will be.
        steps_of: Triples or questions of an epoch.
    """

    def __init__(self, epoch: int, epochs: int, steps_of: int) -> None:
        self.epoch, self.epochs, self.steps_of = epoch, epochs, steps_of
        self._first, self._started = epoch, time.monotonic()
        self._epoch_started = self._looked = self._started

    def begin_epoch(self) -> None:
        """An epoch begins now."""
        self._epoch_started = self._looked = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for another look."""
        return time.monotonic() - self._looked > SECONDS_BETWEEN_LOOKS

    def moment(self, loss: float, done: int) -> Moment:
        """Now, with ``done`` of the epoch's triples behind."""
        self._looked = now = time.monotonic()
        share = done / self.steps_of
        behind = self.epoch - self._first + share
        ahead = self.epochs - self.epoch - share
        return Moment(
            epoch=self.epoch,
            epochs=self.epochs,
            loss=loss,
            rate=done / max(1e-9, now - self._epoch_started),
            seconds_left=(now - self._started) * ahead / behind,
        )
