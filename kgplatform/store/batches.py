"""Batches: read ahead while the server works, and no larger than it can take."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from kgplatform.errors import TooLargeError
from kgplatform.store.client import Store

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

SECONDS_A_BATCH = 5.0
"""A batch that takes longer is followed by smaller ones: they hold the graph's lock."""


class Batches:
    """How many records the next transaction takes: ``most``, or fewer for a slow server."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = most

    def of(self, records: Iterator[T], prepare: Callable[[list[T]], R]) -> Iterator[R]:
        """Cut records into batches; the next one is read and prepared while one is written."""
        with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:

            def read() -> R | None:
                batch = list(islice(records, self.size))
                return prepare(batch) if batch else None

            pending = reader.submit(read)
            while (batch := pending.result()) is not None:
                pending = reader.submit(read)
                yield batch

    def write(self, batch: Sequence[T], work: Callable[[Sequence[T]], Any]) -> None:
        """Do ``work`` with a batch, piece by piece where it is larger than the server takes.

        A piece that the server has no room for is halved, and none as large is tried again.
        Several threads may do so at once.

        Raises:
            TooLargeError: Not even one record has room.
        """
        at = 0
        while at < len(batch):
            piece = batch[at : at + self.size]
            began = time.monotonic()
            try:
                work(piece)
            except TooLargeError:
                if len(piece) == 1:
                    raise
                self._most = min(self._most, len(piece) // 2)
                self.size = min(self.size, self._most)
                log.warning(
                    "the server has not the memory for %s at once; going on with %s",
                    f"{len(piece):,}",
                    f"{self.size:,}",
                )
                continue
            at += len(piece)
            if time.monotonic() - began > SECONDS_A_BATCH:
                self.size = min(self._most, max(1, len(piece) // 2))
            elif len(piece) == self.size:
                self.size = min(self._most, self.size * 2)


def in_transactions(
    store: Store, query: str, rows: int, before: Callable[[], int], **params: Any
) -> int:
    """Remove by a statement of transactions of ``$rows`` rows each, of fewer if need be.

    Args:
        store: The database.
        query: The statement, which returns how many it has ``removed``.
        rows: Most rows of a transaction.
        before: Counts what there is to remove: what was removed before the server had no room
            is not in the count of the statement that goes on.
        **params: Its other parameters.

    Returns:
        How many were removed.

    Raises:
        TooLargeError: Not even one row has room.
    """
    there, first = before(), rows
    while True:
        try:
            (row,) = store.command(query, rows=rows, **params)
        except TooLargeError:
            if rows == 1:
                raise
            log.warning("the server has not the memory for %s at once; going on with half", rows)
            rows //= 2
        else:
            return int(row["removed"]) if rows == first else there


def in_lanes(items: Iterable[T], work: Callable[[T], Any], lanes: int) -> Generator[T]:
    """Do ``work`` for items, several at once; an item is given when it and all before it are done.

    Work that has begun is waited for when the iterator is closed; the rest is left.
    """
    with ThreadPoolExecutor(lanes, thread_name_prefix="lane") as pool:
        pending: deque[tuple[T, Future[Any]]] = deque()
        try:
            for item in items:
                pending.append((item, pool.submit(work, item)))
                # One waits, so that no lane does.
                if len(pending) > lanes:
                    first, future = pending.popleft()
                    future.result()
                    yield first
            for first, future in pending:
                future.result()
                yield first
        finally:
            for _, future in pending:
                future.cancel()
