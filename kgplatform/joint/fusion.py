"""How a text and the vectors of its entities become one vector.

Every fusion takes states of a text [B, L, D] (one state where there is a pooled vector only) and
vectors of entities [B, M, G], and gives a vector [B, H] and the weight that text and graph had in
it. A text without entities has a learned null vector in their place, and so has a missing text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

HEADS = 4


@dataclass(frozen=True, eq=False)
class Fused:
    """A vector a text [B, H], and the weights of text and graph in it, [B, 2], which sum to 1."""

    vector: Tensor
    weights: Tensor


class Fusion(nn.Module, ABC):
    """What all fusions share: both sides in one width, null vectors, and entity dropout.

    Args:
        text_width: D.
        graph_width: G.
        width: H.
        entity_dropout: Share of entities that training takes away, so that the model learns to do
            without (Peters et al. 2019, "Knowledge Enhanced Contextual Word Representations", have
            the null entity).
    """

    def __init__(
        self, text_width: int, graph_width: int, width: int, entity_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.entity_dropout = entity_dropout
        self.of_text = nn.Linear(text_width, width)
        self.of_graph = nn.Linear(graph_width, width)
        self.no_text = nn.Parameter(0.02 * torch.randn(width))
        self.no_entity = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, text: Tensor, text_mask: Tensor, graph: Tensor, graph_mask: Tensor) -> Fused:
        """Fuse a batch.

        Args:
            text: States, [B, L, D].
            text_mask: Which states there are, bool [B, L]; none: the text is missing.
            graph: Vectors of entities, [B, M, G].
            graph_mask: Which entities there are, bool [B, M]; none: the null vector.
        """
        if self.training and self.entity_dropout:
            kept = torch.rand(graph_mask.shape, device=graph.device) >= self.entity_dropout
            graph_mask = graph_mask & kept
        return self.fuse(self.of_text(text), text_mask, self.of_graph(graph), graph_mask)

    @abstractmethod
    def fuse(self, text: Tensor, text_mask: Tensor, graph: Tensor, graph_mask: Tensor) -> Fused:
        """The same, with both sides in width H."""

    def pooled(
        self, text: Tensor, text_mask: Tensor, graph: Tensor, graph_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The mean of each side, or its null vector; [B, H] each."""
        return masked_mean(text, text_mask, self.no_text), masked_mean(
            graph, graph_mask, self.no_entity
        )


class Concat(Fusion):
    """W [t; g]: what of the vector comes from either side is told by the norms of both parts."""

    def __init__(
        self, text_width: int, graph_width: int, width: int, entity_dropout: float = 0.0
    ) -> None:
        super().__init__(text_width, graph_width, width, entity_dropout)
        self.mix_text = nn.Linear(width, width)
        self.mix_graph = nn.Linear(width, width, bias=False)

    def fuse(self, text: Tensor, text_mask: Tensor, graph: Tensor, graph_mask: Tensor) -> Fused:
        """W₁ relu(t) + W₂ relu(g) is W [t; g]."""
        text, graph = self.pooled(text, text_mask, graph, graph_mask)
        one, other = self.mix_text(torch.relu(text)), self.mix_graph(torch.relu(graph))
        return Fused(one + other, shares(one, other))


class Sum(Fusion):
    """t + g."""

    def fuse(self, text: Tensor, text_mask: Tensor, graph: Tensor, graph_mask: Tensor) -> Fused:
        """The sum of both means."""
        text, graph = self.pooled(text, text_mask, graph, graph_mask)
        return Fused(text + graph, shares(text, graph))


class Gate(Fusion):
    """σ(W [t; g]) ∗ t + (1 - σ(W [t; g])) ∗ g, coordinate by coordinate.

    Arevalo et al. 2017, "Gated Multimodal Units for Information Fusion".
    """

    def __init__(
        self, text_width: int, graph_width: int, width: int, entity_dropout: float = 0.0
    ) -> None:
        super().__init__(text_width, graph_width, width, entity_dropout)
        self.gate = nn.Linear(2 * width, width)

    def fuse(self, text: Tensor, text_mask: Tensor, graph: Tensor, graph_mask: Tensor) -> Fused:
        """The gated sum; the weights are the means of the gate."""
        text, graph = self.pooled(text, text_mask, graph, graph_mask)
        gate = torch.sigmoid(self.gate(torch.cat((text, graph), dim=1)))
        share = gate.mean(1)
        return Fused(gate * text + (1 - gate) * graph, torch.stack((share, 1 - share), dim=1))


class CrossAttention(Fusion):
    """Each state of the text attends to the entities and to nothing (the null vector).

    Vaswani et al. 2017, "Attention Is All You Need"; the states keep what they are, and what they
    attended to is added.
    """

    def __init__(
        self, text_width: int, graph_width: int, width: int, entity_dropout: float = 0.0
    ) -> None:
        super().__init__(text_width, graph_width, width, entity_dropout)
        self.attention = nn.MultiheadAttention(width, HEADS, batch_first=True)

    def fuse(self, text: Tensor, text_mask: Tensor, graph: Tensor, graph_mask: Tensor) -> Fused:
        """Mean over the text's states of t + attention(t; entities)."""
        batch = len(text)
        missing = ~text_mask.any(1)
        text = torch.where(missing[:, None, None], self.no_text, text)
        text_mask = text_mask | missing[:, None]
        null = self.no_entity.expand(batch, 1, -1)
        keys = torch.cat((null, graph), dim=1)
        absent = torch.cat((graph_mask.new_zeros(batch, 1), ~graph_mask), dim=1)
        told, _ = self.attention(text, keys, keys, key_padding_mask=absent, need_weights=False)
        own = masked_mean(text, text_mask, self.no_text)
        other = masked_mean(told, text_mask, self.no_entity)
        return Fused(own + other, shares(own, other))


def masked_mean(states: Tensor, mask: Tensor, null: Tensor) -> Tensor:
    """The mean of the states that there are, [B, L, H] → [B, H]; ``null`` [H] without any."""
    kept = mask.unsqueeze(2).to(states.dtype)
    count = kept.sum(1)
    return torch.where(count > 0, (states * kept).sum(1) / count.clamp_min(1), null)


def shares(text: Tensor, graph: Tensor) -> Tensor:
    """The norms of two parts of a sum [B, H] as shares of both, [B, 2]."""
    norms = torch.stack((text.detach().norm(dim=1), graph.detach().norm(dim=1)), dim=1)
    return norms / norms.sum(1, keepdim=True).clamp_min(torch.finfo(norms.dtype).tiny)


FUSIONS: dict[str, type[Fusion]] = {
    "concat": Concat,
    "sum": Sum,
    "gate": Gate,
    "cross_attention": CrossAttention,
}
"""Fusions by name; ``deep`` is another module, as it needs the edges between entities."""
