"""Latency of the service: p50 and p95 of what it answers, at 1, 8 and 32 clients.

    pip install -e '.[serve]' && apt-get install wordnet-base
    OMP_NUM_THREADS=1 python tests/benchmarks/latency.py build --home FOLDER
    OMP_NUM_THREADS=1 python tests/benchmarks/latency.py run --home FOLDER

``build`` makes the graph of latency_graph.py in a local Neo4j of FOLDER's own, with a run that
recommends, and leaves out what FOLDER has already. Vectors of texts are means of minilm's vectors
of their words, those of facts sums of random ones over neighbours: no quality is measured here, and
to read all glosses takes minilm most of an hour of two busy cores. A text that is searched for is
read by minilm as always.

``run`` starts `kgp serve` there in a process of its own and asks it over HTTP, closed loop: each
client sends its next request when it has the answer to its last one. Requests are drawn by a seed;
each number of clients is warmed up first. Errors are counted, and their times are left out. CPU is
that of service and database together for a request: other work on the machine does not change it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import latency_graph
import numpy as np
import psutil

GRAPH = "wordnet"
SECRET = "a-key-for-the-latency-benchmark"
CLIENTS = (1, 8, 32)
DIMENSION = 64
READY_SECONDS = 900.0

Draw = Callable[[np.random.Generator], dict[str, Any]]


@dataclass(frozen=True)
class Drawn:
    """What is asked for: names, glosses, readers of the graph."""

    names: list[str]
    glosses: list[str]


def main() -> None:
    """Build or run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["build", "run"])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--routes", nargs="*", help="only these")
    parser.add_argument("--clients", type=int, nargs="*", default=CLIENTS)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--without", nargs="*", default=["generate", "explain"], help="doors")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    (build if given.what == "build" else run)(given)


def build(given: argparse.Namespace) -> None:
    """Make what is not there yet; a file a step says what is."""
    kgp(given.home, "up")
    steps: dict[str, Callable[[], object]] = {
        "loaded": lambda: loaded(given),
        "read": lambda: read(given),
        "summed": lambda: summed(given),
        "recommends": lambda: kgp(
            given.home,
            *("train", "recommend", "--graph", GRAPH, "--relation", "LIKES"),
            *("--set", "model=lightgcn", "--set", "epochs=5"),
        ),
    }
    for name, step in steps.items():
        mark = given.home / f"{name}.done"
        if not mark.exists():
            begun = time.perf_counter()
            step()
            mark.write_text(f"{time.perf_counter() - begun:.0f} s\n")
            print(f"{name}: {mark.read_text().strip()}", flush=True)


def loaded(given: argparse.Namespace) -> None:
    """The graph, by the library: it is made here, not read from a file."""
    from kgplatform.connection import open_store
    from kgplatform.settings import Settings
    from kgplatform.store.load import load

    pointers = latency_graph.facts(given.wordnet)
    people, likes = latency_graph.readers(pointers, given.seed)
    entities = [*latency_graph.synsets(given.wordnet), *people]
    with open_store(Settings(neo4j_uri=None, kgp_home=given.home / ".kgplatform")) as store:
        load(store, GRAPH, entities, [*pointers, *likes], source="wordnet")


def read(given: argparse.Namespace) -> None:
    """Vectors of texts, in place of `kgp encode`: means of minilm's vectors of their words."""
    import torch

    from kgplatform.connection import open_store
    from kgplatform.settings import Settings
    from kgplatform.store.writeback import Target, write_vectors
    from kgplatform.text.encode import load_encoder

    entities = list(
        {each.entity_id: each for each in latency_graph.synsets(given.wordnet)}.values()
    )
    encoder = load_encoder()
    first: Any = encoder.network[0]
    words = first.auto_model.get_input_embeddings()
    means = []
    for start in range(0, len(entities), 1_024):
        part = [f"{each.name}: {each.description}" for each in entities[start : start + 1_024]]
        tokens = encoder.tokens(part)
        with torch.no_grad():
            summed = (words(tokens.ids) * tokens.mask[:, :, None]).sum(1)
        means.append(torch.nn.functional.normalize(summed, dim=1).numpy())
    with open_store(Settings(neo4j_uri=None, kgp_home=given.home / ".kgplatform")) as store:
        write_vectors(
            store,
            "read",
            {"encoder": encoder.name},
            Target(graph=GRAPH),
            [each.entity_id for each in entities],
            np.concatenate(means),
            kind="text",
        )


def summed(given: argparse.Namespace) -> None:
    """Vectors of the facts, without a training: random ones, added up over neighbours twice."""
    from scipy.sparse import coo_array

    from kgplatform.connection import open_store
    from kgplatform.settings import Settings
    from kgplatform.store.writeback import Target, write_vectors

    pointers = latency_graph.facts(given.wordnet)
    _, likes = latency_graph.readers(pointers, given.seed)
    triples = [*pointers, *likes]
    names, ends = np.unique([(each.head, each.tail) for each in triples], return_inverse=True)
    heads, tails = ends.reshape(-1, 2).T
    ones = np.ones(len(triples), dtype=np.float32)
    beside = coo_array((ones, (heads, tails)), shape=(len(names), len(names))).tocsr()
    beside = beside + beside.T
    vectors = np.random.default_rng(given.seed).normal(size=(len(names), DIMENSION))
    for _ in range(2):
        vectors = vectors + beside @ vectors
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with open_store(Settings(neo4j_uri=None, kgp_home=given.home / ".kgplatform")) as store:
        target = Target(graph=GRAPH)
        write_vectors(store, "summed", {}, target, names.tolist(), vectors.astype(np.float32))


def kgp(home: Path, *args: str) -> str:
    """Run a command in the folder; its output."""
    done = subprocess.run(
        [sys.executable, "-m", "kgplatform", *args],
        cwd=home,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def environment() -> dict[str, str]:
    """That of this process, without another database's address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")}
    root = str(Path(__file__).parents[2])
    return kept | {"PYTHONPATH": root, "KGP_API_KEYS": SECRET}


def run(given: argparse.Namespace) -> None:
    """Measure each route by each number of clients."""
    kgp(given.home, "up")
    entities = list(latency_graph.synsets(given.wordnet))
    drawn = Drawn(
        [each.entity_id for each in entities], [str(each.description) for each in entities]
    )
    routes = routes_of(drawn)
    with serving(given) as (url, processes):
        print(
            "| route | clients | requests a second | p50 ms | p95 ms | CPU ms (database) | errors |"
        )
        print("|---|---|---|---|---|---|---|")
        for route in given.routes or routes:
            for clients in given.clients:
                measured = asyncio.run(
                    measure(url, route, routes[route], clients, given, processes)
                )
                print(f"| {route} | {clients} | {measured} |", flush=True)


def routes_of(drawn: Drawn) -> dict[str, Draw]:
    """The body of a request of each route, drawn."""

    def entity(rng: np.random.Generator) -> str:
        return drawn.names[int(rng.integers(len(drawn.names)))]

    def words(rng: np.random.Generator) -> str:
        gloss = drawn.glosses[int(rng.integers(len(drawn.glosses)))]
        return gloss.partition(";")[0][:200]

    return {
        "search": lambda rng: {"text": words(rng), "top_k": 10},
        "ask": lambda rng: {"question": f"what is a hypernym of {entity(rng)}?"},
        "recommend": lambda rng: {
            "entity": f"reader-{int(rng.integers(latency_graph.READERS)):04d}",
            "top_k": 10,
        },
        "similar": lambda rng: {"entity": entity(rng), "top_k": 10},
        "entity": lambda rng: {"entity": entity(rng)},
    }


@contextlib.contextmanager
def serving(given: argparse.Namespace) -> Iterator[tuple[str, list[psutil.Process]]]:
    """`kgp serve` in a process of its own; its address, and it with the database's process."""
    arguments = ["serve", "--graph", GRAPH, "--port", "0", "--rate", "0", "--json"]
    arguments += ["--timeout", "60", "--workers", str(given.workers)]
    arguments += [part for name in given.without for part in ("--without", name)]
    process = subprocess.Popen(
        [sys.executable, "-m", "kgplatform", *arguments],
        cwd=given.home,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        until = time.monotonic() + READY_SECONDS
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health/ready").status_code == httpx.codes.OK:
                    break
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError("the service does not become ready")
            time.sleep(0.2)
        database = json.loads(kgp(given.home, "status", "--json"))
        processes = [psutil.Process(process.pid)]
        for each in psutil.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr.port == port_of(database["uri"]):
                processes.append(psutil.Process(each.pid))
        yield url, processes
    finally:
        process.terminate()
        process.wait(60)


def port_of(uri: str) -> int:
    """The port of an address."""
    return int(uri.rpartition(":")[2])


def cpu_seconds(processes: list[psutil.Process]) -> np.ndarray:
    """What each process has used so far, [service, database]."""
    times = [each.cpu_times() for each in processes]
    return np.array([each.user + each.system for each in times])


async def measure(
    url: str,
    route: str,
    draw: Draw,
    clients: int,
    given: argparse.Namespace,
    processes: list[psutil.Process],
) -> str:
    """Rate, p50, p95, CPU and errors of a route."""
    times: list[float] = []
    errors = asked = 0
    used = cpu_seconds(processes)
    generators = np.random.default_rng([given.seed, clients]).spawn(clients)
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    shown = {"Authorization": f"Bearer {SECRET}"}
    async with httpx.AsyncClient(base_url=url, headers=shown, limits=limits, timeout=120) as http:

        async def client(rng: np.random.Generator, begins: float, ends: float) -> None:
            nonlocal errors, asked
            while time.perf_counter() < ends:
                body = draw(rng)
                sent = time.perf_counter()
                said = await http.post(f"/{route}", json=body)
                asked += 1
                if sent < begins:
                    continue
                if said.status_code == httpx.codes.OK:
                    times.append(time.perf_counter() - sent)
                else:
                    errors += 1

        begins = time.perf_counter() + given.seconds / 4
        ends = begins + given.seconds
        await asyncio.gather(*(client(rng, begins, ends) for rng in generators))
    p50, p95 = np.percentile(np.array(times) * 1_000, (50, 95)) if times else (0.0, 0.0)
    cpu, of_database = (cpu_seconds(processes) - used) / max(1, asked) * 1_000
    used_by = f"{cpu + of_database:.0f} ({of_database:.0f})"
    return f"{len(times) / given.seconds:.1f} | {p50:.0f} | {p95:.0f} | {used_by} | {errors}"


if __name__ == "__main__":
    main()
