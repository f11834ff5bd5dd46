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
from kgplatform.service.doors import Doors, opening
from kgplatform.service.openers import Openers
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.text.extract.schema import Schema
from kgplatform.text.llm.load import load_model
from kgplatform.text.llm.protocol import LanguageModel


@dataclass(frozen=True)
class Engine:
    """A connection and all that is expensive to open; used by many threads at once.

    Attributes:
        store: The database; its driver has a pool of connections.
        settings: Of the process.
        config: How the service is run.
        doors: What is opened for each graph.
        model: The language model, if there is one.
        schemas: What graphs are made of, with the version that this was read of.
    """

    store: Store
    settings: Settings
    config: ServiceConfig
    doors: Doors = field(default_factory=Doors)
    model: LanguageModel | None = None
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
    """Open all that answers need; the doors in the background.

    Raises:
        UnavailableError: No database answers.
        AuthenticationError: It refused the login.
        UnknownNameError: It has no such graph.
        LanguageModelError: The language model cannot be loaded.
    """
    import torch

    # Requests are worked on side by side; each of them by all cores only makes all of them wait.
    torch.set_num_threads(1)
    with open_store(settings) as store:
        known = [row["name"] for row in store.rows(queries.get("read/list_graphs"))]
        for name in config.graphs:
            if name not in known:
                raise UnknownNameError("graph", name, known)
        model = None if config.llm is None else load_model(config.llm, settings=settings)
        with opening(Openers(store, settings, config, model).wanted()) as doors:
            yield Engine(store, settings, config, doors, model)
