"""Ways to set facts aside for validation and test: at random, by relation, time or entity.

All but ``chronological`` keep the facts between two entities together: the edge back, or another
relation between the same two, would give the held-out fact away (docs/decisions/0005). Each
returns positions of edges by the code of their split; the others train.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np

from kgplatform.errors import InputError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.triples import SPLITS

TRAIN, VALID, TEST = range(len(SPLITS))

Strategy = Literal["random", "relation", "time", "chronological", "inductive"]

BULK = 1 << 16
"""Most edges that are taken out of train at once."""

Held = dict[int, list[int]]
"""Positions of edges by the code of the split that they are in."""

Divide = Callable[[KGSnapshot, np.ndarray, dict[int, int], np.random.Generator], Held]
"""``divide(snapshot, edges, room, rng)``: of ``edges`` about ``room[code]`` for each split."""


def by_chance(
    snapshot: KGSnapshot, edges: np.ndarray, room: dict[int, int], rng: np.random.Generator
) -> Held:
    """Pairs of entities in random order, at most ``room`` edges a split; train covers all."""
    cover, pairs = _Cover(snapshot), _pairs(snapshot, edges)
    held: Held = {code: [] for code in room}
    order = rng.permutation(pairs.first.size)
    largest = int(pairs.sizes.max(initial=0))
    while order.size:
        left = {code: most - len(held[code]) for code, most in room.items()}
        if max(left.values()) < largest:
            # What fits nowhere now will not fit later.
            largest = max(left.values())
            order = order[pairs.sizes[order] <= largest]
        open_ = [code for code in room if left[code]]
        if not open_ or not order.size:
            break
        # So few edges that each split has room for all of them, so that their order alone decides.
        number = pairs.up_to(order, min(min(left[code] for code in open_), BULK))
        if number:
            chosen, order = order[:number], order[number:]
            chosen = chosen[cover.spare_all(pairs, chosen)]
            codes = _emptier(pairs.sizes[chosen].tolist(), held, room)
            for code in room:
                held[code].extend(pairs.edges(chosen[codes == code]).tolist())
            continue
        pair, order = pairs.edges(order[:1]), order[1:]
        code = min(open_, key=lambda code: len(held[code]) / room[code])
        if pair.size <= left[code] and cover.spare(pair):
            held[code].extend(pair.tolist())
    return held


def _emptier(sizes: list[int], held: Held, room: dict[int, int]) -> np.ndarray:
    """The split of each pair: the emptier by its share, so that little to spare feeds both."""
    numbers = {code: len(held[code]) for code, most in room.items() if most > len(held[code])}
    codes = np.empty(len(sizes), dtype=np.int64)
    for place, size in enumerate(sizes):
        codes[place] = code = min(numbers, key=lambda code: numbers[code] / room[code])
        numbers[code] += size
    return codes


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
    time = _time(snapshot)
    cover, pairs = _Cover(snapshot), _pairs(snapshot, edges)
    held: Held = {code: [] for code in room}
    order = rng.permutation(pairs.first.size)
    sizes = pairs.sizes[order]
    if order.size:
        latest = np.maximum.reduceat(time[pairs.edges(order)], np.cumsum(sizes) - sizes)
        order = order[np.argsort(-latest, kind="stable")]
    for code in (TEST, VALID):
        while order.size and len(held[code]) < room[code]:
            # The last pair may be larger than the room that is left.
            number = max(1, pairs.up_to(order, min(room[code] - len(held[code]), BULK)))
            chosen, order = order[:number], order[number:]
            chosen = chosen[cover.spare_all(pairs, chosen)]
            held[code].extend(pairs.edges(chosen).tolist())
    return held


def by_clock(
    snapshot: KGSnapshot,
    edges: np.ndarray,
    room: dict[int, int],
    rng: np.random.Generator,  # noqa: ARG001  # as every strategy is called
) -> Held:
    """Each fact by its own time: no fact of valid is earlier than one of train, nor of test.

    Facts of one time stay together, so a split may be smaller than its room. Nothing else is kept:
    pairs may lie on both sides, and entities begin in valid and test.

    Raises:
        InputError: The snapshot has no times, or too few different ones.
    """
    time = _time(snapshot)[edges]
    moments, counts = np.unique(time, return_counts=True)
    later = np.cumsum(counts[::-1])[::-1]
    held: Held = {}
    end, taken = moments.size, 0
    for code in (TEST, VALID):
        # The earliest moment from which on no more facts come than there is room for.
        fits = later[:end] - taken <= room[code]
        begin = int(fits.argmax()) if fits.any() else end
        chosen = np.isin(time, moments[begin:end])
        held[code] = edges[chosen].tolist()
        taken += len(held[code])
        if room[code] and begin in (0, end):
            raise InputError(
                f"{moments.size} different times do not divide {edges.size} facts into shares "
                f"of {room[code]}",
                hint="choose larger shares, or --by time, which may divide a moment",
            )
        end = begin
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
    "chronological": by_clock,
    "inductive": by_entity,
}


def _time(snapshot: KGSnapshot) -> np.ndarray:
    if snapshot.time is None:
        raise InputError(
            "a split by time needs the time of each fact",
            hint="return it as a column `time`, or name the property that holds it",
        )
    times: np.ndarray = snapshot.time.numpy()
    return times


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

    def spare_all(self, pairs: _Pairs, chosen: np.ndarray) -> np.ndarray:
        """What :meth:`spare` says of pairs one after another, at once; bool [n].

        A pair whose entities and relations would be left with something if all of the pairs were
        taken is taken whatever becomes of the others. Only the rest is asked one by one.
        """
        first = pairs.order[pairs.first[chosen]]
        ends = self._heads[first], self._tails[first]
        takes = pairs.sizes[chosen] * np.where(ends[0] == ends[1], 2, 1)
        taken: np.ndarray = (self._ends[ends[0]] > takes) & (self._ends[ends[1]] > takes)
        # The others are out of the question, and leave the others what they have.
        asked = np.flatnonzero(taken)
        edges = pairs.edges(chosen[asked])
        of_pair = np.repeat(asked, pairs.sizes[chosen[asked]])
        self._take(edges, 1)
        short = (self._ends[self._heads[edges]] <= 0) | (self._ends[self._tails[edges]] <= 0)
        short |= self._uses[self._relations[edges]] <= 0
        contested = np.unique(of_pair[short])
        self._take(pairs.edges(chosen[contested]), -1)
        for place in contested.tolist():
            taken[place] = self.spare(pairs.edges(chosen[place : place + 1]))
        return taken

    def _take(self, edges: np.ndarray, times: int) -> None:
        np.subtract.at(self._ends, self._heads[edges], times)
        np.subtract.at(self._ends, self._tails[edges], times)
        np.subtract.at(self._uses, self._relations[edges], times)


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

    @property
    def sizes(self) -> np.ndarray:
        """Edges of each pair, int64 [P]."""
        sizes: np.ndarray = self.last - self.first
        return sizes

    def edges(self, chosen: np.ndarray) -> np.ndarray:
        """Edges of some pairs, those of a pair side by side, int64."""
        first = self.first[chosen]
        sizes = self.last[chosen] - first
        begin = np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
        found: np.ndarray = self.order[begin + np.arange(begin.size)]
        return found

    def up_to(self, chosen: np.ndarray, most: int) -> int:
        """How many of these pairs, from the first on, have together at most so many edges."""
        # Each has one at least.
        sizes = self.last[chosen[:most]] - self.first[chosen[:most]]
        return int(np.searchsorted(np.cumsum(sizes), most, side="right"))


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
