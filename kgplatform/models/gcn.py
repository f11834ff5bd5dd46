"""GCN: entities are encoded by two graph convolutions, triples decoded by DistMult."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from kgplatform.models.distmult import DistMult


class GCN(DistMult):
    """Z = Â ReLU(Â X W₁) W₂ + X, score(h, r, t) = Σᵢ z(h)ᵢ rᵢ z(t)ᵢ.

    Â = D^-½ (A + I) D^-½ over the undirected training graph, blind to relations and counting
    parallel edges (Kipf and Welling 2017, "Semi-Supervised Classification with Graph
    Convolutional Networks"); X is learnt; the decoder is that of R-GCN (Schlichtkrull et al.
    2018). The residual X keeps apart the entities of dense graphs, which two rounds of
    averaging make alike.

    Args:
        num_entities: Rows of the entity table, N.
        num_relations: Relations of the snapshot, R.
        embedding_dim: Length of every vector, d.
        edge_index: Edges to pass messages over when not training, [2, E]; kept with the weights.
        reciprocal: Whether each relation has a second row for the opposite direction.
        generator: Source of the initial weights.
    """

    edge_index: Tensor

    def __init__(
        self,
        num_entities: int,
        num_relations: int,
        embedding_dim: int,
        *,
        edge_index: Tensor,
        reciprocal: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(
            num_entities, num_relations, embedding_dim, reciprocal=reciprocal, generator=generator
        )
        self.weight1 = nn.Parameter(torch.empty(embedding_dim, embedding_dim))
        self.weight2 = nn.Parameter(torch.empty(embedding_dim, embedding_dim))
        nn.init.xavier_uniform_(self.weight1, generator=generator)
        nn.init.xavier_uniform_(self.weight2, generator=generator)
        self.register_buffer("edge_index", edge_index)
        self._encoded: Tensor | None = None

    def encode(self, adjacency: Tensor) -> Tensor:
        """Entity vectors from messages over ``adjacency``, sparse [N, N] → [N, d]."""
        hidden = torch.relu(torch.sparse.mm(adjacency, self.entity @ self.weight1))
        smoothed: Tensor = torch.sparse.mm(adjacency, hidden @ self.weight2)
        return smoothed + self.entity

    def entity_vectors(self) -> Tensor:
        """Entity vectors from messages over all training edges, [N, d].

        In evaluation mode they are computed once and without gradients, until the next call
        of ``train()`` or ``eval()``.
        """
        if self.training:
            return self.encode(normalized_adjacency(self.edge_index, self.num_entities))
        if self._encoded is None or self._encoded.device != self.entity.device:
            with torch.no_grad():
                self._encoded = self.encode(
                    normalized_adjacency(self.edge_index, self.num_entities)
                )
        return self._encoded

    def train(self, mode: bool = True) -> Self:
        """Set the mode and forget vectors of earlier weights."""
        self._encoded = None
        return super().train(mode)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load weights and forget vectors of earlier ones."""
        self._encoded = None
        return super().load_state_dict(*args, **kwargs)


def normalized_adjacency(edge_index: Tensor, num_entities: int) -> Tensor:
    """D^-½ (A + I) D^-½ of edges taken in both directions.

    Args:
        edge_index: Heads and tails, [2, E].
        num_entities: N.

    Returns:
        Sparse COO float32 [N, N], coalesced and symmetric; parallel edges add up.
    """
    loops = torch.arange(num_entities, device=edge_index.device)
    row = torch.cat((edge_index[0], edge_index[1], loops))
    column = torch.cat((edge_index[1], edge_index[0], loops))
    # At least 1 by the self loop, so the root never divides by zero.
    degree = torch.bincount(row, minlength=num_entities).to(torch.float32)
    weight = degree[row].rsqrt() * degree[column].rsqrt()
    size = (num_entities, num_entities)
    indices = torch.stack((row, column))
    return torch.sparse_coo_tensor(indices, weight, size, check_invariants=False).coalesce()
