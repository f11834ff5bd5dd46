"""TransE: a relation is a translation (Bordes et al. 2013)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from kgplatform.models.base import LinkModel

SMALLEST_SQUARE = 1e-12
"""Squared distances are clamped here: the root's slope at zero is infinite."""


class TransE(LinkModel):
    """score(h, r, t) = -‖h + r - t‖ₚ, p = 1 or 2.

    "Translating Embeddings for Modeling Multi-relational Data", NeurIPS 2013; without its
    projection of entities onto the unit sphere, which a softmax over all tails makes needless
    (Ruffinelli et al. 2020, "You CAN Teach an Old Dog New Tricks!").

    Args:
        num_entities: Rows of the entity table, N.
        num_relations: Relations of the snapshot, R.
        embedding_dim: Length of every vector, d.
        norm: p of the distance, 1 or 2.
        reciprocal: Whether each relation has a second row for the opposite direction.
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        num_entities: int,
        num_relations: int,
        embedding_dim: int,
        *,
        norm: Literal[1, 2] = 2,
        reciprocal: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            num_entities, num_relations, embedding_dim, reciprocal=reciprocal, generator=generator
        )
        self.norm = norm

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """Where the tail should be: h + r."""
        return head + relation

    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        """Where the head should be: t - r."""
        return tail - relation

    def match(self, queries: Tensor, entities: Tensor) -> Tensor:
        """-‖q - e‖ₚ of all pairs, [B, N]."""
        if self.norm == 1:
            return -torch.cdist(queries, entities, p=1.0)
        # ‖q - e‖² = ‖q‖² + ‖e‖² - 2 q·e: one matmul, no [B, N, d] of differences.
        squares = (
            queries.square().sum(1, keepdim=True)
            + entities.square().sum(1)
            - 2 * queries @ entities.T
        )
        return -squares.clamp_min(SMALLEST_SQUARE).sqrt()

    def match_rows(self, queries: Tensor, entities: Tensor) -> Tensor:
        """-‖q - e‖ₚ row by row, [B]."""
        difference = queries - entities
        if self.norm == 1:
            return -difference.abs().sum(1)
        return -difference.square().sum(1).clamp_min(SMALLEST_SQUARE).sqrt()
