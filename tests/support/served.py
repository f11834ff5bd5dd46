"""A service of the countries over real HTTP: uvicorn in a thread, on a free port."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import numpy as np
import uvicorn
from connected import connected

from kgplatform.service.config import ServiceConfig
from kgplatform.service.engine import Engine, open_engine
from kgplatform.service.run import listening_socket, make_server
from kgplatform.settings import Settings
from kgplatform.sources.countries import countries
from kgplatform.store.client import Store
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.writeback import Target, write_vectors
from kgplatform.triples import Triple

DEADLINE = 20.0


@dataclass(frozen=True)
class Served:
    """A service that runs.

    Attributes:
        url: Its address.
        http: A client of it.
        server: What ends it.
    """

    url: str
    http: httpx.Client
    server: uvicorn.Server


@contextlib.contextmanager
def serving(engine: Engine) -> Iterator[Served]:
    """Serve until the block ends."""
    bound = listening_socket(engine.config.host, engine.config.port)
    server = make_server(engine)
    thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
    thread.start()
    until = time.monotonic() + DEADLINE
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=DEADLINE) as http:
            yield Served(url, http, server)
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
        bound.close()
        assert not thread.is_alive()


@contextlib.contextmanager
def serving_countries(settings: Settings, config: ServiceConfig) -> Iterator[Served]:
    """Load the countries into the graph of a service, and serve it."""
    with connected(settings) as store:
        load_countries(store, config.graphs[0])
    with open_engine(settings, config) as engine, serving(engine) as running:
        yield running


def load_countries(store: Store, graph: str) -> None:
    """The countries with vectors by which neighbours are near, and a predicted link."""
    entities, triples = countries()
    load(store, graph, entities, triples, source="countries")
    generator = np.random.default_rng(0)
    place = {entity.entity_id: at for at, entity in enumerate(entities)}
    own = generator.normal(size=(len(entities), 16)).astype(np.float32)
    vectors = own.copy()
    for triple in triples:
        if triple.head in place and triple.tail in place:
            vectors[place[triple.head]] += own[place[triple.tail]]
    target = Target(graph=graph)
    write_vectors(store, f"vectors-{graph}", {}, target, list(place), vectors)
    links = [Link("poland", "SPEAKS", "language/japanese", 2.0, 0.4, 1)]
    write_links(store, f"links-{graph}", {}, target, links)


def load_likes(store: Store, graph: str) -> None:
    """Readers of two tastes, who like most of their ten books."""
    rng = np.random.default_rng(0)
    likes = []
    for reader in range(40):
        for book in rng.choice(10, 7, replace=False).tolist():
            likes.append(Triple(f"reader-{reader}", "LIKES", f"book-{10 * (reader % 2) + book}"))
    load(store, graph, [], likes, source="likes")
