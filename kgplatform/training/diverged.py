"""A loss that is no number, or leaps: which batch did it, and which triple of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import LinkModel

LEAP = 1000.0
"""A batch whose loss is this many times the usual one, and at least this large, has diverged."""

BATCHES_BETWEEN_LOOKS = 64
"""On a GPU each look at a loss waits for all that was queued, so it is looked at more seldom."""


class Losses:
    """The losses of an epoch's batches, each looked at.

    On the CPU at once, before the batch has changed the weights; elsewhere some batches later.

    Args:
        model: What is trained.
        snapshot: For the names.
        epoch: The epoch's number, from 1.
        usual: Mean loss of the epoch before; None in the first one.
        blames: Whether to look for the triple that did it, which takes the whole entity table.
    """

    def __init__(
        self,
        model: LinkModel,
        snapshot: KGSnapshot,
        epoch: int,
        usual: float | None,
        *,
        blames: bool = True,
    ) -> None:
        self._blames = blames
        self._model, self._snapshot, self._epoch, self._usual = model, snapshot, epoch, usual
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._every = 1 if model.device.type == "cpu" else BATCHES_BETWEEN_LOOKS
        self._total = torch.zeros((), device=model.device)
        self._batches = 0
        self.count = 0

    def add(self, loss: Tensor, batch: Tensor) -> None:
        """Take in the mean loss of a batch [B, 3] or [B, 2].

        Raises:
            TrainingError: It, or one that was waiting, is no number or leaps.
        """
        self._total += loss * len(batch)
        self.count += len(batch)
        self._batches += 1
        self._waiting.append((loss, batch))
        if len(self._waiting) == self._every:
            self._look()

    def mean(self) -> float:
        """The mean loss of a row so far.

        Raises:
            TrainingError: As in :meth:`add`.
        """
        self._look()
        return float(self._total) / self.count

    def _look(self) -> None:
        if not self._waiting:
            return
        values = torch.stack([loss for loss, _ in self._waiting]).tolist()
        first = self._batches - len(values) + 1
        for at, value in enumerate(values):
            if self._usual is None:
                self._usual = value if math.isfinite(value) else None
            most = LEAP * max(1.0, self._usual or 0.0)
            if not math.isfinite(value) or value > most:
                raise self._error(value, first + at, self._waiting[at][1])
        self._waiting.clear()

    def _error(self, value: float, number: int, batch: Tensor) -> TrainingError:
        usual = "" if self._usual is None else f", where {self._usual:.3g} is usual,"
        named = f"; {self._blamed(batch)}" if self._blames and batch.shape[1] == 3 else ""
        return TrainingError(
            f"the loss is {value:.3g}{usual} in batch {number} of epoch {self._epoch}{named}",
            hint="lower learning_rate (--set learning_rate=0.01), warm up (--set warmup=5) or "
            "raise regularization",
        )

    def _blamed(self, batch: Tensor) -> str:
        """The triple whose score is no number, or else is the farthest from zero."""
        self._model.eval()
        with torch.no_grad():
            scores = self._model.score(*batch.unbind(1)).abs().nan_to_num(torch.inf, torch.inf)
        head, relation, tail = batch[int(scores.argmax())].tolist()
        names = self._snapshot.entities
        return (
            f"the most extreme score in it has "
            f"({names[head]}, {self._snapshot.relations[relation]}, {names[tail]})"
        )
