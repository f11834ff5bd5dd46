"""Loading: the facts of a graph, several transactions side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from kgplatform import queries
from kgplatform.errors import StoreError
from kgplatform.store.batches import Batches
from kgplatform.store.client import Transaction
from kgplatform.store.hashes import HashSet
from kgplatform.store.lanes import Lanes
from kgplatform.store.load_counts import LoadCounts
from kgplatform.store.load_entities import NID_BITS, NID_MASK, EntityWriter
from kgplatform.store.values import sendable
from kgplatform.triples import Triple, fact_ids

ATTEMPTS = 3
"""Times that a batch is tried whose entities somebody removes meanwhile."""


class ReadFacts(NamedTuple):
    """Triples as they were read.

    Attributes:
        keys: Their fact_ids.
        triples: The triples.
        hashes: The first 64 bits of each fact_id, uint64 [N].
    """

    keys: list[str]
    triples: list[Triple]
    hashes: np.ndarray


@dataclass(slots=True)
class _Repeat:
    """A fact that this load has read before, or one of the same 64 bits.

    Attributes:
        triple: What the source says.
        sources: The sources that claim it.
        times: How often it came.
    """

    triple: Triple
    sources: set[str]
    times: int = 1


@dataclass
class _Task:
    """A batch that is under way, in columns: an object a fact would cost as much as its writing.

    Attributes:
        keys: fact_ids; neither here nor in any other lane does one of them stand again.
        triples: What the source says.
        sources: The sorted sources that claim each.
        times: How often each came; None for once.
        heads: Packed numbers of the heads.
        tails: Packed numbers of the tails.
        fresh: Whether the graph cannot have it yet, as far as this load knows.
        written: How many are committed.
        there: Positions of those that were there before.
        conflicts: Positions of those that are there in another split, or in none.
        future: Its end.
    """

    keys: list[str]
    triples: list[Triple]
    sources: list[list[str]]
    times: list[int] | None
    heads: list[int] = field(default_factory=list)
    tails: list[int] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)
    written: int = 0
    there: set[int] = field(default_factory=set)
    conflicts: set[int] = field(default_factory=set)
    future: Future[None] | None = None


class _GoneError(Exception):
    """An entity is not where it was found."""


class FactWriter:
    """Writes the facts of one load.

    Facts that were read before wait until all lanes are empty, so that no fact is in two lanes,
    and each comes to be found there. Of the others, one that has an end which this load made
    cannot be in the graph yet: no need to look.

    Args:
        graph: The graph's name.
        source: What claims the facts.
        entities: Makes the entities that the facts name.
        lanes: The load's lanes.
        batches: How many facts the server takes at once.
        counts: Where to count.
        told: Called with the number of triples whose facts are written.

    Attributes:
        seen: 64 bits of each fact that was read.
        hash: What was read, in its order.
    """

    def __init__(
        self,
        graph: str,
        source: str,
        entities: EntityWriter,
        lanes: Lanes,
        batches: Batches,
        counts: LoadCounts,
        told: Callable[[int], None],
    ) -> None:
        self._graph = graph
        self._entities = entities
        self._lanes = lanes
        self._batches = batches
        self._counts = counts
        self._told = told
        self._own = [source]
        self._tasks: deque[_Task] = deque()
        self._waiting: dict[str, _Repeat] = {}
        self.seen = HashSet()
        self.hash = entities.hash

    def prepare(self, batch: list[Triple]) -> ReadFacts:
        """What is done with triples as they are read: their fact_ids are found."""
        keys = list(fact_ids(self._graph, batch))
        said = (f"{k}{t.split}{t.properties}" for k, t in zip(keys, batch, strict=True))
        self.hash.update("".join(said).encode())
        words = np.frombuffer(bytes.fromhex("".join(keys)), dtype=">u8")
        return ReadFacts(keys, batch, words[::2].astype(np.uint64))

    def write(self, batch: ReadFacts) -> None:
        """Begin to write facts and the entities that they name."""
        repeated = self.seen.add(batch.hashes)
        keys, triples = batch.keys, batch.triples
        if repeated.any():
            first = (~repeated).tolist()
            keys, triples = list(compress(keys, first)), list(compress(triples, first))
        if keys:
            self._begin(_Task(keys, triples, list(map(self._sources_of, triples)), None))
        for i in np.flatnonzero(repeated).tolist():
            self._wait(batch.keys[i], batch.triples[i])
        if len(self._waiting) >= self._batches.size:
            self._write_waiting()

    def finish(self) -> None:
        """Write what waits, and come to the end of all that was begun."""
        self._write_waiting()
        self._drain()

    def _wait(self, key: str, triple: Triple) -> None:
        there = self._waiting.get(key)
        if there is not None and (there.triple.split != triple.split or triple.properties):
            self._write_waiting()
            there = None
        if there is None:
            self._waiting[key] = _Repeat(triple, set(self._sources_of(triple)))
        else:
            there.sources.update(self._sources_of(triple))
            there.times += 1

    def _write_waiting(self) -> None:
        if not self._waiting:
            return
        self._drain()
        repeats = list(self._waiting.values())
        task = _Task(
            list(self._waiting),
            [repeat.triple for repeat in repeats],
            [sorted(repeat.sources) for repeat in repeats],
            [repeat.times for repeat in repeats],
        )
        self._waiting = {}
        self._begin(task)

    def _begin(self, task: _Task) -> None:
        self._find_ends(task)
        while len(self._tasks) >= self._lanes.width:
            self._end(self._tasks.popleft())
        task.future = self._lanes.submit(lambda: self._do(task))
        self._tasks.append(task)

    def _drain(self) -> None:
        while self._tasks:
            self._end(self._tasks.popleft())

    def _end(self, task: _Task) -> None:
        """Wait for a batch, repeat it where entities were removed, and count."""
        assert task.future is not None
        for attempt in range(ATTEMPTS):
            try:
                if attempt == 0:
                    task.future.result()
                else:
                    self._entities.forget()
                    self._find_ends(task)
                    self._do(task)
                break
            except _GoneError:
                continue
        else:
            raise StoreError(
                f"entities of graph {self._graph!r} are removed while it is loaded",
                hint="repeat when nobody else removes them; nothing is lost by repeating",
            )
        self._count(task)

    def _find_ends(self, task: _Task) -> None:
        names = [name for triple in task.triples for name in (triple.head, triple.tail)]
        ends = self._entities.numbers(names, self._batches)
        task.heads, task.tails = ends[::2], ends[1::2]
        if task.times is not None:
            task.fresh = [False] * len(task.keys)
        else:
            first = self._lanes.first_nid
            task.fresh = [
                head & NID_MASK >= first or tail & NID_MASK >= first
                for head, tail in zip(task.heads, task.tails, strict=True)
            ]

    def _do(self, task: _Task) -> None:
        """Write what is left of a batch; in a thread of the lanes."""

        def work(rows: Sequence[int]) -> None:
            there, conflicts = self._lanes.write(lambda tx: self._write_rows(tx, task, rows))
            task.there.update(there)
            task.conflicts.update(conflicts)
            task.written += len(rows)

        self._batches.write(range(task.written, len(task.keys)), work)

    def _write_rows(
        self, transaction: Transaction, task: _Task, rows: Sequence[int]
    ) -> tuple[list[int], list[int]]:
        """Positions of the facts that were there, and of those there in another split."""
        fresh: Sequence[int] = []
        others = rows
        if self._lanes.alone:
            fresh = [i for i in rows if task.fresh[i]]
            others = [i for i in rows if not task.fresh[i]]
        there: list[int] = []
        conflicts: list[int] = []
        if fresh:
            made = transaction.run(queries.get("load/create_facts"), **_columns(task, fresh)).row
            if made["rows"] < len(fresh):
                raise _GoneError
        if others:
            merged = transaction.run(queries.get("load/merge_facts"), **_columns(task, others)).row
            if merged["rows"] < len(others):
                raise _GoneError
            there = [others[i] for i in merged["there"]]
            conflicts = [others[i] for i in merged["conflicts"]]
        if described := [i for i in rows if task.triples[i].properties]:
            triples = [task.triples[i] for i in described]
            transaction.run(
                queries.get("load/describe_facts"),
                graph=self._graph,
                heads=[triple.head for triple in triples],
                relations=[triple.relation for triple in triples],
                tails=[triple.tail for triple in triples],
                fact_ids=[task.keys[i] for i in described],
                properties=[sendable(triple.properties) for triple in triples],
            )
        return there, conflicts

    def _count(self, task: _Task) -> None:
        counts = self._counts
        if task.times is None and not task.there:
            counts.created.update(triple.relation for triple in task.triples)
            self._told(len(task.keys))
            return
        for i, triple in enumerate(task.triples):
            times = task.times[i] if task.times else 1
            if i not in task.there:
                counts.created[triple.relation] += 1
                times -= 1
            if i in task.conflicts:
                for _ in range(times):
                    counts.add_conflict(triple)
            else:
                counts.unchanged[triple.relation] += times
        self._told(sum(task.times) if task.times else len(task.keys))

    def _sources_of(self, triple: Triple) -> list[str]:
        return self._own if triple.source is None else [f"{self._own[0]}#{triple.source}"]


def _columns(task: _Task, rows: Sequence[int]) -> dict[str, list[Any]]:
    heads, tails = [task.heads[i] for i in rows], [task.tails[i] for i in rows]
    triples = [task.triples[i] for i in rows]
    return {
        "heads": [packed >> NID_BITS for packed in heads],
        "tails": [packed >> NID_BITS for packed in tails],
        "head_nids": [packed & NID_MASK for packed in heads],
        "tail_nids": [packed & NID_MASK for packed in tails],
        "relations": [triple.relation for triple in triples],
        "fact_ids": [task.keys[i] for i in rows],
        "splits": [triple.split for triple in triples],
        "sources": [task.sources[i] for i in rows],
    }
