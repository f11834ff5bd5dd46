"""What all link models share: two tables, and queries that are matched with entities."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class LinkModel(nn.Module, ABC):
    """Scores triples: a query vector made of two of its parts, matched with the third.

    A model file says how a query is made (``tail_query``, ``head_query``) and how well an
    entity matches it (``match``, ``match_rows``); the index-level methods are the same for all.

    With ``reciprocal`` the relation table has 2R rows and (?, r, t) is asked as
    (t, r⁻¹, ?) with r⁻¹ = r + R (Lacroix et al. 2018, "Canonical Tensor Decomposition for
    Knowledge Base Completion"), so that ``score_heads(r, t)[h]`` is ``score(t, r + R, h)``.
    Without it both sides share one score function.

    Args:
        num_entities: Rows of the entity table, N.
        num_relations: Relations of the snapshot, R.
        embedding_dim: Length of every vector, d.
        reciprocal: Whether each relation has a second row for the opposite direction.
        generator: Source of the initial weights, on the CPU; torch's own if None.
    """

    def __init__(
        self,
        num_entities: int,
        num_relations: int,
        embedding_dim: int,
        *,
        reciprocal: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.num_entities = num_entities
        self.num_relations = num_relations
        self.reciprocal = reciprocal
        rows = 2 * num_relations if reciprocal else num_relations
        self.entity = nn.Parameter(torch.empty(num_entities, embedding_dim))
        self.relation = nn.Parameter(torch.empty(rows, embedding_dim))
        nn.init.xavier_normal_(self.entity, generator=generator)
        nn.init.xavier_normal_(self.relation, generator=generator)

    @abstractmethod
    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """What a tail should match; vectors [B, d], [B, d] → [B, d]."""

    @abstractmethod
    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        """What a head should match, under the same score; [B, d], [B, d] → [B, d]."""

    @abstractmethod
    def match(self, queries: Tensor, entities: Tensor) -> Tensor:
        """Score of each query with each entity; [B, d], [N, d] → [B, N]."""

    @abstractmethod
    def match_rows(self, queries: Tensor, entities: Tensor) -> Tensor:
        """Score of each query with the entity in the same row; [B, d], [B, d] → [B]."""

    def entity_vectors(self) -> Tensor:
        """The vectors that are scored and written back, float32 [N, d]."""
        return self.entity

    def relation_vectors(self) -> Tensor:
        """Relation vectors, float32 [R, d], or [2R, d] with the reciprocal ones behind."""
        return self.relation

    def tail_queries(self, heads: Tensor, relation: Tensor) -> Tensor:
        """Queries (h, r, ?) of head vectors [B, d] and relation indices [B]."""
        return self.tail_query(heads, self.relation[relation])

    def head_queries(self, relation: Tensor, tails: Tensor) -> Tensor:
        """Queries (?, r, t) of relation indices [B] and tail vectors [B, d]."""
        if self.reciprocal:
            return self.tail_query(tails, self.relation[relation + self.num_relations])
        return self.head_query(self.relation[relation], tails)

    def score(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """Score of each triple, indices [B] each → [B]; higher is more plausible."""
        entities = self.entity_vectors()
        return self.match_rows(self.tail_queries(entities[head], relation), entities[tail])

    def forward(self, head: Tensor, relation: Tensor, tail: Tensor) -> Tensor:
        """The same as :meth:`score`."""
        return self.score(head, relation, tail)

    def score_tails(
        self, head: Tensor, relation: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (h, r, e) for all entities, or for ``candidates`` [N'], as [B, N]."""
        entities = self.entity_vectors()
        queries = self.tail_queries(entities[head], relation)
        return self.match(queries, entities if candidates is None else entities[candidates])

    def score_heads(
        self, relation: Tensor, tail: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (e, r, t) for all entities, or for ``candidates`` [N'], as [B, N]."""
        entities = self.entity_vectors()
        queries = self.head_queries(relation, entities[tail])
        return self.match(queries, entities if candidates is None else entities[candidates])
