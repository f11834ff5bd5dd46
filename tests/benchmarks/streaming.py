"""How fast facts come out of Neo4j: packed blocks against a record a relationship.

    python tests/benchmarks/streaming.py                    # 1,000,000 facts
    python tests/benchmarks/streaming.py --facts 100000     # a quick look

Starts a server of its own in a temporary folder, loads a random graph through
``kgplatform.store.load``, and reads it back in turn, ``--rounds`` times, as

- a record a relationship, three strings each, as the driver's documentation does it;
- ``stream_graph`` (``kgp train --graph``) and ``stream_query`` (``kgp train --cypher``) of
  kgplatform, the same facts into arrays with their vocabularies.

The peer reads a tenth of the facts: its cost is linear, and all of them would take minutes.
Medians of the rounds and their ratio are printed as a row for docs/benchmarks.md.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import graphs
import neo4j
from own_server import own_server

from kgplatform import server
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.stream import stream_graph
from kgplatform.store.stream_query import stream_query

GRAPH = "benchmark"
QUERY = """
MATCH (h:Entity {graph: 'benchmark'})-[r]->(t:Entity)
RETURN h.id AS head, type(r) AS relation, t.id AS tail
"""


def main() -> None:
    """Load, read in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--facts", type=int, default=1_000_000)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--relations", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with own_server() as (store, info):
        _measure(store, info, given)


def _measure(store: Store, info: server.ServerInfo, given: argparse.Namespace) -> None:
    began = time.perf_counter()
    triples = graphs.random(given.facts, given.entities, given.relations, given.seed)
    counts = load(store, GRAPH, [], triples, source="random")
    seconds = time.perf_counter() - began
    facts = counts.facts_created
    print(f"load: {facts:,} facts in {seconds:.0f} s, {facts / seconds:,.0f} a second")

    sample = facts // 10
    ways: dict[str, tuple[int, Callable[[], int]]] = {
        "a record a relationship": (sample, lambda: _records(info, sample)),
        "kgplatform, --graph": (facts, lambda: stream_graph(store, GRAPH).head.size),
        "kgplatform, --cypher": (facts, lambda: stream_query(store, QUERY, {}).head.size),
    }
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(given.rounds):
        for way, (expected, read) in ways.items():
            began = time.perf_counter()
            got = read()
            speeds[way].append(got / (time.perf_counter() - began))
            assert got == expected, (way, got, expected)
    peer = statistics.median(speeds["a record a relationship"])
    for way, values in speeds.items():
        median = statistics.median(values)
        spread = f"{min(values):,.0f} to {max(values):,.0f}"
        print(f"{way}: {median:,.0f} a second ({spread}), {median / peer:.1f} times")


def _records(info: server.ServerInfo, limit: int) -> int:
    auth = (info.username, info.password)
    with (
        neo4j.GraphDatabase.driver(info.uri, auth=auth) as driver,
        driver.session(default_access_mode=neo4j.READ_ACCESS) as session,
    ):
        triples = [
            (record["head"], record["relation"], record["tail"])
            for record in session.run(f"{QUERY} LIMIT {limit}")
        ]
    return len(triples)


if __name__ == "__main__":
    main()
