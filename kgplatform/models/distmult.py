"""DistMult: a relation weighs the coordinates of a dot product (Yang et al. 2015)."""

from __future__ import annotations

from torch import Tensor

from kgplatform.models.base import LinkModel


class DistMult(LinkModel):
    """score(h, r, t) = Σᵢ hᵢ rᵢ tᵢ.

    "Embedding Entities and Relations for Learning and Inference in Knowledge Bases", ICLR 2015.
    Symmetric in h and t for each row of the relation table; with reciprocal relations both
    directions of a query are learnt apart, which ranks asymmetric relations well all the same.
    """

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """H ∘ r."""
        return head * relation

    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        """R ∘ t."""
        return relation * tail
