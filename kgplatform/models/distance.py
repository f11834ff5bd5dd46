"""Distances of many pairs at once, Euclidean ones by a matrix product."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_SQUARE = 1e-12
"""Squared distances are clamped here: the root's slope at zero is infinite."""


def distances(left: Tensor, right: Tensor, norm: int) -> Tensor:
    """‖x - y‖ₚ of all pairs, [B, d], [N, d] → [B, N].

    For p = 2 as ‖x‖² + ‖y‖² - 2 x·y: one matrix product, no [B, N, d] of differences.
    """
    if norm == 1:
        return torch.cdist(left, right, p=1.0)
    squares = torch.addmm(right.square().sum(1), left, right.T, alpha=-2)
    return root(squares + left.square().sum(1, keepdim=True))


def distances_by_row(left: Tensor, right: Tensor, norm: int) -> Tensor:
    """‖x - y‖ₚ row by row, [B, d], [B, d] → [B]."""
    difference = left - right
    if norm == 1:
        return difference.abs().sum(1)
    return root(difference.square().sum(1))


def root(squares: Tensor) -> Tensor:
    """√x with a finite slope at zero."""
    return squares.clamp_min(SMALLEST_SQUARE).sqrt()
