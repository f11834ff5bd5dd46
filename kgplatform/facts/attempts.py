"""Work on a graph that is done anew where somebody else has changed the graph meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kgplatform.store.candidates import ChangedError

T = TypeVar("T")

ATTEMPTS = 5
"""Times that the graph is read anew since somebody else has changed it."""


def until_unchanged(work: Callable[[], T]) -> T:
    """What work comes to that reads the graph and writes to it as it was read.

    Raises:
        ChangedError: The graph is changed all the time.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except ChangedError:
            continue
    return work()
