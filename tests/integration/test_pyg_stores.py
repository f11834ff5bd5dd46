"""PyG's own loaders over a live graph give what loops over all facts give."""

import functools
import pickle
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch_geometric.loader import LinkNeighborLoader, NeighborLoader
from torch_geometric.utils import k_hop_subgraph

from kgplatform.connection import open_store
from kgplatform.errors import InputError, StoreError, UsageError
from kgplatform.graph.hops import Asked, Facts, LiveFacts, SnapshotFacts
from kgplatform.graph.live import LiveGraph
from kgplatform.graph.neighbors import GraphSampler
from kgplatform.graph.node_types import By, EdgeType, Types
from kgplatform.graph.prefetch import prefetch
from kgplatform.graph.projection import snapshot_of_graph
from kgplatform.graph.pyg_features import Neo4jFeatureStore, SnapshotFeatureStore
from kgplatform.graph.pyg_stores import (
    Neo4jGraphStore,
    SnapshotGraphStore,
    live_types,
    snapshot_types,
)
from kgplatform.settings import Settings
from kgplatform.store.client import Store, connect
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.writeback import Target
from kgplatform.triples import Entity, Triple

GRAPH = "pyg-stores"
RELATIONS = ("likes", "born in", "knows`x")
ENTITIES = 120
LABELS = {0: ("Person",), 1: ("City",), 2: ("Person", "Writer"), 3: ()}
TYPE = {0: "Person", 1: "City", 2: "Writer", 3: "Entity"}

Known = tuple[str, str, str]


def facts() -> list[Triple]:
    generator = np.random.default_rng(0)
    keys = generator.choice(ENTITIES * ENTITIES * 3, 900, replace=False).tolist()
    # Few tails, so that some have many facts; self loops and parallel facts among them.
    return sorted(
        {
            Triple(f"e{k // (3 * ENTITIES)}", RELATIONS[k % 3], f"e{(k // 3 % ENTITIES) // 2}")
            for k in keys
        },
        key=lambda t: (t.head, t.relation, t.tail),
    )


@pytest.fixture(scope="module")
def live(settings: Settings) -> Iterator[LiveGraph]:
    """A graph with labels, features, predicted links, a gap in nid and links to another graph."""
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    login = (settings.neo4j_username, settings.neo4j_password.get_secret_value())
    opened = functools.partial(connect, settings.neo4j_uri, *login)
    entities = [
        Entity(
            f"e{i}",
            types=LABELS[i % 4],
            properties={"age": i, "tall": i % 3 == 0, "kind": f"k{i % 5}"}
            if i % 7
            else {"kind": "k0"},
        )
        for i in range(ENTITIES)
    ]
    with opened() as store:
        load(store, GRAPH, [Entity("gone"), *entities], facts(), source="t")
        store.run("MATCH (e:Entity {graph: $graph, id: 'gone'}) DELETE e", graph=GRAPH)
        # Not by a load, which sorts lists.
        store.run(
            "MATCH (e:Entity {graph: $graph}) WHERE e.age IS NOT NULL "
            "SET e.vector = [e.age / 2.0, -1.0]",
            graph=GRAPH,
        )
        load(store, f"{GRAPH}-other", [], [Triple("a", "r", "b")], source="t")
        store.run(
            "MATCH (a:Entity {graph: $other, id: 'a'}), (e:Entity {graph: $graph, id: 'e1'}) "
            "CREATE (a)-[:likes]->(e)",
            graph=GRAPH,
            other=f"{GRAPH}-other",
        )
        links = [Link("e1", "likes", f"e{i}", 1.0, 0.5) for i in range(20)]
        write_links(store, "run-pyg", {}, Target(graph=GRAPH), links)
    with LiveGraph(GRAPH, opened) as graph:
        yield graph


def reached(seeds: set[str], hops: int) -> tuple[set[str], Counter[Known]]:
    """Entities and facts of a neighbourhood, by loops over all facts."""
    entities, frontier, found = set(seeds), set(seeds), Counter[Known]()
    for _ in range(hops):
        into = [t for t in facts() if t.tail in frontier]
        found.update((t.head, t.relation, t.tail) for t in into)
        frontier = {t.head for t in into} - entities
        entities |= frontier
    return entities, found


def names(live: LiveGraph, types: Types, group: str | None, index: torch.Tensor) -> list[str]:
    return live.entity_ids(types.entities(group, index))


def stores(
    live: LiveGraph, by: By, numbers: list[int] | dict[EdgeType, list[int]], seed: int = 0
) -> tuple[Types, tuple[Neo4jFeatureStore, Neo4jGraphStore], GraphSampler]:
    types = live_types(live, by)
    features = Neo4jFeatureStore(live, types, {"x": ["age", "vector"]}, {"y": "kind"})
    sampler = GraphSampler(LiveFacts(live, types), types, numbers, seed)
    return types, (features, Neo4jGraphStore(live, types)), sampler


def test_a_neighbourhood_of_all_facts_is_what_loops_find(live: LiveGraph) -> None:
    types, data, sampler = stores(live, "none", [-1, -1])
    loader = NeighborLoader(
        data, [-1, -1], input_nodes=torch.arange(ENTITIES), neighbor_sampler=sampler, batch_size=7
    )
    row, col = Neo4jGraphStore(live, types)[None, "coo"]
    for batch in loader:
        ids = names(live, types, None, batch.n_id)
        assert len(set(ids)) == len(ids)
        entities, known = reached(set(ids[: batch.batch_size]), 2)
        assert set(ids) == entities
        edges = Counter((ids[h], ids[t]) for h, t in batch.edge_index.T.tolist())
        assert edges == Counter((h, t) for h, _, t in known.elements())
        # PyG's own idea of the neighbourhood.
        subset = k_hop_subgraph(
            batch.n_id[: batch.batch_size], 2, torch.stack((row, col)), num_nodes=ENTITIES
        )[0]
        assert set(subset.tolist()) == set(batch.n_id.tolist())
        assert sum(batch.num_sampled_nodes) == len(ids)
        assert sum(batch.num_sampled_edges) == batch.num_edges
        ages = [int(name[1:]) if int(name[1:]) % 7 else 0 for name in ids]
        assert batch.x[:, 0].tolist() == ages
        assert batch.x[:, 1].tolist() == [age / 2 for age in ages]


@pytest.mark.parametrize("by", ["relation", "label"])
def test_a_typed_neighbourhood_is_what_loops_find(live: LiveGraph, by: By) -> None:
    types, data, sampler = stores(live, by, [-1, -1])
    expected = {TYPE[int(t.head[1:]) % 4] for t in facts()}
    assert set(types.names) == (expected if by == "label" else {"entity"})
    for group in types.names:
        loader = NeighborLoader(
            data, [-1, -1], input_nodes=group, neighbor_sampler=sampler, batch_size=10
        )
        batch = next(iter(loader))
        ids = {key: names(live, types, key, batch[key].n_id) for key in batch.node_types}
        entities, known = reached(set(ids[group][: batch[group].batch_size]), 2)
        assert {name for of_type in ids.values() for name in of_type} == entities
        found = Counter[Known]()
        for key in batch.edge_types:
            for head, tail in batch[key].edge_index.T.tolist():
                found[ids[key[0]][head], key[1], ids[key[2]][tail]] += 1
        assert found == known
        if by == "label":
            assert all(TYPE[int(n[1:]) % 4] == key for key, of in ids.items() for n in of)
        assert set(batch[group].y.tolist()) <= set(range(5))


def test_links_with_their_neighbourhood(live: LiveGraph) -> None:
    for by in ("none", "relation"):
        types, data, sampler = stores(live, by, [-1])
        wanted = None if by == "none" else ("entity", "likes", "entity")
        row, col = data[1][wanted, "coo"]
        loader = LinkNeighborLoader(
            data,
            [-1],
            edge_label_index=(wanted, torch.stack((row, col))),
            neighbor_sampler=sampler,
            neg_sampling_ratio=1.0,
            batch_size=9,
        )
        batch = next(iter(loader))
        part = batch if by == "none" else batch["entity"]
        seeds = batch if by == "none" else batch[wanted]
        ids = names(live, types, None if by == "none" else "entity", part.n_id)
        pairs = [(ids[h], ids[t]) for h, t in seeds.edge_label_index.T.tolist()]
        assert pairs[:9] == list(
            zip(
                names(live, types, types.names[0], row[:9]),
                names(live, types, types.names[0], col[:9]),
                strict=True,
            )
        )
        assert seeds.edge_label.tolist() == [1.0] * 9 + [0.0] * 9
        entities, known = reached({name for pair in pairs for name in pair}, 1)
        assert set(ids) == entities
        assert batch.num_edges == sum(known.values())


def test_snapshot_and_live_graph_give_the_same(live: LiveGraph) -> None:
    snapshot = snapshot_of_graph(live.store, GRAPH)
    for by in ("none", "relation"):
        types = snapshot_types(snapshot, by)
        sampler = GraphSampler(SnapshotFacts(snapshot, types), types, [-1, -1])
        data = (SnapshotFeatureStore(snapshot, types), SnapshotGraphStore(snapshot, types))
        group = None if by == "none" else "entity"
        index = torch.arange(20)
        nodes = index if group is None else (group, index)
        batch = next(
            iter(
                NeighborLoader(
                    data, [-1], input_nodes=nodes, neighbor_sampler=sampler, batch_size=20
                )
            )
        )
        part = batch if group is None else batch[group]
        ids = [snapshot.entities[i] for i in part.n_id.tolist()]
        entities, known = reached(set(ids[:20]), 2)
        assert set(ids) == entities
        assert batch.num_edges == sum(known.values())
    with pytest.raises(UsageError, match="no labels"):
        snapshot_types(snapshot, "label")


@pytest.mark.parametrize("source", ["live", "snapshot"])
@pytest.mark.parametrize("by", ["none", "relation", "label"])
def test_limits_hold_and_draws_are_fair(live: LiveGraph, by: By, source: str) -> None:
    if source == "snapshot" and by == "label":
        pytest.skip("a snapshot has no labels")
    snapshot = snapshot_of_graph(live.store, GRAPH)
    types = live_types(live, by) if source == "live" else snapshot_types(snapshot, by)
    facts_of: Facts = LiveFacts(live, types) if source == "live" else SnapshotFacts(snapshot, types)
    sampler = GraphSampler(facts_of, types, [2])
    everything = GraphSampler(facts_of, types, [-1])
    frontier = Asked(np.arange(ENTITIES), 0)

    def hop(of: GraphSampler) -> Counter[tuple[int, int, int]]:
        heads, at, codes, _ = of._hop(frontier, of._limits[:, 0])
        return Counter(zip(heads.tolist(), at.tolist(), codes.tolist(), strict=True))

    key = hop(everything)
    total: dict[tuple[int, int], int] = defaultdict(int)
    for (_, tail, code), number in key.items():
        total[tail, code] += number
    drawn = Counter[tuple[int, int, int]]()
    rounds = 150
    for _ in range(rounds):
        found = hop(sampler)
        assert not found - key
        numbers = Counter((tail, code) for _, tail, code in found.elements())
        assert numbers == {group: min(2, count) for group, count in total.items()}
        drawn.update(found)
    largest = max(total, key=lambda group: total[group])
    shares = [drawn[fact] / key[fact] / rounds for fact in key if fact[1:] == largest]
    expected = 2 / total[largest]
    assert max(shares) < expected + 5 * (expected / rounds) ** 0.5
    assert min(shares) > expected - 5 * (expected / rounds) ** 0.5 or expected < 0.16


def test_a_seed_repeats_and_types_have_their_own_limits(live: LiveGraph) -> None:
    def batch(seed: int, numbers: list[int] | dict[EdgeType, list[int]], by: By) -> list[int]:
        _types, data, sampler = stores(live, by, numbers, seed)
        index = torch.arange(30)
        nodes = index if by == "none" else ("entity", index)
        loader = NeighborLoader(
            data, numbers, input_nodes=nodes, neighbor_sampler=sampler, batch_size=30
        )
        got = next(iter(loader))
        if by == "none":
            return [*got.n_id.tolist(), *got.edge_index.flatten().tolist()]
        return [got["entity", name, "entity"].num_edges for name in sorted(RELATIONS)]

    assert batch(1, [3, 2], "none") == batch(1, [3, 2], "none") != batch(2, [3, 2], "none")
    numbers = {
        ("entity", n, "entity"): [k] for k, n in zip((0, -1, 1), sorted(RELATIONS), strict=True)
    }
    first, second, third = batch(0, numbers, "relation")
    assert first == 0
    assert third <= 30 < second
    with pytest.raises(UsageError, match="num_neighbors"):
        stores(live, "none", [-2])


def test_features_are_what_the_database_holds(live: LiveGraph) -> None:
    types = live_types(live)
    store = Neo4jFeatureStore(
        live, types, {"x": ("age", "tall", "vector"), "age": "age"}, {"y": "kind", "years": "age"}
    )
    assert store.get_tensor_size(None, "x") == (ENTITIES, 4)
    assert store.get_tensor_size(None, "y") == (ENTITIES,)
    assert store.columns["y"].classes == ("k0", "k1", "k2", "k3", "k4")
    ids = [int(name[1:]) for name in live.entity_ids(np.arange(ENTITIES))]
    expected = [[i, i % 3 == 0, i / 2, -1.0] if i % 7 else [0.0] * 4 for i in ids]
    x = store[None, "x", None]
    assert torch.equal(x, torch.tensor(expected, dtype=torch.float32))
    assert store[None, "years", None].tolist() == [i if i % 7 else -1 for i in ids]
    assert store[None, "y", None].tolist() == [i % 5 if i % 7 else 0 for i in ids]
    assert store.absent["x"] == sum(not i % 7 for i in ids)
    attrs = store.get_all_tensor_attrs()
    attrs[0].index = torch.tensor([3])
    assert not store.get_all_tensor_attrs()[0].is_set("index")
    # A cache that holds five rows, asked in an order that makes it forget.
    small = Neo4jFeatureStore(live, types, {"x": ("age", "tall", "vector")}, cache_bytes=5 * 16)
    generator = torch.Generator().manual_seed(0)
    for size in (3, 5, 9, 1, 4, 20):
        index = torch.randint(0, ENTITIES, (size,), generator=generator)
        assert torch.equal(small[None, "x", index], x[index])
    strict = Neo4jFeatureStore(live, types, {"x": "age"}, missing="error")
    with pytest.raises(InputError, match="lack age"):
        strict.get_tensor(None, "x", None)
    for wrong in ("kind", "nothing", "sources"):
        with pytest.raises(InputError, match=wrong):
            Neo4jFeatureStore(live, types, {"x": wrong})
    with pytest.raises(InputError, match="no label"):
        Neo4jFeatureStore(live, types, {}, {"y": "vector"})
    with pytest.raises(UsageError, match="for reading"):
        store["g", "x", None] = x


def test_kept_features_are_not_asked_for_again(
    live: LiveGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Neo4jFeatureStore(live, live_types(live), {"x": "age"}, {"y": "kind"})
    asked: list[str] = []
    rows = Store.rows

    def counted(self: Store, query: str, **params: object) -> list[dict[str, object]]:
        asked.append(query)
        return rows(self, query, **params)

    monkeypatch.setattr(Store, "rows", counted)
    attrs = store.get_all_tensor_attrs()
    for attr in attrs:
        attr.index = torch.arange(50)
    first = store.multi_get_tensor(attrs)
    assert len(asked) == 1
    again = store.multi_get_tensor(attrs)
    assert len(asked) == 1
    assert all(map(torch.equal, first, again))


def test_workers_open_their_own_connection_and_no_password_is_pickled(
    live: LiveGraph, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    password = settings.neo4j_password.get_secret_value()
    monkeypatch.setenv("NEO4J_URI", settings.neo4j_uri)
    monkeypatch.setenv("NEO4J_USERNAME", settings.neo4j_username)
    monkeypatch.setenv("NEO4J_PASSWORD", password)
    with LiveGraph(GRAPH, open_store) as mine:
        _types, data, sampler = stores(mine, "none", [-1, -1])
        pickled = pickle.dumps((data, sampler))
        assert password.encode() not in pickled
        (features, edges), again = pickle.loads(pickled)
        batches = []
        for given, number in ((sampler, 0), (again, 2)):
            loader = NeighborLoader(
                (features, edges),
                [-1, -1],
                input_nodes=torch.arange(40),
                neighbor_sampler=given,
                batch_size=10,
                num_workers=number,
            )
            batches.append([(b.n_id.tolist(), b.x.tolist()) for b in prefetch(loader)])
        assert batches[0] == batches[1]
        # The connection of this process still works after forked workers have gone.
        assert mine.entity_ids(np.array([0]))


def test_a_graph_that_changed_is_refused(store: Store, live: LiveGraph, graph_name: str) -> None:
    load(store, graph_name, [], facts(), source="t")
    with LiveGraph(graph_name, live._connect) as mine:
        _types, data, sampler = stores_without_features(mine)
        loader = NeighborLoader(
            data, [2], input_nodes=torch.arange(10), neighbor_sampler=sampler, batch_size=5
        )
        next(iter(loader))
        load(store, graph_name, [], [Triple("e1", "likes", "fresh")], source="u")
        with pytest.raises(StoreError, match="changed"):
            next(iter(loader))
        with pytest.raises(StoreError, match="changed"):
            data[1].get_edge_index(None, "coo")
        with pytest.raises(StoreError, match="changed"):
            mine.entity_ids(np.array([0]))
    with pytest.raises(InputError, match="no graph"):
        LiveGraph(f"{graph_name}-none", live._connect)


def stores_without_features(
    live: LiveGraph,
) -> tuple[Types, tuple[Neo4jFeatureStore, Neo4jGraphStore], GraphSampler]:
    types = live_types(live)
    sampler = GraphSampler(LiveFacts(live, types), types, [2])
    return types, (Neo4jFeatureStore(live, types, {}), Neo4jGraphStore(live, types)), sampler


def test_prefetch_gives_all_and_passes_errors_on() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise InputError("broken")

    assert list(prefetch(range(50))) == list(range(50))
    batches = prefetch(failing())
    assert next(batches) == 1
    with pytest.raises(InputError, match="broken"):
        next(batches)
    endless = prefetch(iter(int, 1))
    assert next(endless) == 0
    endless.close()  # type: ignore[attr-defined]
