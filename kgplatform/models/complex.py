"""ComplEx: a trilinear product of complex vectors (Trouillon et al. 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from kgplatform.models.base import LinkModel
from kgplatform.models.distance import root


class ComplEx(LinkModel):
    """score(h, r, t) = Re Σᵢ hᵢ rᵢ t̄ᵢ, over ℂ^{d/2}.

    "Complex Embeddings for Simple Link Prediction", ICML 2016. Every row is real parts beside
    imaginary parts, [d], so that Re⟨q, ē⟩ is the dot product of two rows.
    """

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """H ∘ r."""
        return times(head, relation)

    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        """r̄ ∘ t: Re(h r t̄) = Re(r̄ t h̄)."""
        return times(tail, conjugate(relation))

    def moduli(self, vectors: Tensor) -> Tensor:
        """|x| of complex coordinates, [B, d] → [B, d/2]."""
        return moduli(vectors)


def times(left: Tensor, right: Tensor) -> Tensor:
    """The product of complex coordinates, real parts beside imaginary ones; [B, d]."""
    a, b = left.chunk(2, dim=-1)
    c, d = right.chunk(2, dim=-1)
    return torch.cat((a * c - b * d, a * d + b * c), dim=-1)


def conjugate(vectors: Tensor) -> Tensor:
    """Imaginary parts negated, [B, d]."""
    real, imaginary = vectors.chunk(2, dim=-1)
    return torch.cat((real, -imaginary), dim=-1)


def moduli(vectors: Tensor) -> Tensor:
    """|x| of complex coordinates, [B, d] → [B, d/2]."""
    real, imaginary = vectors.chunk(2, dim=-1)
    return root(real.square() + imaginary.square())
