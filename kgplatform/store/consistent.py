"""Exports of one state of the database: what changed while it was read is noticed.

A transaction of Neo4j sees what others commit while it runs, so reading in one transaction is
not enough. The server numbers what a database commits, and tells the number with each answer (the
bookmark): if it is the same before and after, nothing was committed, and what was read is one
state. Else it is read again; two readings that are alike are taken, as what changed was something
else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from kgplatform.errors import GraphChangingError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store

T = TypeVar("T")

READINGS = 4
"""How often what changes is read before it is refused."""


def read_one_state(
    store: Store, read: Callable[[], T], digest: Callable[[T], str], progress: Progress = silent
) -> T:
    """What ``read`` gives, of one state of the database.

    Args:
        store: The database that it reads.
        read: Reads everything; called again where something was committed meanwhile.
        digest: What two readings have in common that are alike.
        progress: Told of readings after the first.

    Raises:
        GraphChangingError: It changed during each reading.
    """
    before = ""
    for reading in range(READINGS):
        if reading:
            progress("something was written meanwhile, so it is read again", reading, None)
        state = store.state()
        result = read()
        if store.state() == state:
            return result
        # The digest of a large export takes a while, so it is made only where it is needed.
        now = digest(result)
        if now == before:
            return result
        before = now
    raise GraphChangingError(
        f"the data changed during each of {READINGS} readings, so no export is of one state",
        hint="repeat when nobody writes to what is exported",
    )
