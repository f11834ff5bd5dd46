"""What all link models share: two tables, and queries that are matched with entities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from kgplatform.errors import UsageError
from kgplatform.models.encoder import Edges, Encoder

Drop = Callable[[Tensor], Tensor]
"""What training does to vectors before they are asked with: dropout, or nothing."""


def unchanged(vectors: Tensor) -> Tensor:
    """The vectors themselves."""
    return vectors


@dataclass(frozen=True)
class Vectors:
    """What triples are scored by: entity vectors [N, d] and relation vectors [R or 2R, d']."""

    entity: Tensor
    relation: Tensor


class LinkModel(nn.Module, ABC):
    """Scores triples: a query vector made of two of its parts, matched with the third.

    A model file says how a query is made (``tail_query``, ``head_query``) and how well an
    entity matches it (``match``, ``match_rows``); the index-level methods are the same for all.
    The vectors that a query is made of come from tables; from a projection of the entities'
    features, alone or added to the table; and through an encoder, if there is one, which passes
    messages over the training edges.

    With ``reciprocal`` the relation table has 2R rows and (?, r, t) is asked as
    (t, r⁻¹, ?) with r⁻¹ = r + R (Lacroix et al. 2018, "Canonical Tensor Decomposition for
    Knowledge Base Completion"), so that ``score_heads(r, t)[h]`` is ``score(t, r + R, h)``.
    Without it both sides share one score function.

    Args:
        num_entities: Rows of the entity table, N.
        num_relations: Relations of the snapshot, R.
        embedding_dim: Length of an entity's vector, d.
        reciprocal: Whether each relation has a second row for the opposite direction.
        features: What is known of entities, float32 [N, F]; None if nothing is used.
        table: Whether each entity has a learnt row; without one, its features are all it has.
        encoder: Passes messages between the entities' vectors before they are scored.
        edges: Edges to pass messages over when not training; kept with the weights.
        generator: Source of the initial weights, on the CPU; torch's own if None.
    """

    needs_reciprocal: ClassVar[bool] = False
    edge_index: Tensor
    edge_type: Tensor
    features: Tensor

    def __init__(
        self,
        num_entities: int,
        num_relations: int,
        embedding_dim: int,
        *,
        reciprocal: bool = True,
        features: Tensor | None = None,
        table: bool = True,
        encoder: Encoder | None = None,
        edges: Edges | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.num_entities = num_entities
        self.num_relations = num_relations
        self.reciprocal = reciprocal
        rows = 2 * num_relations if reciprocal else num_relations
        width = self.entity_width(embedding_dim)
        self.entity = nn.Parameter(torch.empty(num_entities if table else 0, width))
        self.relation = nn.Parameter(torch.empty(rows, self.relation_width(embedding_dim)))
        self.project: nn.Parameter | None = None
        if features is not None:
            self.register_buffer("features", features)
            self.project = nn.Parameter(torch.empty(features.shape[1], width))
            nn.init.xavier_normal_(self.project, generator=generator)
        self.encoder = encoder
        if edges is not None:
            self.register_buffer("edge_index", edges.index)
            self.register_buffer("edge_type", edges.type)
        self._encoded: Vectors | None = None
        self.initialize(generator)

    @staticmethod
    def entity_width(embedding_dim: int) -> int:
        """Columns of the entity table."""
        return embedding_dim

    @staticmethod
    def relation_width(embedding_dim: int) -> int:
        """Columns of the relation table."""
        return embedding_dim

    def initialize(self, generator: torch.Generator | None) -> None:
        """Draw the tables (Glorot and Bengio 2010)."""
        if len(self.entity):
            nn.init.xavier_normal_(self.entity, generator=generator)
        nn.init.xavier_normal_(self.relation, generator=generator)

    @abstractmethod
    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """What a tail should match; vectors [B, d], [B, d'] → [B, q]."""

    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        """What a head should match, under the same score; [B, d'], [B, d] → [B, q].

        Raises:
            UsageError: The model has only queries for tails, so it needs reciprocal relations.
        """
        raise UsageError(
            f"{type(self).__name__} ranks heads with reciprocal relations only",
            hint="leave the setting reciprocal at true",
        )

    def match(self, queries: Tensor, entities: Tensor) -> Tensor:
        """Score of each query with each entity; [B, q], [N, d] → [B, N]. Here: q·e."""
        return queries @ entities.T

    def match_rows(self, queries: Tensor, entities: Tensor) -> Tensor:
        """Score of each query with the entity in the same row; [B, q], [B, d] → [B]."""
        return (queries * entities).sum(1)

    def moduli(self, vectors: Tensor) -> Tensor:
        """What a penalty shrinks: absolute values, of complex coordinates their moduli."""
        return vectors.abs()

    @property
    def floats_a_score(self) -> int:
        """Numbers that :meth:`match` holds at a time for each score, at most."""
        return 1

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.relation.device

    def inputs(self, rows: Tensor | None = None, table: Tensor | None = None) -> Tensor:
        """Entity vectors before any message: learnt rows, projected features, or their sum.

        Args:
            rows: Which entities, [B]; None for all.
            table: Their rows of ``entity``, if somebody has them at hand, [B, d].
        """
        if table is None:
            table = self.entity if rows is None else self.entity[rows]
        if self.project is None:
            return table
        projected = (self.features if rows is None else self.features[rows]) @ self.project
        return projected + table if len(self.entity) else projected

    def vectors(self, edges: Edges | None = None) -> Vectors:
        """What triples are scored by.

        In evaluation mode an encoder runs once, over all training edges and without gradients,
        until the next call of ``train()`` or ``eval()``.

        Args:
            edges: What to pass messages over in training; without it all training edges.
        """
        if self.encoder is None:
            return Vectors(self.inputs(), self.relation)
        if self.training:
            edges = edges or Edges(self.edge_index, self.edge_type)
            # Sums over many neighbours lose too much in half the bits, and sparse ones fail.
            with torch.autocast(self.device.type, enabled=False):
                return Vectors(*self.encoder(self.inputs(), self.relation, edges))
        if self._encoded is None or self._encoded.entity.device != self.device:
            with torch.no_grad():
                every = Edges(self.edge_index, self.edge_type)
                self._encoded = Vectors(*self.encoder(self.inputs(), self.relation, every))
        return self._encoded

    def train(self, mode: bool = True) -> Self:
        """Set the mode and forget vectors of earlier weights."""
        self._encoded = None
        return super().train(mode)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load weights and forget vectors of earlier ones."""
        self._encoded = None
        return super().load_state_dict(*args, **kwargs)

    def entity_vectors(self) -> Tensor:
        """The vectors that are scored and written back, float32 [N, d]."""
        return self.vectors().entity

    def relation_vectors(self) -> Tensor:
        """Relation vectors, float32 [R, d'], or [2R, d'] with the reciprocal ones behind."""
        return self.vectors().relation

    def tail_queries(
        self, vectors: Vectors, head: Tensor, relation: Tensor, drop: Drop = unchanged
    ) -> Tensor:
        """Queries (h, r, ?) of rows of ``vectors``, indices [B] each → [B, q]."""
        return self.tail_query(drop(vectors.entity[head]), drop(vectors.relation[relation]))

    def head_queries(
        self, vectors: Vectors, relation: Tensor, tail: Tensor, drop: Drop = unchanged
    ) -> Tensor:
        """Queries (?, r, t) of rows of ``vectors``, indices [B] each → [B, q]."""
        if self.reciprocal:
            return self.tail_queries(vectors, tail, relation + self.num_relations, drop)
        return self.head_query(drop(vectors.relation[relation]), drop(vectors.entity[tail]))

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """Score of each triple, indices [B] each → [B]; higher is more plausible."""
        vectors = self.vectors()
        return self.match_rows(self.tail_queries(vectors, head, relation), vectors.entity[tail])

    def forward(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """The same as :meth:`score`."""
        return self.score(head, relation, tail)

    def score_tails(
        self, head: Tensor, relation: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (h, r, e) for all entities, or for ``candidates`` [N'], as [B, N]."""
        vectors = self.vectors()
        among = vectors.entity if candidates is None else vectors.entity[candidates]
        return self.match(self.tail_queries(vectors, head, relation), among)

    def score_heads(
        self, relation: Tensor, tail: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (e, r, t) for all entities, or for ``candidates`` [N'], as [B, N]."""
        vectors = self.vectors()
        among = vectors.entity if candidates is None else vectors.entity[candidates]
        return self.match(self.head_queries(vectors, relation, tail), among)
