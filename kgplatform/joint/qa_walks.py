"""Ways from an entity: the steps of each hop, how far entities are, and where a path ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.qa_questions import INVERSE

MOST_AT_ONCE = 200
"""Entities that one entity may have by one relation and direction for the step to be taken: what
leads to more (everybody who is male) tells nothing, and costs most."""

MOST_STEPS = 20_000
"""Steps of one hop of one question; above, steps of fewer entities at once are taken."""


@dataclass(frozen=True, eq=False)
class Hop:
    """The steps of one hop.

    Attributes:
        source: Where a step begins, a place in the area's nodes, int64 [S].
        way: Relation, + R if it is walked from tail to head, int64 [S].
        target: Where it ends, int64 [S].
    """

    source: np.ndarray
    way: np.ndarray
    target: np.ndarray


@dataclass(frozen=True, eq=False)
class Area:
    """What can be reached from a topic.

    Attributes:
        nodes: entity_index, the topic's first, int64 [M].
        hops: Steps that begin where the hop before ended.
        distance: Directional distance encoding, float32 [M, F] (:func:`_distances`).
    """

    nodes: np.ndarray
    hops: tuple[Hop, ...]
    distance: np.ndarray


class Walks:
    """A graph as steps in both directions.

    Args:
        snapshot: The graph; edges of valid and test are part of it, as questions ask about them.
        hops: Most steps of a walk.
    """

    def __init__(self, snapshot: KGSnapshot, hops: int) -> None:
        heads, tails = snapshot.edge_index.numpy()
        relations = snapshot.edge_type.numpy()
        self.hops = hops
        self.num_entities, self.num_relations = snapshot.num_entities, snapshot.num_relations
        source = np.concatenate((heads, tails))
        way = np.concatenate((relations, relations + self.num_relations))
        target = np.concatenate((tails, heads))
        order = np.lexsort((target, way, source))
        self._way, self._target = way[order], target[order]
        source = source[order]
        self._start = np.zeros(self.num_entities + 1, dtype=np.int64)
        np.cumsum(np.bincount(source, minlength=self.num_entities), out=self._start[1:])
        # How many steps share a step's source and way.
        key = source * (2 * self.num_relations) + self._way
        _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
        self._together = counts[inverse.reshape(-1)]
        self.area = lru_cache(maxsize=100_000)(self._area)

    @property
    def width(self) -> int:
        """Columns of an area's distances, F."""
        return 1 + 2 * self.hops

    @property
    def degree(self) -> np.ndarray:
        """Steps from each entity, int64 [N]."""
        return np.diff(self._start)

    def source_and_way(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each step in the graph where it begins, and its way, int64 [2E] each."""
        return np.repeat(np.arange(self.num_entities), self.degree), self._way

    def _steps(self, nodes: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps from entities: place in ``nodes``, way and target of each."""
        number = self._start[nodes + 1] - self._start[nodes]
        at = np.repeat(np.arange(nodes.size), number)
        first = np.cumsum(number) - number
        place = np.arange(at.size) - first[at] + self._start[nodes][at]
        kept = self._together[place] <= most
        return at[kept], self._way[place[kept]], self._target[place[kept]]

    def _area(self, topic: int) -> Area:
        nodes = np.array([topic])
        local = {topic: 0}
        frontier = nodes
        hops = []
        for _ in range(self.hops):
            most = MOST_AT_ONCE
            at, way, target = self._steps(frontier, most)
            while at.size > MOST_STEPS and most > 1:
                most //= 2
                at, way, target = self._steps(frontier, most)
            ends = np.unique(target)
            for node in ends.tolist():
                local.setdefault(node, len(local))
            places = np.array([local[node] for node in ends.tolist()], dtype=np.int64)
            begins = np.array([local[node] for node in frontier.tolist()], dtype=np.int64)
            hops.append(Hop(begins[at], way, places[np.searchsorted(ends, target)]))
            frontier = ends
        return Area(
            np.fromiter(local, np.int64, len(local)),
            tuple(hops),
            _distances(hops, len(local), self.num_relations),
        )

    def ends(self, topic: int, path: Iterable[int]) -> np.ndarray:
        """Entities at the end of a path of ways, sorted, int64 [n]."""
        nodes = np.array([topic])
        for wanted in path:
            _, way, target = self._steps(nodes, self.num_entities)
            nodes = np.unique(target[way == wanted])
        return nodes


def _distances(hops: Sequence[Hop], size: int, num_relations: int) -> np.ndarray:
    """How far entities are from the topic along and against the relations.

    "Simple Is Effective: The Roles of Graphs and Large Language Models in Knowledge-Graph-Based
    Retrieval-Augmented Generation" (Li et al. 2025): the topic's mark is passed on, a mean of
    what comes in, once along all edges and once against them, a column a round.

    Returns:
        float32 [size, 1 + 2 * hops]: the mark, then rounds along, then rounds against.
    """
    every = np.unique(
        np.concatenate([np.stack((hop.source, hop.way, hop.target)) for hop in hops], axis=1),
        axis=1,
    )
    columns = [np.eye(1, size, dtype=np.float32)[0]]
    for chosen in (every[1] < num_relations, every[1] >= num_relations):
        source, target = every[0, chosen], every[2, chosen]
        number = np.maximum(np.bincount(target, minlength=size), 1)
        mark = columns[0]
        for _ in hops:
            mark = np.bincount(target, weights=mark[source], minlength=size) / number
            columns.append(mark.astype(np.float32))
    return np.stack(columns, axis=1)


def path_of(ways: Iterable[int], relations: Sequence[str]) -> tuple[str, ...]:
    """Ways as a file writes them."""
    count = len(relations)
    return tuple(relations[w] if w < count else INVERSE + relations[w - count] for w in ways)


def ways_of(path: Iterable[str], relations: Sequence[str]) -> tuple[int, ...] | None:
    """A written path as ways; None if the graph has not all of its relations."""
    places = {name: at for at, name in enumerate(relations)}
    ways = []
    for step in path:
        if step in places:
            ways.append(places[step])
        elif step.startswith(INVERSE) and step[1:] in places:
            ways.append(places[step[1:]] + len(relations))
        else:
            return None
    return tuple(ways)
