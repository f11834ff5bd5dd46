"""Deep fusion: layers over tokens and over the linked subgraph, exchanging through one node.

Zhang et al. 2022, "GreaseLM: Graph REASoning Enhanced Language Models", ICLR: each layer reads the
tokens with a transformer layer and passes messages over the subgraph; then the interaction token
and the interaction node, and they alone, are mixed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv

from kgplatform.joint.fusion import HEADS, Fused, masked_mean, shares


class DeepExchange(nn.Module):
    """Transformer layers and graph attention that exchange through an interaction token and node.

    Args:
        text_width: D.
        graph_width: G.
        width: H.
        entity_dropout: Share of entities that training takes away.
        layers: Of either kind.
        dropout: Inside the transformer layers.
    """

    def __init__(
        self,
        text_width: int,
        graph_width: int,
        width: int,
        entity_dropout: float = 0.0,
        *,
        layers: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.entity_dropout = entity_dropout
        self.of_text, self.of_graph = nn.Linear(text_width, width), nn.Linear(graph_width, width)
        self.token, self.node = (nn.Parameter(0.02 * torch.randn(width)) for _ in range(2))
        self.no_text = nn.Parameter(0.02 * torch.randn(width))
        self.read = nn.ModuleList(
            nn.TransformerEncoderLayer(width, HEADS, 2 * width, dropout, batch_first=True)
            for _ in range(layers)
        )
        self.send = nn.ModuleList(
            GATConv(width, width // HEADS, HEADS, dropout=dropout) for _ in range(layers)
        )
        self.mix = nn.ModuleList(
            nn.Sequential(
                nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, 2 * width)
            )
            for _ in range(layers)
        )
        self.leave = nn.Linear(3 * width, width)

    def forward(
        self,
        text: Tensor,
        text_mask: Tensor,
        graph: Tensor,
        graph_mask: Tensor,
        between: Tensor,
        linked: Tensor,
    ) -> Fused:
        """Fuse a batch.

        Args:
            text: States, [B, L, D].
            text_mask: Which there are, bool [B, L].
            graph: Vectors of the entities of each subgraph, [B, M, G].
            graph_mask: Which there are, bool [B, M].
            between: Where two entities of a subgraph have an edge, bool [B, M, M].
            linked: Which entities the text names itself, bool [B, M].
        """
        if self.training and self.entity_dropout:
            kept = torch.rand(graph_mask.shape, device=graph.device) >= self.entity_dropout
            graph_mask = graph_mask & kept
        batch, size = graph_mask.shape
        missing = ~text_mask.any(1)
        states = torch.where(missing[:, None, None], self.no_text, self.of_text(text))
        states = torch.cat((self.token.expand(batch, 1, -1), states), dim=1)
        text_mask = torch.cat((text_mask.new_ones(batch, 1), text_mask | missing[:, None]), dim=1)
        nodes = torch.cat((self.node.expand(batch, 1, -1), self.of_graph(graph)), dim=1)
        edges = subgraph_edges(between, graph_mask, linked)
        for read, send, mix in zip(self.read, self.send, self.mix, strict=True):
            states = read(states, src_key_padding_mask=~text_mask)
            sent = send(nodes.reshape(batch * (size + 1), -1), edges)
            nodes = nodes + torch.nn.functional.gelu(sent).reshape(nodes.shape)
            both = torch.cat((states[:, 0], nodes[:, 0]), dim=1)
            token, node = (both + mix(both)).chunk(2, dim=1)
            states = torch.cat((token.unsqueeze(1), states[:, 1:]), dim=1)
            nodes = torch.cat((node.unsqueeze(1), nodes[:, 1:]), dim=1)
        own = masked_mean(states, text_mask, self.no_text)
        # Without an entity, the interaction node itself stands for the graph: a null that knows
        # the text.
        reached = masked_mean(nodes[:, 1:], graph_mask, self.node)
        fused = self.leave(torch.cat((states[:, 0], own, reached), dim=1))
        width = own.shape[1]
        parts = torch.split(self.leave.weight, width, dim=1)
        return Fused(
            fused, shares((states[:, 0] @ parts[0].T) + own @ parts[1].T, reached @ parts[2].T)
        )


def subgraph_edges(between: Tensor, mask: Tensor, linked: Tensor) -> Tensor:
    """Edges of all subgraphs of a batch, whose nodes are numbered one after another.

    Each subgraph has M + 1 nodes, the first of which is the interaction node; it has an edge from
    and to each entity that the text names.

    Args:
        between: bool [B, M, M].
        mask: Which entities there are, bool [B, M].
        linked: Which of them the text names, bool [B, M].

    Returns:
        Sources and targets, int64 [2, E].
    """
    batch, size = mask.shape
    whole = between.new_zeros(batch, size + 1, size + 1)
    whole[:, 1:, 1:] = between & mask.unsqueeze(1) & mask.unsqueeze(2)
    whole[:, 0, 1:] = whole[:, 1:, 0] = linked & mask
    which, source, target = whole.nonzero(as_tuple=True)
    first = which * (size + 1)
    return torch.stack((first + source, first + target))
