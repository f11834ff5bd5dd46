"""A scan of relationships gives what records give, or is left."""

import pytest

from kgplatform.errors import InputError
from kgplatform.graph.projection import snapshot_of_graph, snapshot_of_query
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.store import scan, scan_query
from kgplatform.store.client import Store
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.pattern import pattern_query
from kgplatform.store.plain import plain_query
from kgplatform.store.writeback import Target
from kgplatform.triples import Entity, Split, Triple

HOSTILE = ["a", "A", "", " ", "`", "'", "\\", "\\u0027", "é", "é", "名", "\U0001f600", "a\u2028b"]
IDS = [name or "no name" for name in HOSTILE]
SPLITS: tuple[Split | None, ...] = (None, "train", "test")
FACTS = [
    Triple(head, ("likes", "born `in`", "RETURN")[(i + j) % 3], tail, SPLITS[(i * j) % 3])
    for i, head in enumerate(IDS)
    for j, tail in enumerate(IDS)
    if (i + 2 * j) % 4 < 2
]
ITEMS = "RETURN h.id AS head, type(r) AS relation, t.id AS tail"
QUERIES = [
    f"MATCH (h:Entity {{graph: $graph}})-[r]->(t:Entity {{graph: $graph}}) {ITEMS}",
    f"MATCH (h:Entity {{graph: $graph}})-[r:!PREDICTED]->(t) {ITEMS}, r.split AS split",
    f"MATCH (t:Odd)<-[r:likes|`born ``in```]-(h {{graph: $graph}}) {ITEMS}, r.split AS split",
    f"MATCH (h {{graph: $graph}})-[r]->(t:Odd) WHERE h.id < t.id OR r.split = 'test' // 1\n{ITEMS}",
    f"MATCH (h {{graph: $graph}})-[r]->(t) WHERE EXISTS {{ (t)-[:likes]->(h) }} {ITEMS}",
    f"MATCH (h {{graph: $graph}})-[r]->(t) WHERE NOT r.split IS NULL {ITEMS}, r.split AS split",
    "MATCH (h {graph: $graph})-[r]->(t) WHERE type(r) = 'RETURN' "
    "RETURN h.nid AS head, type(r) AS relation, t.nid AS tail",
    "MATCH (h {graph: $graph})-[r]->(t) RETURN h.nid AS head, type(r) AS relation, t.nid AS tail",
    "MATCH (h:Odd {graph: $graph})-[r]->(t) RETURN h.name AS head, type(r) AS relation, "
    "t.id AS tail",
]


@pytest.fixture(params=[997, 50_000])
def scanned(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Scans are taken wherever they can be; how many rows each gave."""
    monkeypatch.setattr(scan_query, "LEAST", 0)
    monkeypatch.setattr(scan, "SHARE", 10**9)
    monkeypatch.setattr(scan, "SPARSE", 10**9)
    monkeypatch.setattr(scan, "BLOCK", request.param)
    monkeypatch.setattr(scan_query, "NODES_A_BLOCK", request.param)
    rows: list[int] = []
    joined = scan_query._join

    def join(*given: object) -> object:
        columns = joined(*given)  # type: ignore[arg-type]
        rows.append(len(columns.head))
        return columns

    monkeypatch.setattr(scan_query, "_join", join)
    return rows


@pytest.fixture(autouse=True)
def many(store: Store) -> None:
    """So many relationships that the planner would not rather look through all of them."""
    store.run(
        "CALL () { MATCH (n:ScanMany) RETURN count(n) AS there } WITH there WHERE there = 0 "
        "UNWIND range(1, 9999) AS i CREATE (:ScanMany)-[:SCAN_MANY]->(:ScanMany)"
    )


@pytest.fixture
def facts(store: Store, graph_name: str) -> None:
    odd = [Entity(name, "same", types=("Odd",)) for name in IDS[::2]]
    load(store, graph_name, odd, FACTS, source="t")
    write_links(store, "r-s", {}, Target(graph=graph_name), [Link("A", "likes", "a", 1.0, 0.5)])
    load(store, graph_name + "-other", [], [Triple("dan", "likes", "eve")], source="t")
    store.run(
        "MATCH (a:Entity {graph: $one, id: 'a'}), (b:Entity {graph: $other, id: 'dan'}) "
        "MERGE (a)-[:likes]->(b) MERGE (b)-[:likes]->(a)",
        one=graph_name,
        other=graph_name + "-other",
    )


def by_records(store: Store, query: str, graph: str) -> KGSnapshot:
    rows = store.rows(query, graph=graph)
    return from_triples(
        Triple(str(row["head"]), row["relation"], str(row["tail"]), row.get("split"))
        for row in rows
    )


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("query", QUERIES)
def test_a_scan_gives_what_records_give(
    store: Store, graph_name: str, query: str, scanned: list[int]
) -> None:
    snapshot, integers = snapshot_of_query(store, query, {"graph": graph_name})
    assert snapshot.digest == by_records(store, query, graph_name).digest
    assert integers == ("h.nid" in query)
    assert plain_query(query) is not None
    rows = len(store.rows(query, graph=graph_name))
    # A condition on other relationships may be planned in another way, which then is taken.
    assert scanned == [rows] or "EXISTS" in query


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("where", [None, "h.id <> 'a' OR true", "t:Odd AND r.split IS NOT NULL"])
@pytest.mark.parametrize(
    "pattern", ["(h)-[r]->(t)", "(t:Odd)<-[r]-(h)", "(h)-[r:likes|PREDICTED|RETURN]->(t)"]
)
def test_a_pattern_is_scanned(
    store: Store, graph_name: str, pattern: str, where: str | None, scanned: list[int]
) -> None:
    query = pattern_query(pattern, where, "id", own=True)
    snapshot, _ = snapshot_of_query(store, query, {"graph": graph_name})
    wanted = (
        f"MATCH {pattern} WHERE h.graph = $graph AND t.graph = $graph AND type(r) <> 'PREDICTED' "
        f"AND ({where or 'true'}) RETURN h.id AS head, type(r) AS relation, t.id AS tail, "
        "r.split AS split"
    )
    assert snapshot.digest == by_records(store, wanted, graph_name).digest
    assert scanned[0] == snapshot.num_edges


@pytest.mark.usefixtures("facts", "scanned")
def test_a_graph_is_scanned(store: Store, graph_name: str) -> None:
    assert snapshot_of_graph(store, graph_name).digest == from_triples(FACTS).digest


def test_a_graph_of_others_with_a_key(store: Store, graph_name: str, scanned: list[int]) -> None:
    """No entities of ours: own labels, own keys, a key that two nodes share, weights and times."""
    store.run(
        "UNWIND range(0, 29) AS i "
        "CREATE (a:ScanPerson {email: 'p' + (i % 25) + '@x'}) CREATE (b:ScanTown {name: 't' + i}) "
        "CREATE (a)-[:LIVES_IN {w: i * 0.5, since: date({year: 1990 + i})}]->(b) "
        "CREATE (b)-[:LIVES_IN {w: -1.0}]->(b)"
    )
    query = (
        "MATCH (a:ScanPerson)-[q:LIVES_IN]->(b:ScanTown) RETURN a.email AS head, "
        "type(q) AS relation, b.name AS tail, q.w AS weight, q.since AS time"
    )
    try:
        snapshot, _ = snapshot_of_query(store, query, {})
        assert scanned == [30]
        assert snapshot.weight is not None
        assert sorted(snapshot.weight.tolist()) == [i * 0.5 for i in range(30)]
        assert snapshot.num_entities == 25 + 30
        assert snapshot.digest == unscanned(store, query).digest
        towns = pattern_query("(h:ScanTown)-[r:LIVES_IN]->(t)", "r.w < $w", "name", own=False)
        found, _ = snapshot_of_query(store, towns, {"w": 0, "query": "a parameter's name"})
        assert (found.num_edges, scanned[1:]) == (30, [30])
        store.run("MATCH (a:ScanTown {name: 't3'}) REMOVE a.name")
        with pytest.raises(InputError, match="null tail for relation 'LIVES_IN'"):
            snapshot_of_query(store, query, {})
        store.run("MATCH (a:ScanTown) SET a.name = 5.5")
        with pytest.raises(InputError, match="float"):
            snapshot_of_query(store, query, {})
        # Nothing that the pattern leaves out is in the way.
        store.run("MATCH (a:ScanTown) SET a.name = a.name + '', a:ScanGone")
        store.run("MATCH (a:ScanTown) WITH a LIMIT 3 SET a.name = 5.5 REMOVE a:ScanGone")
        snapshot, _ = snapshot_of_query(store, query.replace("b:ScanTown", "b:ScanGone"), {})
        assert snapshot.num_edges == 27
    finally:
        store.run("MATCH (n:ScanPerson|ScanTown) DETACH DELETE n")


def unscanned(store: Store, query: str) -> KGSnapshot:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "SHARE", 0)
        return snapshot_of_query(store, query, {})[0]


@pytest.mark.usefixtures("facts")
def test_few_of_many_are_not_scanned(
    store: Store, graph_name: str, scanned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "SHARE", 8)
    query = f"MATCH (h:Entity {{graph: $graph, id: 'a'}})-[r]->(t) {ITEMS}"
    snapshot, _ = snapshot_of_query(store, query, {"graph": graph_name})
    assert snapshot.num_edges
    assert not scanned


@pytest.mark.usefixtures("facts")
def test_conditions_that_end_their_parentheses_are_not_scanned(
    store: Store, graph_name: str, scanned: list[int]
) -> None:
    query = (
        f"MATCH (h {{graph: $graph}})-[r]->(t) WHERE h.id = 'a' {ITEMS.replace('h.id', 't.id')} "
        f"UNION MATCH (h {{graph: $graph}})-[r]->(t) WHERE h.id = 'A' {ITEMS}"
    )
    snapshot, _ = snapshot_of_query(store, query, {"graph": graph_name})
    assert snapshot.digest == by_records(store, query, graph_name).digest
    assert not scanned
