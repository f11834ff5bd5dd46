"""The relations between the entities of a text: which there are, and their vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.dataset import LinkedTexts, padded


class Relations(nn.Module):
    """W vᵣ for the relations r between entities of a text: states beside those of the entities.

    Args:
        vectors: float32 [R, d'], or [2R, d'] with the opposite directions behind; trained along
            with the task if they are a parameter.
        num_relations: R.
        width: Length of the states, G.
        dropout: Share of coordinates that training takes away from the vectors.
    """

    vectors: Tensor

    def __init__(
        self, vectors: Tensor, num_relations: int, width: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.num_relations = num_relations
        if isinstance(vectors, nn.Parameter):
            self.register_parameter("vectors", vectors)
        else:
            self.register_buffer("vectors", vectors, persistent=False)
        self.project = nn.Linear(vectors.shape[1], width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, which: Tensor) -> Tensor:
        """States of relations and of their opposites r + R, int64 [B, K] → [B, K, G]."""
        if len(self.vectors) == self.num_relations:
            # A model without opposites has one vector for both directions.
            which = which % self.num_relations
        states: Tensor = self.project(self.dropout(self.vectors[which]))
        return states


@dataclass(frozen=True, eq=False)
class LinkedRelations:
    """The relations of each text in CSR form, as the entities are in ``LinkedTexts``.

    Attributes:
        offsets: int64 [T + 1].
        relation: r, or r + R for its opposite; int64 [K].
    """

    offsets: Tensor
    relation: Tensor

    def padded(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Relations of some texts and where there are any, [B, K'] each."""
        return padded(self.offsets, self.relation, rows)


def relations_between(
    dataset: LinkedTexts, around: LinkedTexts, snapshot: KGSnapshot
) -> LinkedRelations:
    """The relations of facts whose head and tail are both among the entities of a text.

    Each once a text, in the direction in which the entities that the text names stand: the
    opposite of a relation by which another entity speaks of one that the text names.

    Args:
        dataset: Texts with the entities that they name.
        around: The same with neighbours behind these.
        snapshot: The graph.
    """
    entities = snapshot.num_entities
    head, tail = snapshot.edge_index.numpy()
    key = head.astype(np.int64) * entities + tail
    order = np.argsort(key, kind="stable")
    key, kind = key[order], snapshot.edge_type.numpy()[order]
    offsets, values = around.offsets.numpy(), around.entity_index.numpy()
    named = dataset.offsets.diff().numpy()
    found: list[np.ndarray] = []
    for row, own in enumerate(named):
        here = values[offsets[row] : offsets[row + 1]]
        wanted = (here[:, None] * entities + here[None, :]).ravel()
        first, last = np.searchsorted(key, wanted), np.searchsorted(key, wanted, side="right")
        pair = np.repeat(np.arange(len(wanted)), last - first)
        at = first[pair] + np.arange(len(pair)) - np.repeat(np.cumsum(last - first), last - first)
        relation = kind[at + (last - first)[pair]]
        source, target = np.divmod(pair, max(1, len(here)))
        opposite = (source >= own) & (target < own)
        found.append(np.unique(relation + opposite * snapshot.num_relations))
    places = np.zeros(len(found) + 1, dtype=np.int64)
    np.cumsum([len(each) for each in found], out=places[1:])
    return LinkedRelations(
        torch.from_numpy(places),
        torch.from_numpy(np.concatenate([*found, np.empty(0, np.int64)]).astype(np.int64)),
    )
