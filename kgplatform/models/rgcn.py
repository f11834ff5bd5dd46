"""R-GCN: a matrix a relation, built of few (Schlichtkrull et al. 2018)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from kgplatform.models.encoder import Edges, Encoder

Decomposition = Literal["basis", "block"]

BASES = 8

BLOCKS = 4


class RGCN(Encoder):
    """x′ᵢ = W₀ xᵢ + Σᵣ Σ_{j ∈ N(i, r)} Wᵣ xⱼ / |N(i, r)|, over relations and their inverses.

    "Modeling Relational Data with Graph Convolutional Networks", ESWC 2018. Wᵣ = Σ_b aᵣ_b V_b
    over 8 bases, or block-diagonal of 4 blocks.

    Args:
        width: Length of entity vectors, d.
        relation_width: Length of relation vectors, not used.
        num_relations: R.
        decomposition: ``basis`` or ``block``.
        options: As for every :class:`Encoder`.
    """

    def __init__(
        self,
        width: int,
        relation_width: int,
        num_relations: int,
        *,
        decomposition: Decomposition = "basis",
        **options: Any,
    ) -> None:
        self.decomposition = decomposition
        super().__init__(width, relation_width, num_relations, **options)

    def weights(self, generator: torch.Generator | None) -> None:
        """W₀, and what Wᵣ are made of, of each layer."""
        self.own = self.a_layer(self.width, self.width, generator=generator)
        if self.decomposition == "basis":
            self.share = self.a_layer(2 * self.num_relations, BASES, generator=generator)
            self.basis = self.a_layer(BASES, self.width, self.width, generator=generator)
        else:
            blocks = BLOCKS if self.width % BLOCKS == 0 else 1
            part = self.width // blocks
            self.block = self.a_layer(
                2 * self.num_relations, blocks, part, part, generator=generator
            )

    def prepare(self, edges: Edges, entity: Tensor) -> tuple[Tensor, Tensor, Tensor, list[int]]:
        """Source, target and 1 / |N(i, r)| of messages by relation, and how many of each."""
        both = edges.both_ways(self.num_relations)
        order = torch.argsort(both.type, stable=True)
        source, target, kind = both.index[0][order], both.index[1][order], both.type[order]
        _, group, size = torch.unique(
            kind * len(entity) + target, return_inverse=True, return_counts=True
        )
        share = size.to(entity.dtype).reciprocal()[group].unsqueeze(1)
        counts = torch.bincount(kind, minlength=2 * self.num_relations).tolist()
        return source, target, share, counts

    def layer(self, at: int, entity: Tensor, relation: Tensor, prepared: Any) -> Tensor:
        """The mean of what neighbours send by each relation, and oneself."""
        source, target, share, counts = prepared
        own = entity @ self.own[at]
        if not len(source):
            return own
        parts = torch.split(entity[source], counts)
        if self.decomposition == "basis":
            matrices = torch.einsum("rb,bij->rij", self.share[at], self.basis[at]).unbind()
            sent = [part @ matrix for part, matrix in zip(parts, matrices, strict=True)]
        else:
            blocks = self.block[at].unbind()
            sent = [by_blocks(part, block) for part, block in zip(parts, blocks, strict=True)]
        return own.index_add(0, target, torch.cat(sent) * share)


def by_blocks(entity: Tensor, block: Tensor) -> Tensor:
    """Rows [M, d] times a block-diagonal matrix of k blocks [k, d/k, d/k], [M, d]."""
    parts = entity.reshape(len(entity), len(block), -1)
    return torch.einsum("mki,kij->mkj", parts, block).flatten(1)
