"""Which entities are known to answer a query: what a filtered ranking leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot

Side = Literal["tail", "head"]


class KnownAnswers:
    """For a query (anchor, relation), the entities that are known to answer it.

    Made by :func:`answers_of_triples` or :func:`answers_of_snapshot`. Facts lie side by side by
    their anchor, those of an anchor by relation; a query is found there by halving.

    Args:
        start: Where the facts of each anchor begin, int64 [N + 1].
        relation: Relation of each fact, int64 [n].
        answer: Entity at the other end, int64 [n].
        order: Positions in ``relation`` and ``answer`` in that order, [n]; None if they have it.
    """

    def __init__(
        self, start: Tensor, relation: Tensor, answer: Tensor, order: Tensor | None = None
    ) -> None:
        self._start, self._relation, self._answer, self._order = start, relation, answer, order
        most = int((start[1:] - start[:-1]).max()) if len(start) > 1 else 0
        self._halvings = most.bit_length()

    def of(self, anchor: Tensor, relation: Tensor) -> tuple[Tensor, Tensor]:
        """Known answers of queries [B]: row of the query and the entity, [K] each."""
        start = self._first(anchor, relation)
        count = self._first(anchor, relation + 1) - start
        row = torch.repeat_interleave(torch.arange(len(anchor), device=anchor.device), count)
        # Position inside the row's own stretch of answers, counted from its start.
        before = torch.repeat_interleave(count.cumsum(0) - count, count)
        inside = torch.arange(len(row), device=anchor.device) - before
        return row, self._answer[self._at(start[row] + inside)]

    def _first(self, anchor: Tensor, relation: Tensor) -> Tensor:
        """Where the anchor's facts with at least this relation begin, [B]."""
        low, high = self._start[anchor], self._start[anchor + 1]
        for _ in range(self._halvings):
            middle = (low + high) // 2
            # Of an empty stretch, any fact will do: neither end moves.
            value = self._relation[self._at(middle.clamp(max=len(self._relation) - 1))]
            less = (value < relation) & (low < high)
            low, high = torch.where(less, middle + 1, low), torch.where(less, high, middle)
        return low

    def _at(self, place: Tensor) -> Tensor:
        return place if self._order is None else self._order[place]


@dataclass(frozen=True)
class Known:
    """Known answers on both sides: ``tails`` of (h, r, ?) and ``heads`` of (?, r, t)."""

    tails: KnownAnswers
    heads: KnownAnswers


def answers_of_triples(triples: Tensor, num_entities: int, side: Side) -> KnownAnswers:
    """Known answers of facts in any order, copied.

    Args:
        triples: Known facts, [n, 3].
        num_entities: N.
        side: ``tail`` answers (h, r, ?), ``head`` answers (?, r, t).
    """
    anchor, answer = (triples[:, 0], triples[:, 2])[:: 1 if side == "tail" else -1]
    order = torch.argsort(triples[:, 1], stable=True)
    order = order[torch.argsort(anchor[order], stable=True)]
    start = torch.zeros(num_entities + 1, dtype=torch.int64, device=triples.device)
    torch.cumsum(torch.bincount(anchor, minlength=num_entities), 0, out=start[1:])
    return KnownAnswers(start, triples[order, 1], answer[order])


def answers_of_snapshot(snapshot: KGSnapshot, side: Side, device: torch.device) -> KnownAnswers:
    """Known answers of all edges of a snapshot; on the CPU nothing of it is copied."""
    adjacency, relation = snapshot.adjacency, snapshot.edge_type.to(device)
    heads, tails = snapshot.edge_index
    if side == "tail":
        return KnownAnswers(adjacency.head_start.to(device), relation, tails.to(device))
    by_tail = adjacency.by_tail.to(device)
    return KnownAnswers(adjacency.tail_start.to(device), relation, heads.to(device), by_tail)


def known_of_triples(triples: Tensor, num_entities: int) -> Known:
    """Both sides of facts in any order, [n, 3]."""
    return Known(
        answers_of_triples(triples, num_entities, "tail"),
        answers_of_triples(triples, num_entities, "head"),
    )


def known_of_snapshot(snapshot: KGSnapshot, device: torch.device) -> Known:
    """Both sides of all edges of a snapshot, on a device."""
    return Known(
        answers_of_snapshot(snapshot, "tail", device), answers_of_snapshot(snapshot, "head", device)
    )
