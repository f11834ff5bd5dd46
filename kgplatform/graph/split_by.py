"""Ways to set facts aside for validation and test: at random, by relation, time or entity.

All keep the facts between two entities together: the edge back, or another relation between the
same two, would give the held-out fact away (docs/decisions/0005). Each returns positions of edges
by the code of their split; the others train.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from kgplatform.errors import InputError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.triples import SPLITS

TRAIN, VALID, TEST = range(len(SPLITS))

Strategy = Literal["random", "relation", "time", "inductive"]

Held = dict[int, list[int]]
"""Positions of edges by the code of the split that they are in."""

Divide = Callable[[KGSnapshot, np.ndarray, dict[int, int], np.random.Generator], Held]
"""``divide(snapshot, edges, room, rng)``: of ``edges`` about ``room[code]`` for each split."""


def by_chance(
    snapshot: KGSnapshot, edges: np.ndarray, room: dict[int, int], rng: np.random.Generator
) -> Held:
    """Pairs of entities in random order, at most ``room`` edges a split; train covers all."""
    cover = _Cover(snapshot)
    held: Held = {code: [] for code in room}
    for pair in _shuffled(_pairs(snapshot, edges), rng):
        unfilled = [code for code in room if len(held[code]) < room[code]]
        if not unfilled:
            break
        # The emptier by its share, so that a graph with little to spare feeds both.
        code = min(unfilled, key=lambda code: len(held[code]) / room[code])
        if len(held[code]) + pair.size <= room[code] and cover.spare(pair):
            held[code].extend(pair.tolist())
    return held


def by_relation(
    snapshot: KGSnapshot, edges: np.ndarray, room: dict[int, int], rng: np.random.Generator
) -> Held:
    """The same share of each relation, so that rare ones are evaluated, too; train covers all.

    Where the share of a relation is no whole number, chance rounds it.
    """
    cover = _Cover(snapshot)
    relations = snapshot.edge_type.numpy()
    uses = np.bincount(relations[edges], minlength=snapshot.num_relations)
    shares = {code: uses * (edges_set / max(edges.size, 1)) for code, edges_set in room.items()}
    left = {
        code: np.floor(share + rng.random(share.size)).astype(np.int64)
        for code, share in shares.items()
    }
    held: Held = {code: [] for code in room}
    for pair in _shuffled(_pairs(snapshot, edges), rng):
        wanted = np.bincount(relations[pair], minlength=snapshot.num_relations)
        fits = [code for code in room if (left[code] >= wanted).all()]
        if fits and cover.spare(pair):
            # The one that lacks more of these relations.
            code = max(fits, key=lambda code: int(left[code][relations[pair]].sum()))
            left[code] -= wanted
            held[code].extend(pair.tolist())
    return held


def by_time(
    snapshot: KGSnapshot, edges: np.ndarray, room: dict[int, int], rng: np.random.Generator
) -> Held:
    """The latest facts for the test, those before them for validation; train covers all.

    A pair of entities counts by its latest fact. A late fact whose entity or relation has no
    other stays in train.

    Raises:
        InputError: The snapshot has no times.
    """
    if snapshot.time is None:
        raise InputError(
            "a split by time needs the time of each fact",
            hint="return it as a column `time`, or name the property that holds it",
        )
    time = snapshot.time.numpy()
    cover = _Cover(snapshot)
    held: Held = {code: [] for code in room}
    pairs = list(_shuffled(_pairs(snapshot, edges), rng))
    pairs.sort(key=lambda pair: -int(time[pair].max()))
    for pair in pairs:
        unfilled = [code for code in (TEST, VALID) if len(held[code]) < room[code]]
        if not unfilled:
            break
        if cover.spare(pair):
            held[unfilled[0]].extend(pair.tolist())
    return held


def by_entity(
    snapshot: KGSnapshot, edges: np.ndarray, room: dict[int, int], rng: np.random.Generator
) -> Held:
    """All facts of entities drawn at random: no fact of theirs is in train.

    The facts of those drawn for the test are in the test alone; those drawn for validation may
    stand in facts of the test. Train covers all relations, not all entities.
    """
    relations = snapshot.edge_type.numpy()
    uses = np.bincount(relations, minlength=snapshot.num_relations)
    free = np.zeros(relations.size, dtype=bool)
    free[edges] = True
    incident, start = _incident(snapshot)
    held: Held = {code: [] for code in room}
    order = rng.permutation(snapshot.num_entities).tolist()
    for code in (TEST, VALID):
        for entity in order:
            if len(held[code]) >= room[code]:
                break
            mine = np.unique(incident[start[entity] : start[entity + 1]])
            mine = mine[free[mine]]
            left = uses - np.bincount(relations[mine], minlength=uses.size)
            # A hub would take more than the share; a relation would lose its last fact.
            if 0 < mine.size <= room[code] - len(held[code]) and left[relations[mine]].all():
                uses = left
                free[mine] = False
                held[code].extend(mine.tolist())
    return held


DIVIDE: dict[Strategy, Divide] = {
    "random": by_chance,
    "relation": by_relation,
    "time": by_time,
    "inductive": by_entity,
}


class _Cover:
    """How often train has each entity and relation; the last of one is never given away."""

    def __init__(self, snapshot: KGSnapshot) -> None:
        self._heads, self._tails = snapshot.edge_index.numpy()
        self._relations = snapshot.edge_type.numpy()
        both = np.concatenate((self._heads, self._tails))
        self._ends = np.bincount(both, minlength=snapshot.num_entities)
        self._uses = np.bincount(self._relations, minlength=snapshot.num_relations)

    def spare(self, edges: np.ndarray) -> bool:
        """Take edges out of train if it then still has all; whether they were taken."""
        ends = np.concatenate((self._heads[edges], self._tails[edges]))
        uses = self._relations[edges]
        np.subtract.at(self._ends, ends, 1)
        np.subtract.at(self._uses, uses, 1)
        if self._ends[ends].all() and self._uses[uses].all():
            return True
        np.add.at(self._ends, ends, 1)
        np.add.at(self._uses, uses, 1)
        return False


class _Pairs(NamedTuple):
    """Edges by the two entities that they join.

    Attributes:
        order: Positions of edges, those of a pair side by side, int64 [E].
        first: Where each pair begins in ``order``, int64 [P].
        last: Where it ends, int64 [P].
    """

    order: np.ndarray
    first: np.ndarray
    last: np.ndarray


def _pairs(snapshot: KGSnapshot, edges: np.ndarray) -> _Pairs:
    """The pairs of a snapshot.

    A pair of which some edge is not among ``edges`` is left out: it stays where that one is.
    """
    heads, tails = snapshot.edge_index.numpy()
    if not heads.size:
        return _Pairs(*(np.empty(0, dtype=np.int64) for _ in _Pairs._fields))
    low, high = np.minimum(heads, tails), np.maximum(heads, tails)
    keys = low * (int(high.max()) + 1) + high
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    bounds = np.concatenate(([0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [keys.size]))
    first, last = bounds[:-1], bounds[1:]
    if edges.size < heads.size:
        free = np.zeros(heads.size, dtype=bool)
        free[edges] = True
        whole = np.logical_and.reduceat(free[order], first)
        first, last = first[whole], last[whole]
    return _Pairs(order, first, last)


def _shuffled(pairs: _Pairs, rng: np.random.Generator) -> Iterator[np.ndarray]:
    # Made one by one: an array object for each of 20,000,000 pairs would take gigabytes.
    for index in rng.permutation(pairs.first.size):
        yield pairs.order[pairs.first[index] : pairs.last[index]]


def _incident(snapshot: KGSnapshot) -> tuple[np.ndarray, np.ndarray]:
    """Edges by the entities that they touch, and where those of each entity begin."""
    ends = snapshot.edge_index.numpy().reshape(-1)
    order = np.argsort(ends, kind="stable")
    counts = np.bincount(ends, minlength=snapshot.num_entities)
    start = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))
    return order % max(snapshot.num_edges, 1), start
