"""A query that is cut into ranges gives what it gives as a whole, or is not cut."""

import numpy as np
import pytest

from kgplatform.graph.projection import snapshot_of_query
from kgplatform.store import cut, stream_query
from kgplatform.store.client import Store
from kgplatform.store.cut import cut_of
from kgplatform.store.guard import check_reading
from kgplatform.store.load import load
from kgplatform.triples import Triple

COLUMNS = "RETURN a.id AS head, type(r) AS relation, b.id AS tail"
CUTTABLE = [
    f"MATCH (a:Entity {{graph: $graph}})-[r]->(b) {COLUMNS}",
    f"MATCH (a:Entity)-[r:likes|knows]->(b:Entity) WHERE a.graph = $graph AND a.id < 'e3' "
    f"{COLUMNS}",
    "// who\n/* knows (x) */ match p = ( a )-[r]-(b:Entity {graph: $graph}) "
    f"{COLUMNS}, r.split AS split",
    "MATCH (a:Entity {graph: $graph})-[:likes]->(m)-[:knows]->(b) WHERE a <> b "
    "RETURN a.id AS head, 'two hops' AS relation, b.id AS tail",
    "MATCH (a:Entity {graph: $graph}) MATCH (a)-[r]->(b) OPTIONAL MATCH (b)-[q:likes]->(a) "
    "RETURN a.id AS head, type(r) + coalesce(type(q), '') AS relation, b.id AS tail",
    "MATCH (a:Entity {graph: $graph}), (b:Entity {graph: $graph}) WHERE a.nid = b.nid + 1 "
    "RETURN a.id AS head, 'after' AS relation, b.id AS tail",
    "MATCH (a:Entity {graph: $graph})-[:knows*2..2]->(b) WHERE NOT (a)-[:likes]->(b) "
    "RETURN a.id AS head, 'far' AS relation, b.id AS tail",
    "MATCH (a:Entity {graph: $graph})-[r]->(b) WITH b AS a, r, a AS b MATCH (a)-[q]->() "
    "RETURN a.id AS head, type(q) AS relation, b.id AS tail",
]
WHOLE = [
    f"MATCH (a:Entity {{graph: $graph}})-[r]->(b) {COLUMNS} LIMIT 50",
    f"MATCH (a:Entity {{graph: $graph}})-[r]->(b) {COLUMNS} ORDER BY head SKIP 7",
    "MATCH (a:Entity {graph: $graph})-[r]->(b) WITH DISTINCT type(r) AS relation, b.id AS tail "
    "RETURN 'all' AS head, relation, tail",
    "MATCH (a:Entity {graph: $graph})-[r]->(b) WITH type(r) AS relation, count(a) AS number "
    "RETURN 'all' AS head, relation, number + '' AS tail",
    f"MATCH (a:Entity {{graph: $graph}})-[r:likes]->(b) {COLUMNS} UNION "
    f"MATCH (a:Entity {{graph: $graph}})-[r:knows]->(b) {COLUMNS}",
    f"MATCH (:Entity {{graph: $graph}})<-[r]-(a) MATCH (a)-[r]->(b) {COLUMNS}",
    f"WITH $graph AS graph MATCH (a:Entity {{graph: graph}})-[r]->(b) {COLUMNS}",
]


@pytest.fixture
def facts(store: Store, graph_name: str) -> None:
    generator = np.random.default_rng(5)
    load(
        store,
        graph_name,
        [],
        [
            Triple(f"e{head}", "likes" if kind else "knows", f"e{tail}", "test" if kind else None)
            for head, tail, kind in generator.integers(0, (70, 70, 2), (300, 3)).tolist()
        ],
        source="random",
    )


def cut_in(store: Store, query: str, graph: str) -> cut.Cut:
    plan = check_reading(store, query, {"graph": graph}, ("head", "relation", "tail"))
    return cut_of(query, plan.operators)


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("query", CUTTABLE)
@pytest.mark.parametrize("block", [1, 13, 10_000])
def test_a_cut_query_gives_the_same(
    store: Store, graph_name: str, query: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = snapshot_of_query(store, query, {"graph": graph_name})
    assert cut_in(store, query, graph_name).node == "a"
    monkeypatch.setattr(stream_query, "MAX_AT_ONCE", -1)
    monkeypatch.setattr(cut, "NODES_A_BLOCK", block)
    said: list[str] = []
    ranges, _ = snapshot_of_query(
        store, query, {"graph": graph_name}, lambda stage, done, total: said.append(stage)
    )
    assert "rows, in ranges of a" in said
    assert whole.num_edges > 10
    assert ranges.digest == whole.digest


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("query", WHOLE)
def test_what_looks_at_several_rows_is_not_cut_and_says_why(
    store: Store, graph_name: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = snapshot_of_query(store, query, {"graph": graph_name})
    found = cut_in(store, query, graph_name)
    assert found.node is None
    assert found.why
    monkeypatch.setattr(stream_query, "MAX_COLLECTED", -1)
    said: list[str] = []
    single, _ = snapshot_of_query(
        store, query, {"graph": graph_name}, lambda stage, done, total: said.append(stage)
    )
    assert f"rows one by one, as the query cannot be cut: {found.why}" in said
    if "LIMIT" not in query:
        assert single.digest == whole.digest


def test_blocks_hold_about_as_many_rows_as_they_should() -> None:
    assert cut.nodes_a_block(1_000_000, 10_000_000) == 5_000
    assert cut.nodes_a_block(1_000_000, 10) == cut.NODES_A_BLOCK
    assert cut.nodes_a_block(10, 1e12) == 1
    assert cut.nodes_a_block(0, 0) == 1
