"""One real Neo4j for the whole session, started as a user's is."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from connected import connected
from pydantic import SecretStr

from kgplatform import server as local
from kgplatform.cli import main
from kgplatform.queries import quote
from kgplatform.settings import Settings
from kgplatform.store.client import Store, connect
from kgplatform.store.load import load
from kgplatform.store.writeback import Target
from kgplatform.triples import Triple


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.ServerInfo]:
    """A running server in a folder of its own; the jars come from the user's cache.

    ``KGP_TEST_URI`` and ``KGP_TEST_PASSWORD`` name one of another version in its place
    (CONTRIBUTING.md). It must be empty, as it is emptied.
    """
    if uri := os.environ.get("KGP_TEST_URI"):
        info = _named(uri, os.environ["KGP_TEST_PASSWORD"])
        _started.append(info)
        yield info
        return
    home = tmp_path_factory.mktemp("server")
    # neo4j_uri is given, not left out: the tester's own NEO4J_URI must not be used.
    settings = Settings(neo4j_uri=None, kgp_home=home, kgp_heap="1g")
    try:
        info = local.start(settings)
        _started.append(info)
        yield info
    finally:
        _started.clear()
        local.stop(settings)


_started: list[local.ServerInfo] = []


def _named(uri: str, password: str) -> local.ServerInfo:
    """A server that somebody else has started; its process and its folder are not known."""
    with connect(uri, "neo4j", password) as store:
        (row,) = store.rows("MATCH (n) WHERE NOT n:SchemaMigration RETURN count(n) AS nodes")
        if row["nodes"]:
            pytest.exit(f"{uri} holds {row['nodes']:,} nodes, and tests empty it", returncode=2)
        return local.ServerInfo(uri, "", "neo4j", password, store.version(), 0, Path())


@pytest.fixture(scope="module", autouse=True)
def emptied() -> Iterator[None]:
    """After each module, an empty database: the digests of the next one read all of it."""
    yield
    for info in _started:
        with connect(info.uri, info.username, info.password) as store:
            store.command(
                "MATCH (n) WHERE NOT n:SchemaMigration "
                "CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS"
            )
            for row in store.rows("SHOW VECTOR INDEXES YIELD name"):
                store.command(f"DROP INDEX {quote(row['name'])}")


@pytest.fixture(scope="session")
def threads() -> int:
    """Threads that torch computes with, as the tests find it."""
    return torch.get_num_threads()


@pytest.fixture(scope="module", autouse=True)
def threads_restored(threads: int) -> Iterator[None]:
    """What a module computes does not depend on the threads that another one has set."""
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def settings(server: local.ServerInfo, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that name the session's server, with a home and runs of the tests' own."""
    folder = tmp_path_factory.mktemp("project")
    return Settings(
        neo4j_uri=server.uri,
        neo4j_username=server.username,
        neo4j_password=SecretStr(server.password),
        neo4j_database=None,
        kgp_home=folder / ".kgplatform",
        kgp_runs=folder / "runs",
    )


@pytest.fixture
def graph_name() -> str:
    """The name of a graph that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """A connection to the session's server."""
    with connected(settings) as opened:
        yield opened


Digest = Callable[..., str]
"""``digest(store, ignoring=(), without=())``: of all that is in a database; see the fixture."""


@pytest.fixture(scope="session")
def digest() -> Digest:
    """SHA-256 over all that a database holds, whatever internal ids it gave.

    Nodes count by labels and properties, relationships by type, properties and both ends, and
    with them every constraint and index. ``ignoring`` names properties that are left out, and
    ``without`` labels of nodes that are.
    """

    def of_database(
        store: Store, ignoring: Collection[str] = (), without: Collection[str] = ()
    ) -> str:
        content: dict[str, str] = {}
        for row in store.rows(
            "MATCH (n) WHERE NONE(label IN labels(n) WHERE label IN $without) "
            "RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS properties",
            without=list(without),
        ):
            content[row["id"]] = _hashed(sorted(row["labels"]), _plain(row["properties"], ignoring))
        lines = [f"node {text}" for text in content.values()]
        for row in store.rows(
            "MATCH (a)-[r]->(b) RETURN elementId(a) AS start, elementId(b) AS end, "
            "type(r) AS type, properties(r) AS properties"
        ):
            if row["start"] not in content or row["end"] not in content:
                continue
            own = _hashed(row["type"], _plain(row["properties"], ignoring))
            lines.append(f"relationship {content[row['start']]} {own} {content[row['end']]}")
        for kind in ("CONSTRAINTS", "INDEXES"):
            for row in store.rows(
                f"SHOW {kind} YIELD name, type, entityType, labelsOrTypes, properties, "
                "createStatement RETURN *"
            ):
                lines.append(f"{kind} {_plain(row, ())}")
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    return of_database


def _plain(properties: Mapping[str, object], ignoring: Collection[str]) -> str:
    return repr(sorted((name, repr(v)) for name, v in properties.items() if name not in ignoring))


def _hashed(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Ended:
    """A command that has run: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of stdout, which must be one JSON value and nothing else."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Kgp = Callable[..., Ended]
"""``kgp("load", path, "--json")``; see the fixture."""


@pytest.fixture
def kgp(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kgp:
    """Run a command in a folder of the test's own, connected by the environment alone."""
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    for name in (
        "NEO4J_USER",
        "NEO4J_DATABASE",
        "KGP_HEAP",
        "KGP_JARS",
        "KGP_SNAPSHOTS",
        "KGP_RULES",
        "OPENAI_API_KEY",
        *(name.upper() for name in Settings.model_fields if name.startswith("kgp_llm")),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NEO4J_URI", settings.neo4j_uri)
    monkeypatch.setenv("NEO4J_USERNAME", settings.neo4j_username)
    monkeypatch.setenv("NEO4J_PASSWORD", settings.neo4j_password.get_secret_value())
    monkeypatch.setenv("KGP_HOME", str(tmp_path / ".kgplatform"))
    monkeypatch.setenv("KGP_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> Ended:
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main([str(arg) for arg in args])
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, out.getvalue(), err.getvalue())

    return run


@dataclass(frozen=True)
class Disk:
    """A file system in memory whose size can be changed."""

    path: Path

    def resize(self, mib: int) -> None:
        subprocess.run(
            ["mount", "-o", f"remount,rw,size={mib}m", str(self.path)], check=True, timeout=30
        )

    def read_only(self) -> None:
        """Have nothing written to it until it is resized."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True, timeout=30)

    def leave(self, mib: int) -> None:
        """Make it so small that this much room is left."""
        self.resize((shutil.disk_usage(self.path).used >> 20) + 1 + mib)


@contextlib.contextmanager
def _mounted(place: Path, mib: int) -> Iterator[Disk]:
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", str(place)]
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("only root can mount a small file system, and fill it")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=30)


@pytest.fixture(scope="session")
def disk_at() -> Callable[[Path, int], contextlib.AbstractContextManager[Disk]]:
    """``with disk_at(path, mib) as disk``: a disk that can be filled; skips where none can be."""
    return _mounted


@pytest.fixture
def target(store: Store, graph_name: str) -> Target:
    """A graph with forty entities and a few facts."""
    triples = [Triple(f"e{i}", "next", f"e{(i + 1) % 40}", "train") for i in range(40)]
    load(store, graph_name, [], triples, source="ring")
    return Target(graph=graph_name)


@dataclass(frozen=True)
class Said:
    """What an endpoint of a language model says to a request.

    Attributes:
        text: The model's words, put into an answer as OpenAI's API has it.
        finish: Why they end.
        status: Of HTTP.
        headers: Further ones.
        body: All of the answer, instead of one made of ``text``.
        delay: Seconds before it.
    """

    text: str = ""
    finish: str = "stop"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0


@dataclass(frozen=True)
class Heard:
    """A request that an endpoint got."""

    path: str
    body: Any
    headers: Mapping[str, str]
    at: float

    @property
    def question(self) -> str:
        """The last turn of the user, before any that shows the model a wrong answer."""
        turns = self.body["messages"]
        asked = [turn["content"] for turn in turns if turn["role"] == "user"]
        corrected = asked[-1].startswith("That answer cannot be used")
        words: str = asked[-2] if corrected else asked[-1]
        return words

    @property
    def document(self) -> str:
        """The document that the question has between its marks."""
        return self.question.partition(">>>\n")[2].partition("\n<<<end")[0]


@dataclass
class ModelServer:
    """A real HTTP server that speaks as an OpenAI-compatible endpoint does.

    Attributes:
        url: Its address, up to ``/v1``.
        heard: What it was asked, in order.
        most_at_once: Most requests that were under way together.
    """

    url: str
    heard: list[Heard] = field(default_factory=list)
    most_at_once: int = 0


Speaker = Callable[[Heard], str | Mapping[str, Any]]
"""What says the model's words, or the arguments of :class:`Said`."""

ModelServers = Callable[[Speaker], ModelServer]
"""``model_server(answer)``; see the fixture."""


@contextlib.contextmanager
def _model_servers() -> Iterator[ModelServers]:
    running: list[ThreadingHTTPServer] = []

    def start(answer: Speaker) -> ModelServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(answer, lambda: told))
        server.daemon_threads = True
        told = ModelServer(f"http://127.0.0.1:{server.server_port}/v1")
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return told

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def model_server() -> Iterator[ModelServers]:
    """Start endpoints of language models that answer as a function says."""
    with _model_servers() as start:
        yield start


@pytest.fixture(scope="session")
def model_servers() -> Iterator[ModelServers]:
    """The same for endpoints that outlive a test."""
    with _model_servers() as start:
        yield start


def _handler(answer: Speaker, server: Callable[[], ModelServer]) -> type[BaseHTTPRequestHandler]:
    guard = threading.Lock()
    under_way = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal under_way
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            heard = Heard(self.path, body, dict(self.headers.items()), time.monotonic())
            with guard:
                under_way += 1
                server().heard.append(heard)
                server().most_at_once = max(server().most_at_once, under_way)
            try:
                words = answer(heard)
                said = Said(words) if isinstance(words, str) else Said(**words)
                time.sleep(said.delay)
            finally:
                with guard:
                    under_way -= 1
            content = said.body if said.body is not None else _completion(said)
            with contextlib.suppress(OSError):  # whoever asked may have gone
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def _completion(said: Said) -> bytes:
    choice = {"index": 0, "message": {"content": said.text}, "finish_reason": said.finish}
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    return json.dumps({"choices": [choice], "usage": usage}).encode()
