"""What training minimises: losses of scores against the truth, and penalties on vectors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, logsigmoid, softplus

from kgplatform.training.config import TrainingConfig

Loss = Callable[[Tensor, Tensor, TrainingConfig], Tensor]
"""Scores [Q, C], the column of the true answer [Q] → loss of each query, [Q].

A candidate that must not count has a score of -inf."""


def softmax_loss(scores: Tensor, target: Tensor, config: TrainingConfig) -> Tensor:
    """-log softmax(s)ₜ (Lacroix et al. 2018), smoothed by ``label_smoothing``."""
    return cross_entropy(scores, target, reduction="none", label_smoothing=config.label_smoothing)


def binary_loss(scores: Tensor, target: Tensor, config: TrainingConfig) -> Tensor:
    """-log σ(sₜ) - Σᵢ log σ(-sᵢ): every candidate is a question of its own."""
    true = scores.gather(1, target.unsqueeze(1)).squeeze(1)
    if not config.label_smoothing:
        return softplus(scores).sum(1) - true
    spread = config.label_smoothing * scores.clamp_min(torch.finfo(scores.dtype).min).mean(1)
    return softplus(scores).sum(1) - (1 - config.label_smoothing) * true - spread


def margin_loss(scores: Tensor, target: Tensor, config: TrainingConfig) -> Tensor:
    """Mean over others of max(0, γ + sᵢ - sₜ) (Bordes et al. 2013)."""
    true = scores.gather(1, target.unsqueeze(1))
    return torch.relu(config.margin + _others(scores, target) - true).mean(1)


def self_adversarial_loss(scores: Tensor, target: Tensor, config: TrainingConfig) -> Tensor:
    """-log σ(γ + sₜ) - Σᵢ pᵢ log σ(-γ - sᵢ), p = softmax(α s) of the others (Sun et al. 2019).

    The weights p are taken as they are: no gradient passes through them.
    """
    true = scores.gather(1, target.unsqueeze(1)).squeeze(1)
    others = _others(scores, target)
    weight = (others.detach() * config.temperature).softmax(1)
    lost = logsigmoid(-config.margin - others).masked_fill(others == -torch.inf, 0)
    return -logsigmoid(config.margin + true) - (weight * lost).sum(1)


def _others(scores: Tensor, target: Tensor) -> Tensor:
    """Scores of all candidates but the target, which is masked."""
    return scores.scatter(1, target.unsqueeze(1), -torch.inf)


LOSSES: dict[str, Loss] = {
    "cross_entropy": softmax_loss,
    "binary": binary_loss,
    "margin": margin_loss,
    "self_adversarial": self_adversarial_loss,
}


def answers_loss(scores: Tensor, row: Tensor, answer: Tensor, config: TrainingConfig) -> Tensor:
    """The loss of queries that have all their answers at once (k-vs-all), [Q].

    Cross-entropy takes the mean of -log softmax(s) over a query's answers; the binary loss has
    every answer as true and everything else as false (Dettmers et al. 2018).

    Args:
        scores: Of all entities, [Q, N].
        row: Query of each answer, [A].
        answer: The entity, [A].
        config: Chooses the loss and its label smoothing ε: labels become (1 - ε) y + ε / N.
    """
    smoothing = config.label_smoothing
    zero = scores.new_zeros(len(scores))
    if config.loss == "binary":
        true = zero.index_add(0, row, scores[row, answer])
        return softplus(scores).sum(1) - (1 - smoothing) * true - smoothing * scores.mean(1)
    logs = scores.log_softmax(1)
    count = torch.bincount(row, minlength=len(scores)).clamp_min(1)
    true = zero.index_add(0, row, logs[row, answer]) / count
    return -(1 - smoothing) * true - smoothing * logs.mean(1)


def n3(*moduli: Tensor) -> Tensor:
    """Σ |x|³ over all coordinates, the nuclear 3-norm penalty (Lacroix et al. 2018)."""
    return torch.stack([values.pow(3).sum() for values in moduli]).sum()


def l2(*moduli: Tensor) -> Tensor:
    """Σ |x|² over all coordinates."""
    return torch.stack([values.square().sum() for values in moduli]).sum()


PENALTIES: dict[str, Callable[..., Tensor]] = {"n3": n3, "l2": l2}
