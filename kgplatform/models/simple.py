"""SimplE: an entity has a vector as a head and one as a tail (Kazemi and Poole 2018)."""

from __future__ import annotations

import torch
from torch import Tensor

from kgplatform.models.base import LinkModel


class SimplE(LinkModel):
    """score(h, r, t) = ½ (Σᵢ hᵢ rᵢ t′ᵢ + Σᵢ tᵢ r′ᵢ h′ᵢ).

    "SimplE Embedding for Link Prediction in Knowledge Graphs", NeurIPS 2018. A row of an entity
    is its vector as a head beside its vector as a tail (primed), a row of a relation r beside
    the one of its inverse, r′; [d] each.
    """

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """½ (h′ ∘ r′ beside h ∘ r): what the tail's two halves are multiplied with."""
        as_head, as_tail = head.chunk(2, dim=1)
        forth, back = relation.chunk(2, dim=1)
        return torch.cat((as_tail * back, as_head * forth), dim=1) / 2

    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        """½ (r ∘ t′ beside r′ ∘ t): what the head's two halves are multiplied with."""
        as_head, as_tail = tail.chunk(2, dim=1)
        forth, back = relation.chunk(2, dim=1)
        return torch.cat((forth * as_tail, back * as_head), dim=1) / 2
