"""What is counted for Prometheus: requests by route and status, and never what they say."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset({"GET", "POST", "OPTIONS", "HEAD"})
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class Metrics:
    """Counters of one service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "kgp_requests",
            "Requests answered, by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "kgp_request_seconds",
            "Seconds until a request was answered.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._under_way = Gauge(
            "kgp_work_under_way", "Requests worked on or waiting.", registry=self.registry
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        # Both labels are of few values, whatever strangers send.
        self._requests.labels(route, method if method in METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self, under_way: int) -> bytes:
        """All of it, as Prometheus reads it."""
        self._under_way.set(under_way)
        return generate_latest(self.registry)
