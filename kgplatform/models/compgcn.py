"""CompGCN: messages are compositions of entity and relation (Vashishth et al. 2020)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from kgplatform.models.encoder import Edges, Encoder, glorot

Composition = Literal["multiply", "subtract"]

Messages = list[tuple[Tensor, Tensor, Tensor, Tensor]]


class CompGCN(Encoder):
    """x′ᵢ = (W₀ φ(xᵢ, z₀) + Σⱼ W₁ φ(xⱼ, zᵣ) / √(dᵢ dⱼ) + the same backwards, W₂) / 3, z′ = W₃ z.

    "Composition-Based Multi-Relational Graph Convolutional Networks", ICLR 2020; φ is the
    product or the difference of vectors. Relations are encoded, too; where the score function
    has them in another length than entities, a matrix on either side translates.

    Args:
        width: Length of entity vectors, d.
        relation_width: Length of relation vectors, d'.
        num_relations: R.
        composition: φ.
        options: As for every :class:`Encoder`.
    """

    needs_reciprocal: ClassVar[bool] = True

    def __init__(
        self,
        width: int,
        relation_width: int,
        num_relations: int,
        *,
        composition: Composition = "multiply",
        **options: Any,
    ) -> None:
        self.composition = composition
        super().__init__(width, relation_width, num_relations, **options)

    def weights(self, generator: torch.Generator | None) -> None:
        """W₀ to W₃ and z₀ of each layer, and the matrices on either side of relations."""
        self.own, self.forth, self.back, self.between = (
            self.a_layer(self.width, self.width, generator=generator) for _ in range(4)
        )
        self.loop = self.a_layer(1, self.width, generator=generator)
        self.entrance: nn.Parameter | None = None
        self.exit: nn.Parameter | None = None
        if self.width != self.relation_width:
            self.entrance = glorot(self.relation_width, self.width, generator=generator)
            self.exit = glorot(self.width, self.relation_width, generator=generator)

    def enter(self, relation: Tensor) -> Tensor:
        """Relations as long as entities, [2R, d]."""
        return relation if self.entrance is None else relation @ self.entrance

    def leave(self, relation: Tensor) -> Tensor:
        """Relations as the score function has them, [2R, d']."""
        return relation if self.exit is None else relation @ self.exit

    def prepare(self, edges: Edges, entity: Tensor) -> Messages:
        """Source, target, relation and 1 / √(dᵢ dⱼ) of messages, forth and back."""
        both: Messages = []
        for shift, (source, target) in enumerate((edges.index, edges.index.flip(0))):
            into = torch.bincount(target, minlength=len(entity)).to(entity.dtype)
            out = torch.bincount(source, minlength=len(entity)).to(entity.dtype)
            share = (into[target] * out[source]).rsqrt().unsqueeze(1)
            both.append((source, target, edges.type + shift * self.num_relations, share))
        return both

    def layer(self, at: int, entity: Tensor, relation: Tensor, prepared: Any) -> Tensor:
        """The composed messages of three directions, each through its own matrix."""
        total = self.compose(entity, self.loop[at]) @ self.own[at]
        for (source, target, kind, share), weight in zip(
            prepared, (self.forth[at], self.back[at]), strict=True
        ):
            sent = self.compose(entity[source], relation[kind]) * share
            total = total + torch.zeros_like(entity).index_add(0, target, sent) @ weight
        return total / 3

    def relations(self, at: int, relation: Tensor) -> Tensor:
        """Z W₃."""
        return relation @ self.between[at]

    def compose(self, entity: Tensor, relation: Tensor) -> Tensor:
        """φ(x, z)."""
        return entity * relation if self.composition == "multiply" else entity - relation
