"""Items made in threads beside the one that uses them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")


def made_beside(makers: Sequence[Callable[[], Iterable[T]]], waiting: int) -> Iterator[T]:
    """Yield what several makers yield, each in a thread of its own, in the order it comes.

    What goes wrong in a thread is raised here. The threads end when the reader stops.

    Args:
        makers: Called in their threads; what they give is iterated there.
        waiting: Most items that wait for the reader.
    """
    ready: Queue[tuple[list[T], BaseException | None]] = Queue(waiting)
    stopped = threading.Event()

    def give(items: list[T], error: BaseException | None = None) -> bool:
        while not stopped.is_set():
            try:
                ready.put((items, error), timeout=0.1)
            except Full:
                continue
            return True
        return False

    def work(make: Callable[[], Iterable[T]]) -> None:
        try:
            for item in make():
                if not give([item]):
                    return
        except BaseException as error:  # raised again where the items are used
            give([], error)
        else:
            # Nothing at all: this maker has come to its end.
            give([])

    threads = [threading.Thread(target=work, args=(make,), daemon=True) for make in makers]
    for thread in threads:
        thread.start()
    try:
        left = len(threads)
        while left:
            items, error = ready.get()
            if error is not None:
                raise error
            left -= not items
            yield from items
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
