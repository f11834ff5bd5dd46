"""TransH: a translation on a hyperplane of the relation (Wang et al. 2014)."""

from __future__ import annotations

import torch
from torch import Tensor

from kgplatform.models.base import LinkModel
from kgplatform.models.distance import distances_by_row, root


class TransH(LinkModel):
    """score(h, r, t) = -‖h⊥ + r⊥ - t⊥‖, x⊥ = x - (w·x) w, ‖w‖ = 1.

    "Knowledge Graph Embedding by Translating on Hyperplanes", AAAI 2014. A row of the relation
    table is the translation r beside the normal w, [2d]. The paper asks softly for r to lie in
    the hyperplane; here it is projected there, which is what makes all distances one product:
    for q in the hyperplane, ‖q - t⊥‖² = ‖q‖² - 2 q·t + ‖t‖² - (w·t)².
    """

    @staticmethod
    def relation_width(embedding_dim: int) -> int:
        """A translation and a normal."""
        return 2 * embedding_dim

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """(h + r)⊥ and w, [B, 2d]."""
        return self._query(head, relation, 1.0)

    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        """(t - r)⊥ and w, [B, 2d]."""
        return self._query(tail, relation, -1.0)

    def match(self, queries: Tensor, entities: Tensor) -> Tensor:
        """-‖q - e⊥‖ of all pairs, [B, N]."""
        place, normal = queries.chunk(2, dim=1)
        squares = (
            place.square().sum(1, keepdim=True)
            + entities.square().sum(1)
            - 2 * place @ entities.T
            - (normal @ entities.T).square()
        )
        return -root(squares)

    def match_rows(self, queries: Tensor, entities: Tensor) -> Tensor:
        """-‖q - e⊥‖ row by row, [B]."""
        place, normal = queries.chunk(2, dim=1)
        return -distances_by_row(place, onto_hyperplane(entities, normal), 2)

    def _query(self, entity: Tensor, relation: Tensor, sign: float) -> Tensor:
        translation, normal = relation.chunk(2, dim=1)
        normal = normal / root(normal.square().sum(1, keepdim=True))
        return torch.cat((onto_hyperplane(entity + sign * translation, normal), normal), dim=1)


def onto_hyperplane(vectors: Tensor, normal: Tensor) -> Tensor:
    """X - (w·x) w row by row, [B, d]."""
    return vectors - (vectors * normal).sum(1, keepdim=True) * normal
