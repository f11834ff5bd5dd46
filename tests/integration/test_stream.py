"""Export: what comes out is what went in, and a query that may not run does not run."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgplatform.errors import InputError, KGPlatformError, QueryRefusedError, StoreError
from kgplatform.graph.projection import snapshot_of_graph, snapshot_of_query
from kgplatform.graph.snapshot import from_triples
from kgplatform.settings import Settings
from kgplatform.sources.folder import find
from kgplatform.sources.records import read_triples
from kgplatform.store import stream, stream_query
from kgplatform.store.client import Store, connect
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.stream import stream_graph
from kgplatform.store.writeback import Target
from kgplatform.triples import SPLITS, Triple

FACTS = """
    MATCH (h:Entity {graph: $graph})-[r]->(t:Entity)
    WHERE type(r) <> 'PREDICTED'
    RETURN h.id AS head, type(r) AS relation, t.id AS tail, r.split AS split
"""


def random_triples(number: int, entities: int = 60, seed: int = 0) -> list[Triple]:
    """Distinct triples with published splits; the last entities are only tails, or isolated."""
    generator = np.random.default_rng(seed)
    keys = generator.choice(entities * entities * 3, number, replace=False)
    return [
        Triple(
            f"e{key // (3 * entities)}",
            ("likes", "Likes", "born in")[key % 3],
            f"e{key // 3 % entities}",
            SPLITS[int(generator.choice(3, p=(0.8, 0.1, 0.1)))],
        )
        for key in keys.tolist()
    ]


@pytest.fixture
def facts(store: Store, graph_name: str) -> list[Triple]:
    """Facts that the database holds in the test's own graph."""
    triples = random_triples(500)
    load(store, graph_name, [], triples, source="random")
    return triples


def test_a_graph_comes_out_as_its_file_went_in(
    store: Store, graph_name: str, tmp_path: Path
) -> None:
    for split in SPLITS:
        lines = [
            f"{t.head}\t{t.relation}\t{t.tail}\n" for t in random_triples(900) if t.split == split
        ]
        (tmp_path / f"{split}.tsv").write_text("".join(lines + lines[:5]))
    triples = list(read_triples(find(tmp_path), lambda reject: pytest.fail(reject.reason)))
    load(store, graph_name, [], triples, source="folder")
    exported = snapshot_of_graph(store, graph_name)
    assert exported.digest == from_triples(triples).digest
    assert exported.num_edges == 900


@pytest.mark.parametrize("block", [1, 7, 60, 61])
def test_blocks_lose_and_double_nothing(
    store: Store,
    graph_name: str,
    facts: list[Triple],
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "BLOCK", block)
    assert snapshot_of_graph(store, graph_name).digest == from_triples(facts).digest


def test_a_query_gives_the_same_as_the_graph(
    store: Store, graph_name: str, facts: list[Triple]
) -> None:
    snapshot, integers = snapshot_of_query(store, FACTS, {"graph": graph_name})
    assert not integers
    assert snapshot.digest == snapshot_of_graph(store, graph_name).digest
    assert snapshot.digest == from_triples(facts).digest
    ended, _ = snapshot_of_query(store, f"{FACTS} ;\n", {"graph": graph_name})
    commented, _ = snapshot_of_query(store, f"{FACTS} // }} the end", {"graph": graph_name})
    assert ended.digest == commented.digest == snapshot.digest


def test_one_by_one_gives_the_same(
    store: Store, graph_name: str, facts: list[Triple], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_query, "MAX_COLLECTED", -1)
    snapshot, _ = snapshot_of_query(store, FACTS, {"graph": graph_name})
    assert snapshot.digest == from_triples(facts).digest


def test_parameters_and_a_missing_split(store: Store, graph_name: str, facts: list[Triple]) -> None:
    query = """
        MATCH (h:Entity {graph: $graph})-[r]->(t) WHERE type(r) IN $relations
        RETURN h.id AS head, type(r) AS relation, t.id AS tail, 'unused' AS note
    """
    params = {"graph": graph_name, "relations": ["likes", "born in"]}
    snapshot, _ = snapshot_of_query(store, query, params)
    wanted = [Triple(t.head, t.relation, t.tail) for t in facts if t.relation != "Likes"]
    assert snapshot.digest == from_triples(wanted).digest
    assert set(snapshot.split.tolist()) == {-1}
    with pytest.raises(KGPlatformError, match="relations"):
        stream_query.stream_query(store, query, {"graph": graph_name})


def test_predicted_links_are_left_out(store: Store, graph_name: str, facts: list[Triple]) -> None:
    written = write_links(
        store,
        f"run-{graph_name}",
        {},
        Target(graph=graph_name),
        [Link("e1", "likes", f"e{i}", 1.0, 0.5) for i in range(20)],
    )
    assert written["written"] > 0
    assert snapshot_of_graph(store, graph_name).digest == from_triples(facts).digest


def test_links_to_another_graph_are_not_its_facts(
    store: Store, graph_name: str, facts: list[Triple]
) -> None:
    other = graph_name + "-other"
    load(store, other, [], random_triples(30, seed=1), source="other")
    store.run(
        "MATCH (a:Entity {graph: $one, id: 'e1'}), (b:Entity {graph: $other}) "
        "MERGE (a)-[:SAME_AS]->(b) MERGE (b)-[:SAME_AS]->(a)",
        one=graph_name,
        other=other,
    )
    assert snapshot_of_graph(store, graph_name).digest == from_triples(facts).digest


def test_entities_without_facts_are_kept(store: Store, graph_name: str) -> None:
    load(store, graph_name, [], [Triple("a", "r", "b"), Triple("c", "r", "d")], source="t")
    store.run("MATCH (:Entity {graph: $graph, id: 'c'})-[r]->() DELETE r", graph=graph_name)
    store.run("MATCH (e:Entity {graph: $graph, id: 'd'}) DELETE e", graph=graph_name)
    snapshot = snapshot_of_graph(store, graph_name)
    assert snapshot.entities == ("a", "b", "c")
    assert snapshot.edge_index.tolist() == [[0], [1]]


def test_entities_that_no_load_made_are_not_left_out_silently(
    store: Store, graph_name: str, facts: list[Triple]
) -> None:
    store.run(
        "MATCH (e:Entity {graph: $graph, id: 'e1'}) "
        "CREATE (e)-[:likes]->(:Entity {graph: $graph, id: 'by hand'})-[:likes]->(e)",
        graph=graph_name,
    )
    with pytest.raises(StoreError, match="by hand"):
        stream_graph(store, graph_name)
    by_hand = [Triple("e1", "likes", "by hand"), Triple("by hand", "likes", "e1")]
    load(store, graph_name, [], [Triple("by hand", "Likes", "e2")], source="t")
    wanted = [*facts, *by_hand, Triple("by hand", "Likes", "e2")]
    assert snapshot_of_graph(store, graph_name).digest == from_triples(wanted).digest


def test_whole_numbers_as_ids(store: Store) -> None:
    query = "UNWIND range(1, 20) AS i RETURN i AS head, 'next' AS relation, i + 1 AS tail"
    snapshot, integers = snapshot_of_query(store, query, {})
    assert integers
    assert (
        snapshot.digest
        == from_triples(Triple(str(i), "next", str(i + 1)) for i in range(1, 21)).digest
    )


@pytest.mark.parametrize(
    ("head", "relation", "tail"),
    [
        ("CASE i WHEN 3 THEN null ELSE i END", "'r'", "i"),
        ("i", "'r'", "CASE i WHEN 3 THEN null ELSE i END"),
        ("null", "'r'", "null"),
        ("i", "CASE i WHEN 3 THEN null ELSE 'r' END", "i"),
        ("i", "''", "i"),
        ("i", "i", "i"),
        ("i", "'r'", "toString(i)"),
        ("i + 0.5", "'r'", "i"),
        ("[i]", "'r'", "i"),
        ("true", "'r'", "false"),
        ("i", "'r'", "{a: i}"),
        ("date()", "'r'", "date()"),
    ],
)
@pytest.mark.parametrize("collected", [True, False])
def test_values_that_are_no_ids_are_refused(
    store: Store,
    head: str,
    relation: str,
    tail: str,
    collected: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not collected:
        monkeypatch.setattr(stream_query, "MAX_COLLECTED", -1)
    query = f"UNWIND range(1, 9) AS i RETURN {head} AS head, {relation} AS relation, {tail} AS tail"
    with pytest.raises(InputError) as refused:
        snapshot_of_query(store, query, {})
    assert refused.value.hint


def test_a_wrong_split_and_no_rows_are_refused(store: Store) -> None:
    with pytest.raises(InputError, match="sometime"):
        stream_query.stream_query(
            store, "RETURN 'a' AS head, 'r' AS relation, 'b' AS tail, 'sometime' AS split", {}
        )
    with pytest.raises(InputError, match="no facts"):
        snapshot_of_query(store, "UNWIND [] AS i RETURN i AS head, i AS relation, i AS tail", {})


COLUMNS = "RETURN 'a' AS head, 'r' AS relation, 'b' AS tail"

REFUSED = [
    f"CREATE (n:Broken) {COLUMNS}",
    f"MATCH (n) SET n.broken = true {COLUMNS}",
    f"MATCH (n) DETACH DELETE n {COLUMNS}",
    f"MATCH (n) REMOVE n:Entity {COLUMNS}",
    f"MERGE (n:Broken) {COLUMNS}",
    f"CALL {{ CREATE (n:Broken) }} {COLUMNS}",
    f"CALL () {{ CREATE (n:Broken) RETURN n }} {COLUMNS}",
    f"MATCH (n) CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF 10 ROWS {COLUMNS}",
    f"FOREACH (i IN [1] | CREATE (:Broken)) {COLUMNS}",
    f"/* reading */ MATCH (n) {COLUMNS} UNION CREATE (n:Broken) {COLUMNS}",
    f"MATCH (n) {COLUMNS.replace('RETURN', 'WITH')} CREATE (b:Broken) RETURN head, relation, tail",
    f"CREA\\u0054E (n:Broken) {COLUMNS}",
    "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line[0] AS head, 'r' AS relation, "
    "line[0] AS tail",
    "CALL () { LOAD CSV FROM 'http://127.0.0.1:1/' AS line RETURN line } "
    "RETURN line[0] AS head, 'r' AS relation, line[0] AS tail",
    f"CALL db.createLabel('Broken') {COLUMNS}",
    f"CALL db.clearQueryCaches() YIELD value {COLUMNS}",
    "CALL dbms.listConfig() YIELD name, value RETURN name AS head, 'r' AS relation, value AS tail",
    f"CALL dbms.components() YIELD name {COLUMNS}",
    f"CALL `db`.`createProperty`('broken') {COLUMNS}",
    f"MATCH (n) CALL db.create.setNodeVectorProperty(n, 'broken', [1.0]) {COLUMNS}",
    "SHOW SETTINGS YIELD name, value RETURN name AS head, 'r' AS relation, value AS tail",
    "SHOW USERS YIELD user RETURN user AS head, 'r' AS relation, user AS tail",
    "CREATE USER broken SET PASSWORD 'broken-password'",
    "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'",
    "CREATE INDEX broken FOR (n:Entity) ON (n.broken)",
    "DROP CONSTRAINT entity_key",
    f"{COLUMNS}; MATCH (n) DETACH DELETE n",
    f"{COLUMNS} }} CALL () {{ CREATE (n:Broken) {COLUMNS}",
    f"{COLUMNS} /*",
    "MATCH (n RETURN n",
    "",
    "   ",
    ";",
    "// only a comment",
    "RETURN 'a' AS head, 'r' AS relation",
    "RETURN 'a' AS Head, 'r' AS relation, 'b' AS tail",
    "MATCH (n) RETURN *",
    f"EXPLAIN {COLUMNS}",
    f"PROFILE CREATE (n:Broken) {COLUMNS}",
]


@pytest.mark.parametrize("collected", [True, False])
def test_what_may_not_run_does_not_run(
    store: Store,
    graph_name: str,
    facts: list[Triple],
    collected: bool,
    digest: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not collected:
        monkeypatch.setattr(stream_query, "MAX_COLLECTED", -1)
    before = digest(store)
    for query in REFUSED:
        with pytest.raises(QueryRefusedError) as refused:
            stream_query.stream_query(store, query, {})
        assert refused.value.exit_code == 2, query
        assert refused.value.hint, query
        assert "\n" not in str(refused.value), query
    assert digest(store) == before


def test_another_database_cannot_be_named_by_the_query(store: Store) -> None:
    for database in ("nosuch", "system"):
        with pytest.raises(StoreError):
            stream_query.stream_query(store, f"USE {database} {COLUMNS}", {})


def test_procedures_that_only_read_are_allowed(store: Store, facts: list[Triple]) -> None:
    query = "CALL db.labels() YIELD label RETURN label AS head, 'is' AS relation, label AS tail"
    snapshot, _ = snapshot_of_query(store, query, {})
    assert "Entity" in snapshot.entities


def test_an_unknown_graph_names_those_there_are(
    store: Store, graph_name: str, facts: list[Triple]
) -> None:
    with pytest.raises(InputError, match="no graph") as refused:
        stream_graph(store, graph_name + "x")
    assert graph_name in refused.value.hint


@pytest.mark.parametrize("block", [1, 10_000])
def test_a_graph_that_changes_while_it_is_read_is_noticed(
    store: Store,
    settings: Settings,
    graph_name: str,
    facts: list[Triple],
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "BLOCK", block)
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    password = settings.neo4j_password.get_secret_value()
    grown = threading.Event()

    def grow(stage: str, done: int, total: int | None) -> None:
        if grown.is_set():
            return
        grown.set()
        # Another process's load, from its beginning to its end, in the middle of the export.
        with connect(str(settings.neo4j_uri), "neo4j", password) as other:
            more = [Triple("e1", "new", f"new{i}", "train") for i in range(50)]
            load(other, graph_name, [], more, source="more")

    with pytest.raises(StoreError, match="changed"):
        stream_graph(store, graph_name, grow)
    assert grown.is_set()
    assert stream_graph(store, graph_name).head.size == 550


def test_entities_that_come_between_their_list_and_the_facts_are_noticed(
    store: Store, settings: Settings, graph_name: str, facts: list[Triple]
) -> None:
    """The window before the first record: a writer that never stops meets every one."""
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    password = settings.neo4j_password.get_secret_value()
    stop = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with connect(str(settings.neo4j_uri), "neo4j", password) as other:
                number = 0
                while not stop.is_set():
                    number += 1
                    more = [Triple(f"e{number % 60}", "new", f"new{number}", "train")]
                    load(other, graph_name, [], more, source="more")
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    refused = 0
    try:
        for _ in range(30):
            try:
                snapshot = snapshot_of_graph(store, graph_name)
            except StoreError:
                refused += 1
            else:
                # Whole, if it was between two loads: each of them brings one entity and fact.
                assert snapshot.num_edges - 500 == snapshot.num_entities - 60
    finally:
        stop.set()
        writer.join(60)
    assert not failures, failures
    assert refused > 0


def test_the_command_line_refuses_a_writing_query(
    kgp: Any, store: Store, facts: list[Triple], digest: Callable[..., str]
) -> None:
    before = digest(store)
    ended = kgp("train", "distmult", "--cypher", REFUSED[0])
    assert ended.code == 2
    assert "only reading" in ended.err
    assert digest(store) == before
    assert not Path("runs").exists()
