"""Facts that end in entities, from a live database or a snapshot: what a hop of a sampler reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np

from kgplatform.errors import UsageError
from kgplatform.graph.live import LiveGraph
from kgplatform.graph.node_types import Types
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.store.neighbors import PRIME, Draw, facts_into, sample_into, sample_until

ALL = -1

EVERY = 2**31 - 1
"""More facts than an entity has, as a limit."""

Strategy = Literal["uniform", "last"]
"""Which facts a limit takes: any, or the latest."""


class Hop(NamedTuple):
    """Facts that end in asked entities.

    Attributes:
        at: Which of the asked entities, int64 [E].
        heads: Entities, int64 [E].
        relations: Names, [E]; empty where types do not ask for them.
        edges: Numbers by which features of the facts are asked for, int64 [E].
        keys: Facts with smaller ones were drawn first, int64 [E].
        times: int64 [E], where facts of a time were asked for.
    """

    at: np.ndarray
    heads: np.ndarray
    relations: Sequence[str]
    edges: np.ndarray
    keys: np.ndarray
    times: np.ndarray | None = None


class Asked(NamedTuple):
    """What a sampler asks for.

    Attributes:
        entities: Where the facts end, int64 [F]; one may come several times.
        limit: Most facts for each, of each edge type; ``ALL`` takes all.
        strategy: Which of them a limit takes.
        apart: Whether an entity may come several times, and its draws are independent.
        untils: The latest time of facts of each, int64 [F]; None where time does not matter.
    """

    entities: np.ndarray
    limit: int
    strategy: Strategy = "uniform"
    apart: bool = False
    untils: np.ndarray | None = None


class Facts(Protocol):
    """Where a sampler gets facts from."""

    def into(self, asked: Asked, rng: np.random.Generator) -> Hop:
        """Facts that end in entities; at least those that a limit of each type takes.

        Raises:
            UsageError: A time is asked for, and facts have none.
        """
        ...


class LiveFacts:
    """Facts of a graph in the database, drawn by the server.

    Their numbers are those of the relationships, which :class:`Neo4jFeatureStore` understands.

    Args:
        live: The graph.
        types: The limit is one for each of these edge types.
        time: The property of facts that holds their time, for temporal sampling: whole numbers,
            or dates and times, which are seconds since 1970 UTC.
    """

    def __init__(self, live: LiveGraph, types: Types, time: str | None = None) -> None:
        self._live, self._typed, self._time = live, types.hetero, time

    def into(self, asked: Asked, rng: np.random.Generator) -> Hop:
        """As :class:`Facts` says; an exchange with the server."""
        store, entities = self._live.store, self._live.entities
        if asked.limit == ALL and asked.untils is None:
            return self._all(asked)
        size = asked.entities.size
        draw = Draw(
            EVERY if asked.limit == ALL else asked.limit,
            self._typed,
            rng.integers(0, PRIME, 3).tolist(),
            rng.integers(0, PRIME, size) if asked.apart else np.zeros(size, dtype=np.int64),
        )
        if asked.untils is None:
            found = sample_into(store, entities, asked.entities, draw)
        elif self._time is None:
            raise no_time("name the property that holds it: LiveFacts(live, types, time=…)")
        else:
            last = asked.strategy == "last"
            found = sample_until(
                store, entities, asked.entities, draw, asked.untils, time=self._time, last=last
            )
        keys = np.zeros(found.at.size, dtype=np.int64) if found.keys is None else found.keys
        return Hop(found.at, found.heads, found.relations, found.edges, keys, found.times)

    def _all(self, asked: Asked) -> Hop:
        # Each entity once on the wire, however many trees it stands in.
        distinct, inverse = np.unique(asked.entities, return_inverse=True)
        found = facts_into(self._live.store, self._live.entities, distinct)
        at, place = _joined(inverse.reshape(-1), found.at, distinct.size)
        relations = (
            np.array([*found.relations, ""], dtype=object)[place].tolist() if self._typed else ()
        )
        keys = np.zeros(at.size, dtype=np.int64)
        return Hop(at, found.heads[place], relations, found.edges[place], keys)


class SnapshotFacts:
    """Facts of a snapshot, held by their tails.

    Their numbers are positions among the edges of their edge type, as in ``to_data`` and
    ``to_hetero``.
    """

    def __init__(self, snapshot: KGSnapshot, types: Types) -> None:
        adjacency = snapshot.adjacency
        self._start, self._edges = adjacency.tail_start.numpy(), adjacency.by_tail.numpy()
        self._heads, self._relations = snapshot.edge_index[0].numpy(), snapshot.edge_type.numpy()
        self._names = np.array([*snapshot.relations, ""], dtype=object)
        self._times = None if snapshot.time is None else snapshot.time.numpy()
        self._numbers = within_type(self._relations) if types.hetero else None

    def into(self, asked: Asked, rng: np.random.Generator) -> Hop:
        """As :class:`Facts` says; all facts, in random order if there is a limit."""
        first = self._start[asked.entities]
        number = self._start[asked.entities + 1] - first
        at = np.repeat(np.arange(asked.entities.size), number)
        place = np.arange(at.size) - np.repeat(np.cumsum(number) - number, number) + first[at]
        edges, times = self._edges[place], None
        if asked.untils is not None:
            if self._times is None:
                raise no_time("take a projection that returns a column `time`")
            kept = self._times[edges] <= asked.untils[at]
            at, edges = at[kept], edges[kept]
            times = self._times[edges]
        limited = asked.limit != ALL
        keys = rng.permutation(at.size) if limited else np.zeros(at.size, dtype=np.int64)
        return Hop(
            at,
            self._heads[edges],
            self._names[self._relations[edges]].tolist(),
            edges if self._numbers is None else self._numbers[edges],
            keys,
            times,
        )


def within_type(relations: np.ndarray) -> np.ndarray:
    """Of each edge its place among those of its relation, int64 [E]."""
    order = np.argsort(relations, kind="stable")
    counts = np.bincount(relations)
    place = np.empty(relations.size, dtype=np.int64)
    place[order] = np.arange(relations.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return place


def no_time(hint: str) -> UsageError:
    """What to say where the facts have no time."""
    return UsageError("temporal sampling needs the time of each fact", hint=hint)


def _joined(wanted: np.ndarray, at: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each of ``wanted`` the places of its facts: positions in ``wanted``, and in ``at``.

    Args:
        wanted: Numbers below ``size``, int64 [F].
        at: Of each fact the number that it belongs to, int64 [E].
        size: How many numbers there are.
    """
    order = np.argsort(at, kind="stable")
    counts = np.bincount(at, minlength=size)
    first = (np.cumsum(counts) - counts)[wanted]
    number = counts[wanted]
    asking = np.repeat(np.arange(wanted.size), number)
    within = np.arange(asking.size) - np.repeat(np.cumsum(number) - number, number)
    return asking, order[first[asking] + within]
