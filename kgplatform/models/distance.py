"""Distances of many pairs at once, Euclidean ones by a matrix product."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SMALLEST_SQUARE = 1e-12
"""Squared distances are clamped here: the root's slope at zero is infinite."""

SMALLEST = 1.001e-6
"""No larger distance was clamped; rounded up, as its root is rounded."""


def distances(left: Tensor, right: Tensor, norm: int) -> Tensor:
    """‖x - y‖ₚ of all pairs, [B, d], [N, d] → [B, N]."""
    if norm == 1:
        return torch.cdist(left, right, p=1.0)
    found: Tensor = Euclidean.apply(left, right)
    return found


class Euclidean(torch.autograd.Function):
    """‖x - y‖ of all pairs as √(‖x‖² + ‖y‖² - 2 x·y): one matrix product, no [B, N, d].

    Its gradient is written out, ∂‖x - y‖ / ∂x = (x - y) / ‖x - y‖, so that of the matrices [B, N]
    only the distances are kept, and each is gone over once. Always in full precision: what is
    small is the difference of what is large.
    """

    @staticmethod
    def forward(context: Any, left: Tensor, right: Tensor) -> Tensor:
        """[B, d], [N, d] → [B, N]."""
        with torch.autocast(left.device.type, enabled=False):
            squares = torch.addmm(right.square().sum(1), left, right.T, alpha=-2)
            squares += left.square().sum(1, keepdim=True)
        found = squares.clamp_min_(SMALLEST_SQUARE).sqrt_()
        context.save_for_backward(left, right, found)
        return found

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """[B, N] → [B, d], [N, d]."""
        left, right, found = context.saved_tensors
        # Nothing where two are the same: the root's slope there is infinite, and of no direction.
        share = (gradient / found).masked_fill_(found <= SMALLEST, 0)
        to_left = left * share.sum(1, keepdim=True) - share @ right
        to_right = right * share.sum(0).unsqueeze(1) - share.T @ left
        return to_left, to_right


def distances_by_row(left: Tensor, right: Tensor, norm: int) -> Tensor:
    """‖x - y‖ₚ row by row, [B, d], [B, d] → [B]."""
    difference = left - right
    if norm == 1:
        return difference.abs().sum(1)
    return root(difference.square().sum(1))


def root(squares: Tensor) -> Tensor:
    """√x with a finite slope at zero."""
    return squares.clamp_min(SMALLEST_SQUARE).sqrt()
