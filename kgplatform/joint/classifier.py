"""A classifier of texts that sees the entities which they name."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kgplatform.joint.exchange import DeepExchange
from kgplatform.joint.fusion import FUSIONS, Fused, Fusion
from kgplatform.joint.nodes import Nodes
from kgplatform.joint.relations import Relations
from kgplatform.joint.settings import JointSettings
from kgplatform.joint.text_side import TextSide
from kgplatform.models import LinkModel


@dataclass(frozen=True, eq=False)
class Batch:
    """Some texts with their entities.

    Attributes:
        rows: Texts, int64 [B].
        entities: int64 [B, M]; first those that the text names, then their neighbours.
        mask: Which there are, bool [B, M].
        linked: Which of them the text names, bool [B, M].
        between: Where two of them have an edge, bool [B, M, M]; None where no fusion asks.
        relations: What relations there are between two of them, int64 [B, K], and their mask,
            bool [B, K]; None where they are not read.
    """

    rows: Tensor
    entities: Tensor
    mask: Tensor
    linked: Tensor
    between: Tensor | None
    relations: tuple[Tensor, Tensor] | None = None


class JointClassifier(nn.Module):
    """softmax(W relu(fusion(text, entities)) + b).

    Args:
        text: Reads texts.
        nodes: Has the vectors of entities.
        settings: Chooses the fusion.
        num_classes: C.
        sees_text: Whether it does; without, it is the control "graph only".
        sees_graph: Whether it does; without, it is the control "text only".
        links: The link prediction model whose entity vectors are trained along, if they are.
        relations: Has the vectors of relations, if they are read.
    """

    def __init__(
        self,
        text: TextSide,
        nodes: Nodes,
        settings: JointSettings,
        num_classes: int,
        *,
        sees_text: bool = True,
        sees_graph: bool = True,
        links: LinkModel | None = None,
        relations: Relations | None = None,
    ) -> None:
        super().__init__()
        self.text, self.nodes = text, nodes
        self.sees_text, self.sees_graph = sees_text, sees_graph
        widths = (text.width, settings.width, settings.width, settings.entity_dropout)
        self.fusion: DeepExchange | Fusion
        if settings.fusion == "deep":
            self.fusion = DeepExchange(*widths, layers=settings.layers)
        else:
            self.fusion = FUSIONS[settings.fusion](*widths)
        self.text_dropout = nn.Dropout(settings.text_dropout)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.width, num_classes)
        self.links = links
        self.relations = relations

    def fused(self, batch: Batch, encoded: Tensor | None) -> Fused:
        """Vectors of texts [B, H] with their weights, from encoded entities [N, G] if there are."""
        states, text_mask = self.text(batch.rows)
        states = self.text_dropout(states)
        text_mask = text_mask & self.sees_text
        mask = batch.mask & self.sees_graph
        if self.sees_graph:
            vectors = self.nodes(batch.entities, encoded)
        else:
            vectors = states.new_zeros(*mask.shape, self.fusion.of_graph.in_features)
        if self.sees_graph and self.relations is not None and batch.relations is not None:
            which, there = batch.relations
            vectors = torch.cat((vectors, self.relations(which)), dim=1)
            mask = torch.cat((mask, there), dim=1)
        given = (states, text_mask, vectors, mask)
        if isinstance(self.fusion, DeepExchange):
            assert batch.between is not None
            found: Fused = self.fusion(*given, batch.between, batch.linked & mask)
            return found
        return self.fusion(*given)  # type: ignore[no-any-return]

    def forward(self, batch: Batch, classes: Tensor | None = None) -> Tensor:
        """Logits, [B, C].

        Args:
            batch: Texts.
            classes: What is told of the classes of entities, float32 [N, C].
        """
        return self.logits(self.fused(batch, self.encode(classes)))

    def encode(self, classes: Tensor | None) -> Tensor | None:
        """What the graph network makes of all entities, [N, G], if there is one to be seen."""
        return self.nodes.encode(classes) if self.sees_graph else None

    def logits(self, fused: Fused) -> Tensor:
        """Logits of fused vectors, [B, C]."""
        scores: Tensor = self.head(self.dropout(torch.relu(fused.vector)))
        return scores
