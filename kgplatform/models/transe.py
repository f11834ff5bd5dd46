"""TransE: a relation is a translation (Bordes et al. 2013)."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from kgplatform.models.base import LinkModel
from kgplatform.models.distance import distances, distances_by_row


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
        options: As for every :class:`LinkModel`.
    """

    def __init__(
        self,
        num_entities: int,
        num_relations: int,
        embedding_dim: int,
        *,
        norm: Literal[1, 2] = 2,
        **options: Any,
    ) -> None:
        super().__init__(num_entities, num_relations, embedding_dim, **options)
        self.norm = norm

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """Where the tail should be: h + r."""
        return head + relation

    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        """Where the head should be: t - r."""
        return tail - relation

    def match(self, queries: Tensor, entities: Tensor) -> Tensor:
        """-‖q - e‖ₚ of all pairs, [B, N]."""
        return -distances(queries, entities, self.norm)

    def match_rows(self, queries: Tensor, entities: Tensor) -> Tensor:
        """-‖q - e‖ₚ row by row, [B]."""
        return -distances_by_row(queries, entities, self.norm)
