"""How often each may ask: a bucket of tokens a key or an address."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_BUCKETS = 10_000
"""Keys and addresses that are remembered; whoever asked longest ago is forgotten first."""


class Buckets:
    """A bucket of ``burst`` tokens for each, filled by ``rate`` a second.

    Used by one thread, the event loop's.

    Attributes:
        rate: Tokens a second; 0 for as many as are asked for.
        burst: Most tokens that a bucket holds.
    """

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate, self.burst = rate, burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, who: str) -> float:
        """Take a token; 0 if there is one, else the seconds until there will be."""
        if self.rate <= 0:
            return 0.0
        now = self._clock()
        tokens, then = self._buckets.pop(who, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - then) * self.rate)
        taken = tokens >= 1
        self._buckets[who] = (tokens - 1 if taken else tokens, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - tokens) / self.rate
