"""Work on requests in a bounded pool of threads, so that the event loop stays free."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from kgplatform.errors import BusyError, TimedOutError
from kgplatform.store.deadline import within

T = TypeVar("T")


class Pool:
    """Threads that do the work of requests.

    A thread cannot be ended from outside: what takes longer than allowed is answered for, its
    statements are ended by the database, its language model is told to stop, and its thread comes
    back when it has noticed.

    Attributes:
        workers: Requests that are worked on at once.
        waiting: Requests that may wait beyond them.
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self.workers, self.waiting = workers, waiting
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="kgp-work")
        self._guard = threading.Lock()
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """Requests that are worked on or wait."""
        return self._under_way

    async def run(self, work: Callable[[], T], seconds: float) -> T:
        """What ``work`` returns, done by a thread within so many seconds from now.

        Raises:
            BusyError: Too many requests wait already.
            TimedOutError: It took longer.
        """
        with self._guard:
            if self._under_way >= self.workers + self.waiting:
                raise BusyError("too many requests wait", hint="try again in a second")
            self._under_way += 1
        until = time.monotonic() + seconds
        future = self._threads.submit(_in_time, work, until)
        future.add_done_callback(lambda _: self._ended())
        try:
            # A future that has not begun is taken out of the queue when the wait is over.
            return await asyncio.wait_for(asyncio.wrap_future(future), seconds)
        except TimeoutError:
            raise TimedOutError(
                f"there was no answer within {seconds:g} s", hint="ask for less at once"
            ) from None

    def close(self) -> None:
        """Begin nothing any more, and wait for what has begun."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _ended(self) -> None:
        with self._guard:
            self._under_way -= 1


def _in_time(work: Callable[[], T], until: float) -> T:
    with within(until - time.monotonic()):
        return work()
