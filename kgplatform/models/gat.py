"""GAT: neighbours are weighed by attention (Veličković et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from kgplatform.models.encoder import Edges, Encoder

HEADS = 4

NEGATIVE_SLOPE = 0.2
"""Of the leaky ReLU, as in the paper."""


class GAT(Encoder):
    """x′ᵢ = Σⱼ αᵢⱼ W xⱼ, αᵢⱼ = softmaxⱼ LeakyReLU(a·W xᵢ + b·W xⱼ), over neighbours and i.

    "Graph Attention Networks", ICLR 2018; four heads, side by side in one vector as far as its
    length divides, else one.
    """

    def weights(self, generator: torch.Generator | None) -> None:
        """W, a and b of each layer."""
        self.heads = HEADS if self.width % HEADS == 0 else 1
        self.linear = self.a_layer(self.width, self.width, generator=generator)
        self.to_target = self.a_layer(self.heads, self.width // self.heads, generator=generator)
        self.to_source = self.a_layer(self.heads, self.width // self.heads, generator=generator)

    def prepare(self, edges: Edges, entity: Tensor) -> tuple[Tensor, Tensor]:
        """Source and target of each message, loops with them; [2E + N] each."""
        loops = torch.arange(len(entity), device=edges.index.device)
        both = torch.cat((edges.index, edges.index.flip(0), loops.expand(2, -1)), dim=1)
        return both[0], both[1]

    def layer(
        self, at: int, entity: Tensor, relation: Tensor, prepared: tuple[Tensor, Tensor]
    ) -> Tensor:
        """The weighted sum of what the neighbours send."""
        source, target = prepared
        sent = (entity @ self.linear[at]).reshape(len(entity), self.heads, -1)
        logits = (sent * self.to_source[at]).sum(2)[source]
        logits = leaky_relu(logits + (sent * self.to_target[at]).sum(2)[target], NEGATIVE_SLOPE)
        attention = softmax_by_target(logits, target, len(entity))
        messages = attention.unsqueeze(2) * sent[source]
        return torch.zeros_like(sent).index_add(0, target, messages).flatten(1)


def softmax_by_target(logits: Tensor, target: Tensor, num_entities: int) -> Tensor:
    """Softmax over all messages of a target, [M, H] → [M, H]."""
    # Shifting by the largest changes nothing but overflow, so no gradient passes through it.
    most = logits.new_full((num_entities, logits.shape[1]), float("-inf"))
    index = target.unsqueeze(1).expand_as(logits)
    most = most.scatter_reduce(0, index, logits.detach(), "amax")
    weight = (logits - most[target]).exp()
    total = weight.new_zeros(num_entities, logits.shape[1]).index_add(0, target, weight)
    return weight / total[target]
