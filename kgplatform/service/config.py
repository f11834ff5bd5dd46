"""What a service is told at its start, and what it refuses to start with."""

from __future__ import annotations

from dataclasses import dataclass, field

from kgplatform.errors import UnknownNameError, UsageError
from kgplatform.hosts import is_loopback
from kgplatform.service.keys import Keys

LONGEST_TEXT = 2_000
"""Characters of a question or of a text that is searched for."""

LONGEST_NAME = 1_000
"""Characters of an id or a name; the same that a graph may hold."""

MOST_RESULTS = 100

DOORS = ("search", "recommend", "ask", "generate", "explain")
"""What has to be opened before it answers; each can be left out."""


@dataclass(frozen=True)
class ServiceConfig:
    """How a service is run.

    Attributes:
        graphs: The graphs that it speaks of, and no others; the first is meant where a request
            names none.
        keys: Who may ask; without any, it listens on loopback only.
        host: The address that it listens on.
        port: Its port; 0 for a free one.
        runs: Runs that recommend, answer questions and are asked by explanations; without any, the
            newest of each graph recommend and answer.
        without: Of :data:`DOORS`, what is not opened.
        llm: The language model that writes, if one does.
        rate: Requests a second of each key, or of each address where there are no keys; 0: any.
        burst: Requests that may come at once before the rate holds.
        timeout: Seconds that an answer may take.
        writing_timeout: Seconds where a language model writes it.
        workers: Requests that are worked on at once.
        waiting: Requests that may wait for a worker; those beyond are sent away.
        largest_body: Bytes of a request's body.
        origins: Web pages (``https://host``) whose scripts may ask; none unless told.
        stop_seconds: How long requests under way are waited for at the end.
    """

    graphs: tuple[str, ...]
    keys: Keys = field(default_factory=Keys)
    host: str = "127.0.0.1"
    port: int = 8000
    runs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    llm: str | None = None
    rate: float = 50.0
    burst: int = 100
    timeout: float = 10.0
    writing_timeout: float = 120.0
    workers: int = 4
    waiting: int = 128
    largest_body: int = 64 * 1024
    origins: tuple[str, ...] = ()
    stop_seconds: float = 10.0

    @property
    def loopback(self) -> bool:
        """Whether it listens to this machine alone."""
        return is_loopback(self.host)


def check(config: ServiceConfig) -> ServiceConfig:
    """The same, if it can be run.

    Raises:
        UsageError: It would answer whoever reaches this machine, names no graph, or would let
            every web page ask.
    """
    if not config.loopback and not config.keys:
        raise UsageError(
            f"without API keys the service listens on loopback only, not on {config.host}",
            hint="set KGP_API_KEYS, or --key-file with a file that only you can read",
        )
    if not config.graphs:
        raise UsageError("the service has no graph to speak of", hint="name one with --graph")
    for name in config.without:
        if name not in DOORS:
            raise UnknownNameError("door", name, DOORS)
    if "*" in config.origins:
        raise UsageError(
            "scripts of every web page would be let in", hint="name the pages: https://host"
        )
    return config
