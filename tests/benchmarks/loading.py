"""How fast facts go into Neo4j over Bolt: ours, a plain loop, and py2neo's bulk.

    python tests/benchmarks/loading.py wordnet
    python tests/benchmarks/loading.py debian
    python tests/benchmarks/loading.py random --facts 5000000 --entities 500000 --sample 200000
        --bulk

Each of ``--rounds`` starts a server of its own in a temporary folder, warms it up, and lets each
way load the same facts into a graph of its own, in turn; a graph is removed before the next turn.

- plain loop: facts grouped by relation (types cannot be parameters), maps of 1,000 rows a
  transaction, ``MERGE`` of head, tail and relationship, under the same constraint;
- py2neo's bulk: ``merge_nodes`` and ``merge_relationships`` of 1,000 rows, grouped likewise;
- ours: ``kgplatform.store.load``, which also gives each fact an identity, its sources and its
  split, numbers the entities, and counts what is new.

- ``--bulk``: ``kgplatform.bulk`` too, into the empty database of another new server, measured as
  a whole: reading, files, the server's stop, import, start, indexes. It takes its turn in each
  round, right after ours over Bolt, as a machine that others share is not equally fast all day,
  and when that one's server has ended: it would still be writing what it has removed.

All load the same list of triples, made before. ``--sample`` limits the peers to the first facts,
their cost being linear; ours then loads all, and makes them while it loads, so that its memory can
be seen. Each way over Bolt is warmed by one load of what the peers load, which does not count.
"""

import argparse
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import graphs
import neo4j
from own_server import own_server

from kgplatform import server
from kgplatform.bulk import bulk_load
from kgplatform.queries import quote
from kgplatform.settings import Settings
from kgplatform.sources.rejects import RejectsFile
from kgplatform.sources.source import Source
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.remove import remove_graph
from kgplatform.store.schema import migrate
from kgplatform.triples import Triple

ROWS = 1_000
BULK = "kgplatform --bulk"
PLAIN = """
UNWIND $rows AS row
MERGE (h:Entity {{graph: $graph, id: row.head}})
MERGE (t:Entity {{graph: $graph, id: row.tail}})
MERGE (h)-[r:{type}]->(t)
SET r.source = row.source
"""


def main() -> None:
    """Load in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("graph", choices=["wordnet", "debian", "random"])
    parser.add_argument("--facts", type=int, default=200_000)
    parser.add_argument("--entities", type=int, default=50_000)
    parser.add_argument("--relations", type=int, default=20)
    parser.add_argument("--sample", type=int, help="facts that the peers load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bulk", action="store_true", help="measure bulk loads, too")
    given = parser.parse_args()
    peers = list(islice(graphs.triples(given.graph, given), given.sample))
    speeds: dict[str, list[float]] = defaultdict(list)
    for number in range(given.rounds):
        print(f"round {number}")
        with own_server() as (store, info):
            migrate(store)
            for way, speed in _over_bolt(store, info, given, peers).items():
                speeds[way].append(speed)
        if given.bulk:
            speeds[BULK].append(_bulk(given))
    peer = statistics.median(speeds["plain loop"])
    for way, values in speeds.items():
        median = statistics.median(values)
        spread = f"{min(values):,.0f} to {max(values):,.0f}"
        print(f"{way}: {median:,.0f} facts a second ({spread}), {median / peer:.2f} times")
    if given.bulk:
        ours, bulk = speeds["kgplatform"], speeds[BULK]
        ratios = ", ".join(f"{b / o:.2f}" for b, o in zip(bulk, ours, strict=True))
        times = statistics.median(bulk) / statistics.median(ours)
        print(f"{BULK}: {times:.2f} times kgplatform over Bolt (round by round {ratios})")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:,.0f} MB, the peers' lists included")


def _over_bolt(
    store: Store, info: server.ServerInfo, given: argparse.Namespace, peers: Sequence[Triple]
) -> dict[str, float]:
    ways: dict[str, Callable[[str], int]] = {
        "plain loop": lambda graph: _plain(info, graph, peers),
        "py2neo": lambda graph: _py2neo(info, graph, peers),
        "kgplatform": lambda graph: _ours(store, graph, peers),
    }
    for way, run in ways.items():
        _timed(store, f"warm {way}", run)
    if given.sample:
        made = partial(graphs.triples, given.graph, given)
        ways["kgplatform"] = lambda graph: _ours(store, graph, made())
    return {way: _timed(store, way, run) for way, run in ways.items()}


def _bulk(given: argparse.Namespace) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(neo4j_uri=None, kgp_home=Path(folder) / "home")
        source = Source("benchmark", "python", lambda _: graphs.triples(given.graph, given))
        server.start(settings)
        try:
            began = time.perf_counter()
            with RejectsFile(Path(folder) / "rejects.tsv") as rejects:
                counts = bulk_load(settings, "bulk", source, rejects).facts
            facts = counts.facts_created + counts.facts_unchanged
            speed = facts / (time.perf_counter() - began)
        finally:
            server.stop(settings)
    print(f"  {BULK}: {facts:,} facts, {speed:,.0f} a second", flush=True)
    return speed


def _timed(store: Store, graph: str, run: Callable[[str], int]) -> float:
    began = time.perf_counter()
    facts = run(graph)
    speed = facts / (time.perf_counter() - began)
    print(f"  {graph}: {facts:,} facts, {speed:,.0f} a second", flush=True)
    remove_graph(store, graph)
    return speed


def _ours(store: Store, graph: str, facts: Iterable[Triple]) -> int:
    counts = load(store, graph, [], facts, source="benchmark")
    return counts.facts_created + counts.facts_unchanged


def _by_relation(triples: Sequence[Triple]) -> dict[str, list[Triple]]:
    grouped = defaultdict(list)
    for triple in triples:
        grouped[triple.relation].append(triple)
    return grouped


def _plain(info: server.ServerInfo, graph: str, triples: Sequence[Triple]) -> int:
    auth = (info.username, info.password)
    with (
        neo4j.GraphDatabase.driver(info.uri, auth=auth) as driver,
        driver.session() as session,
    ):
        for relation, group in _by_relation(triples).items():
            query = PLAIN.format(type=quote(relation))
            for start in range(0, len(group), ROWS):
                rows = [
                    {"head": t.head, "tail": t.tail, "source": "benchmark"}
                    for t in group[start : start + ROWS]
                ]
                session.run(query, rows=rows, graph=graph).consume()
    return len(triples)


def _py2neo(info: server.ServerInfo, graph: str, triples: Sequence[Triple]) -> int:
    from py2neo import Graph
    from py2neo.bulk import merge_nodes, merge_relationships

    peer = Graph(info.uri, auth=(info.username, info.password))
    key = ("Entity", "graph", "id")
    names = list(dict.fromkeys(name for t in triples for name in (t.head, t.tail)))
    for start in range(0, len(names), ROWS):
        rows = [[graph, name] for name in names[start : start + ROWS]]
        merge_nodes(peer.auto(), rows, key, keys=["graph", "id"])
    for relation, group in _by_relation(triples).items():
        for start in range(0, len(group), ROWS):
            data = [
                ((graph, t.head), {"source": "benchmark"}, (graph, t.tail))
                for t in group[start : start + ROWS]
            ]
            merge_relationships(peer.auto(), data, relation, start_node_key=key, end_node_key=key)
    return len(triples)


if __name__ == "__main__":
    main()
