from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kgplatform import queries
from kgplatform.errors import InputError, UsageError
from kgplatform.server import ServerInfo
from kgplatform.sources import py2neo as py2neo_sources
from kgplatform.sources.py2neo import from_py2neo
from kgplatform.sources.source import Source
from kgplatform.store.client import Store
from kgplatform.triples import Entity, Reject, Triple

py2neo = pytest.importorskip("py2neo")

CREATE = """
CREATE (a:Person:Poet {id: 'ada', name: 'Ada', description: 'She wrote.', born: date('1815-12-10'),
                       sizes: [1.5, 2.5], tags: ['x', 'y'], alive: false, type: 'human'})
CREATE (b:Person {id: 7, woke: localdatetime('2020-01-02T03:04:05.678901'),
                  rose: datetime('2020-01-02T03:04:05+02:00'),
                  slept: datetime('2020-07-02T03:04:05[Europe/Warsaw]'),
                  ate: localtime('12:30:00'), drank: time('12:30:00-01:00'),
                  times: [date('2020-01-01'), date('2020-01-02')]})
CREATE (c:Place {where: point({x: 1.0, y: 2.0}), lasts: duration('P1D'), size: 3})
CREATE (d:Run:Entity {id: 'd', title: 'Dee'})
CREATE (a)-[:KNOWS {weight: 0.5, since: date('2020-01-01')}]->(b)
CREATE (b)-[:`LIVES IN` {at: point({x: 1.0, y: 2.0})}]->(c)
CREATE (a)-[:PREDICTED]->(b)
CREATE (a)-[:KNOWS]->(a)
RETURN id(c) AS place
"""


@pytest.fixture
def graph(server: ServerInfo, store: Store) -> Iterator[Any]:
    # The records of schema changes, too: they would be read, and are made anew when missed.
    store.command("MATCH (n) DETACH DELETE n")
    yield py2neo.Graph(server.uri, auth=(server.username, server.password))
    store.command("MATCH (n) DETACH DELETE n")


def read(source: Source) -> tuple[list[Entity], list[Triple], list[Reject]]:
    rejects: list[Reject] = []
    return list(source.entities(rejects.append)), list(source.triples(rejects.append)), rejects


@pytest.mark.parametrize("divided", [True, False])
def test_a_database(graph: Any, divided: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    number = graph.run(CREATE).evaluate()
    place = f"Place:{number}"
    # The place begins a page, or all is on few pages: its number grows with earlier tests.
    monkeypatch.setattr(py2neo_sources, "_PAGE", max(1, number) if divided else number + 10_000)
    entities, triples, rejects = read(from_py2neo(graph, "mine"))
    found = {
        entity.entity_id: entity for entity in entities if "SchemaMigration" not in str(entity)
    }
    assert found["ada"] == Entity(
        "ada",
        "Ada",
        "She wrote.",
        ("Person", "Poet"),
        {
            "born": date(1815, 12, 10),
            "sizes": [1.5, 2.5],
            "tags": ["x", "y"],
            "alive": False,
            "type": "human",
        },
    )
    assert found["7"].properties == {
        "woke": datetime(2020, 1, 2, 3, 4, 5, 678901),
        "rose": datetime(2020, 1, 2, 1, 4, 5, tzinfo=UTC),
        "slept": datetime(2020, 7, 2, 3, 4, 5, tzinfo=ZoneInfo("Europe/Warsaw")),
        "ate": time(12, 30),
        "drank": time(12, 30, tzinfo=timezone(timedelta(hours=-1))),
        "times": [date(2020, 1, 1), date(2020, 1, 2)],
    }
    assert found[place] == Entity(place, types=("Place",), properties={"size": 3})
    assert found["d"] == Entity("d", "Dee", properties={"title": "Dee"})
    assert sorted(triples, key=repr) == sorted(
        [
            Triple("ada", "KNOWS", "7", properties={"weight": 0.5, "since": date(2020, 1, 1)}),
            Triple("7", "LIVES IN", place),
            Triple("ada", "KNOWS", "ada"),
        ],
        key=repr,
    )
    assert sorted((r.file, r.text, r.reason) for r in rejects if ":Sc" not in r.text) == sorted(
        [
            ("mine, nodes", place, "property where is a point, which no property here can hold"),
            (
                "mine, nodes",
                place,
                "property lasts is a duration, which no property here can hold",
            ),
            ("mine, nodes", "d", "type Run is reserved for the platform"),
            (
                "mine, relationships",
                f"7\tLIVES IN\t{place}",
                "property at is a point, which no property here can hold",
            ),
            (
                "mine, relationships",
                "ada\tPREDICTED\t7",
                "relation PREDICTED is reserved for the platform",
            ),
        ]
    )


def test_a_subgraph_of_a_database_is_read_like_the_database(graph: Any) -> None:
    graph.run(CREATE).evaluate()
    subgraph = graph.run("MATCH (a:Person)-[r:KNOWS]->(b) RETURN a, r, b").to_subgraph()
    entities, triples, rejects = read(from_py2neo(subgraph, "mine"))
    whole, facts, _ = read(from_py2neo(graph, "mine"))
    assert [entity.entity_id for entity in entities] == ["7", "ada"]
    assert all(entity in whole for entity in entities)
    assert sorted(triples, key=repr) == sorted(
        (fact for fact in facts if fact.relation == "KNOWS"), key=repr
    )
    assert rejects == []
    point = graph.evaluate("MATCH (n:Place) RETURN n")
    assert {reject.reason for reject in read(from_py2neo(point, "mine"))[2]} == {
        "property where is a point, which no property here can hold",
        "property lasts is a duration, which no property here can hold",
    }


def test_pages_are_looked_up_not_searched_for(graph: Any, store: Store) -> None:
    # With next to nothing in it a database rather looks at all it has.
    graph.run("UNWIND range(1, 3000) AS i CREATE (:A {id: i})-[:R]->(:B {id: -i})")
    for statement, operator in (
        (queries.get("read/page_nodes"), "NodeByIdSeek"),
        (queries.get("read/page_relationships"), "DirectedRelationshipByIdSeek"),
    ):
        _, summary = store.explain(statement, {"first": 0, "last": 9, "key": "id"})
        assert operator in str(summary.plan)
    entities, triples, _ = read(from_py2neo(graph, "mine"))
    assert len({entity.entity_id for entity in entities if entity.types}) >= 6000
    assert set(triples) == {Triple(str(i), "R", str(-i)) for i in range(1, 3001)}


def test_a_date_that_py2neo_cannot_decode(graph: Any) -> None:
    graph.run("CREATE (:Late {at: date('+12000-01-01')})")
    with pytest.raises(InputError, match=r"cannot decode a value .* Ordinal out of range"):
        read(from_py2neo(graph, "mine"))


def test_two_nodes_of_one_key(graph: Any) -> None:
    graph.run("CREATE (:A {id: 'x', n: 1}), (:B {id: 'x', n: 2}), (:C {n: 'x', ok: true})")
    with pytest.raises(InputError, match="2 nodes of mine have the id 'x'") as caught:
        from_py2neo(graph, "mine")
    assert "key=" in caught.value.hint
    graph.run("CREATE (:A {n: true}), (:A {n: true})")  # neither text nor numbers: no keys
    found = {entity.entity_id for entity in read(from_py2neo(graph, "mine", key="n"))[0]}
    assert {"1", "2", "x"} <= found


def test_a_database_that_is_not_there(server: ServerInfo) -> None:
    missing = py2neo.Graph(server.uri, auth=(server.username, server.password), name="missing")
    with pytest.raises(InputError, match="py2neo cannot read the database"):
        from_py2neo(missing, "mine")


def test_nodes_that_are_in_no_database() -> None:
    ada = py2neo.Node("Person", id="ada", name="Ada")
    byron = py2neo.Node("Person", id=7, size=1)
    nameless = py2neo.Node("Person")
    knows = py2neo.Relationship(ada, "KNOWS", byron, weight=2)
    entities, triples, rejects = read(
        from_py2neo(knows | py2neo.Relationship(byron, "KNOWS", nameless), "mine")
    )
    assert entities == [
        Entity("7", types=("Person",), properties={"size": 1}),
        Entity("ada", "Ada", types=("Person",)),
    ]
    assert triples == [Triple("ada", "KNOWS", "7", properties={"weight": 2})]
    assert [(reject.file, reject.reason) for reject in rejects] == [
        ("mine, nodes", "the node has no id and is in no database"),
        ("mine, relationships", "tail is empty"),
    ]


def test_what_cannot_be_read() -> None:
    twice = py2neo.Node("A", id="x") | py2neo.Node("B", id="x")
    with pytest.raises(InputError, match="2 nodes of mine have the id 'x'"):
        from_py2neo(twice, "mine")
    with pytest.raises(UsageError, match="neither a Graph nor a Subgraph"):
        from_py2neo({"a": 1}, "mine")


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "py2neo", None)
    with pytest.raises(UsageError, match="needs the package py2neo") as caught:
        from_py2neo(object(), "mine")
    assert caught.value.hint == "pip install 'kgplatform[py2neo]'"
