"""Named projections: kept, versioned, checked, trained on, described."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgplatform.errors import (
    InputError,
    QueryRefusedError,
    StoreError,
    UnknownNameError,
    UsageError,
)
from kgplatform.graph.check_projection import check_definition
from kgplatform.graph.projection import snapshot_of
from kgplatform.graph.projection_features import read_features
from kgplatform.store import consistent, stream_query
from kgplatform.store.client import Store
from kgplatform.store.consistent import read_one_state
from kgplatform.store.load import load
from kgplatform.store.projections import (
    Definition,
    find_projection,
    list_projections,
    remove_projection,
    save_projection,
)
from kgplatform.triples import Triple

TRIPLES = """
    MATCH (h:Person)-[r:KNOWS]->(t:Person) WHERE h.test = $test
    RETURN h.email AS head, type(r) AS relation, t.email AS tail,
        r.weight AS weight, r.since AS time
"""
FEATURES = """
    MATCH (p:Person {test: $test})
    RETURN p.email AS entity, p.age AS age, p.city AS city, p.vector AS vector, p.member AS member,
        p.motto AS motto
"""
LABELS = "MATCH (p:Person {test: $test}) RETURN p.email AS entity, p.team AS label, p.part AS split"
EDGES = """
    MATCH (h:Person {test: $test})-[r:KNOWS]->(t) RETURN h.email AS head, type(r) AS relation,
        t.email AS tail, r.since AS time, r.place AS place, r.count AS count
"""


@pytest.fixture
def people(store: Store, graph_name: str) -> str:
    """Four of a user's own nodes, one of them without a relationship."""
    store.run(
        """
        UNWIND [['ann', 30, 'Rome', [1.0, 2.0], true, 'carpe diem', 1, 'train'],
                ['bob', null, 'Rome', [3, 4], false, null, 2, 'test'],
                ['cat', 2.5, 'Oslo', null, null, 'ad astra', null, null],
                ['dan', 9, 'Oslo', [5.0, 6.0], true, 'veni', 1, 'valid']] AS p
        CREATE (:Person {test: $test, email: p[0], age: p[1], city: p[2], vector: p[3],
            member: p[4], motto: p[5], team: p[6], part: p[7]})
        """,
        test=graph_name,
    )
    store.run(
        """
        UNWIND [['ann', 'bob', 0.5, date('1970-01-02'), 'work', 3],
                ['ann', 'bob', 2, date('2000-01-01'), 'home', 4],
                ['bob', 'cat', 1.5, date('1969-12-31'), null, 5]] AS r
        MATCH (h:Person {test: $test, email: r[0]}), (t:Person {test: $test, email: r[1]})
        CREATE (h)-[:KNOWS {weight: r[2], since: r[3], place: r[4], count: r[5]}]->(t)
        """,
        test=graph_name,
    )
    return graph_name


def definition(test: str, **more: Any) -> Definition:
    given = {"cypher": TRIPLES, "params": {"test": test}, "features": FEATURES, "labels": LABELS}
    return Definition(**(given | {"edge_features": EDGES} | more))


@pytest.mark.parametrize("way", ["together", "in ranges", "one by one"])
def test_everything_that_a_projection_names_is_in_the_snapshot(
    store: Store, people: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "in ranges":
        monkeypatch.setattr(stream_query, "MAX_AT_ONCE", -1)
        monkeypatch.setattr(stream_query, "FEATURES_A_BLOCK", 1)
    queries = {"cypher": TRIPLES, "features": FEATURES, "labels": LABELS, "edge_features": EDGES}
    if way == "one by one":
        monkeypatch.setattr(stream_query, "MAX_COLLECTED", -1)
        queries = {name: f"{query} ORDER BY rand()" for name, query in queries.items()}
    snapshot, integers = snapshot_of(store, definition(people, **queries))
    assert not integers
    assert snapshot.entities == ("ann", "bob", "cat", "dan")
    assert snapshot.edge_index.tolist() == [[0, 0, 1], [1, 1, 2]]
    assert snapshot.time is not None
    assert snapshot.weight is not None
    assert snapshot.time.tolist() == [86_400, 946_684_800, -86_400]
    assert snapshot.weight.tolist() == [0.5, 2.0, 1.5]
    age, city, vector, member, motto = snapshot.features
    assert age.values.tolist() == [[30], [0], [2.5], [9]]
    assert age.present.tolist() == [True, False, True, True]
    assert (city.kind, city.texts) == ("category", ("Oslo", "Rome"))
    assert city.values.tolist() == [1, 1, 0, 0]
    assert vector.values.tolist() == [[1, 2], [3, 4], [0, 0], [5, 6]]
    assert (member.kind, motto.kind) == ("boolean", "text")
    assert [motto.texts[code] if code >= 0 else None for code in motto.values.tolist()] == [
        "carpe diem", None, "ad astra", "veni",
    ]  # fmt: skip
    assert snapshot.labels is not None
    assert snapshot.label_split is not None
    assert snapshot.labels.texts == ("1", "2")
    assert snapshot.labels.values.tolist() == [0, 1, -1, 0]
    assert snapshot.label_split.tolist() == [0, 2, -1, 1]
    place, count = snapshot.edge_features
    assert [place.texts[code] if code >= 0 else None for code in place.values.tolist()] == [
        "work", "home", None,
    ]  # fmt: skip
    assert count.values.tolist() == [[3], [4], [5]]
    data = snapshot.to_data()
    assert data.y.tolist() == [0, 1, -1, 0]
    assert data.train_mask.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"cypher": TRIPLES.replace("r.weight", "toString(r.weight)")},
            "the weight '[0-9.]+' .str.",
        ),
        ({"cypher": TRIPLES.replace("r.weight", "r.nosuch")}, "null weight"),
        ({"cypher": TRIPLES.replace("r.weight", "0.0/0.0")}, "not finite"),
        ({"cypher": TRIPLES.replace("r.since", "'1999'")}, "the time '1999'"),
        (
            {
                "cypher": TRIPLES.replace(
                    "r.since", "CASE t.email WHEN 'cat' THEN 1 ELSE r.since END"
                )
            },
            "both numbers and dates",
        ),
        (
            {"features": FEATURES.replace("p.age", "CASE p.age WHEN 9 THEN 'x' ELSE 1 END")},
            "feature 'age' has values of type int, (str|number)",
        ),
        ({"features": FEATURES.replace("p.email AS entity", "1 AS entity")}, "texts and numbers"),
        ({"features": FEATURES.replace("p.email AS entity", "p.no AS entity")}, "null id"),
        ({"features": FEATURES.replace("p.email AS", "'ann' AS")}, "two rows of entity 'ann'"),
        ({"features": FEATURES.replace("p.vector", "[p.age]")}, "NoneType|list"),
        ({"labels": LABELS.replace("p.team", "p.vector")}, "the label"),
        ({"labels": LABELS.replace("p.team", "null")}, "no label"),
        ({"labels": LABELS.replace("p.part", "'tset'")}, "split 'tset'"),
        ({"edge_features": EDGES.replace("type(r)", "'LIKES'")}, "projection lacks: .ann, LIKES"),
        ({"edge_features": EDGES.replace("r.since", "date('1970-01-02')")}, "two rows|lacks"),
    ],
)
def test_wrong_values_are_refused_by_column(
    store: Store, people: str, change: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        snapshot_of(store, definition(people, **change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cypher": "MATCH (n) RETURN n.id AS head"}, "not relation, tail"),
        ({"cypher": TRIPLES.replace("AS weight", "AS wieght")}, "column wieght"),
        ({"features": "MATCH (n) RETURN n.id AS entitty"}, "not entity"),
        ({"features": "MATCH (n:Person) SET n.x = 1 RETURN n.email AS entity"}, "only reading"),
        ({"labels": "CALL db.info() YIELD id RETURN id AS entity, 1 AS label"}, "db.info"),
        ({"edge_features": "LOAD CSV FROM 'file:///x' AS l RETURN 1 AS head"}, "LOAD CSV"),
        ({"params": {}}, "test"),
    ],
)
def test_what_may_not_run_is_refused_before_it_runs(
    store: Store, people: str, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(StoreError, match=said):
        check_definition(store, definition(people, **change))
    assert not store.rows("MATCH (n:Person) WHERE n.x IS NOT NULL RETURN n")


def test_types_are_seen_before_it_runs(store: Store, people: str) -> None:
    checked = check_definition(store, definition(people))
    assert [each.what for each in checked] == ["triples", "features", "labels", "edge features"]
    types = dict(checked[1].columns)
    assert types["entity"] == "text"
    assert types["age"] == "number, whole number"
    assert types["vector"] == "list of 2 number, list of 2 whole number"
    assert dict(checked[0].columns)["time"] == "Date"
    assert checked[0].read == "in ranges of h"
    noted = check_definition(store, definition(people, cypher=f"{TRIPLES} , 1 AS other".strip()))
    assert noted[0].unused == ("other",)
    with pytest.raises(InputError, match="split 'tset'"):
        check_definition(store, definition(people, labels=LABELS.replace("p.part", "'tset'")))
    with pytest.raises(InputError, match="no graph"):
        check_definition(store, Definition(graph="nosuch"))


def test_versions(store: Store, graph_name: str) -> None:
    first = Definition(cypher="RETURN 1 AS head", params={"a": [1, "ü"], "b": None})
    kept, new = save_projection(store, graph_name, first)
    assert (kept.version, new) == (1, True)
    assert save_projection(store, graph_name, first) == (kept, False)
    second, new = save_projection(store, graph_name, Definition(graph="g"))
    assert (second.version, new) == (2, True)
    assert find_projection(store, graph_name) == second
    assert find_projection(store, f"{graph_name}@1") == kept
    assert kept.definition == first
    assert [each.version for each in list_projections(store) if each.name == graph_name] == [2]
    with pytest.raises(UsageError, match="no version '3'"):
        find_projection(store, f"{graph_name}@3")
    with pytest.raises(UnknownNameError, match="parameter"):
        kept.source({"c": 1})
    assert kept.source({"a": 2})["params"] == {"a": 2, "b": None}
    with pytest.raises(InputError, match="@"):
        save_projection(store, "a@b", first)
    assert remove_projection(store, graph_name) == 2
    with pytest.raises(UnknownNameError):
        remove_projection(store, graph_name)


def test_commands(
    store: Store, people: str, kgp: Callable[..., Any], tmp_path: Path, graph_name: str
) -> None:
    (tmp_path / "triples.cypher").write_text(TRIPLES)
    given = ["project", people, "--cypher", tmp_path / "triples.cypher"]
    given += ["--param", f"test={people}", "--label", "Person", "--key", "email"]
    dry = kgp(*given, "--dry-run")
    assert dry.code == 0, dry.err
    assert "CREATE (p:Projection" in dry.out
    assert not [each for each in list_projections(store) if each.name == people]
    made = kgp(*given, "--features", FEATURES, "--json")
    assert made.code == 0, made.err
    assert json.loads(made.out)["version"] == 1
    again = kgp(*given, "--features", FEATURES, "--json")
    assert json.loads(again.out) | {"new": True} == json.loads(made.out)
    listed = json.loads(kgp("project", "list", "--json").out)["projections"]
    assert [each["label"] for each in listed if each["projection"] == people] == ["Person"]

    shown = kgp("project", "show", people, "--json")
    report = json.loads(shown.out)
    assert (report["entities"], report["facts"], report["isolated"]) == (4, 3, 1)
    assert report["isolated_examples"] == ["dan"]
    assert report["degree"] == [1.5, 1.5, 3, "bob"]
    assert (report["components"], report["largest"]) == (1, 1.0)
    text = kgp("project", "show", people)
    assert "entities without a fact: 1" in text.out

    trained = kgp("train", "distmult", "--project", people, "--set", "epochs=1", "--json")
    assert trained.code == 0, trained.err
    source = json.loads(trained.out)["source"]
    assert (source["projection"], source["version"], source["label"]) == (people, 1, "Person")
    exported = kgp(
        "export", "--project", f"{people}@1", "--format", "pyg", "--to", tmp_path / "x.pt"
    )
    assert exported.code == 0, exported.err
    assert kgp("project", "rm", people, "--yes").code == 0
    # The run keeps what it needs.
    evaluated = kgp("evaluate", json.loads(trained.out)["run"])
    assert evaluated.code == 0, evaluated.err


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["project", "shwo", "x"], 2, "did you mean 'show'"),
        (["project", "show", "nosuch-projection"], 2, "no such projection"),
        (["project", "x@1", "--cypher", "RETURN 1 AS head, 'r' AS relation, 2 AS tail"], 1, "@"),
        (["project", "define", "list", "--graph", "g"], 2, "another name"),
        (["train", "distmult", "--project", "a", "--cypher", "b"], 2, "leave one of them"),
        (["train", "distmult", "--project", "a", "--graph", "b"], 2, "which nodes"),
        (["export", "--project", "a", "--seeds", "b", "--format", "pyg", "--to", "c"], 2, "seeds"),
        (["project", "x", "--cypher", "nosuch.cypher"], 2, "cannot be read"),
        (["project", "rm", "x@1", "--yes"], 2, "together"),
    ],
)
def test_mistakes_are_told(kgp: Callable[..., Any], given: list[str], code: int, said: str) -> None:
    result = kgp(*given)
    assert result.code == code, result.err
    assert said in result.err


def test_what_changes_is_read_again_and_never_mixed(store: Store, graph_name: str) -> None:
    load(store, graph_name, [], [Triple("a", "r", "b")], source="t")
    query = "MATCH (e:Entity {graph: $graph}) RETURN count(e) AS n"
    seen: list[int] = []

    def read(writes: int) -> int:
        (row,) = store.rows(query, graph=graph_name)
        seen.append(row["n"])
        if len(seen) <= writes:
            store.run("CREATE (:Entity {graph: $graph, id: randomUUID()})", graph=graph_name)
        return int(row["n"])

    told: list[str] = []
    last = read_one_state(
        store, lambda: read(1), str, lambda stage, done, total: told.append(stage)
    )
    assert (last, seen, len(told)) == (3, [2, 3], 1)
    seen.clear()
    with pytest.raises(StoreError, match="changed during each"):
        read_one_state(store, lambda: read(10), str)
    assert len(seen) == consistent.READINGS


def test_other_data_that_changes_does_no_harm(store: Store, graph_name: str) -> None:
    def read() -> str:
        store.run("MERGE (n:Other {graph: $graph}) SET n.at = timestamp()", graph=graph_name)
        return "the same"

    assert read_one_state(store, read, str) == "the same"


def test_a_fact_that_comes_during_the_export_is_in_it_or_noticed(
    store: Store, people: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The features are read after the facts: an entity between the two must not be half there."""
    calls = []

    def read(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            store.run("CREATE (:Person {test: $t, email: 'eve', age: 1})", t=people)
            store.run(
                "MATCH (a:Person {test: $t, email: 'ann'}), (e:Person {test: $t, email: 'eve'}) "
                "CREATE (a)-[:KNOWS {weight: 1, since: date()}]->(e)",
                t=people,
            )
        return read_features(*given)

    monkeypatch.setattr("kgplatform.graph.projection.read_features", read)
    snapshot, _ = snapshot_of(store, definition(people, edge_features=None))
    assert snapshot.num_edges == 4
    assert len(calls) == 2


def test_a_projection_with_times_is_split_by_them(
    store: Store, kgp: Callable[..., Any], graph_name: str
) -> None:
    store.run(
        "UNWIND range(0, 39) AS i MERGE (a:Person {test: $test, email: toString(i % 5)}) "
        "MERGE (b:Person {test: $test, email: toString(i % 7)}) "
        "CREATE (a)-[:KNOWS {since: date('2000-01-01') + duration({months: i})}]->(b)",
        test=graph_name,
    )
    query = TRIPLES.replace("r.weight AS weight,", "")
    made = kgp("project", graph_name, "--cypher", query, "--param", f"test={graph_name}")
    assert made.code == 0, made.err
    trained = kgp(
        "train", "distmult", "--project", graph_name, "--set", "split=time", "--set", "epochs=1"
    )
    assert trained.code == 0, trained.err
    assert "test" in trained.out


def test_inverse_leakage_of_wn18rr(store: Store, kgp: Callable[..., Any], graph_name: str) -> None:
    """About 35 % of the test facts are turned round in train: Nguyen et al. 2018 and others."""
    folder = Path(__file__).parents[3] / "shared" / "data" / "wn18rr"
    if not folder.is_dir():
        pytest.skip("the benchmark data is not here")
    assert kgp("load", folder, "--graph", graph_name).code == 0
    assert kgp("project", graph_name, "--graph", graph_name).code == 0
    report = json.loads(kgp("project", "show", graph_name, "--json").out)
    (test,) = [each for each in report["splits"] if each["name"] == "test"]
    assert test["facts"] == 3134
    assert test["reversed"] == pytest.approx(0.35, abs=0.01)
    assert report["relations"][1]["reversed"] > 0.99


def test_reading_stays_reading(store: Store) -> None:
    with pytest.raises(QueryRefusedError):
        list(stream_query.stream_rows(store, "CREATE (n) RETURN n.id AS entity", {}, ("entity",)))
