"""What the end of a walk is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from kgplatform.walk.env import Asked
from kgplatform.walk.rollout import Paths
from kgplatform.walk.teacher import Teacher


class Reward(Protocol):
    """Gives walks their rewards."""

    def __call__(self, asked: Asked, paths: Paths, hits: Tensor) -> Tensor:
        """Rewards in [0, 1], float32 [B, k].

        Args:
            asked: B questions.
            paths: k walks of each, side by side, B · k.
            hits: Whether each ended at an answer, float32 [B, k].
        """

    def logged(self) -> dict[str, float]:
        """Means of its terms since they were last asked for; empty if hits are all there is."""


class Hits:
    """One for an answer, nothing for anything else."""

    def __call__(self, asked: Asked, paths: Paths, hits: Tensor) -> Tensor:
        """The hits."""
        return hits

    def logged(self) -> dict[str, float]:
        """Nothing beside them."""
        return {}


@dataclass(frozen=True)
class Shaped:
    """hit + (1 - hit) · what the teacher says of the end.

    Attributes:
        teacher: Trained on training facts.
    """

    teacher: Teacher

    def __call__(self, asked: Asked, paths: Paths, hits: Tensor) -> Tensor:
        """Rewards; questions in words, of which the teacher knows nothing, give hits alone."""
        likely = self.teacher.likely(asked, paths.end.view(hits.shape))
        by_relation = (asked.relation >= 0).unsqueeze(1)
        return hits + (1 - hits) * torch.where(by_relation, likely, torch.zeros_like(likely))

    def logged(self) -> dict[str, float]:
        """Nothing beside the hits."""
        return {}
