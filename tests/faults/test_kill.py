"""Real faults: killed writers, a killed server, cut connections; then the same again.

Each ends with the same graph as an undisturbed run. ``KGP_FAULTS=long`` tries more points than
a plain test run has time for.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from campaign import points

from kgplatform import server as local
from kgplatform.errors import InputError, StoreError, UnavailableError
from kgplatform.graph.projection import snapshot_of_graph
from kgplatform.graph.snapshot import from_triples
from kgplatform.settings import Settings
from kgplatform.store import load as loading
from kgplatform.store import writeback
from kgplatform.store.client import Store, connect
from kgplatform.store.load import load
from kgplatform.store.search import similar
from kgplatform.store.stream import stream_graph
from kgplatform.store.undo import undo
from kgplatform.store.writeback import Target, set_of_run, write_vectors
from kgplatform.training.artifacts import entity_vectors, load_run
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.triples import Triple

Digest = Callable[..., str]

POINTS = points(2, 20)
ENTITIES = 5_000
OLD, NEW = "old", "20260101-000000-distmult-0000"
CHANGES_WITH_EVERY_LOAD = {"version", "loaded"}
COMMIT = bytes.fromhex("0002b0120000")
"""The Bolt message: its length, the structure COMMIT without fields, the end of a message."""

pytestmark = pytest.mark.slow


def facts(seed: int) -> list[Triple]:
    """A ring through all entities, so that each has a fact, and 500 random facts."""
    drawn = random.Random(seed)
    names = [f"e{i}" for i in range(ENTITIES)]
    triples = {
        (head, "next", tail) for head, tail in zip(names, names[1:] + names[:1], strict=True)
    }
    while len(triples) < ENTITIES + 500:
        triples.add((drawn.choice(names), f"r{drawn.randrange(4)}", drawn.choice(names)))
    return [Triple(*triple, split="train") for triple in sorted(triples)]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a server that these tests may kill."""
    settings = Settings(
        neo4j_uri=None,
        kgp_home=tmp_path_factory.mktemp("own"),
        kgp_runs=tmp_path_factory.mktemp("runs"),
        kgp_heap="768m",
    )
    try:
        local.start(settings)
        yield settings
    finally:
        local.stop(settings)


@contextmanager
def connected(own: Settings, port: int | None = None) -> Iterator[Store]:
    """A connection, straight or through a proxy that listens on a port."""
    info = local.running(own)
    assert info is not None
    uri = info.uri if port is None else f"bolt://127.0.0.1:{port}"
    with connect(uri, info.username, info.password) as store:
        yield store


@pytest.fixture(scope="module")
def run_folder(own: Settings) -> Path:
    """A graph in the database and a run of it, one epoch long, with vectors of 64 numbers."""
    triples = facts(0)
    snapshot = from_triples(triples)
    settings = {"epochs": 1, "embedding_dim": 64, "candidates": "sampled", "negatives": 16}
    config = resolve_config(
        "distmult", snapshot, {**settings, "valid_share": 0.01, "test_share": 0.01, "device": "cpu"}
    )
    folder = own.kgp_runs / NEW
    train(snapshot, config, folder, source={"graph": "default"})
    with connected(own) as store:
        load(store, "default", [], triples, source="facts")
        keys, vectors = entity_vectors(load_run(folder))
        drawn = np.random.default_rng(0).normal(size=vectors.shape).astype(np.float32)
        write_vectors(store, OLD, {"model": "old"}, Target(), keys, drawn)
    return folder


def start_write(own: Settings) -> subprocess.Popen[str]:
    """``kgp write`` of the run in a process of its own."""
    info = local.running(own)
    assert info is not None
    return subprocess.Popen(
        [sys.executable, "-c", "from kgplatform.cli import main; main()", "write", NEW],
        cwd=own.kgp_runs,
        env={
            "PATH": os.environ["PATH"],
            "OMP_NUM_THREADS": "1",
            "NEO4J_URI": info.uri,
            "NEO4J_PASSWORD": info.password,
            "KGP_RUNS": str(own.kgp_runs),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Until the process says a word on stderr, or ends."""
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return


def finish(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "now active" in out


def assert_one_whole_set(store: Store, hits_of: dict[str, list[str]]) -> str:
    """Readers find exactly one set, with every vector, and an index that answers by it."""
    (row,) = store.rows(
        "MATCH (s:EmbeddingSet {active: true}) RETURN s.name AS name, s.property AS property"
    )
    (count,) = store.rows(
        "MATCH (e:Entity) WHERE e[$property] IS NOT NULL RETURN count(e) AS number",
        property=row["property"],
    )
    assert count["number"] == ENTITIES
    hits = [hit.id for hit in similar(store, "default", "e0", 5)]
    assert hits == hits_of.setdefault(row["name"], hits)
    return str(row["name"])


# What the writer has said when it is killed a while later: nothing yet, its first batch, its
# last batch (then it builds the index and changes the active set).
PHASES = ("", "vectors: 1,000 of", "vectors: 5,000 of")


def test_a_killed_writer_is_completed_by_the_next(
    own: Settings, run_folder: Path, digest: Digest
) -> None:
    drawn = random.Random(20)
    hits_of: dict[str, list[str]] = {}
    with connected(own) as store:
        before = digest(store)
        assert_one_whole_set(store, hits_of)
        began = time.monotonic()
        process = start_write(own)
        wait_for(process, PHASES[1])
        first = time.monotonic() - began
        wait_for(process, PHASES[2])
        last = time.monotonic() - began
        finish(process)
        durations = (first, last - first, time.monotonic() - began - last)
        undisturbed = digest(store)
        assert assert_one_whole_set(store, hits_of).startswith(NEW)
        assert undo(store, NEW)["restored"] == f"{OLD}/graph"
        assert digest(store) == before
        # Most kills where most can go wrong: between the first batch and the switch.
        for point in range(POINTS):
            phase = (1, 2, 0)[point % 3]
            process = start_write(own)
            if phase:
                wait_for(process, PHASES[phase])
            time.sleep(drawn.random() * durations[phase])
            process.kill()
            process.communicate(timeout=60)
            assert_one_whole_set(store, hits_of)
        process = start_write(own)
        finish(process)
        assert digest(store) == undisturbed
        undo(store, NEW)
        assert digest(store) == before


def kill_server(own: Settings, killed: threading.Event) -> None:
    info = local.running(own)
    assert info is not None
    os.kill(info.pid, signal.SIGKILL)
    while local.running(own) is not None:
        time.sleep(0.01)
    killed.set()


def ended_or_failed(work: Callable[[], object], own: Settings, killed: threading.Event) -> bool:
    """Do work during which the server is killed, and start the server again meanwhile."""

    def attempt() -> bool:
        try:
            work()
        except StoreError:
            return False
        return True

    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(attempt)
        assert killed.wait(120)
        local.start(own)
        return future.result(300)


def test_a_server_killed_during_a_write_loses_nothing(
    own: Settings, run_folder: Path, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writeback, "VECTORS_A_BATCH", 250)
    keys, vectors = entity_vectors(load_run(run_folder))
    hits_of: dict[str, list[str]] = {}
    drawn = random.Random(21)
    with connected(own) as store:
        before = digest(store)
        assert_one_whole_set(store, hits_of)
        write_vectors(store, "again", {}, Target(), keys, vectors)
        undisturbed = digest(store)
        undo(store, "again")
    for _ in range(max(1, POINTS // 4)):
        killed = threading.Event()
        at = drawn.randrange(500, ENTITIES, 250)

        def kill_later(
            stage: str,
            done: int,
            total: int | None,
            at: int = at,
            killed: threading.Event = killed,
        ) -> None:
            if done == at:
                threading.Timer(drawn.random() * 0.05, kill_server, (own, killed)).start()

        def write(progress: Callable[..., None] = kill_later) -> None:
            with connected(own) as store:
                write_vectors(store, "again", {}, Target(), keys, vectors, progress)

        completed = ended_or_failed(write, own, killed)
        with connected(own) as store:
            if not completed:
                assert assert_one_whole_set(store, hits_of) == f"{OLD}/graph"
            write_vectors(store, "again", {}, Target(), keys, vectors)
            assert digest(store) == undisturbed
            undo(store, "again")
            assert digest(store) == before


@pytest.fixture(scope="module")
def loaded_undisturbed(own: Settings, run_folder: Path, digest: Digest) -> Iterator[str]:
    """The digest after a load that nothing disturbs; the graph ``cut`` is then removed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "BATCH", 500)
        with connected(own) as store:
            load(store, "cut", [], facts(1), source="facts")
            undisturbed = digest(store, ignoring=CHANGES_WITH_EVERY_LOAD)
            remove_graph(store)
        yield undisturbed


def remove_graph(store: Store) -> None:
    store.run(
        "MATCH (n) WHERE n.graph = 'cut' OR n:KnowledgeGraph AND n.name = 'cut' DETACH DELETE n"
    )


def assert_marked_or_whole(store: Store) -> None:
    """A reader gets all of the graph or is told that a load was cut; never a part."""
    with suppress(StoreError, InputError):
        assert stream_graph(store, "cut").head.size == len(facts(1))


def test_a_server_killed_during_a_load_loses_nothing(
    own: Settings, loaded_undisturbed: str, digest: Digest
) -> None:
    drawn = random.Random(22)
    for _ in range(max(1, POINTS // 4)):
        killed = threading.Event()
        at = drawn.randrange(500, ENTITIES, 500)

        def kill_later(
            stage: str,
            done: int,
            total: int | None,
            at: int = at,
            killed: threading.Event = killed,
        ) -> None:
            if done == at:
                threading.Timer(drawn.random() * 0.05, kill_server, (own, killed)).start()

        def work(progress: Callable[..., None] = kill_later) -> None:
            with connected(own) as store:
                load(store, "cut", [], facts(1), source="facts", progress=progress)

        ended_or_failed(work, own, killed)
        with connected(own) as store:
            assert_marked_or_whole(store)
            load(store, "cut", [], facts(1), source="facts")
            assert digest(store, ignoring=CHANGES_WITH_EVERY_LOAD) == loaded_undisturbed
            assert snapshot_of_graph(store, "cut").digest == from_triples(facts(1)).digest
            remove_graph(store)


@dataclass
class Proxy:
    """A TCP proxy in front of the server that cuts the connection it is told to.

    Attributes:
        port: Where it listens.
        bytes_left: Bytes from the client after which it cuts everything, once; None: never.
        commits_left: The same in COMMIT messages; the last one still reaches the server.
        cuts: How often it has cut.
    """

    target: tuple[str, int]
    port: int = 0
    bytes_left: int | None = None
    commits_left: int | None = None
    cuts: int = 0

    def __enter__(self) -> "Proxy":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.close()
        self._cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            self._pairs.append((client, server))
            for source, sink in ((client, server), (server, client)):
                work = (source, sink, source is client)
                threading.Thread(target=self._forward, args=work, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        try:
            while data := source.recv(65_536):
                if from_client and self._is_over(data, sink):
                    return
                sink.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                end.close()

    def _is_over(self, data: bytes, server: socket.socket) -> bool:
        if self.bytes_left is not None:
            if len(data) >= self.bytes_left:
                server.sendall(data[: self.bytes_left])
                self.bytes_left = None
                self.cuts += 1
                self._cut()
                return True
            self.bytes_left -= len(data)
        if self.commits_left is not None and COMMIT in data:
            self.commits_left -= 1
            if self.commits_left == 0:
                self.commits_left = None
                self.cuts += 1
                # The client never hears what became of it; the server does it nevertheless.
                client = next(client for client, other in self._pairs if other is server)
                client.shutdown(socket.SHUT_RDWR)
                server.sendall(data)
                time.sleep(0.5)
                self._cut()
                return True
        return False

    def _cut(self) -> None:
        for pair in self._pairs:
            for end in pair:
                # Both directions at once: a closed socket would keep a reader of it waiting.
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._pairs.clear()


def proxy_of(own: Settings) -> Proxy:
    info = local.running(own)
    assert info is not None
    return Proxy(("127.0.0.1", int(info.uri.rsplit(":", 1)[1])))


def test_a_connection_cut_anywhere_is_survived_or_told(
    own: Settings, loaded_undisturbed: str, digest: Digest
) -> None:
    drawn = random.Random(23)
    triples = facts(1)
    for point in range(POINTS + 1):
        with proxy_of(own) as proxy:
            # The first in the handshake, the others anywhere in what the load sends.
            proxy.bytes_left = drawn.randrange(1, 200 if point == 0 else 300_000)
            with suppress(UnavailableError), connected(own, proxy.port) as store:
                load(store, "cut", [], triples, source="facts")
            assert proxy.cuts == 1
        with connected(own) as store:
            assert_marked_or_whole(store)
            counts = load(store, "cut", [], triples, source="facts")
            assert counts.facts_created + counts.facts_unchanged == len(triples)
            assert digest(store, ignoring=CHANGES_WITH_EVERY_LOAD) == loaded_undisturbed
            remove_graph(store)


# The third commit is that of the first batch's entities; by the ninth, facts are there, too.
@pytest.mark.parametrize(("commits", "cut"), [(3, "entities"), (9, "facts")])
def test_a_connection_cut_on_commit_is_told_and_safe_to_repeat(
    own: Settings, loaded_undisturbed: str, digest: Digest, commits: int, cut: str
) -> None:
    triples = facts(1)
    with proxy_of(own) as proxy:
        proxy.commits_left = commits
        with (
            pytest.raises(UnavailableError) as lost,
            connected(own, proxy.port) as store,
        ):
            load(store, "cut", [], triples, source="facts")
        assert "repeat" in lost.value.hint
        assert proxy.cuts == 1
    with connected(own) as store:
        with pytest.raises(StoreError, match="facts"):
            stream_graph(store, "cut")
        counts = load(store, "cut", [], triples, source="facts")
        # The batch whose commit was cut is there: it is unchanged, not created twice.
        names = {name for triple in triples for name in (triple.head, triple.tail)}
        assert 0 < counts.entities_created < len(names)
        assert counts.facts_unchanged % 500 == 0
        assert (counts.facts_unchanged > 0) == (cut == "facts")
        assert digest(store, ignoring=CHANGES_WITH_EVERY_LOAD) == loaded_undisturbed
        remove_graph(store)


def test_names_of_the_run_are_plain(run_folder: Path) -> None:
    assert set_of_run(run_folder.name).property == "embedding_20260101_000000_distmult_0000"
