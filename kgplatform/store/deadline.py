"""Until when the statements of this thread must have ended, wherever they are sent from."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar

from kgplatform.errors import TimedOutError

_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Whatever is read in this block has so many seconds; the server ends what takes longer.

    A service asks so, that must not leave statements running which nobody waits for.

    Raises:
        TimedOutError: Nothing is left of the time.
    """
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def seconds_left() -> float | None:
    """How long a statement may take that begins now; None if nobody set an end.

    Raises:
        TimedOutError: Nothing is left.
    """
    until = _until.get()
    if until is None:
        return None
    left = until - time.monotonic()
    if left <= 0:
        raise TimedOutError("the time allowed for this is over", hint="ask for less at once")
    return left
