"""What the end of a walk is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.walk.env import Asked
from kgplatform.walk.teacher import Teacher

Reward = Callable[[Asked, Tensor, Tensor], Tensor]
"""Of questions, ends int64 [B, k] and hits [B, k]: rewards in [0, 1], [B, k]."""


def hits_alone(asked: Asked, ends: Tensor, hits: Tensor) -> Tensor:  # noqa: ARG001
    """One for an answer, nothing for anything else."""
    return hits


@dataclass(frozen=True)
class Shaped:
    """hit + (1 - hit) · what the teacher says of the end.

    Attributes:
        teacher: Trained on training facts.
    """

    teacher: Teacher

    def __call__(self, asked: Asked, ends: Tensor, hits: Tensor) -> Tensor:
        """Rewards; questions in words, of which the teacher knows nothing, give hits alone."""
        likely = self.teacher.likely(asked, ends)
        by_relation = (asked.relation >= 0).unsqueeze(1)
        return hits + (1 - hits) * torch.where(by_relation, likely, torch.zeros_like(likely))
