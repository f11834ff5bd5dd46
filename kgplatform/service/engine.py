"""What is opened once when a service starts, and kept between requests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from kgplatform import queries
from kgplatform.connection import open_store
from kgplatform.errors import UnknownNameError
from kgplatform.service.config import ServiceConfig
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.text.extract.schema import Schema


@dataclass(frozen=True)
class Engine:
    """A connection and all that is expensive to open; used by many threads at once.

    Attributes:
        store: The database; its driver has a pool of connections.
        settings: Of the process.
        config: How the service is run.
        schemas: What graphs are made of, with the version that this was read of.
    """

    store: Store
    settings: Settings
    config: ServiceConfig
    schemas: dict[str, tuple[int, Schema]] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def graph(self, name: str | None) -> str:
        """The graph that a request means.

        Raises:
            UnknownNameError: The service does not speak of it, whether or not it is there.
        """
        if name is None:
            return self.config.graphs[0]
        if name not in self.config.graphs:
            raise UnknownNameError("graph", name, self.config.graphs)
        return name


@contextlib.contextmanager
def open_engine(settings: Settings, config: ServiceConfig) -> Iterator[Engine]:
    """Open all that answers need.

    Raises:
        UnavailableError: No database answers.
        AuthenticationError: It refused the login.
        UnknownNameError: It has no such graph.
    """
    with open_store(settings) as store:
        known = [row["name"] for row in store.rows(queries.get("read/list_graphs"))]
        for name in config.graphs:
            if name not in known:
                raise UnknownNameError("graph", name, known)
        yield Engine(store, settings, config)
