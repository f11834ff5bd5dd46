"""How the learning rate changes."""

from __future__ import annotations

import math

import torch

from kgplatform.training.config import TrainingConfig

FIRST_SHARE = 0.01
"""Of the learning rate, at the first step of a warm-up: at none, the step would be for nothing."""


def scheduled_rate(config: TrainingConfig, epoch: float) -> float | None:
    """The learning rate at a point in time, or None if that is left to validation.

    After ``warmup`` epochs, in which it rises evenly, it stays (``constant``), falls evenly to
    nothing (``linear``) or along half a cosine (``cosine``; Loshchilov and Hutter 2017, "SGDR"),
    or falls when validation does not improve (``plateau``).

    Args:
        config: The settings.
        epoch: Epochs done, with the share of the present one.
    """
    if epoch < config.warmup:
        return config.learning_rate * max(FIRST_SHARE, epoch / config.warmup)
    if config.schedule == "plateau":
        # Once, where the warm-up ends.
        return config.learning_rate if config.warmup and epoch == config.warmup else None
    if config.schedule == "constant":
        return config.learning_rate
    done = min(1.0, (epoch - config.warmup) / (config.epochs - config.warmup))
    if config.schedule == "linear":
        return config.learning_rate * (1 - done)
    return config.learning_rate * (1 + math.cos(math.pi * done)) / 2


def set_rate(optimizer: torch.optim.Optimizer, config: TrainingConfig, epoch: float) -> None:
    """Give the optimizer the learning rate of its next step."""
    rate = scheduled_rate(config, epoch)
    if rate is not None:
        for group in optimizer.param_groups:
            group["lr"] = rate
