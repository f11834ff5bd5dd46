"""The next batches while this one trains: a thread, since a connection cannot go to a process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from kgplatform.threads import made_beside

T = TypeVar("T")


def prefetch(batches: Iterable[T], ahead: int = 2) -> Iterator[T]:
    """Yield what ``batches`` yields, of which a thread makes up to ``ahead`` in advance.

    What goes wrong in the thread is raised here. The thread ends when the reader stops.

    Args:
        batches: For example a loader over a live graph, with ``num_workers=0``.
        ahead: Most batches that wait.
    """
    return made_beside([lambda: batches], ahead)
