"""TuckER: a core tensor mixes the coordinates of a triple (Balažević et al. 2019)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from kgplatform.models.base import LinkModel


class TuckER(LinkModel):
    """score(h, r, t) = Σₐᵢⱼ Wₐᵢⱼ rₐ hᵢ tⱼ, W shared by all relations.

    "TuckER: Tensor Factorization for Knowledge Graph Completion", EMNLP 2019, with its batch
    normalisation of head and query. That depends on which side is asked, so (?, r, t) has to be
    a query of its own: relations are reciprocal.

    Args:
        num_entities: Rows of the entity table, N.
        num_relations: Relations of the snapshot, R.
        embedding_dim: Length of an entity's row, d.
        options: As for every :class:`LinkModel`.
    """

    needs_reciprocal: ClassVar[bool] = True

    def __init__(
        self, num_entities: int, num_relations: int, embedding_dim: int, **options: Any
    ) -> None:
        super().__init__(num_entities, num_relations, embedding_dim, **options)
        shape = (self.relation.shape[1], embedding_dim, embedding_dim)
        self.core = nn.Parameter(torch.empty(shape))
        nn.init.uniform_(self.core, -1, 1, generator=options.get("generator"))
        self.normalize_head = nn.BatchNorm1d(embedding_dim)
        self.normalize_query = nn.BatchNorm1d(embedding_dim)

    @staticmethod
    def relation_width(embedding_dim: int) -> int:
        """Relations are few: shorter vectors keep the core small."""
        return max(1, embedding_dim // 4)

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """W ×₁ r ×₂ h, [B, d]."""
        head = self.normalize_head(head)
        # One product [B, d] × [d, a·d], then the mixture of its a parts by r.
        parts = (head @ self.core.permute(1, 0, 2).flatten(1)).reshape(
            len(head), *self.core.shape[::2]
        )
        query: Tensor = self.normalize_query(torch.einsum("ba,baj->bj", relation, parts))
        return query
