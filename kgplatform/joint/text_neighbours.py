"""The texts around an entity: what stands beside it in the training facts, relation by relation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Training facts seen from both ends, those of an entity side by side, by relation.

    A fact (h, r, t) is an edge of h of relation r, and one of t of relation r + R.

    Attributes:
        start: Where the edges of each entity begin, int64 [N + 1].
        relation: int64 [2E].
        other: The entity at the other end, [2E].
        places: The two edges of each fact, [E, 2].
        num_relations: Relations in both directions, 2R.
    """

    start: Tensor
    relation: Tensor
    other: Tensor
    places: Tensor
    num_relations: int


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Neighbours of some entities, those of one relation taken together.

    Attributes:
        row: Which of the entities, ascending, int64 [P].
        relation: [P].
        count: How many neighbours, float32 [P].
        text: Mean of their texts' vectors, [P, D].
    """

    row: Tensor
    relation: Tensor
    count: Tensor
    text: Tensor

    def of_rows(self, kept: Tensor) -> Surroundings:
        """The same, but only of the entities that are ``kept``, bool [B]."""
        here = kept[self.row]
        return Surroundings(self.row[here], self.relation[here], self.count[here], self.text[here])


def neighbours_of(triples: Tensor, num_entities: int, num_relations: int) -> Neighbours:
    """The neighbours that facts make.

    Args:
        triples: Training facts, int64 [E, 3].
        num_entities: N.
        num_relations: R.
    """
    head, relation, tail = triples.unbind(1)
    source = torch.cat((head, tail))
    kind = torch.cat((relation, relation + num_relations))
    order = torch.argsort(source * (2 * num_relations) + kind, stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    start = torch.zeros(num_entities + 1, dtype=torch.int64)
    torch.cumsum(torch.bincount(source, minlength=num_entities), 0, out=start[1:])
    return Neighbours(
        start,
        kind[order],
        torch.cat((tail, head))[order],
        torch.stack(torch.split(place, len(head)), dim=1),
        2 * num_relations,
    )


def surroundings(
    neighbours: Neighbours, texts: Tensor, entities: Tensor, hidden: Tensor | None = None
) -> Surroundings:
    """What is around some entities.

    Args:
        neighbours: Of the training facts.
        texts: Vectors of all entities' texts, [N, D].
        entities: Whose neighbours, [B].
        hidden: Facts that are not to be seen, by their rows, [H]: those that are asked for.
    """
    count = neighbours.start[entities + 1] - neighbours.start[entities]
    row = torch.repeat_interleave(torch.arange(len(entities)), count)
    before = torch.repeat_interleave(count.cumsum(0) - count, count)
    edge = neighbours.start[entities][row] + torch.arange(len(row)) - before
    if hidden is not None:
        seen = torch.ones(len(neighbours.other), dtype=torch.bool)
        seen[neighbours.places[hidden]] = False
        row, edge = row[seen[edge]], edge[seen[edge]]
    key, place, many = torch.unique_consecutive(
        row * neighbours.num_relations + neighbours.relation[edge],
        return_inverse=True,
        return_counts=True,
    )
    number = many.float()
    total = texts.new_zeros(len(key), texts.shape[1])
    total.index_add_(0, place, texts[neighbours.other[edge]])
    return Surroundings(
        key // neighbours.num_relations,
        key % neighbours.num_relations,
        number,
        total / number.unsqueeze(1),
    )
