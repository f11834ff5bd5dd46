"""The question as a relation: EmbedKGQA over vectors of this platform's own training.

"Improving Multi-hop Question Answering over Knowledge Graphs using Knowledge Base Embeddings"
(Saxena et al. 2020): entities' vectors are trained on the graph by a score function, and stay; a
question is read into a vector that takes the place of the relation; every entity is a candidate.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn

from kgplatform.joint.qa_reader import Batch, Reader
from kgplatform.models import LinkModel


class QuestionAsRelation(nn.Module):
    """Reads a question into a relation's vector.

    Args:
        width: Length of the encoder's vectors, D.
        hidden: Length of the LSTM's states, a direction.
        dropout: Share of numbers set to zero in training.
        graph: The score function with its trained vectors, which do not change.
    """

    def __init__(self, width: int, hidden: int, dropout: float, graph: LinkModel) -> None:
        super().__init__()
        self.reader = Reader(width, hidden, dropout)
        self.look = nn.Linear(2 * hidden, 1)
        relation = graph.relation_vectors().shape[1]
        self.asked = nn.Sequential(
            nn.Linear(4 * hidden, 4 * hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4 * hidden, relation),
        )
        self.scale = nn.Parameter(torch.zeros(()))
        self.graph = graph.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Set the mode; the score function's stays, as its vectors do."""
        super().train(mode)
        self.graph.eval()
        return self

    def forward(self, batch: Batch, topic: Tensor) -> Tensor:
        """Log-probability of each entity, [B, N]."""
        states, whole = self.reader(batch)
        real = torch.arange(states.shape[1]) < batch.length.unsqueeze(1)
        weight = self.look(states).squeeze(-1).masked_fill(~real, -torch.inf).softmax(-1)
        attended = torch.einsum("bl,bls->bs", weight, states)
        relation = self.asked(torch.cat((attended, whole), dim=1))
        entity = self.graph.entity_vectors()
        scores = self.graph.match(self.graph.tail_query(entity[topic], relation), entity)
        return (scores * self.scale.exp()).log_softmax(-1)
