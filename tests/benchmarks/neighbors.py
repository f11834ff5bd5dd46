"""How long a sampled batch takes from a live graph: an exchange a hop against a query a node.

    python tests/benchmarks/neighbors.py                    # 1,000,000 facts
    python tests/benchmarks/neighbors.py --facts 100000     # a quick look

Starts a server of its own in a temporary folder, loads a random graph, gives each entity a vector
of 16 numbers, and makes batches of ``--seeds`` entities with at most ``--neighbors`` facts a hop,
and the vectors of all entities met, ``--rounds`` times, in turn, as

- a query a node and a vector a query: how a remote back end is written that asks the driver for
  one node at a time;
- a query a node for the neighbours, and the vectors of the batch in one query, a record each;
- kgplatform's sampler and feature store under PyG's NeighborLoader, its cache empty, and again
  with all vectors kept; and from a snapshot in memory;
- PyG's own sampler with everything in memory, and the same with Kuzu's back end, whose topology
  is in memory and whose vectors are in Kuzu. Both need torch-sparse or pyg-lib, the last one kuzu;
  what is not installed is left out, and it says why.

The queries a node make a batch of a sixteenth of the seeds: their cost is linear. Milliseconds a
batch of all seeds, medians of the rounds, and ratios are printed for docs/benchmarks.md.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext

import graphs
import kuzu_peer
import neo4j
import torch
from own_server import own_server
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE

from kgplatform import server
from kgplatform.graph.hops import LiveFacts, SnapshotFacts
from kgplatform.graph.live import LiveGraph
from kgplatform.graph.neighbors import GraphSampler
from kgplatform.graph.projection import snapshot_of
from kgplatform.graph.pyg_features import Neo4jFeatureStore, SnapshotFeatureStore
from kgplatform.graph.pyg_stores import (
    Neo4jGraphStore,
    SnapshotGraphStore,
    live_types,
    snapshot_types,
)
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.projections import Definition

Batch = Callable[[list[int]], int]
"""Makes a batch around seeds; how many nodes it has."""

GRAPH = "benchmark"
FEATURES = """
MATCH (e:Entity {graph: 'benchmark'}) RETURN e.id AS entity, e.vector AS vector
"""
PART = 16
NEIGHBORS = """
MATCH (t:Entity {graph: 'benchmark', nid: $nid})<-[]-(h:Entity)
RETURN h.nid AS nid ORDER BY rand() LIMIT $limit
"""
VECTOR = "MATCH (e:Entity {graph: 'benchmark', nid: $nid}) RETURN e.vector AS vector"
VECTORS = """
UNWIND $nids AS nid
MATCH (e:Entity {graph: 'benchmark', nid: nid}) RETURN nid, e.vector AS vector
"""


def main() -> None:
    """Load, make batches in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--facts", type=int, default=1_000_000)
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--relations", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=1_024)
    parser.add_argument("--neighbors", type=int, nargs="+", default=[15, 10])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with own_server() as (store, info):
        triples = graphs.random(given.facts, given.entities, given.relations, given.seed)
        load(store, GRAPH, [], triples, source="random")
        store.command(
            "MATCH (e:Entity {graph: $graph}) CALL (e) { "
            "SET e.vector = [i IN range(1, 16) | rand()] } IN TRANSACTIONS OF 5000 ROWS",
            graph=GRAPH,
        )
        with neo4j.GraphDatabase.driver(info.uri, auth=(info.username, info.password)) as driver:
            _measure(store, info, driver, given)


def _measure(
    store: Store, info: server.ServerInfo, driver: neo4j.Driver, given: argparse.Namespace
) -> None:
    live = LiveGraph(GRAPH, lambda: nullcontext(store))
    types = live_types(live)
    cold = _batches(live, given, cache_bytes=0)
    warm = _batches(live, given, cache_bytes=64 << 20)
    everyone = torch.arange(live.entities.size)
    warm[1].get_tensor(None, "x", everyone)
    snapshot = snapshot_of(store, Definition(graph=GRAPH, features=FEATURES))[0]
    ways: dict[str, tuple[int, Batch]] = {
        "a query a node, a vector a query": (PART, lambda s: _by_node(driver, s, given, True)),
        "a query a node, vectors together": (PART, lambda s: _by_node(driver, s, given, False)),
        "kgplatform, nothing kept": (1, cold[0]),
        "kgplatform, vectors kept": (1, warm[0]),
        "kgplatform, a snapshot": (1, _from_snapshot(snapshot, given)),
    }
    with ExitStack() as stack:
        for way, batch in _peers(snapshot, given, stack).items():
            ways[way] = (1, batch)
        _in_turn(ways, types.size(None), given)


def _in_turn(ways: dict[str, tuple[int, Batch]], entities: int, given: argparse.Namespace) -> None:
    generator = torch.Generator().manual_seed(given.seed)
    times: dict[str, list[float]] = {way: [] for way in ways}
    nodes: dict[str, list[int]] = {way: [] for way in ways}
    # The first round warms Java up and does not count.
    for number in range(given.rounds + 1):
        seeds = torch.randperm(entities, generator=generator)[: given.seeds].tolist()
        for way, (part, batch) in ways.items():
            began = time.perf_counter()
            met = batch(seeds[: given.seeds // part])
            if number:
                times[way].append((time.perf_counter() - began) * part * 1000)
                nodes[way].append(met * part)
    peer = statistics.median(times["a query a node, vectors together"])
    for way, values in times.items():
        median = statistics.median(values)
        print(
            f"{way}: {median:,.0f} ms a batch ({min(values):,.0f} to {max(values):,.0f}), "
            f"{peer / median:.1f} times, {statistics.median(nodes[way]):,.0f} nodes"
        )


def _batches(
    live: LiveGraph, given: argparse.Namespace, cache_bytes: int
) -> tuple[Batch, Neo4jFeatureStore]:
    types = live_types(live)
    features = Neo4jFeatureStore(live, types, {"x": "vector"}, cache_bytes=cache_bytes)
    loader = NeighborLoader(
        (features, Neo4jGraphStore(live, types)),
        given.neighbors,
        input_nodes=torch.arange(live.entities.size),
        neighbor_sampler=GraphSampler(LiveFacts(live, types), types, given.neighbors),
        batch_size=given.seeds,
    )
    return lambda seeds: int(loader(seeds).x.shape[0]), features


def _from_snapshot(snapshot: KGSnapshot, given: argparse.Namespace) -> Batch:
    types = snapshot_types(snapshot)
    loader = NeighborLoader(
        (SnapshotFeatureStore(snapshot, types), SnapshotGraphStore(snapshot, types)),
        given.neighbors,
        input_nodes=torch.arange(snapshot.num_entities),
        neighbor_sampler=GraphSampler(SnapshotFacts(snapshot, types), types, given.neighbors),
        batch_size=given.seeds,
    )
    return lambda seeds: int(loader(seeds).x.shape[0])


def _peers(snapshot: KGSnapshot, given: argparse.Namespace, stack: ExitStack) -> dict[str, Batch]:
    """PyG's own sampler, and Kuzu under it, where they are installed."""
    if not (WITH_PYG_LIB or WITH_TORCH_SPARSE):
        print("PyG's own sampler and Kuzu are left out: neither pyg-lib nor torch-sparse is here")
        return {}
    data = snapshot.to_data()
    own = NeighborLoader(
        Data(x=data.x, edge_index=data.edge_index), given.neighbors, batch_size=given.seeds
    )
    peers: dict[str, Batch] = {"PyG, all in memory": lambda seeds: int(own(seeds).x.shape[0])}
    reason = kuzu_peer.why_not()
    if reason is None:
        edges, vectors = data.edge_index.numpy(), data.x.numpy()
        try:
            kuzu = stack.enter_context(kuzu_peer.kuzu_with(edges, vectors, given.neighbors))
            # Releases that end their process do so at a batch of this size.
            kuzu.batch(list(range(given.seeds)))
            peers["PyG over Kuzu, facts in memory"] = kuzu.batch
        except RuntimeError as error:
            reason = str(error)
    if reason is not None:
        print(f"Kuzu is left out: {reason}")
    return peers


def _by_node(driver: neo4j.Driver, seeds: list[int], given: argparse.Namespace, apart: bool) -> int:
    met, frontier, edges = dict.fromkeys(seeds), list(seeds), []
    with driver.session(default_access_mode=neo4j.READ_ACCESS) as session:
        for limit in given.neighbors:
            new: dict[int, None] = {}
            for nid in frontier:
                for record in session.run(NEIGHBORS, nid=nid, limit=limit):
                    edges.append((record["nid"], nid))
                    if record["nid"] not in met:
                        met[record["nid"]] = new[record["nid"]] = None
            frontier = list(new)
        if apart:
            rows = [session.run(VECTOR, nid=nid).single(strict=True)["vector"] for nid in met]
        else:
            found = {
                record["nid"]: record["vector"] for record in session.run(VECTORS, nids=[*met])
            }
            rows = [found[nid] for nid in met]
    return int(torch.tensor(rows).shape[0])


if __name__ == "__main__":
    main()
