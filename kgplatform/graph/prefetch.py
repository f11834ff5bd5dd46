"""The next batches while this one trains: a thread, since a connection cannot go to a process."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def prefetch(batches: Iterable[T], ahead: int = 2) -> Iterator[T]:
    """Yield what ``batches`` yields, of which a thread makes up to ``ahead`` in advance.

    What goes wrong in the thread is raised here. The thread ends when the reader stops.

    Args:
        batches: For example a loader over a live graph, with ``num_workers=0``.
        ahead: Most batches that wait.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(ahead)
    stopped = threading.Event()

    def give(item: T | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put((item, error), timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for batch in batches:
                give(batch, None)
                if stopped.is_set():
                    return
        except BaseException as error:
            give(None, error)
        else:
            give(None, StopIteration())

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            batch, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            assert batch is not None
            yield batch
    finally:
        stopped.set()
        thread.join()
