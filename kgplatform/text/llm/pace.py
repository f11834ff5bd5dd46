"""How fast an endpoint may be asked, by all threads together."""

from __future__ import annotations

import random
import threading
import time

LONGEST_WAIT = 60.0
"""Seconds; a server that wants more is taken as one that does not answer."""

FIRST_WAIT = 0.5


class Pace:
    """When the next request may go out.

    Requests keep an even distance instead of going out together at the beginning of each minute.
    Where a server says to wait, every thread waits, not only the one that was told.
    """

    def __init__(self, requests_a_minute: float | None = None) -> None:
        self._distance = 60.0 / requests_a_minute if requests_a_minute else 0.0
        self._guard = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Sleep until it is this thread's turn."""
        with self._guard:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._distance
        # Whoever is told to wait while this thread sleeps moves the turns after this one.
        time.sleep(turn - now)

    def pause(self, seconds: float) -> None:
        """Let nobody ask for so long."""
        with self._guard:
            self._next = max(self._next, time.monotonic() + seconds)


def back_off(attempt: int) -> float:
    """Seconds to wait after a failed attempt, the first being 0.

    Twice as long each time, and a part of it by chance, so that clients which failed together do
    not come back together (Brooker 2015, "Exponential backoff and jitter").
    """
    most = min(LONGEST_WAIT, FIRST_WAIT * 2.0**attempt)
    return most / 2 + random.uniform(0, most / 2)  # noqa: S311
