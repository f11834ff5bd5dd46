"""How fast facts come out of Neo4j: packed blocks against what people write.

    python tests/benchmarks/streaming.py                    # 1,000,000 facts
    python tests/benchmarks/streaming.py --facts 5000000 --entities 500000 --rounds 3

Starts a server of its own in a temporary folder, fills it by a bulk load, and reads it back in
turn, ``--rounds`` times, the facts with their splits, as

- a record a relationship, four strings each, as the driver's documentation does it;
- a data frame: ``driver.execute_query(…, result_transformer_=Result.to_df)``, which is also what
  ``graphdatascience``'s ``run_cypher`` gives;
- PyG by hand, as tutorials and falkordb-pyg do it: edges by the server's numbers of their nodes,
  mapped through a dict into ``edge_index`` and ``edge_type``;
- py2neo: ``graph.run(…)`` into lists;
- ``stream_graph`` (``kgp train --graph``) and ``stream_query`` (``kgp train --cypher`` and
  ``--match``) of kgplatform, the same into arrays with their vocabularies.

The peers read a tenth of the facts at most: their cost is linear, and all would take minutes.
Medians of the rounds and their ratios are printed; then, in a process of its own, the memory that a
snapshot takes beyond its tensors.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import graphs
import neo4j
import torch
from own_server import own_server
from py2neo import Graph

from kgplatform import server
from kgplatform.bulk import bulk_load
from kgplatform.graph.projection import snapshot_of_graph, snapshot_of_query
from kgplatform.settings import Settings
from kgplatform.sources.rejects import RejectsFile
from kgplatform.sources.source import Source
from kgplatform.store.client import Store, connect
from kgplatform.store.pattern import pattern_query
from kgplatform.store.stream import stream_graph
from kgplatform.store.stream_query import stream_query

GRAPH = "benchmark"
QUERY = """
MATCH (h:Entity {graph: 'benchmark'})-[r]->(t:Entity)
RETURN h.id AS head, type(r) AS relation, t.id AS tail, r.split AS split
"""
PATTERN = pattern_query("(h:Entity)-[r]->(t)", "r.split = 'train'", "id", own=True)
BASE = "a record a relationship"


def main() -> None:
    """Load, read in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--facts", type=int, default=1_000_000)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--relations", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with own_server(lambda settings: _fill(settings, given)) as (store, info):
        _measure(store, info, given)


def _fill(settings: Settings, given: argparse.Namespace) -> None:
    triples = graphs.random(given.facts, given.entities, given.relations, given.seed)
    source = Source(GRAPH, "python", lambda _: triples)
    with tempfile.TemporaryDirectory() as folder, RejectsFile(Path(folder) / "r.tsv") as rejects:
        bulk_load(settings, GRAPH, source, rejects)


def _measure(store: Store, info: server.ServerInfo, given: argparse.Namespace) -> None:
    facts = stream_graph(store, GRAPH).head.size
    sample = min(facts // 10, 200_000)
    own = {"graph": GRAPH}
    ways: dict[str, tuple[int, Callable[[], int]]] = {
        BASE: (sample, lambda: _records(info, sample)),
        "a data frame": (sample, lambda: _frame(info, sample)),
        "PyG by hand": (sample, lambda: _pyg(info, sample)),
        "py2neo": (sample, lambda: _py2neo(info, sample)),
        "kgplatform, --graph": (facts, lambda: stream_graph(store, GRAPH).head.size),
        "kgplatform, --cypher": (facts, lambda: stream_query(store, QUERY, {}).head.size),
        "kgplatform, --match": (facts, lambda: stream_query(store, PATTERN, own).head.size),
    }
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(given.rounds + 1):
        for way, (expected, read) in ways.items():
            began = time.perf_counter()
            got = read()
            # The first round warms the server up.
            if number:
                speeds[way].append(got / (time.perf_counter() - began))
            assert got == expected, (way, got, expected)
    peer = statistics.median(speeds[BASE])
    print(f"{facts:,} facts")
    for way, values in speeds.items():
        median = statistics.median(values)
        spread = f"{min(values):,.0f} to {max(values):,.0f}"
        print(f"{way}: {median:,.0f} a second ({spread}), {median / peer:.1f} times", flush=True)
    for way in ("graph", "cypher"):
        context = multiprocessing.get_context("spawn")
        child = context.Process(target=_memory, args=(way, info.uri, info.username, info.password))
        child.start()
        child.join()


def _memory(way: str, uri: str, username: str, password: str) -> None:
    """What a snapshot takes beyond its tensors and names, at most."""
    with connect(uri, username, password) as store:
        before = _most_memory()
        if way == "graph":
            snapshot = snapshot_of_graph(store, GRAPH)
        else:
            snapshot, _ = snapshot_of_query(store, QUERY, {})
    peak = _most_memory() - before
    tensors = (snapshot.edge_index, snapshot.edge_type, snapshot.split)
    final = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    print(
        f"memory, --{way}: {peak / 1e6:,.0f} MB more at most, {final / 1e6:,.0f} MB of them final"
    )


def _most_memory() -> int:
    """The most that this process has had in memory; getrusage counts its parent's, too."""
    (line,) = [
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    ]
    return int(line.split()[1]) * 1024


def _driver(info: server.ServerInfo) -> neo4j.Driver:
    return neo4j.GraphDatabase.driver(
        info.uri, auth=(info.username, info.password), notifications_min_severity="OFF"
    )


def _records(info: server.ServerInfo, limit: int) -> int:
    with _driver(info) as driver, driver.session(default_access_mode="READ") as session:
        triples = [
            (record["head"], record["relation"], record["tail"], record["split"])
            for record in session.run(f"{QUERY} LIMIT {limit}")
        ]
    return len(triples)


def _frame(info: server.ServerInfo, limit: int) -> int:
    with _driver(info) as driver:
        frame: Any = driver.execute_query(
            f"{QUERY} LIMIT {limit}", result_transformer_=neo4j.Result.to_df
        )
    return len(frame)


def _pyg(info: server.ServerInfo, limit: int) -> int:
    query = (
        "CYPHER 5 MATCH (h:Entity {graph: 'benchmark'})-[r]->(t:Entity) "
        f"RETURN id(h) AS h, type(r) AS r, id(t) AS t, r.split AS s LIMIT {limit}"
    )
    with _driver(info) as driver, driver.session(default_access_mode="READ") as session:
        nodes: dict[int, int] = {}
        relations: dict[str, int] = {}
        splits: dict[str, int] = {}
        heads, kinds, tails, codes = [], [], [], []
        for record in session.run(query):
            heads.append(nodes.setdefault(record["h"], len(nodes)))
            kinds.append(relations.setdefault(record["r"], len(relations)))
            tails.append(nodes.setdefault(record["t"], len(nodes)))
            codes.append(splits.setdefault(record["s"], len(splits)))
    edge_index = torch.tensor([heads, tails])
    assert torch.tensor([kinds, codes]).shape == edge_index.shape
    return edge_index.shape[1]


def _py2neo(info: server.ServerInfo, limit: int) -> int:
    graph = Graph(info.uri, auth=(info.username, info.password))
    return len([tuple(record) for record in graph.run(f"{QUERY} LIMIT {limit}")])


if __name__ == "__main__":
    main()
