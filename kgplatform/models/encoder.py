"""What all encoders share: layers over the training edges, and a way around them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Edges:
    """Edges that messages pass over: heads and tails [2, E], relations [E]."""

    index: Tensor
    type: Tensor

    def both_ways(self, num_relations: int) -> Edges:
        """Each edge, and behind them each turned round with relation r + R; [2, 2E], [2E]."""
        index = torch.cat((self.index, self.index.flip(0)), dim=1)
        return Edges(index, torch.cat((self.type, self.type + num_relations)))


class Encoder(nn.Module, ABC):
    """X → X + layer(… ReLU(layer(X))): vectors that know their neighbourhood.

    The way around the layers keeps apart the entities of dense graphs, which rounds of averaging
    make alike. Messages pass both ways over each edge.

    Args:
        width: Length of entity vectors, d.
        relation_width: Length of relation vectors, d'.
        num_relations: R.
        layers: How many rounds of messages.
        generator: Source of the initial weights.
    """

    needs_reciprocal: ClassVar[bool] = False

    def __init__(
        self,
        width: int,
        relation_width: int,
        num_relations: int,
        *,
        layers: int = 2,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.width = width
        self.relation_width = relation_width
        self.num_relations = num_relations
        self.layers = layers
        self.weights(generator)

    def a_layer(self, *shape: int, generator: torch.Generator | None) -> nn.Parameter:
        """A weight of each layer, [layers, *shape]."""
        return glorot(self.layers, *shape, generator=generator)

    @abstractmethod
    def weights(self, generator: torch.Generator | None) -> None:
        """Make the weights of all layers."""

    @abstractmethod
    def prepare(self, edges: Edges, entity: Tensor) -> Any:
        """What all layers need of the edges, computed once, in the type of entities [N, d]."""

    @abstractmethod
    def layer(self, at: int, entity: Tensor, relation: Tensor, prepared: Any) -> Tensor:
        """One round of messages, before its nonlinearity; [N, d] → [N, d]."""

    def relations(self, at: int, relation: Tensor) -> Tensor:
        """Relation vectors for the next layer; most encoders leave them alone."""
        return relation

    def enter(self, relation: Tensor) -> Tensor:
        """Relation vectors [2R, d'] as the first layer needs them."""
        return relation

    def leave(self, relation: Tensor) -> Tensor:
        """Relation vectors of the last layer as the score function needs them, [2R, d']."""
        return relation

    def forward(self, entity: Tensor, relation: Tensor, edges: Edges) -> tuple[Tensor, Tensor]:
        """Encoded entity and relation vectors; [N, d], [R or 2R, d'] → the same shapes."""
        prepared = self.prepare(edges, entity)
        hidden, relation = entity, self.enter(relation)
        for at in range(self.layers):
            message = self.layer(at, hidden, relation, prepared)
            hidden = torch.relu(message) if at < self.layers - 1 else message
            relation = self.relations(at, relation)
        return entity + hidden, self.leave(relation)


def glorot(*shape: int, generator: torch.Generator | None) -> nn.Parameter:
    """Matrices in the last two dimensions, drawn as Glorot and Bengio (2010) do."""
    value = nn.Parameter(torch.empty(shape))
    bound = math.sqrt(6 / (shape[-1] + shape[-2]))
    nn.init.uniform_(value, -bound, bound, generator=generator)
    return value


def mean_adjacency(edges: Edges, num_entities: int, dtype: torch.dtype) -> Tensor:
    """D⁻¹ A of edges taken in both directions, sparse [N, N]; parallel edges add up."""
    source = torch.cat((edges.index[1], edges.index[0]))
    target = torch.cat((edges.index[0], edges.index[1]))
    degree = torch.bincount(target, minlength=num_entities).to(dtype)
    return sparse(target, source, degree[target].reciprocal(), num_entities)


def sparse(row: Tensor, column: Tensor, value: Tensor, num_entities: int) -> Tensor:
    """A coalesced matrix [N, N] of entries that add up where they coincide."""
    size = (num_entities, num_entities)
    indices = torch.stack((row, column))
    return torch.sparse_coo_tensor(indices, value, size, check_invariants=False).coalesce()
