"""REINFORCE: walks are drawn, and what led to reward becomes likelier (Williams 1992)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kgplatform.walk.env import Asked, Walks
from kgplatform.walk.policy import Policy
from kgplatform.walk.reward import Reward
from kgplatform.walk.rollout import Drawing, draw
from kgplatform.walk.settings import WalkerSettings

KEPT = 0.95
"""Of the moving baseline, after a batch."""


class Reinforce(nn.Module):
    """A policy and its baseline.

    Args:
        policy: What is trained.
        settings: Rollouts, baseline, entropy, dropout of actions.
    """

    mean: Tensor

    def __init__(self, policy: Policy, settings: WalkerSettings) -> None:
        super().__init__()
        self.policy = policy
        self.settings = settings
        self.register_buffer("mean", torch.zeros(()))

    def loss(
        self,
        walks: Walks,
        asked: Asked,
        reward: Reward,
        done: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and what to log of it.

        Args:
            walks: The graph.
            asked: Questions of training.
            reward: What walks are worth.
            done: Which share of the training is over; entropy decays with it.
            generator: Of every random choice.
        """
        settings = self.settings
        rollout = draw(
            self.policy,
            walks,
            asked,
            settings.rollouts,
            generator,
            Drawing(dropout=settings.action_dropout),
        )
        hits = walks.arrived(asked, rollout.end).float().view(len(asked), settings.rollouts)
        gained = reward(asked, rollout.paths, hits)
        advantage = normalised(gained - self._baseline(gained)).flatten()
        # Where actions were taken away, walks are drawn that the policy would hardly take. What
        # they gain is learnt; that they gain nothing says as little as they are likely, and would
        # push their log-probability down without end.
        advantage = torch.where(advantage > 0, advantage, advantage * rollout.likely)
        weight = settings.entropy * settings.entropy_end**done
        loss = -(advantage * rollout.log_prob).mean() - weight * rollout.entropy
        logged = {
            "reward": float(gained.mean()),
            "hits": float(hits.mean()),
            "entropy": float(rollout.entropy.detach()),
        }
        return loss, logged

    def stepped(self) -> None:
        """Nothing more is to be done after a step of the optimizer."""

    def log_policy(self, scores: Tensor) -> Tensor:
        """Log-probabilities of actions from their scores, [W, A]."""
        return torch.log_softmax(scores, dim=1)

    def _baseline(self, gained: Tensor) -> Tensor:
        """What each reward is compared with, [B, k] or a scalar."""
        if self.settings.baseline == "leave_one_out":
            return leave_one_out(gained)
        before = self.mean.clone()
        self.mean.mul_(KEPT).add_((1 - KEPT) * gained.mean())
        return before


def leave_one_out(gained: Tensor) -> Tensor:
    """For each reward the mean of its row's others (Kool et al. 2019), [B, k], k ≥ 2."""
    return (gained.sum(1, keepdim=True) - gained) / (gained.shape[1] - 1)


def normalised(advantage: Tensor) -> Tensor:
    """Advantages with a standard deviation of one, where they differ at all."""
    return advantage / advantage.std().clamp_min(1e-6)
