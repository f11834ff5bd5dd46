"""``kgp rules``, ``kgp paths`` and ``kgp match`` on a real graph."""

from itertools import pairwise
from pathlib import Path

import pytest

from kgplatform.errors import InputError, QueryRefusedError, StoreError, UsageError
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.match import match_pattern
from kgplatform.store.paths import shortest_paths, surest_path
from kgplatform.store.pattern import matching_query
from kgplatform.triples import Triple

NAMES = ("bob", "cat", "dan")


@pytest.fixture
def family(store: Store, graph_name: str) -> str:
    """Grandparents that follow from parents, some of them held out."""
    facts = [Triple("ann", "PARENT_OF", child, "train") for child in NAMES]
    for name in NAMES:
        for i in range(4):
            facts.append(Triple(name, "PARENT_OF", f"{name}-{i}", "train"))
            facts.append(Triple(f"{name}-{i}", "CHILD_OF", name, "test" if i == 3 else "train"))
            if name != "dan":
                split = "valid" if i == 2 else "train"
                facts.append(Triple("ann", "GRANDPARENT_OF", f"{name}-{i}", split))  # type: ignore[arg-type]
    load(store, graph_name, [], facts, source="family")
    return graph_name


def test_rules_are_mined_shown_evaluated_and_predict(kgp, family: str) -> None:  # type: ignore[no-untyped-def]
    mined = kgp("rules", "--graph", family, "--min-support", "3", "--json").json
    assert mined["facts"] == 15 + 9 + 6
    (rule,) = [r for r in mined["listed"] if r["rule"].endswith("PARENT_OF(X,A), PARENT_OF(A,Y)")]
    assert (rule["support"], rule["body_size"]) == (6, 12)
    assert rule["confidence"] == pytest.approx(6 / 17)
    assert rule["coverage"] == 1.0
    shown = kgp("rules", "show", "latest", "--relation", "GRANDPARENT_OF", "--json").json
    assert all(r["rule"].startswith("GRANDPARENT_OF(") for r in shown["listed"])
    refused = kgp("rules", "show", "latest", "--relation", "GRANDPARENTOF")
    assert refused.code == 2
    assert "did you mean 'GRANDPARENT_OF'" in refused.err
    measured = kgp("rules", "evaluate", "latest", "--json").json
    assert measured["metrics"]["test"]["mrr"] > 0.9
    links = kgp("rules", "predict", "latest", "GRANDPARENT_OF", "--head", "ann", "--json").json
    assert [link["tail"] for link in links["links"]][:4] == [f"dan-{i}" for i in range(4)]
    assert all(link["kind"] == "predicted" and link["reasons"] for link in links["links"])
    text = kgp("rules", "predict", "latest", "GRANDPARENT_OF", "--tail", "dan-1").out
    assert "ann PARENT_OF dan; dan PARENT_OF dan-1" in text
    assert [s["rules"] for s in kgp("rules", "list", "--json").json["sets"]] == [mined["rules"]]
    assert kgp("rules", "minne").code == 2


def test_rules_are_written_with_where_they_come_from_and_taken_out(  # type: ignore[no-untyped-def]
    kgp, family: str, store: Store, digest
) -> None:
    planned = kgp("rules", "--graph", family, "--dry-run", "--json").json
    assert planned["would_write"] > 0
    assert store.rows("MATCH (r:Rule) RETURN r") == []
    assert kgp("rules", "write", "latest", "--graph", "nowhere").code == 1
    written = kgp("rules", "write", "latest", "--written", "5", "--json").json
    assert written["written"] == 5
    once = digest(store)
    assert kgp("rules", "write", "latest", "--written", "5", "--json").json == written
    assert digest(store) == once
    (row,) = store.rows(
        "MATCH (s:RuleSet {graph: $graph})-[:HOLDS]->(r:Rule {graph: $graph}) "
        "WITH s, r ORDER BY r.confidence DESC RETURN s, collect(r) AS rules",
        graph=family,
    )
    assert len(row["rules"]) == 5
    best = row["rules"][0]
    assert best["name"] == f"{best['name'].partition(' <- ')[0]} <- {best['body']}"
    assert best["rules"] == row["s"]["id"] == planned["rules"]
    assert {"head", "support", "coverage", "confidence", "length"} <= best.keys()
    assert len(row["s"]["snapshot"]) == 64
    assert kgp("rules", "undo", "latest", "--dry-run", "--json").json["would_remove"] == 5
    assert kgp("rules", "undo", "latest", "--json").json["removed"] == 5
    assert kgp("rules", "undo", "latest").code == 2
    kgp("rules", "write", "latest", "--written", "5")
    assert kgp("rm", "--graph", family).code == 0
    assert store.rows("MATCH (n:Rule|RuleSet) RETURN n") == []


def test_rules_and_a_run_are_combined(kgp, family: str) -> None:  # type: ignore[no-untyped-def]
    fast = ("--set", "epochs=5", "--set", "embedding_dim=8")
    run = kgp("train", "distmult", "--graph", family, *fast, "--json").json["run"]
    data = kgp("rules", "combine", run, "--json").json
    assert set(data["metrics"]) == {"rules", "model", "both"}
    parts = {name: splits["valid"]["mrr"] for name, splits in data["metrics"].items()}
    assert parts["both"] >= max(parts["rules"], parts["model"])
    told = kgp("evaluate", run, "--json").json["metrics"]["test"]["mrr"]
    assert data["metrics"]["model"]["test"]["mrr"] == pytest.approx(told)
    assert "MRR on test" in kgp("rules", "combine", run).out


@pytest.fixture
def towns(store: Store, graph_name: str) -> str:
    """Two ways of two facts from a to d, and one of three that is surer."""
    facts = [
        Triple("a", "ROAD", "b"),
        Triple("d", "ROAD", "b"),
        Triple("a", "ROAD", "c"),
        Triple("c", "ROAD", "d"),
        Triple("c", "ROAD", "e"),
        Triple("e", "RAIL", "d"),
        Triple("far", "ROAD", "away"),
    ]
    load(store, graph_name, [], facts, source="towns")
    for head, tail, sure in (("d", "b", 0.5), ("c", "d", 0.6), ("e", "d", 0.9)):
        store.run(
            "MATCH ({graph: $graph, id: $head})-[r]->({graph: $graph, id: $tail}) "
            "SET r.confidence = $sure",
            graph=graph_name,
            head=head,
            tail=tail,
            sure=sure,
        )
    return graph_name


def test_all_shortest_paths_are_found_and_the_surest_one(kgp, towns: str, store: Store) -> None:  # type: ignore[no-untyped-def]
    found = kgp("paths", "a", "d", "--graph", towns, "--json").json["paths"]
    assert [path["ids"] for path in found] == [["a", "c", "d"], ["a", "b", "d"]]
    assert [path["confidence"] for path in found] == [0.6, 0.5]
    text = kgp("paths", "a", "d", "--graph", towns).out
    assert "a -[ROAD]-> b <-[ROAD]- d  (0.500)" in text
    surest = surest_path(store, towns, "a", "d")
    assert surest is not None
    assert surest.ids == ("a", "c", "e", "d")
    assert surest.confidence == pytest.approx(0.9)
    assert [fact.relation for fact in surest.facts] == ["ROAD", "ROAD", "RAIL"]
    bounded = surest_path(store, towns, "a", "d", max_hops=2)
    assert bounded is not None
    assert bounded.ids == ("a", "c", "d")
    assert surest_path(store, towns, "a", "far") is None
    assert shortest_paths(store, towns, "a", "d", max_hops=1) == []
    assert "no path" in kgp("paths", "a", "away", "--graph", towns, "--weighted").out
    assert "did you mean" in kgp("paths", "a", "awai", "--graph", towns).err
    with pytest.raises(UsageError):
        surest_path(store, towns, "a", "a")
    with pytest.raises(UsageError):
        shortest_paths(store, towns, "a", "d", max_hops=11)


def test_predicted_links_are_on_paths_only_where_wanted(store: Store, towns: str) -> None:
    store.run(
        "MATCH (a {graph: $graph, id: 'a'}), (d {graph: $graph, id: 'd'}) "
        "CREATE (a)-[:PREDICTED {relation: 'ROAD', confidence: 0.95, run: 'r'}]->(d)",
        graph=towns,
    )
    assert len(shortest_paths(store, towns, "a", "d")[0].facts) == 2
    (path,) = shortest_paths(store, towns, "a", "d", predicted=True)
    assert (path.facts[0].relation, path.facts[0].kind) == ("ROAD", "predicted")
    surest = surest_path(store, towns, "a", "d", predicted=True)
    assert surest == path
    store.run("MATCH ({graph: $graph})-[r:PREDICTED]->() SET r.confidence = 1.5", graph=towns)
    with pytest.raises(InputError, match=r"\(a, ROAD, d\)"):
        surest_path(store, towns, "a", "d", predicted=True)


def test_the_surest_path_is_that_of_a_search_over_all_paths(store: Store, graph_name: str) -> None:
    import networkx
    import numpy as np

    rng = np.random.default_rng(0)
    known = networkx.Graph()
    facts = []
    for head, tail in {tuple(sorted(rng.choice(12, 2, replace=False))) for _ in range(22)}:
        known.add_edge(f"n{head}", f"n{tail}", sure=float(rng.integers(1, 10)) / 10)
        facts.append(Triple(f"n{head}", "R", f"n{tail}"))
    load(store, graph_name, [], facts, source="random")
    for head, tail, sure in known.edges(data="sure"):
        store.run(
            "MATCH ({graph: $graph, id: $a})-[r]-({graph: $graph, id: $b}) SET r.confidence = $c",
            graph=graph_name,
            a=head,
            b=tail,
            c=sure,
        )
    for end in sorted(known.nodes - {"n0"}):
        for hops in (2, 4):
            ways = networkx.all_simple_paths(known, "n0", end, cutoff=hops)
            products = [np.prod([known[a][b]["sure"] for a, b in pairwise(way)]) for way in ways]
            found = surest_path(store, graph_name, "n0", end, max_hops=hops)
            assert (found.confidence if found else 0.0) == pytest.approx(max(products, default=0.0))


def test_a_pattern_is_matched_in_a_file_or_alone(kgp, towns: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "fork.cypher"
    file.write_text(
        "// two roads from one town\n"
        "MATCH p = (x)<-[:ROAD]-(a:Entity {graph: $graph, id: $id})-[:ROAD]->(y)\n"
        "WHERE x.id < y.id RETURN a, p, x.id AS x;\n",
        "utf-8",
    )
    found = kgp("match", file, "--graph", towns, "--param", "id=a", "--json").json
    assert found["columns"] == ["a", "p", "x"]
    (row,) = found["rows"]
    assert row["a"]["kind"] == "node"
    assert row["a"]["id"] == "a"
    assert [node["id"] for node in row["p"]["nodes"]] == ["b", "a", "c"]
    assert row["x"] == "b"
    text = kgp("match", file, "--graph", towns, "--param", "id=a").out
    assert "b <-[ROAD]- a -[ROAD]-> c" in text
    pattern = "(a:Entity {graph: $graph})-[r:ROAD]->(b)"
    few = kgp("match", pattern, "--graph", towns, "--limit", "2", "--json")
    assert few.json["columns"] == ["a", "b", "r"]
    assert len(few.json["rows"]) == 2
    assert few.json["more"]
    assert few.json["rows"][0]["r"]["head"] == few.json["rows"][0]["a"]["id"]
    assert "more than 2 rows" in few.err
    assert "nothing matches" in kgp("match", "(a:Nothing)").out


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (n) DETACH DELETE n RETURN 1",
        "(a) DETACH DELETE a",
        "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
        "CALL dbms.listConfig() YIELD name RETURN name",
        "MATCH (n) RETURN",
        "MATCH (n {id: $missing}) RETURN n",
        "",
    ],
)
def test_what_is_no_reading_pattern_is_refused(store: Store, query: str) -> None:
    before = store.rows("MATCH (n) RETURN count(n) AS nodes")
    with pytest.raises(QueryRefusedError):
        match_pattern(store, query, {"graph": "g"}, limit=5, seconds=5)
    assert store.rows("MATCH (n) RETURN count(n) AS nodes") == before


def test_a_pattern_that_takes_too_long_is_ended(store: Store) -> None:
    endless = "UNWIND range(1, 1000000000) AS i WITH i WHERE i % 7 = 8 RETURN i"
    with pytest.raises(StoreError, match="longer than it was allowed"):
        match_pattern(store, endless, {}, limit=5, seconds=1)


def test_a_pattern_is_told_from_a_query() -> None:
    assert matching_query("(a)-->(b)") == "MATCH\n(a)-->(b)\nRETURN *"
    assert matching_query("// why\n p = (a)-->(b)").endswith("RETURN *")
    for query in ("MATCH (n) RETURN n", "CALL () { RETURN 1 AS x } RETURN x", "UNWIND [1] AS i"):
        assert matching_query(query) == query
