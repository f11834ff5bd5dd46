"""Hostile names and queries, on a real server: kept literally or refused, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from campaign import counted, drawn, points
from hostile import NAMES, REFUSED_NAMES, canary, in_time

from kgplatform.errors import KGPlatformError, QueryRefusedError
from kgplatform.graph.projection import snapshot_of_graph, snapshot_of_query
from kgplatform.store.client import Store
from kgplatform.store.fence import run_fenced
from kgplatform.store.load import load
from kgplatform.store.remove import remove_graph
from kgplatform.triples import Entity, Triple, fault_of_name, fault_of_property

Digest = Callable[..., str]
Kgp = Callable[..., Any]
OF_TIME = {"version", "loaded", "created"}


@pytest.fixture
def kept(store: Store, digest: Digest) -> Iterator[None]:
    """Another graph, which is the same behind the test, as are constraints and indexes."""
    load(store, "kept", [Entity("a", "Ann", types=("P",))], [Triple("a", "r", "b")], source="kept")
    before = digest(store, ignoring=OF_TIME)
    yield
    assert digest(store, ignoring=OF_TIME) == before


def usable(kind: str, names: list[str]) -> list[str]:
    """Those that may be a name of this kind: no id has spaces around it, some are reserved."""
    return [name for name in names if fault_of_name(kind, name) is None]


def mixed(count: int, name: str) -> list[str]:
    """The corpus, and names that are pieces of it put together."""
    draw = drawn(name)
    joined = ["".join(draw.choices(NAMES, k=draw.randint(2, 3)))[:1000] for _ in range(count)]
    return list(dict.fromkeys([*NAMES, *joined]))


@pytest.mark.usefixtures("kept")
def test_names_of_all_kinds_are_kept_literally(store: Store, graph_name: str) -> None:
    names = mixed(points(0, 1_500), "names")
    ids, types = usable("id", names), usable("type", names)
    # Each type and relation gets an id in the store for ever: the corpus, and no more.
    types, relations = types[: len(NAMES)], usable("relation", names)[: len(NAMES)]
    properties = [name for name in NAMES if fault_of_property(name, "x") is None]
    properties = [name for name in properties if name not in ("name", "description")]
    graph = graph_name + " `'\"\\u0060})//"
    entities = [
        Entity(each, each, each, (types[i % len(types)],), {properties[i % len(properties)]: each})
        for i, each in enumerate(ids)
    ]
    triples = [
        Triple(each, relations[i % len(relations)], ids[i - 1], "train")
        for i, each in enumerate(ids)
    ]
    load(store, graph, entities, triples, source=names[0])
    rows = store.rows(
        "MATCH (e:Entity {graph: $graph}) RETURN e.id AS id, e.name AS name, labels(e) AS labels, "
        "properties(e) AS properties",
        graph=graph,
    )
    found = {row["id"]: row for row in rows}
    assert found.keys() == set(ids)
    for entity in entities:
        row = found[entity.entity_id]
        assert row["name"] == entity.name
        assert entity.types[0] in row["labels"]
        assert dict(entity.properties or {}).items() <= row["properties"].items()
    facts = store.rows(
        "MATCH (h:Entity {graph: $graph})-[r]->(t) RETURN h.id AS h, type(r) AS r, t.id AS t",
        graph=graph,
    )
    assert {(f["h"], f["r"], f["t"]) for f in facts} == {
        (t.head, t.relation, t.tail) for t in triples
    }
    snapshot = snapshot_of_graph(store, graph)
    assert set(snapshot.entities) == set(ids)
    assert set(snapshot.relations) == {t.relation for t in triples}
    remove_graph(store, graph)
    tried = len(ids) + len(types) + len(relations) + len(properties)
    counted("input", "names of entities, labels, relations, properties", tried, kept=tried)


@pytest.mark.usefixtures("kept")
def test_names_that_cannot_be_are_rejected(kgp: Kgp, store: Store, graph_name: str) -> None:
    for name in REFUSED_NAMES:
        assert fault_of_name("id", name) is not None
    rows = [{"head": bad, "relation": "r", "tail": "t"} for bad in REFUSED_NAMES]
    rows += [{"head": "h", "relation": bad, "tail": "t"} for bad in REFUSED_NAMES]
    Path("bad.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = kgp("load", "bad.jsonl", "--graph", graph_name)
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.err + ended.out
    assert "\x07" not in ended.err + ended.out
    held = store.rows("MATCH (e:Entity {graph: $graph}) RETURN e.id AS id", graph=graph_name)
    assert not {row["id"] for row in held} & set(REFUSED_NAMES)
    kgp("rm", "--graph", graph_name)
    counted("input", "names that no name may be", len(rows), refused=len(rows))


@pytest.mark.usefixtures("kept")
def test_commands_take_any_word_as_a_name(kgp: Kgp, tmp_path: Path) -> None:
    words = [*NAMES[: points(6, len(NAMES))], *REFUSED_NAMES[: points(4, len(REFUSED_NAMES))]]
    words = [word for word in words if "\0" not in word and not word.startswith("-")]
    before = sorted(tmp_path.rglob("*"))
    asked = (
        ("rm", "--graph"),
        ("export", "--to", "out.nt", "--format", "ntriples", "--graph"),
        ("runs", "show"),
        ("undo",),
        ("search", "a", "--graph"),
        ("review", "list", "--graph"),
        ("train", "distmult", "--graph"),
        ("schema",),
        ("plot",),
        ("snapshot", "--graph"),
    )
    tried = 0
    for word in words:
        for command in asked:
            with in_time(60):
                ended = kgp(*command, word)
            tried += 1
            assert ended.code in (0, 1, 2), (command, word, ended.err)
            assert "Traceback" not in ended.err, (command, word, ended.err)
            assert "\x1b" not in ended.err + ended.out, (command, word)
            assert ended.code == 0 or "rror" in ended.err, (command, word, ended.err)
    assert sorted(p for p in tmp_path.rglob("*") if ".kgplatform" not in p.parts) == before
    counted("input", "words as arguments of commands", tried, **{"answered or refused": tried})


WRITING = (
    "CREATE (:Owned)",
    "MATCH (n) DETACH DELETE n",
    "MERGE (:Owned)",
    "MATCH (n) SET n.owned = 1",
    "MATCH (n) REMOVE n:Entity",
    "DROP CONSTRAINT entity_key IF EXISTS",
    "CREATE INDEX owned FOR (n:O) ON (n.x)",
    "CALL db.createLabel('Owned')",
    "CALL dbms.listConfig() YIELD name RETURN name AS head, name AS relation, name AS tail",
    "CALL dbms.killQuery('x')",
    "CALL apoc.cypher.doIt('CREATE (:Owned)', {}) YIELD value RETURN value",
    "SHOW USERS",
    "USE system SHOW USERS",
    "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'",
    "LOAD CSV FROM '{http}/x.csv' AS l RETURN l[0] AS head, l[0] AS relation, l[0] AS tail",
    "LOAD CSV FROM 'file:///{file}' AS l RETURN l[0] AS head, l[0] AS relation, l[0] AS tail",
    "WITH '{http}/' + 'y' AS u LOAD CSV FROM u AS l "
    "RETURN l[0] AS head, l[0] AS relation, l[0] AS tail",
    "CALL { LOAD CSV FROM '{http}/z' AS l RETURN l } "
    "RETURN l[0] AS head, l[0] AS relation, l[0] AS tail",
    "UNWIND [1] AS x CALL (x) { CREATE (:Owned) } RETURN 1 AS head, 1 AS relation, 1 AS tail",
    "CALL apoc.load.json('{http}/j') YIELD value RETURN value",
    "CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()",
)
FRONTS = (
    "",
    "EXPLAIN ",
    "PROFILE ",
    "CYPHER 5 ",
    "CYPHER 25 ",
    "/* a */ ",
    "// a\n",
    "\ufeff",
    "MATCH (n) RETURN n; ",
    "MATCH (n) WITH n LIMIT 1 ",
    "RETURN 1 AS head, 1 AS relation, 1 AS tail UNION ",
    "\u00a0",
    "CALL { MATCH (n) RETURN n } ",
)


def escaped(text: str, draw: Any) -> str:
    """Some letters as Neo4j's Unicode escapes, some in the other case, comments between words."""
    pieces = []
    for letter in text:
        chance = draw.random()
        if letter.isalpha() and chance < 0.05:
            pieces.append(f"\\u{ord(letter):04X}")
        elif letter == " " and chance < 0.2:
            pieces.append(draw.choice(("/**/", "\t", "\u2003", "\u180e", "// x\n", "  ")))
        else:
            pieces.append(letter.swapcase() if chance > 0.9 else letter)
    return "".join(pieces)


@pytest.mark.usefixtures("kept")
def test_queries_only_read_the_graph(store: Store, tmp_path: Path) -> None:
    (tmp_path / "canary.csv").write_text("a,b\n")
    draw = drawn("queries")
    tried = points(60, 1_200)
    outcomes = dict.fromkeys(("refused", "failed", "read"), 0)
    with canary() as (address, asked):
        for at in range(tried):
            query = WRITING[at % len(WRITING)].replace("{http}", address)
            query = draw.choice(FRONTS) + query.replace("{file}", str(tmp_path / "canary.csv"))
            if draw.random() < 0.5:
                query = escaped(query, draw)
            for run in (run_fenced, lambda s, q, p: snapshot_of_query(s, q, p)):
                try:
                    with in_time(60):
                        held = run(store, query, {})
                except QueryRefusedError:
                    outcomes["refused"] += 1
                except KGPlatformError:
                    outcomes["failed"] += 1
                else:
                    outcomes["read"] += 1
                    assert "canary" not in repr(held)
        assert asked == []
        # The server could be made to ask, if anything let such a query through.
        store.rows(f"LOAD CSV FROM '{address}/control' AS l RETURN l")
        assert asked == ["/control"]
    assert not store.rows("MATCH (n:Owned) RETURN n")
    counted("input", "writing, reaching and administering queries", 2 * tried, **outcomes)
