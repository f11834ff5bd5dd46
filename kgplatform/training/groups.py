"""Results by relation and by the cardinality of relations: where a model is good, and where not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.training.metrics import metrics_of
from kgplatform.training.ranks import Ranks

MANY = 1.5
"""From this many answers a query on average, a side of a relation is N (Bordes et al. 2013, §4)."""

EDGES_AT_ONCE = 1 << 22

CARDINALITIES = ("1-1", "1-N", "N-1", "N-N")


def cardinalities(snapshot: KGSnapshot) -> tuple[str, ...]:
    """``1-1``, ``1-N``, ``N-1`` or ``N-N`` of each relation, over the facts of all splits, [R].

    A relation is 1-N if a head has many tails and a tail one head: born_in is N-1, its inverse
    1-N. The average is over the heads (tails) that occur with the relation.
    """
    r = snapshot.num_relations
    head, tail = snapshot.edge_index
    relation, by_tail = snapshot.edge_type, snapshot.adjacency.by_tail
    facts = _changes(r, relation, head, tail)
    tails = facts / _changes(r, relation, head).clamp_min(1)
    heads = facts / _changes(r, relation, tail, order=by_tail).clamp_min(1)
    return tuple(
        f"{'N' if many_heads else '1'}-{'N' if many_tails else '1'}"
        for many_heads, many_tails in zip(
            (heads >= MANY).tolist(), (tails >= MANY).tolist(), strict=True
        )
    )


def _changes(r: int, relation: Tensor, *ends: Tensor, order: Tensor | None = None) -> Tensor:
    """How often each relation begins a run of edges that are alike in it and in ``ends``, [R].

    Edges lie sorted, by head and relation or, in ``order``, by tail and relation: so many
    questions, or facts, there are. Some edges at a time, as all may be more than memory holds.
    """
    total = torch.zeros(r, dtype=torch.int64)
    for begin in range(0, len(relation), EDGES_AT_ONCE):
        # With the last one of the part before, to compare the first with.
        places = slice(max(0, begin - 1), begin + EDGES_AT_ONCE)
        parts = [
            column[places] if order is None else column[order[places].long()]
            for column in (relation, *ends)
        ]
        begins = torch.ones(len(parts[0]), dtype=torch.bool)
        begins[1:] = torch.stack([part[1:] != part[:-1] for part in parts]).any(0)
        if begin:
            begins[0] = False
        total += torch.bincount(parts[0][begins], minlength=r)
    return total


def by_relation(
    ranks: Ranks, relation: Tensor, names: tuple[str, ...], kinds: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Metrics of each relation's facts, both sides together, those with most facts first.

    Args:
        ranks: Of n facts.
        relation: Their relations, [n].
        names: Relations by index, [R].
        kinds: Their cardinalities, [R].
    """
    groups = _groups(relation)
    order = sorted(groups, key=lambda index: (-len(groups[index]), index))
    return {
        names[index]: {
            "cardinality": kinds[index],
            **_without_sides(metrics_of(ranks.of(groups[index])).to_json()),
        }
        for index in order
    }


def by_cardinality(
    ranks: Ranks, relation: Tensor, kinds: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Metrics of the facts of 1-1, 1-N, N-1 and N-N relations, each where there are any.

    Sides are told apart, as a 1-N relation's heads are easy and its tails are not.

    Args:
        ranks: Of n facts.
        relation: Their relations, [n].
        kinds: Cardinalities of all relations, [R].
    """
    kind = torch.tensor([CARDINALITIES.index(name) for name in kinds])[relation]
    return {
        CARDINALITIES[index]: metrics_of(ranks.of(places)).to_json()
        for index, places in sorted(_groups(kind).items())
    }


def _groups(values: Tensor) -> dict[int, Tensor]:
    """Places of each value that occurs in [n]."""
    order = torch.argsort(values, stable=True)
    found, counts = torch.unique_consecutive(values[order], return_counts=True)
    parts = torch.split(order, counts.tolist())
    return dict(zip(found.tolist(), parts, strict=True))


def _without_sides(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("head", "tail")}
