"""GraphSAGE: the mean of the neighbours beside oneself (Hamilton et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from kgplatform.models.encoder import Edges, Encoder, mean_adjacency


class GraphSAGE(Encoder):
    """X′ = X W₀ + D⁻¹ A X W₁.

    "Inductive Representation Learning on Large Graphs", NeurIPS 2017, its mean aggregator, over
    the undirected graph; all neighbours, since the whole graph is encoded at once.
    """

    def weights(self, generator: torch.Generator | None) -> None:
        """W₀ and W₁ of each layer."""
        self.own = self.a_layer(self.width, self.width, generator=generator)
        self.neighbours = self.a_layer(self.width, self.width, generator=generator)

    def prepare(self, edges: Edges, entity: Tensor) -> Tensor:
        """D⁻¹ A, sparse [N, N]."""
        return mean_adjacency(edges, len(entity), entity.dtype)

    def layer(self, at: int, entity: Tensor, relation: Tensor, prepared: Tensor) -> Tensor:
        """X W₀ + D⁻¹ A X W₁."""
        mean: Tensor = torch.sparse.mm(prepared, entity @ self.neighbours[at])
        return entity @ self.own[at] + mean
