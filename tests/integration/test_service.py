"""The service over real HTTP, with a real Neo4j behind it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from connected import connected
from schemathesis.specs.openapi.checks import positive_data_acceptance
from served import Served, load_countries, serving

from kgplatform.errors import UnknownNameError
from kgplatform.service.config import DOORS, ServiceConfig
from kgplatform.service.engine import open_engine
from kgplatform.service.keys import read_keys
from kgplatform.settings import Settings
from kgplatform.store.client import Store
from kgplatform.store.search import similar

GRAPH = "served-countries"
KEY = "correct-horse-battery-staple"
# What has to be opened is tested in test_service_answers.
CONFIG = ServiceConfig(graphs=(GRAPH,), port=0, rate=0.0, without=DOORS)


@pytest.fixture(scope="module")
def countries(settings: Settings) -> str:
    with connected(settings) as store:
        load_countries(store, GRAPH)
    return GRAPH


@pytest.fixture(scope="module")
def served(settings: Settings, countries: str) -> Iterator[Served]:
    with open_engine(settings, CONFIG) as engine, serving(engine) as running:
        yield running


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_whatever_is_sent_is_answered_as_described(
    served: Served, mode: schemathesis.GenerationMode
) -> None:
    described = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    asked = set()
    for found in described.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]
        asked.add(operation.path)

        @hypothesis.settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def fuzz(case: schemathesis.Case[Any]) -> None:
            # That an entity is not there, schemathesis cannot know.
            case.call_and_validate(excluded_checks=[positive_data_acceptance], timeout=20)

        # Of what takes nothing, nothing wrong can be made.
        with contextlib.suppress(hypothesis.errors.Unsatisfiable):
            fuzz()
    assert {"/similar", "/entity", "/paths", "/health/ready"} <= asked


def test_similar_is_what_the_library_says(served: Served, store: Store) -> None:
    said = served.http.post("/similar", json={"entity": "Poland", "top_k": 3}).json()
    expected = similar(store, GRAPH, "Poland", 3)
    assert [hit["id"] for hit in said["hits"]] == [hit.id for hit in expected]
    assert [tuple(hit["reasons"]) for hit in said["hits"]] == [hit.reasons for hit in expected]
    assert said["graph"] == GRAPH


def test_an_entity_has_its_facts_asserted_and_predicted(served: Served) -> None:
    said = served.http.post("/entity", json={"entity": "Poland", "limit": 500}).json()
    assert said["entity"]["name"] == "Poland"
    assert "Country" in said["entity"]["labels"]
    kinds = {each["kind"] for each in said["statements"]}
    assert kinds == {"asserted", "predicted"}
    (predicted,) = [each for each in said["statements"] if each["kind"] == "predicted"]
    assert (predicted["confidence"], predicted["run"]) == (0.4, f"links-{GRAPH}")
    assert said["entity"]["predicted"] == 1
    assert said["entity"]["facts"] == len(said["statements"]) - 1
    asserted = served.http.post(
        "/entity", json={"entity": "Poland", "predicted": False, "relations": ["BORDERS"]}
    ).json()
    assert {each["relation"] for each in asserted["statements"]} == {"BORDERS"}


def test_paths_and_schema(served: Served) -> None:
    said = served.http.post("/paths", json={"start": "Poland", "end": "France"}).json()
    assert [len(path["facts"]) for path in said["paths"]]
    surest = served.http.post(
        "/paths", json={"start": "Poland", "end": "France", "weighted": True}
    ).json()
    assert len(surest["paths"]) == 1
    schema = served.http.post("/schema", json={}).json()
    assert "Country" in schema["labels"]
    (borders,) = [each for each in schema["relations"] if each["name"] == "BORDERS"]
    assert borders["symmetric"]
    assert borders["heads"] == ["Country"]
    assert served.http.post("/schema", json={}).json() == schema
    assert served.http.get("/graphs").json() == {"graphs": [GRAPH]}


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/entity", {"entity": "Polnad"}, 404, ("Polnad", "did you mean: Poland")),
        ("/entity", {"entity": "Poland", "graph": "other"}, 404, ("no such graph", GRAPH)),
        ("/similar", {"entity": "Poland", "top_k": 0}, 422, ("top_k", "greater")),
        ("/similar", {"entity": "Poland", "top_k": 101}, 422, ("top_k", "less")),
        ("/similar", {"entity": "x" * 1_001}, 422, ("entity", "1000")),
        ("/similar", {"entity": "Poland", "topk": 1}, 422, ("topk", "not permitted")),
        ("/similar", {"entity": "Poland", "kind": "image"}, 400, ("no vectors", "kgp encode")),
        ("/paths", {"start": "Poland", "end": "Poland"}, 400, ("both ends", "two entities")),
        ("/nowhere", {}, 404, ("Not Found", "/docs")),
        ("/metrics", {}, 405, ("Method Not Allowed",)),
    ],
)
def test_errors_are_problems_with_hints(
    served: Served, path: str, body: dict[str, Any], status: int, words: tuple[str, ...]
) -> None:
    said = served.http.post(path, json=body)
    assert said.status_code == status, said.text
    assert said.headers["content-type"] == "application/problem+json"
    problem = said.json()
    assert problem["status"] == status
    assert problem["request"] == said.headers["x-request-id"]
    for word in words:
        assert word in said.text


def test_a_body_that_is_none_or_too_large(served: Served) -> None:
    headers = {"Content-Type": "application/json"}
    assert served.http.post("/similar", content=b"{", headers=headers).status_code == 422
    large = b'{"entity": "' + b"x" * (CONFIG.largest_body + 1) + b'"}'
    assert served.http.post("/similar", content=large, headers=headers).status_code == 413

    def parts() -> Iterator[bytes]:
        yield from (large[at : at + 8_192] for at in range(0, len(large), 8_192))

    assert served.http.post("/similar", content=parts(), headers=headers).status_code == 413


def test_without_keys_only_this_machines_names_are_answered(served: Served) -> None:
    # What a page of the web could make a browser send: its own name, pointed at this machine.
    assert served.http.get("/graphs", headers={"Host": "evil.example"}).status_code == 403
    assert served.http.get("/graphs", headers={"Host": "localhost:8000"}).status_code == 200
    assert served.http.get("/graphs", headers={"Host": "[::1]:8000"}).status_code == 200
    assert "access-control-allow-origin" not in served.http.get("/graphs").headers


def test_the_documentation_needs_no_network_and_names_each_route(served: Served) -> None:
    page = served.http.get("/docs").text
    described = served.http.get("/openapi.json").json()
    for path in described["paths"]:
        assert f" {path}</h2>" in page
    assert "<script" not in page
    assert "https://" not in page
    assert f"curl -s {served.url}/similar" in page
    for name, schema in described["components"]["schemas"].items():
        if name.endswith("Request"):
            assert schema["examples"], name


def test_health_and_metrics(served: Served) -> None:
    assert served.http.get("/health/live").json() == {"status": "live"}
    assert served.http.get("/health/ready").json()["database"] == "answers"
    served.http.post("/similar", json={"entity": "a secret that was asked for"})
    text = served.http.get("/metrics").text
    assert 'kgp_requests_total{method="POST",route="/similar",status="404"}' in text
    assert "kgp_request_seconds_bucket" in text
    assert "secret" not in text
    served.http.get("/an-address-that-nobody-has")
    assert "nobody-has" not in served.http.get("/metrics").text


def test_keys_are_asked_for(settings: Settings, countries: str) -> None:
    config = replace(CONFIG, keys=read_keys(f"alice:{KEY}", None))
    with open_engine(settings, config) as engine, serving(engine) as running:
        http = running.http
        refused = http.get("/graphs")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert http.get("/graphs", headers={"X-API-Key": KEY[:-1]}).status_code == 401
        assert http.get("/metrics").status_code == 401
        assert http.get("/health/live").status_code == 200
        for shown in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}):
            assert http.get("/graphs", headers=shown).status_code == 200
        described = http.get("/openapi.json").json()
        assert set(described["components"]["securitySchemes"]) == {"bearer", "key"}
        assert KEY not in repr(engine)


def test_a_rate_is_kept(settings: Settings, countries: str) -> None:
    config = replace(CONFIG, rate=1.0, burst=3)
    with open_engine(settings, config) as engine, serving(engine) as running:
        statuses = [running.http.get("/graphs").status_code for _ in range(5)]
        assert statuses[:3] == [200, 200, 200]
        assert statuses[-1] == 429
        assert int(running.http.get("/graphs").headers["retry-after"]) >= 1


def test_what_takes_too_long_is_ended_in_the_database(
    settings: Settings, countries: str, store: Store
) -> None:
    config = replace(CONFIG, timeout=0.5, workers=1)
    with open_engine(settings, config) as engine, serving(engine) as running:
        # All shortest paths of ten hops between entities with many facts, over and over.
        slow = "UNWIND range(1, 1000000000) AS i WITH i WHERE i % 7 = 3 RETURN count(i) AS n"
        begun = time.monotonic()
        engine_rows = engine.store.rows

        def rows(query: str, **params: Any) -> list[dict[str, Any]]:
            return engine_rows(slow if "SHORTEST" in query.upper() else query, **params)

        engine.store.rows = rows  # type: ignore[method-assign]
        said = running.http.post("/paths", json={"start": "Poland", "end": "France"})
        assert said.status_code == 504
        assert time.monotonic() - begun < 5
        assert "within" in said.json()["detail"] or "longer" in said.json()["detail"]
        until = time.monotonic() + 10
        while running_statements(store, "i % 7 = 3") and time.monotonic() < until:
            time.sleep(0.2)
        assert not running_statements(store, "i % 7 = 3")
        assert running.http.get("/health/ready").status_code == 200


def running_statements(store: Store, words: str) -> list[str]:
    rows = store.rows("SHOW TRANSACTIONS YIELD currentQuery RETURN currentQuery AS query")
    return [
        row["query"] for row in rows if words in row["query"] and "SHOW TRANS" not in row["query"]
    ]


def test_too_many_are_sent_away_and_the_loop_stays_free(settings: Settings, countries: str) -> None:
    config = replace(CONFIG, workers=1, waiting=1)
    with open_engine(settings, config) as engine, serving(engine) as running:
        held = threading.Event()
        engine_rows = engine.store.rows

        def rows(query: str, **params: Any) -> list[dict[str, Any]]:
            held.wait(10)
            return engine_rows(query, **params)

        engine.store.rows = rows  # type: ignore[method-assign]
        statuses: list[int] = []

        def ask() -> None:
            said = httpx.post(f"{running.url}/entity", json={"entity": "Poland"}, timeout=20)
            statuses.append(said.status_code)

        threads = [threading.Thread(target=ask) for _ in range(5)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 10
        while statuses.count(503) < 3 and time.monotonic() < until:
            time.sleep(0.02)
        assert running.http.get("/health/live").status_code == 200
        held.set()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200, 200, 503, 503, 503]


def test_a_graph_that_is_not_there_is_said_at_the_start(settings: Settings, countries: str) -> None:
    with (
        pytest.raises(UnknownNameError, match="no such graph"),
        open_engine(settings, replace(CONFIG, graphs=("served-countreis",))),
    ):
        pass
