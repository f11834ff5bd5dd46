"""Disjoint and temporal batches, and features of edges: what loops over all facts give."""

import functools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import TensorAttr
from torch_geometric.loader import LinkNeighborLoader, NeighborLoader

from kgplatform.errors import InputError, StoreError, UsageError
from kgplatform.graph.hops import Facts, LiveFacts, SnapshotFacts
from kgplatform.graph.live import LiveGraph
from kgplatform.graph.neighbors import GraphSampler
from kgplatform.graph.node_types import By, Types
from kgplatform.graph.projection import snapshot_of
from kgplatform.graph.pyg_features import (
    AddEdgeFeatures,
    Neo4jFeatureStore,
    SnapshotFeatureStore,
)
from kgplatform.graph.pyg_stores import (
    Neo4jGraphStore,
    SnapshotGraphStore,
    live_types,
    snapshot_types,
)
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.settings import Settings
from kgplatform.store.client import connect
from kgplatform.store.load import load
from kgplatform.store.projections import Definition
from kgplatform.triples import Entity, Triple

GRAPH = "pyg-edges"
ENTITIES = 60
DAY = 86_400
START = int(datetime(1969, 12, 1, tzinfo=UTC).timestamp())

Known = tuple[str, str, str]


def facts() -> dict[Known, tuple[int, float]]:
    """Each fact with its day and its weight; some days have many facts, some facts begin early."""
    drawn = np.random.default_rng(1)
    keys = drawn.choice(ENTITIES * ENTITIES * 2, 500, replace=False).tolist()
    found = {(f"e{k // 120}", ("likes", "knows")[k % 2], f"e{k // 2 % 60 // 2}"): k for k in keys}
    return {fact: (k * 7 % 90, k % 13 / 2) for fact, k in sorted(found.items())}


FACTS = facts()
HELD = {fact: START + day * DAY for fact, (day, _) in FACTS.items()}


@pytest.fixture(scope="module")
def live(settings: Settings) -> Iterator[LiveGraph]:
    """Facts with a day as a number, and the same as a date, a datetime with a zone, one without."""
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    login = (settings.neo4j_username, settings.neo4j_password.get_secret_value())
    opened = functools.partial(connect, settings.neo4j_uri, *login)
    entities = [Entity(f"e{i}", types=("Even",) if i % 2 == 0 else ("Odd",)) for i in range(60)]
    rows = [
        [h, r, t, day, weight, [weight, -day], START + day * DAY]
        for (h, r, t), (day, weight) in FACTS.items()
    ]
    with opened() as store:
        load(store, GRAPH, entities, [Triple(*fact) for fact in FACTS], source="t")
        store.run(
            "UNWIND $rows AS row MATCH (h:Entity {graph: $graph, id: row[0]})-[r]->"
            "(:Entity {graph: $graph, id: row[2]}) WHERE type(r) = row[1] "
            "WITH r, row, datetime({epochSeconds: row[6]}) AS at "
            "SET r.day = row[3], r.weight = CASE WHEN row[3] < 80 THEN row[4] END, "
            "r.pair = row[5], r.since = CASE row[3] % 3 WHEN 0 THEN date(at) WHEN 1 THEN "
            "datetime({datetime: at, timezone: '+05:00'}) ELSE localdatetime(at) END, "
            "r.partly = CASE WHEN row[3] > 5 THEN row[3] END",
            rows=rows,
            graph=GRAPH,
        )
    with LiveGraph(GRAPH, opened) as graph:
        yield graph


@pytest.fixture(scope="module")
def snapshot(live: LiveGraph) -> KGSnapshot:
    columns = "h.id AS head, type(r) AS relation, t.id AS tail"
    match = "MATCH (h:Entity {graph: $g})-[r]->(t:Entity)"
    edges = f"{match} RETURN {columns}, r.since AS time"
    given = Definition(
        cypher=edges,
        params={"g": GRAPH},
        edge_features=f"{edges}, r.weight AS weight, r.pair AS pair",
    )
    return snapshot_of(live.store, given)[0]


def tree(seed: str, hops: int, until: int) -> tuple[set[str], Counter[Known]]:
    """Entities and facts around one seed, of facts that are not later, by loops over all facts."""
    met, frontier, found = {seed}, {seed}, Counter[Known]()
    for _ in range(hops):
        into = [fact for fact, held in HELD.items() if fact[2] in frontier and held <= until]
        found.update(into)
        frontier = {head for head, _, _ in into} - met
        met |= frontier
    return met, found


Named = Callable[[np.ndarray], Sequence[str]]


def drawn(batch: Any, named: Named, types: Types) -> dict[int, tuple[list[str], Counter[Known]]]:
    """Entities and facts of each tree of a batch; the relation of untyped ones by edge feature."""
    nodes: dict[int, list[str]] = defaultdict(list)
    found: dict[int, Counter[Known]] = defaultdict(Counter)
    stores = [(key, batch[key]) for key in batch.node_types] if types.hetero else [(None, batch)]
    ids, trees = {}, {}
    for key, part in stores:
        ids[key] = named(types.entities(key, part.n_id))
        trees[key] = part.batch.tolist()
        for name, number in zip(ids[key], trees[key], strict=True):
            nodes[number].append(name)
    of_days = {(h, t, day, weight): r for (h, r, t), (day, weight) in FACTS.items()}
    edges = [(key, batch[key]) for key in batch.edge_types] if types.hetero else [(None, batch)]
    for key, part in edges:
        head_of, tail_of = (None, None) if key is None else (key[0], key[2])
        for (row, col), (weight, day) in zip(
            part.edge_index.T.tolist(), part.edge_attr.tolist(), strict=True
        ):
            head, tail = ids[head_of][row], ids[tail_of][col]
            assert trees[head_of][row] == trees[tail_of][col]
            relation = of_days[head, tail, -day, weight]
            assert key is None or key[1] == relation
            found[trees[tail_of][col]][head, relation, tail] += 1
    return {number: (nodes[number], found[number]) for number in nodes}


def opened(
    source: str, by: By, live: LiveGraph, snapshot: KGSnapshot
) -> tuple[Types, tuple[Any, Any], Facts, Named]:
    if source == "snapshot":
        types = snapshot_types(snapshot, by)

        def named(index: np.ndarray) -> Sequence[str]:
            return [snapshot.entities[place] for place in index.tolist()]

        # The pair alone: a snapshot puts all edge features side by side.
        store = SnapshotFeatureStore(snapshot, types)
        store._of_edges["edge_attr"] = store._of_edges["edge_attr"][:, 1:]
        return (
            types,
            (store, SnapshotGraphStore(snapshot, types)),
            SnapshotFacts(snapshot, types),
            named,
        )
    types = live_types(live, by)
    store_live = Neo4jFeatureStore(live, types, {}, edge_features={"edge_attr": "pair"})
    data = (store_live, Neo4jGraphStore(live, types))
    return types, data, LiveFacts(live, types, time="since"), live.entity_ids


CASES = [("live", "none"), ("live", "relation"), ("live", "label")]
CASES += [("snapshot", "none"), ("snapshot", "relation")]


@pytest.mark.parametrize(("source", "by"), CASES)
@pytest.mark.parametrize("timed", [False, True])
def test_each_seed_has_a_tree_of_its_own_of_facts_that_are_not_later(
    live: LiveGraph, snapshot: KGSnapshot, source: str, by: By, timed: bool
) -> None:
    types, data, sampled, named = opened(source, by, live, snapshot)
    group = None if by == "none" else types.names[0]
    # One entity twice, at two times.
    index = torch.tensor([0, 3, 3, 5, 11])
    times = torch.tensor([20, 30, 85, -1, 60]) * DAY + START
    loader = NeighborLoader(
        data,
        [-1, -1],
        input_nodes=index if group is None else (group, index),
        input_time=times if timed else None,
        time_attr="time" if timed else None,
        neighbor_sampler=GraphSampler(sampled, types, [-1, -1], disjoint=True),
        batch_size=5,
        transform=AddEdgeFeatures(data[0]),
    )
    batch = next(iter(loader))
    found = drawn(batch, named, types)
    seeds = named(types.entities(group, index))
    assert sorted(found) == list(range(5))
    for number, (seed, until) in enumerate(zip(seeds, times.tolist(), strict=True)):
        met, known = tree(seed, 2, until if timed else 1 << 60)
        nodes, edges = found[number]
        assert len(nodes) == len(set(nodes))
        assert (set(nodes), edges) == (met, known)
        assert nodes[0] == seed
    assert sum(len(edges) for _, edges in found.values()) > 100


@pytest.mark.parametrize(("source", "by"), CASES)
def test_a_limit_takes_the_latest_or_any(
    live: LiveGraph, snapshot: KGSnapshot, source: str, by: By
) -> None:
    types, data, sampled, named = opened(source, by, live, snapshot)
    group = None if by == "none" else types.names[0]
    index = torch.arange(10).repeat(6)
    untils = torch.full_like(index, 50 * DAY + START)
    kind = {f"e{i}": ("Even", "Odd")[i % 2] if by == "label" else "" for i in range(ENTITIES)}

    def picked(strategy: Any, seed: int) -> dict[int, tuple[list[str], Counter[Known]]]:
        loader = NeighborLoader(
            data,
            [3],
            input_nodes=index if group is None else (group, index),
            input_time=untils,
            time_attr="time",
            neighbor_sampler=GraphSampler(sampled, types, [3], seed, temporal_strategy=strategy),
            batch_size=60,
            transform=AddEdgeFeatures(data[0]),
        )
        return drawn(next(iter(loader)), named, types)

    seeds = named(types.entities(group, index))
    chosen: Counter[Known] = Counter()
    for strategy in ("last", "uniform"):
        for number, (_, edges) in picked(strategy, 0).items():
            groups: dict[Any, list[Known]] = defaultdict(list)
            for fact in tree(seeds[number], 1, 50 * DAY + START)[1]:
                groups[() if by == "none" else (fact[1], kind[fact[0]])].append(fact)
            for of_type in groups.values():
                mine = sorted((HELD[fact] for fact in of_type if fact in edges), reverse=True)
                assert len(mine) == min(3, len(of_type))
                if strategy == "last":
                    latest = sorted(map(HELD.__getitem__, of_type), reverse=True)
                    assert mine == latest[: len(mine)]
                elif len(of_type) > 3:
                    chosen.update(fact for fact in of_type if fact in edges)
    # The six trees of an entity draw for themselves.
    assert len(set(chosen.values())) > 2
    assert picked("uniform", 1) == picked("uniform", 1) != picked("uniform", 2)
    with pytest.raises(UsageError, match="temporal strategy"):
        picked("first", 0)


@pytest.mark.parametrize("by", ["none", "label"])
@pytest.mark.parametrize("negatives", [None, ("binary", 1.0), ("triplet", 2)])
def test_links_at_their_time_with_negatives(
    live: LiveGraph, snapshot: KGSnapshot, by: By, negatives: tuple[Any, float] | None
) -> None:
    types, data, sampled, named = opened("live", by, live, snapshot)
    wanted = None if by == "none" else ("Odd", "likes", "Even")
    links = torch.stack(data[1][wanted, "coo"])[:, :6]
    times = torch.arange(6) * 15 * DAY + START
    loader = LinkNeighborLoader(
        data,
        [-1],
        edge_label_index=(wanted, links),
        edge_label_time=times,
        time_attr="time",
        neighbor_sampler=GraphSampler(sampled, types, [-1]),
        neg_sampling=None if negatives is None else {"mode": negatives[0], "amount": negatives[1]},
        batch_size=6,
        transform=AddEdgeFeatures(data[0]),
    )
    batch = next(iter(loader))
    ends = [batch, batch] if wanted is None else [batch[wanted[0]], batch[wanted[2]]]
    groups = [None, None] if wanted is None else [wanted[0], wanted[2]]
    names = [
        named(types.entities(group, part.n_id)) for group, part in zip(groups, ends, strict=True)
    ]
    if negatives is not None and negatives[0] == "triplet":
        assert ends[1].dst_neg_index.shape == (6, 2)
        pairs = [[*ends[0].src_index.tolist()], [*ends[1].dst_pos_index.tolist()]]
    else:
        part = batch if wanted is None else batch[wanted]
        pairs = part.edge_label_index[:, :6].tolist()
        if negatives is not None:
            assert part.edge_label.tolist() == [1.0] * 6 + [0.0] * 6
    for of, pair, group, link in zip(names, pairs, groups, links, strict=True):
        assert [of[p] for p in pair] == named(types.entities(group, link))
    # What is in one link's subgraph is not later than the link.
    for number, (_, edges) in drawn(batch, named, types).items():
        assert all(HELD[fact] <= times[number] for fact in edges)
    expected = sum(
        len(tree(of[p], 1, int(until))[1])
        for of, pair in zip(names, pairs, strict=True)
        for p, until in zip(pair, times, strict=True)
    )
    total = sum(sum(edges.values()) for _, edges in drawn(batch, named, types).values())
    assert total == expected if negatives is None else total >= expected


def test_features_of_edges_are_what_the_database_holds(
    live: LiveGraph, snapshot: KGSnapshot
) -> None:
    for by in ("none", "relation"):
        types = live_types(live, by)
        given = {"edge_attr": ["weight", "pair"], "edge_time": "day"}
        store = Neo4jFeatureStore(live, types, {}, edge_features=given)
        sampler = GraphSampler(LiveFacts(live, types), types, [4, -1])
        loader = NeighborLoader(
            (store, Neo4jGraphStore(live, types)),
            [4, -1],
            input_nodes=torch.arange(9) if by == "none" else ("entity", torch.arange(9)),
            neighbor_sampler=sampler,
            batch_size=9,
            transform=AddEdgeFeatures(store),
        )
        batch = next(iter(loader))
        group = None if by == "none" else "entity"
        parts = [batch] if by == "none" else [batch[key] for key in batch.edge_types]
        nodes = batch if by == "none" else batch["entity"]
        ids = live.entity_ids(types.entities(group, nodes.n_id))
        seen = 0
        for part in parts:
            for (row, col), values, day in zip(
                part.edge_index.T.tolist(),
                part.edge_attr.tolist(),
                part.edge_time.flatten().tolist(),
                strict=True,
            ):
                seen += 1
                between = [
                    (of_day, weight)
                    for (h, _, t), (of_day, weight) in FACTS.items()
                    if (h, t) == (ids[row], ids[col])
                ]
                if day < 80:
                    assert (int(day), values[0]) in between
                    assert values == [values[0], values[0], -day]
                else:
                    # Where one property is absent, the row is zeros and counted.
                    assert values == [0.0] * 3
                    assert store.absent["edge_attr"] > 0
        assert seen > 100
        if by == "relation":
            key = ("entity", "likes", "entity")
            size = store.get_tensor_size(TensorAttr(key, "edge_attr"))
            assert size == (sum(r == "likes" for _, r, _ in FACTS), 3)
        else:
            assert store.get_tensor_size(TensorAttr((None, None), "edge_time")) == (len(FACTS), 1)
    with pytest.raises(UsageError, match="numbers that a sampler gives"):
        store.get_tensor(TensorAttr(("entity", "likes", "entity"), "edge_attr", None))
    gone = TensorAttr(("entity", "likes", "entity"), "edge_attr", torch.tensor([1 << 40]))
    with pytest.raises(StoreError, match="changed"):
        store.get_tensor(gone)
    with pytest.raises(InputError, match="on no fact"):
        Neo4jFeatureStore(live, types, {}, edge_features={"edge_attr": "nothing"})
    strict = Neo4jFeatureStore(
        live, types, {}, edge_features={"edge_attr": "partly"}, missing="error"
    )
    with pytest.raises(InputError, match="facts lack partly"):
        AddEdgeFeatures(strict)(batch)


def test_times_that_are_not_there_are_noticed(live: LiveGraph, snapshot: KGSnapshot) -> None:
    types = live_types(live)
    store = Neo4jFeatureStore(live, types, {})

    def first(time: str | None, limit: int) -> Any:
        sampler = GraphSampler(LiveFacts(live, types, time), types, [limit])
        loader = NeighborLoader(
            (store, Neo4jGraphStore(live, types)),
            [limit],
            input_nodes=torch.arange(30),
            input_time=torch.full((30,), 10**12),
            time_attr="time",
            neighbor_sampler=sampler,
            batch_size=30,
        )
        return next(iter(loader))

    for limit in (1, -1):
        with pytest.raises(InputError, match="no time in its property 'partly'"):
            first("partly", limit)
        with pytest.raises(InputError, match="no time in its property 'pair'"):
            first("pair", limit)
        with pytest.raises(UsageError, match="time of each fact"):
            first(None, limit)
    assert first("day", -1).num_edges == len(FACTS)


def test_a_snapshot_numbers_edges_as_its_data_does(snapshot: KGSnapshot) -> None:
    data, hetero = snapshot.to_data(), snapshot.to_hetero()
    for by in ("none", "relation"):
        types = snapshot_types(snapshot, by)
        store = SnapshotFeatureStore(snapshot, types)
        loader = NeighborLoader(
            (store, SnapshotGraphStore(snapshot, types)),
            [-1],
            input_nodes=torch.arange(20) if by == "none" else ("entity", torch.arange(20)),
            neighbor_sampler=GraphSampler(SnapshotFacts(snapshot, types), types, [-1]),
            batch_size=20,
            transform=AddEdgeFeatures(store),
        )
        batch = next(iter(loader))
        pairs = (
            [(batch, data)] if by == "none" else [(batch[k], hetero[k]) for k in hetero.edge_types]
        )
        n_id = batch.n_id if by == "none" else batch["entity"].n_id
        for part, whole in pairs:
            assert torch.equal(n_id[part.edge_index], whole.edge_index[:, part.e_id])
            assert torch.equal(part.edge_attr, whole.edge_attr[part.e_id])
            assert torch.equal(part.edge_time, whole.edge_time[part.e_id])
