"""Lanes: transactions of one load side by side, while every other load is kept out.

A fact that is not there is found missing first and made then, so between the two nobody else may
make it. The lock on the graph's record does that for loads that share a graph, one transaction
at a time. A load that is alone has lanes: nodes whose lock a transaction takes instead, a lane
each. Whoever wants the graph's lock for its facts removes all lanes first, which waits for the
transactions in them; the load that finds its lane gone uses the graph's lock from then on. The
load itself sees to it that no fact is in two lanes (docs/decisions/0009).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeVar

from kgplatform import queries
from kgplatform.errors import GraphChangingError
from kgplatform.store.client import Store, Transaction

T = TypeVar("T")

LANES = 2
"""Transactions side by side. Two keep two of the server's cores busy, one of them while the other
waits for its commit; four were not faster there (docs/log.md)."""


class _LaneGoneError(Exception):
    """Another load has come to this graph."""


class Lanes:
    """The lanes of one load; made by ``open_lanes``.

    Attributes:
        first_nid: The nid that the load's first new entity gets.
        was_empty: Whether the graph had no entities when the load began.
    """

    def __init__(
        self,
        store: Store,
        graph: str,
        owner: str,
        number: int,
        first_nid: int,
        was_empty: bool,
    ) -> None:
        self._store = store
        self._graph = graph
        self._owner = owner
        self._free: SimpleQueue[int] = SimpleQueue()
        for lane in range(number):
            self._free.put(lane)
        self._number = number
        self._pool = ThreadPoolExecutor(max(number, 1), thread_name_prefix="lane")
        self.first_nid = first_nid
        self.was_empty = was_empty

    @property
    def alone(self) -> bool:
        """Whether no other load has come to the graph, as far as is known."""
        return self._number > 0

    @property
    def width(self) -> int:
        """How many transactions are useful at once."""
        return max(self._number, 1)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Do ``work``, which calls ``write``, in a thread of its own."""
        return self._pool.submit(work)

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do ``work`` in one transaction that no other load can come between.

        ``work`` asks ``alone`` for whether facts that this load has not read can be there: when
        another load has come, it runs again under the lock on the graph's record.
        """
        if self.alone:
            lane = self._free.get()
            try:
                return self._store.write(lambda tx: self._in_lane(tx, lane, work))
            except _LaneGoneError:
                self._number = 0
            finally:
                self._free.put(lane)
        return self._store.write(lambda tx: self._in_graph(tx, work))

    def close(self) -> None:
        """Wait for what was submitted."""
        self._pool.shutdown(wait=True)

    def _in_lane(self, transaction: Transaction, lane: int, work: Callable[[Transaction], T]) -> T:
        taken = transaction.run(
            queries.get("load/take_lane"), graph=self._graph, owner=self._owner, lane=lane
        )
        if not taken.row["had"]:
            raise _LaneGoneError
        return work(transaction)

    def _in_graph(self, transaction: Transaction, work: Callable[[Transaction], T]) -> T:
        take_graph(transaction, self._graph)
        return work(transaction)


def is_taken(transaction: Transaction, graph: str) -> bool:
    """Take the lock on a graph's record until the transaction ends; False if there is none."""
    return bool(transaction.run(queries.get("load/take_graph"), graph=graph).row["had"])


def take_graph(transaction: Transaction, graph: str, doing: str = "loaded") -> None:
    """Take the lock on a graph's record until the transaction ends.

    Args:
        transaction: The one that writes.
        graph: The graph.
        doing: What is being done with it, for the error.

    Raises:
        GraphChangingError: Somebody else has removed the graph.
    """
    if not is_taken(transaction, graph):
        raise removed_meanwhile(graph, doing)


def removed_meanwhile(graph: str, doing: str = "loaded") -> GraphChangingError:
    """The error of whoever writes into a graph that somebody else has removed since it began."""
    return GraphChangingError(
        f"graph {graph!r} was removed while it was {doing}",
        hint="repeat if it is wanted: the same command makes it anew"
        if doing == "loaded"
        else "nothing of it is left; load it again if it is wanted",
    )


@contextmanager
def open_lanes(store: Store, graph: str, source: str) -> Iterator[Lanes]:
    """Mark that a load is under way, and take the mark back if it comes to its end.

    Args:
        store: The database, its schema up to date.
        graph: The graph's name.
        source: What is loaded.
    """
    owner = uuid.uuid4().hex
    begun = store.run(
        queries.get("load/begin_load"), graph=graph, source=source, owner=owner, lanes=LANES
    ).row
    lanes = Lanes(store, graph, owner, begun["lanes"], begun["first"], begun["empty"])
    try:
        yield lanes
    finally:
        lanes.close()
    store.run(queries.get("load/end_load"), graph=graph, source=source, owner=owner)
