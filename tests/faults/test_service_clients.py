"""Many clients of the service at once, while the graph that they ask is loaded again and again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import psutil
import pytest
from campaign import counted, drawn, points
from served import Served, serving_countries

from kgplatform.service.config import DOORS, ServiceConfig
from kgplatform.settings import Settings
from kgplatform.sources.countries import countries
from kgplatform.store.client import Store
from kgplatform.store.load import load

GRAPH = "served-to-many"
CONFIG = ServiceConfig(graphs=(GRAPH,), port=0, rate=0.0, without=DOORS)
CLIENTS = points(8, 32)
SECONDS = points(4, 600)
GROWTH = 200
"""MiB that the process may grow by: threads, buffers of sockets, the interpreter's own pools."""

ASKED: tuple[tuple[str, dict[str, object]], ...] = (
    ("/entity", {"entity": "Poland"}),
    ("/entity", {"entity": "Nobody"}),
    ("/similar", {"entity": "Poland", "top_k": 5}),
    ("/paths", {"start": "Poland", "end": "France"}),
    ("/schema", {}),
)
EXACT = """
MATCH (e:Entity {graph: $graph})
OPTIONAL MATCH (e)-[r]->()
RETURN count(DISTINCT e) AS entities, count(r) AS facts,
       count(DISTINCT CASE WHEN r IS NOT NULL
             THEN [elementId(e), type(r), elementId(endNode(r))] END) AS different
"""


@pytest.fixture(scope="module")
def served(settings: Settings) -> Iterator[Served]:
    with serving_countries(settings, CONFIG) as running:
        yield running


def ask(url: str, number: int, until: float, statuses: Counter[int]) -> None:
    """One client's requests until a moment; what failed counts as status 0."""
    draw = drawn(f"client {number}")
    with httpx.Client(base_url=url, timeout=60) as http:
        while time.monotonic() < until:
            try:
                path, body = draw.choice(ASKED)
                statuses[http.post(path, json=body).status_code] += 1
            except httpx.HTTPError:
                statuses[0] += 1


@pytest.mark.slow
def test_many_clients_while_the_graph_is_loaded(served: Served, store: Store) -> None:
    (before,) = store.rows(EXACT, graph=GRAPH)
    for path, body in ASKED:
        served.http.post(path, json=body)
    entities, triples = countries()
    own = psutil.Process()
    grown_from = own.memory_info().rss
    until = time.monotonic() + SECONDS
    statuses = [Counter[int]() for _ in range(CLIENTS)]
    clients = [
        threading.Thread(target=ask, args=(served.url, i, until, statuses[i]))
        for i in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    loads = 0
    while time.monotonic() < until:
        load(store, GRAPH, entities, triples, source="countries")
        loads += 1
    for client in clients:
        client.join()
    total = sum(statuses, Counter[int]())
    # 503 and 504 are what the service's description says of too many and too slow.
    assert set(total) <= {200, 404, 503, 504}
    assert all(each[200] for each in statuses)
    assert total[404] > 0
    assert store.rows(EXACT, graph=GRAPH) == [before]
    assert before["facts"] == before["different"] > 4_000
    assert (own.memory_info().rss - grown_from) >> 20 < GROWTH
    assert served.http.get("/health/ready").status_code == 200
    counted(
        "concurrency",
        f"requests of {CLIENTS} clients in {SECONDS} seconds, with {loads} loads meanwhile",
        total.total(),
        answered=total[200] + total[404],
        told_to_wait=total[503] + total[504],
        failed=total[0],
        doubled=before["facts"] - before["different"],
    )
