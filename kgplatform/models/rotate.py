"""RotatE: a relation turns complex coordinates (Sun et al. 2019)."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from kgplatform.models.base import LinkModel
from kgplatform.models.complex import moduli, times
from kgplatform.models.distance import distances, distances_by_row, root


class RotatE(LinkModel):
    """score(h, r, t) = -‖h ∘ e^{iθ} - t‖, h and t in ℂ^{d/2}, θ the relation's angles.

    "RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space", ICLR 2019. An
    entity's row is its real parts beside its imaginary ones, [d]; a relation's row its angles,
    [d/2]. ``norm`` 2 is the Euclidean distance, one matrix product; ``norm`` 1 the sum of
    moduli, as the paper's code has it.

    Args:
        num_entities: Rows of the entity table, N.
        num_relations: Relations of the snapshot, R.
        embedding_dim: Length of an entity's row, d, even.
        norm: 1 or 2.
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

    @staticmethod
    def relation_width(embedding_dim: int) -> int:
        """An angle a complex coordinate."""
        return embedding_dim // 2

    def initialize(self, generator: torch.Generator | None) -> None:
        """Angles are drawn from the whole circle."""
        super().initialize(generator)
        nn.init.uniform_(self.relation, -math.pi, math.pi, generator=generator)

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """Where the tail should be: h turned by θ."""
        return times(head, torch.cat((relation.cos(), relation.sin()), dim=1))

    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        """Where the head should be: t turned back by θ."""
        return self.tail_query(tail, -relation)

    def match(self, queries: Tensor, entities: Tensor) -> Tensor:
        """-‖q - e‖ of all pairs, [B, N]."""
        if self.norm == 2:
            return -distances(queries, entities, 2)
        real, imaginary = (
            left.unsqueeze(1) - right
            for left, right in zip(queries.chunk(2, 1), entities.chunk(2, 1), strict=True)
        )
        return -root(real.square() + imaginary.square()).sum(2)

    @property
    def floats_a_score(self) -> int:
        """With ``norm`` 1, a modulus a coordinate."""
        return 1 if self.norm == 2 else self.entity.shape[1] // 2

    def match_rows(self, queries: Tensor, entities: Tensor) -> Tensor:
        """-‖q - e‖ row by row, [B]."""
        if self.norm == 2:
            return -distances_by_row(queries, entities, 2)
        return -moduli(queries - entities).sum(1)

    def moduli(self, vectors: Tensor) -> Tensor:
        """Of entities; a relation's angles have none."""
        return moduli(vectors) if vectors.shape[1] == self.entity.shape[1] else vectors * 0
