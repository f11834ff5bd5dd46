"""ConvE: a convolution over head and relation laid out as an image (Dettmers et al. 2018)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from kgplatform.models.base import LinkModel

HEIGHT = 8
"""Rows of the picture that each of the two vectors is laid out as."""

CHANNELS = 32


class ConvE(LinkModel):
    """score(h, r, t) = ReLU(vec(ReLU([h̄; r̄] ∗ ω)) W)·t + bₜ.

    "Convolutional 2D Knowledge Graph Embeddings", AAAI 2018: h̄ and r̄ are the vectors as
    pictures of 8 rows, ω are 32 filters of 3 × 3, with batch normalisation before, between and
    after. The last column of an entity's row is its bias b, [d + 1]. A score of (?, r, t) has
    to be a query of its own: relations are reciprocal.

    Args:
        num_entities: Rows of the entity table, N.
        num_relations: Relations of the snapshot, R.
        embedding_dim: Length of a vector without its bias, d, a multiple of 32.
        options: As for every :class:`LinkModel`.
    """

    needs_reciprocal: ClassVar[bool] = True

    def __init__(
        self, num_entities: int, num_relations: int, embedding_dim: int, **options: Any
    ) -> None:
        super().__init__(num_entities, num_relations, embedding_dim, **options)
        generator = options.get("generator")
        self.filters = nn.Parameter(torch.empty(CHANNELS, 1, 3, 3))
        pixels = CHANNELS * (2 * HEIGHT - 2) * (embedding_dim // HEIGHT - 2)
        self.flatten = nn.Parameter(torch.empty(pixels, embedding_dim))
        nn.init.xavier_uniform_(self.filters, generator=generator)
        nn.init.xavier_uniform_(self.flatten, generator=generator)
        self.normalize_input = nn.BatchNorm2d(1)
        self.normalize_filtered = nn.BatchNorm2d(CHANNELS)
        self.normalize_query = nn.BatchNorm1d(embedding_dim)

    @staticmethod
    def entity_width(embedding_dim: int) -> int:
        """A vector and its bias."""
        return embedding_dim + 1

    def initialize(self, generator: torch.Generator | None) -> None:
        """Biases begin at zero."""
        super().initialize(generator)
        with torch.no_grad():
            self.entity[:, -1] = 0

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """The convolved vector, and a 1 for the bias; [B, d + 1]."""
        picture = torch.cat((head[:, :-1], relation), dim=1).reshape(len(head), 1, 2 * HEIGHT, -1)
        filtered = nn.functional.conv2d(self.normalize_input(picture), self.filters)
        hidden = torch.relu(self.normalize_filtered(filtered)).flatten(1) @ self.flatten
        query = torch.relu(self.normalize_query(hidden))
        return nn.functional.pad(query, (0, 1), value=1.0)
