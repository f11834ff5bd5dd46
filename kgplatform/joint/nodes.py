"""The graph's side: vectors of entities from tables, alone or through a graph network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kgplatform.models import ENCODERS, Edges
from kgplatform.models.encoder import mean_adjacency

HOPS = "sgc"
"""Not an encoder of ``kgplatform.models``: means of neighbours, made before the training."""


@dataclass(frozen=True, eq=False)
class Modality:
    """What is known of entities in one way: float32 [N, d], and of which, bool [N]."""

    values: Tensor
    present: Tensor


def standardised(modality: Modality) -> Modality:
    """The same with columns of mean 0 and one spread, and vectors about as long as those of texts.

    A property of the graph may be in any unit, and an image encoder's numbers are all positive and
    nearly the same: what they have in common would drown what tells entities apart. A column that
    never changes becomes 0. Those that have none stay 0.
    """
    known = modality.values[modality.present].double()
    spread = known.std(dim=0, correction=0)
    changes = spread > 1e-9 * known.abs().amax(dim=0)
    scaled = (known - known.mean(dim=0)) / torch.where(changes, spread, torch.inf)
    values = torch.zeros_like(modality.values)
    values[modality.present] = (scaled / known.shape[1] ** 0.5).to(values.dtype)
    return Modality(values, modality.present)


class Nodes(nn.Module):
    """Σₘ Wₘ xₘ over modalities m, each with a learned null vector where an entity lacks it.

    With an encoder, messages then pass between entities over the edges of the graph.

    Args:
        modalities: By name; their values are not trained, unless they are a parameter.
        width: Length of the vectors, G.
        edges: Of the graph, for the encoder.
        num_relations: R.
        encoder: Name in ``kgplatform.models.ENCODERS``; None: no messages.
        layers: Rounds of messages.
        dropout: Share of coordinates that training takes away from the modalities.
        num_classes: Classes of which entities of training texts may be told; 0: of none.
    """

    edge_index: Tensor
    edge_type: Tensor

    def __init__(
        self,
        modalities: Mapping[str, Modality],
        width: int,
        edges: Edges,
        num_relations: int,
        *,
        encoder: str | None = None,
        layers: int = 2,
        dropout: float = 0.0,
        num_classes: int = 0,
    ) -> None:
        super().__init__()
        self.names = list(modalities)
        self.project = nn.ModuleDict(
            {
                _key(name): nn.Linear(each.values.shape[1], width)
                for name, each in modalities.items()
            }
        )
        self.null = nn.ParameterDict(
            {_key(name): nn.Parameter(0.02 * torch.randn(width)) for name in modalities}
        )
        for name, each in modalities.items():
            if isinstance(each.values, nn.Parameter):
                self.register_parameter(f"values_{_key(name)}", each.values)
            else:
                self.register_buffer(f"values_{_key(name)}", each.values, persistent=False)
            self.register_buffer(f"present_{_key(name)}", each.present, persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.told = nn.Embedding(num_classes, width) if num_classes else None
        self.register_buffer("edge_index", edges.index, persistent=False)
        self.register_buffer("edge_type", edges.type, persistent=False)
        self.encoder: nn.Module | None = None
        if encoder is not None:
            self.encoder = ENCODERS[encoder].encoder(width, width, num_relations, layers=layers)
            self.relation = nn.Parameter(torch.empty(2 * num_relations, width))
            nn.init.xavier_normal_(self.relation)

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Take a modality away meanwhile: its null vector stands for all entities."""
        buffer = f"present_{_key(name)}"
        present = getattr(self, buffer)
        setattr(self, buffer, torch.zeros_like(present))
        try:
            yield
        finally:
            setattr(self, buffer, present)

    def encode(self, classes: Tensor | None = None) -> Tensor | None:
        """Vectors of all entities after the messages, [N, G]; None where no messages pass.

        Args:
            classes: How much of each class an entity is known to be, float32 [N, C].
        """
        if self.encoder is None:
            return None
        total = self.inputs()
        if self.told is not None and classes is not None:
            total = total + classes @ self.told.weight
        edges = Edges(self.edge_index, self.edge_type)
        vectors: Tensor = self.encoder(total, self.relation, edges)[0]
        return vectors

    def forward(self, entities: Tensor, encoded: Tensor | None) -> Tensor:
        """Vectors of some entities, int64 [B, M] → [B, M, G].

        Args:
            entities: Which.
            encoded: What :meth:`encode` gave.
        """
        if encoded is not None:
            return encoded[entities]
        rows, place = torch.unique(entities, return_inverse=True)
        return self.inputs(rows)[place]

    def inputs(self, rows: Tensor | None = None) -> Tensor:
        """The sum of all modalities, of some entities or of all; [N', G]."""
        total: Tensor | None = None
        for name in map(_key, self.names):
            values, present = getattr(self, f"values_{name}"), getattr(self, f"present_{name}")
            if rows is not None:
                values, present = values[rows], present[rows]
            part = self.project[name](self.dropout(values))
            part = torch.where(present.unsqueeze(1), part, self.null[name])
            total = part if total is None else total + part
        assert total is not None
        return total


def _key(name: str) -> str:
    """A modality's name as torch allows it for a module: without dots."""
    return name.replace(".", "·")


def hop_means(values: Tensor, edges: Edges, hops: int) -> list[Tensor]:
    """Means of the vectors of entities one step away, two steps away, and so on: (D⁻¹ A)ᵏ X.

    Wu et al. 2019, "Simplifying Graph Convolutional Networks" (SGC), with each hop kept for itself
    (Frasca et al. 2020, SIGN). Loops are left out, and so is the way of two steps that comes back,
    so that up to two hops an entity's own vector is not among what it gets of its neighbours.

    Args:
        values: X, float32 [N, d].
        edges: Taken in both directions.
        hops: The largest k.

    Returns:
        A matrix [N, d] for each k from 1; zeros where there are no neighbours.
    """
    apart = edges.index[0] != edges.index[1]
    adjacency = mean_adjacency(
        Edges(edges.index[:, apart], edges.type[apart]), len(values), values.dtype
    )
    found: list[Tensor] = []
    for hop in range(1, hops + 1):
        mean = torch.sparse.mm(adjacency, found[-1] if found else values)
        if hop == 2:
            back = torch.sparse.sum(adjacency * adjacency.t().coalesce(), 1).to_dense()
            mean = mean - back.unsqueeze(1) * values
        found.append(mean)
    return found
