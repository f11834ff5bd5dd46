"""What the service answers: the same as the library, over real HTTP, also streamed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from served import Served, load_countries, load_likes, serving

from kgplatform.answer.ask import ask
from kgplatform.answer.records import data_of
from kgplatform.cli import cli
from kgplatform.service.config import ServiceConfig
from kgplatform.service.engine import Engine, open_engine
from kgplatform.settings import Settings
from kgplatform.store.client import connect

GRAPH = "answered-countries"
LIKES = "answered-likes"


class Writer:
    """An OpenAI-compatible endpoint that writes a piece at a time."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.delay = 0.0
        self.written = 0
        writer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                asked = json.loads(self.rfile.read(length))
                assert asked.get("stream")
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                try:
                    for piece in writer.pieces:
                        said = {"choices": [{"delta": {"content": piece}}]}
                        self.wfile.write(f"data: {json.dumps(said)}\n\n".encode())
                        self.wfile.flush()
                        writer.written += 1
                        time.sleep(writer.delay)
                    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
                    self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
                except OSError:
                    pass
                self.close_connection = True

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture(scope="module")
def writer() -> Iterator[Writer]:
    made = Writer()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def engine(
    settings: Settings, writer: Writer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    password = settings.neo4j_password.get_secret_value()
    with connect(settings.neo4j_uri, settings.neo4j_username, password) as store:
        load_countries(store, GRAPH)
        load_likes(store, LIKES)
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEO4J_URI", settings.neo4j_uri)
        patch.setenv("NEO4J_USERNAME", settings.neo4j_username)
        patch.setenv("NEO4J_PASSWORD", password)
        patch.setenv("KGP_RUNS", str(runs))
        trained = ["--graph", LIKES, "--relation", "LIKES", "--set", "model=item_knn", "--json"]
        cli.main(["train", "recommend", *trained], standalone_mode=False)
    own = settings.model_copy(update={"kgp_runs": runs, "kgp_llm_model": "writer"})
    config = ServiceConfig(graphs=(GRAPH, LIKES), port=0, rate=0.0, timeout=60.0, llm=writer.url)
    with open_engine(own, config) as opened:
        yield opened


@pytest.fixture(scope="module")
def served(engine: Engine) -> Iterator[Served]:
    with serving(engine) as running:
        until = time.monotonic() + 120
        while running.http.get("/health/ready").status_code != 200 and time.monotonic() < until:
            time.sleep(0.1)
        yield running


def post(served: Served, path: str, **body: Any) -> dict[str, Any]:
    said = served.http.post(path, json=body, timeout=60)
    assert said.status_code == 200, said.text
    found: dict[str, Any] = said.json()
    return found


def test_all_doors_are_open(served: Served) -> None:
    doors = served.http.get("/health/ready").json()["doors"]
    for name in ("search", "ask", "generate", "explain"):
        assert doors[f"{name} {GRAPH}"] == "open"
    assert doors[f"recommend {LIKES}"] == "open"
    assert "no run" in doors[f"recommend {GRAPH}"]


def test_search_gives_reasons_and_keeps_to_filters(served: Served) -> None:
    said = post(served, "/search", text="Poland", top_k=3)
    assert said["hits"][0]["id"] == "poland"
    assert said["hits"][0]["reasons"]
    languages = post(served, "/search", text="polish", labels=["Language"])
    assert {label for hit in languages["hits"] for label in hit["labels"]} == {"Language"}
    wrong = served.http.post("/search", json={"text": "Poland", "labels": ["Contry"]})
    assert wrong.status_code == 404
    assert "Country" in wrong.json()["hint"]


def test_a_question_is_answered_as_the_library_does(served: Served, engine: Engine) -> None:
    question = "What is the capital of Poland?"
    said = post(served, "/ask", question=question, strategy="template")
    expected = data_of(ask(engine.doors.get("ask", GRAPH), question, strategy="template"))
    assert {name: said[name] for name in expected} == json.loads(json.dumps(expected))
    assert said["answers"][0]["name"] == "Warsaw"
    assert said["answers"][0]["kind"] == "asserted"
    unknown = post(served, "/ask", question="Who let the dogs out?", strategy="template")
    assert (unknown["strategy"], unknown["answers"]) == ("none", [])


def test_recommendations_come_with_paths(served: Served) -> None:
    said = post(served, "/recommend", entity="reader-0", graph=LIKES, top_k=3)
    assert said["relation"] == "LIKES"
    best = said["recommendations"][0]
    assert (best["kind"], best["known"]) == ("predicted", False)
    assert int(best["id"].removeprefix("book-")) < 10
    assert best["paths"]
    closed = served.http.post("/recommend", json={"entity": "Poland"})
    assert closed.status_code == 409
    assert "kgp train recommend" in closed.json()["hint"]
    other = served.http.post(
        "/recommend", json={"entity": "reader-0", "graph": LIKES, "relation": "READS"}
    )
    assert other.status_code == 404


def test_a_link_is_explained(served: Served) -> None:
    said = post(served, "/explain", head="Poland", relation="BORDERS", tail="Germany")
    assert said["explanation"]["statement"]["kind"] == "asserted"
    assert said["explanation"]["paths"]
    wrong = served.http.post(
        "/explain", json={"head": "Poland", "relation": "BORDER", "tail": "Germany"}
    )
    assert wrong.status_code == 404
    assert "BORDERS" in wrong.json()["hint"]


def events(served: Served, path: str, body: dict[str, Any]) -> Iterator[tuple[str, Any, float]]:
    with served.http.stream("POST", path, params={"stream": True}, json=body, timeout=60) as said:
        assert said.status_code == 200
        assert said.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in said.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: ")), time.monotonic()


def test_a_text_is_streamed_as_the_model_writes_it(served: Served, writer: Writer) -> None:
    written = '{"sentences": [{"sentence": "Poland borders Germany.", "statements": [1]}]}'
    writer.pieces = [written[at : at + 6] for at in range(0, len(written), 6)]
    writer.delay = 0.05
    got = list(events(served, "/generate", {"topic": "Poland", "limit": 5}))
    assert got[0][:2] == ("stage", {"stage": "writing"})
    texts = [(data["text"], at) for name, data, at in got if name == "text"]
    assert "".join(text for text, _ in texts).strip() == "Poland borders Germany."
    assert texts[-1][1] - texts[0][1] > 0.1
    name, answer, _ = got[-1]
    assert name == "answer"
    assert answer["generated"]["text"] == "Poland borders Germany."
    assert answer["generated"]["supported"] == 1
    assert answer["generated"]["writer"].startswith("writer")


def test_a_streamed_question_says_its_stages(served: Served, writer: Writer) -> None:
    written = '{"sentences": [{"sentence": "It is Warsaw.", "statements": [1]}]}'
    writer.pieces, writer.delay = [written], 0.0
    body = {"question": "What is the capital of Poland?", "prose": True, "strategy": "template"}
    got = [(name, data) for name, data, _ in events(served, "/ask", body)]
    assert [data["stage"] for name, data in got if name == "stage"] == ["answering", "writing"]
    assert "".join(data["text"] for name, data in got if name == "text").strip() == "It is Warsaw."
    assert got[-1][1]["prose"]["text"].endswith("It is Warsaw.")
    wrong = list(events(served, "/generate", {"topic": "Polnad"}))
    assert wrong[-1][0] == "error"
    assert wrong[-1][1]["status"] == 404


def test_whoever_goes_stops_the_model(served: Served, writer: Writer) -> None:
    writer.pieces = ['{"sentences": [{"sentence": "'] + ["again "] * 400
    writer.delay, writer.written = 0.02, 0
    body = {"topic": "Poland", "limit": 5}
    with served.http.stream("POST", "/generate", params={"stream": True}, json=body) as said:
        for line in said.iter_lines():
            if line.startswith("event: text"):
                break
    time.sleep(1.5)
    stopped = writer.written
    assert stopped < 300
    time.sleep(0.3)
    assert writer.written - stopped < 3


def test_many_at_once_get_what_one_gets(served: Served) -> None:
    def asked(number: int) -> Any:
        path, body = (
            ("/search", {"text": "a country on the Baltic Sea", "top_k": 5}),
            ("/ask", {"question": "What is the capital of France?", "strategy": "template"}),
            ("/similar", {"entity": "France"}),
        )[number % 3]
        said = httpx.post(f"{served.url}{path}", json=body, timeout=60)
        assert said.status_code == 200, said.text
        return number % 3, said.text

    with ThreadPoolExecutor(12) as threads:
        found = set(threads.map(asked, range(36)))
    assert len(found) == 3
