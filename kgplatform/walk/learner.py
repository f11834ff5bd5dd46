"""What both algorithms are to the trainer, and what search needs of them."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from kgplatform.walk.env import Asked, Walks
from kgplatform.walk.policy import Policy
from kgplatform.walk.reward import Reward


class Chooser(Protocol):
    """A policy, and how its scores become probabilities."""

    @property
    def policy(self) -> Policy:
        """The network."""

    def log_policy(self, scores: Tensor) -> Tensor:
        """Log-probabilities of actions from the policy's scores, [W, A]."""


class Learner(Chooser, Protocol):
    """A module whose parameters and buffers are all that a checkpoint needs."""

    def loss(
        self,
        walks: Walks,
        asked: Asked,
        reward: Reward,
        done: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch of questions, and what to log of it."""

    def stepped(self) -> None:
        """Called after each step of the optimizer."""

    def state_dict(self) -> dict[str, Any]:
        """Parameters and buffers."""
