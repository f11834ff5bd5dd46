"""GCN: graph convolutions, blind to relations (Kipf and Welling 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from kgplatform.models.encoder import Edges, Encoder, sparse


class GCN(Encoder):
    """X′ = Â X W, Â = D^-½ (A + I) D^-½.

    "Semi-Supervised Classification with Graph Convolutional Networks", ICLR 2017; over the
    undirected graph, parallel edges counted.
    """

    def weights(self, generator: torch.Generator | None) -> None:
        """W of each layer."""
        self.linear = self.a_layer(self.width, self.width, generator=generator)

    def prepare(self, edges: Edges, entity: Tensor) -> Tensor:
        """Â, sparse [N, N]."""
        return normalized_adjacency(edges.index, len(entity)).to(entity.dtype)

    def layer(self, at: int, entity: Tensor, relation: Tensor, prepared: Tensor) -> Tensor:
        """Â X W."""
        return torch.sparse.mm(prepared, entity @ self.linear[at])  # type: ignore[no-any-return]


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
    return sparse(row, column, degree[row].rsqrt() * degree[column].rsqrt(), num_entities)
