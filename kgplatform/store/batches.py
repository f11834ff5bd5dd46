"""Batches: read ahead while the server works, and no larger than it can take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from kgplatform.errors import TooLargeError

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
        """Do ``work`` with a batch, or with its halves where the server has no room for it.

        Several threads may do so at once.
        """
        began = time.monotonic()
        try:
            work(batch)
        except TooLargeError:
            if len(batch) == 1:
                raise
            half = len(batch) // 2
            self.size = half
            self.write(batch[:half], work)
            self.write(batch[half:], work)
            return
        if time.monotonic() - began > SECONDS_A_BATCH:
            self.size = max(1, len(batch) // 2)
        elif len(batch) == self.size:
            self.size = min(self._most, self.size * 2)


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
