"""How fast vectors leave Neo4j and enter it, and what memory and disk that takes.

    pip install --no-deps neo4j-graphrag json-repair tenacity
    python tests/benchmarks/vectors.py                    # 100,000 vectors of 128 numbers
    python tests/benchmarks/vectors.py --vectors 20000    # a quick look

On a server of its own. Reading, ``--rounds`` times in turn, each into float32 [N, d]:

- a record a node, as a user of the driver writes it, into an array; and ``to_df()``;
- ours from lists, and from the bytes that ``kgp write --bytes`` keeps.

Writing, ``--write-rounds`` times in turn, until the index is online: neo4j-graphrag's
``upsert_vectors`` with the index made first or last (it is given the nodes' element ids, which
cost it nothing here), a plain ``UNWIND`` writer, and ours, which looks its nodes up. After each:
the time of a search, and how many of the true ten nearest it finds. The memory of a read is
measured in a process of its own. A way that misses the package is left out.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import neo4j
import numpy as np
import psutil
from own_server import own_server

from kgplatform import queries, server
from kgplatform.server import ServerInfo
from kgplatform.settings import Settings
from kgplatform.store.client import Store, connect
from kgplatform.store.load import load
from kgplatform.store.stream_vectors import NUMBERS_A_BLOCK, active_set, read_set, read_vectors
from kgplatform.store.undo import undo
from kgplatform.store.writeback import Target, marks_of_set, set_of_run, write_vectors
from kgplatform.triples import Triple

GRAPH = "benchmark"
TARGET = Target(graph=GRAPH)
RECORDS = "MATCH (n:Entity {graph: $graph}) RETURN n.id AS id, n[$name] AS vector"
BATCH = 1_000
SAMPLE = 4_000
"""Vectors by which the room on disk is measured."""

Read = Callable[[], np.ndarray]


def main() -> None:
    """Write, read in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write-rounds", type=int, default=1)
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.memory_of:
        _peak(given.memory_of)
        return
    with own_server() as (store, info):
        keys = [f"entity-{i}" for i in range(given.vectors)]
        load(store, GRAPH, [], _ring(keys), source="ring")
        drawn = np.random.default_rng(0).normal(size=(given.vectors, given.dimension))
        vectors = drawn.astype(np.float32)
        _sizes(store, info, keys[:SAMPLE], vectors[:SAMPLE])
        # Not measured: Java is cold.
        write_vectors(store, "read", {}, TARGET, keys, vectors, keep_bytes=True)
        _read(store, info, vectors, given.rounds)
        _shares(store, len(keys), given.dimension)
        undo(store, "read")
        _write(store, info, keys, vectors, given.write_rounds)


def _ring(keys: list[str]) -> list[Triple]:
    return [Triple(key, "next", after) for key, after in pairwise(keys)]


def _sizes(store: Store, info: ServerInfo, keys: list[str], vectors: np.ndarray) -> None:
    sizes = [_store_size(info)]
    for keep_bytes in (False, True):
        write_vectors(store, "size", {}, TARGET, keys, vectors, keep_bytes=keep_bytes)
        sizes.append(_store_size(info))
    undo(store, "size")
    lists, twin = ((after - before) / len(keys) for before, after in pairwise(sizes))
    print(f"on disk | a list {lists:,.0f} bytes | the same as bytes {twin:,.0f} | index left out")


def _ways(store: Store, driver: neo4j.Driver) -> dict[str, Read]:
    name = set_of_run("read").property

    def records() -> np.ndarray:
        with driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
            rows = [
                (row["id"], row["vector"]) for row in session.run(RECORDS, graph=GRAPH, name=name)
            ]
        return np.array([vector for _, vector in rows], dtype=np.float32)

    def frame() -> np.ndarray:
        with driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
            read = session.run(RECORDS, graph=GRAPH, name=name).to_df()
        return np.array(read["vector"].tolist(), dtype=np.float32)

    def kept() -> np.ndarray:
        read = read_set(store, str(active_set(store, TARGET)))
        assert read.source == "bytes"
        return read.values

    return {
        "a record a node": records,
        "to_df()": frame,
        "ours, lists": lambda: read_vectors(store, TARGET, name).values,
        "ours, bytes": kept,
    }


def _read(store: Store, info: ServerInfo, vectors: np.ndarray, rounds: int) -> None:
    with neo4j.GraphDatabase.driver(info.uri, auth=(info.username, info.password)) as driver:
        ways = _ways(store, driver)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        # The first round is not counted.
        for number in range(rounds + 1):
            for way, read in ways.items():
                began = time.perf_counter()
                got = read()
                if number:
                    seconds[way].append(time.perf_counter() - began)
                assert got.shape == vectors.shape
                assert np.isclose(got.sum(dtype=float), vectors.sum(dtype=float))
    peer = seconds["a record a node"]
    for way, taken in seconds.items():
        times = [one / other for one, other in zip(peer, taken, strict=True)]
        peak = subprocess.run(
            [sys.executable, __file__, "--memory-of", way],
            env={**os.environ, "AT": info.uri, "BY": info.username, "WITH": info.password},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        median = statistics.median(taken)
        print(
            f"read | {way} | {len(vectors) / median:,.0f} a second | {median:.2f} s "
            f"({min(taken):.2f}, {max(taken):.2f}) | {statistics.median(times):.1f} times | "
            f"{peak} MB beyond the array",
            flush=True,
        )


def _peak(way: str) -> None:
    uri, user, password = (os.environ[name] for name in ("AT", "BY", "WITH"))
    with (
        neo4j.GraphDatabase.driver(uri, auth=(user, password)) as driver,
        connect(uri, user, password) as store,
    ):
        read = _ways(store, driver)[way]
        before = psutil.Process().memory_info().rss
        got = read()
    # Not ru_maxrss: that of a new process begins with the peak of the one that made it.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) * 1024
    print(f"{(peak - before - got.nbytes) / 1e6:.0f}")


def _shares(store: Store, number: int, dimension: int) -> None:
    """Where the time of reading lists goes, step by step; each with what is before it."""
    name = set_of_run("read").property
    statement = queries.fill("read/stream_vectors", property=name)
    listing = queries.fill("read/list_vectors", property=name)
    with store.reading(32) as transaction:
        params = {"graph": GRAPH, "end": number, "block": 10_000}
        nodes = [node for row in transaction.stream(listing, params) for node in row[0]]
        asked = {"nodes": sorted(nodes), "block": max(1, NUMBERS_A_BLOCK // dimension)}
        head, _, _ = statement.rpartition("RETURN nodes, vectors")
        sizes = f"{head}RETURN size(nodes) AS nodes, size(vectors) AS vectors"
        for what, query in (("server alone", sizes), ("with wire and unpacking", statement)):
            taken = []
            for _ in range(3):
                began = time.perf_counter()
                for _ in transaction.stream(query, asked):
                    pass
                taken.append(time.perf_counter() - began)
            print(f"share | {what}: {statistics.median(taken):.2f} s", flush=True)
    print(f"share | the same bytes over loopback alone: {_loopback(number * dimension * 9):.2f} s")


def _loopback(size: int) -> float:
    block = bytes(1 << 16)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def send() -> None:
            with socket.create_connection(listener.getsockname()) as out:
                for _ in range(size // len(block)):
                    out.sendall(block)

        began = time.perf_counter()
        threading.Thread(target=send).start()
        peer, _ = listener.accept()
        with peer:
            while peer.recv(1 << 16):
                pass
    return time.perf_counter() - began


def _write(
    store: Store, info: ServerInfo, keys: list[str], vectors: np.ndarray, rounds: int
) -> None:
    with neo4j.GraphDatabase.driver(info.uri, auth=(info.username, info.password)) as driver:
        peers = _peers(store, driver, keys, vectors)
        print("write | way | write s | until online s | search ms | recall", flush=True)
        for _ in range(rounds):
            for way, (write, first) in peers.items():
                _forget(store, "peer")
                began = time.perf_counter()
                if first:
                    _index(store, vectors.shape[1])
                write()
                written = time.perf_counter() - began
                _index(store, vectors.shape[1])
                online = time.perf_counter() - began
                _told(way, written, online, _search(store, "peer", vectors))
            _forget(store, "peer")
            for way, keep_bytes in (("ours", False), ("ours, with bytes", True)):
                ends: list[float] = []
                began = time.perf_counter()
                told = write_vectors(
                    store,
                    "ours",
                    {},
                    TARGET,
                    keys,
                    vectors,
                    lambda *_, ends=ends: ends.append(time.perf_counter()),
                    keep_bytes=keep_bytes,
                )
                online = time.perf_counter() - began
                found = _search(store, told["index"], vectors)
                _told(way, ends[-1] - began, online, found)
                undo(store, "ours")


def _told(way: str, written: float, online: float, found: tuple[float, float]) -> None:
    print(
        f"write | {way} | {written:.1f} | {online:.1f} | {found[0]:.1f} | {found[1]:.2f}",
        flush=True,
    )


def _peers(
    store: Store, driver: neo4j.Driver, keys: list[str], vectors: np.ndarray
) -> dict[str, tuple[Callable[[], None], bool]]:
    def unwind() -> None:
        for at in range(0, len(keys), BATCH):
            rows = zip(keys[at : at + BATCH], vectors[at : at + BATCH].tolist(), strict=True)
            driver.execute_query(
                "UNWIND $rows AS row MATCH (n:Entity {graph: $graph, id: row.id}) "
                "SET n.peer = row.vector",
                rows=[{"id": key, "vector": vector} for key, vector in rows],
                graph=GRAPH,
            )

    ways: dict[str, tuple[Callable[[], None], bool]] = {"UNWIND, index last": (unwind, False)}
    try:
        from neo4j_graphrag.indexes import upsert_vectors
    except ImportError:
        print("neo4j-graphrag is not installed, so it is left out")
        return ways
    rows = store.rows(
        "MATCH (n:Entity {graph: $graph}) RETURN n.id AS id, elementId(n) AS node", graph=GRAPH
    )
    node_of = {row["id"]: row["node"] for row in rows}

    def upsert() -> None:
        for at in range(0, len(keys), BATCH):
            nodes = [node_of[key] for key in keys[at : at + BATCH]]
            upsert_vectors(driver, nodes, "peer", vectors[at : at + BATCH].tolist())

    return {
        "neo4j-graphrag, index first": (upsert, True),
        "neo4j-graphrag, index last": (upsert, False),
        **ways,
    }


def _index(store: Store, dimension: int) -> None:
    marks = {"index": "peer", "label": "Entity", "property": "peer"}
    store.command(
        queries.fill("write/create_vector_index", **marks),
        dimension=dimension,
        similarity="cosine",
    )
    store.command(queries.get("write/await_index"), index="peer", seconds=3600)


def _forget(store: Store, name: str) -> None:
    store.command(queries.fill("write/drop_index", index=name))
    store.command(queries.fill("write/remove_vectors", **marks_of_set("Entity", name)), rows=5_000)


def _search(store: Store, index: str, vectors: np.ndarray) -> tuple[float, float]:
    """Median milliseconds of a search for the nearest ten, and the share of them that it finds."""
    asked = np.random.default_rng(1).choice(len(vectors), 100, replace=False)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argsort(-(unit[asked] @ unit.T), axis=1)[:, :10].tolist()
    taken, found = [], 0
    for row, wanted in zip(asked.tolist(), nearest, strict=True):
        began = time.perf_counter()
        rows: list[dict[str, Any]] = store.rows(
            "CALL db.index.vector.queryNodes($index, 10, $vector) YIELD node RETURN node.id AS id",
            index=index,
            vector=vectors[row].tolist(),
        )
        taken.append(time.perf_counter() - began)
        found += len({hit["id"] for hit in rows} & {f"entity-{place}" for place in wanted})
    return statistics.median(taken) * 1000, found / (10 * len(asked))


def _store_size(info: ServerInfo) -> int:
    """Bytes of the database's records on disk, its indexes and log left out.

    All of them are there only when the server has stopped.
    """
    home = Path(info.home)
    settings = Settings(neo4j_uri=None, kgp_home=home.parent)
    server.stop(settings)
    files = (home / "data" / "databases" / "neo4j").glob("neostore*")
    size = sum(file.stat().st_size for file in files if file.is_file())
    assert server.start(settings).uri == info.uri
    return size


if __name__ == "__main__":
    main()
