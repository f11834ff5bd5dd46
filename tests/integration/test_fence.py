"""The fence around queries of a language model: hostile ones are refused, and change nothing."""

import pytest

from kgplatform.errors import QueryRefusedError, StoreError
from kgplatform.store.client import Store
from kgplatform.store.fence import check_fenced, run_fenced
from kgplatform.store.load import load
from kgplatform.triples import Triple

HOSTILE = [
    # Writing, plainly and hidden in every place where a clause can stand.
    "CREATE (n:Owned) RETURN n",
    "MATCH (n) DETACH DELETE n",
    "MATCH (n:Entity) SET n.owned = true RETURN n.id AS id",
    "MATCH (n:Entity) SET n:Owned RETURN n",
    "MATCH (n:Entity) REMOVE n.name RETURN n",
    "MERGE (n:Owned {id: 1}) RETURN n",
    "MATCH (a)-[r]->(b) DELETE r",
    "MATCH (n) WITH collect(n) AS all FOREACH (x IN all | SET x.owned = 1)",
    "MATCH (n) CALL (n) { SET n.owned = 1 } RETURN n",
    "MATCH (n) CALL (n) { CREATE (:Owned) RETURN 1 AS one } RETURN one",
    "MATCH (n) CALL (n) { CALL (n) { DETACH DELETE n } } RETURN count(*)",
    "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1 ROWS",
    "RETURN 1 AS id UNION CREATE (n:Owned) RETURN n AS id",
    "OPTIONAL MATCH (n:Nothing) CREATE (m:Owned) RETURN m",
    "UNWIND [1] AS x CREATE (:Owned {x: x})",
    "WITH 1 AS x MERGE (:Owned {x: x})",
    # Under comments, capitals, spaces and escapes that Neo4j decodes before it parses.
    "/* MATCH (n) RETURN n */ CREATE (n:Owned) RETURN n",
    "MATCH (n) // only reading\nDETACH DELETE n",
    "MATCH (n) /* RETURN n */ SET n.owned = 1 RETURN n",
    "mAtCh (n) dEtAcH dElEtE n",
    "MATCH\u00a0(n)\u2003DETACH\u2003DELETE\u00a0n",
    "MATCH (n) \\u0044ETACH DELETE n",
    "\\u0043REATE (n:Owned)",
    "MATCH (n) WHERE n.name = 'x\\u0027 DETACH DELETE n //' RETURN n",
    "MATCH (n:`Entity\\u0060) DETACH DELETE n //`) RETURN n",
    # Files, addresses and procedures.
    "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line",
    "MATCH (n) LOAD CSV FROM 'http://127.0.0.1:1/x' AS line RETURN line",
    "MATCH (n) CALL (n) { LOAD CSV FROM 'file:///etc/passwd' AS l RETURN l } RETURN l",
    "WITH 'file:///etc/passwd' AS f LOAD CSV FROM f AS line RETURN line",
    "CALL dbms.listConfig()",
    "CALL dbms.components() YIELD name RETURN name",
    "MATCH (n) CALL dbms.security.listUsers() YIELD username RETURN username",
    "CALL apoc.load.json('http://127.0.0.1:1') YIELD value RETURN value",
    "RETURN apoc.load.json('http://127.0.0.1:1') AS value",
    "MATCH (n) RETURN apoc.create.uuid() AS id",
    "RETURN `apoc`.`load`.json('x') AS value",
    "CALL apoc.cypher.doIt('CREATE (:Owned)', {}) YIELD value RETURN value",
    "CALL db.createLabel('Owned')",
    "CALL db.labels() YIELD label RETURN label",
    "MATCH (n) CALL db.create.setNodeVectorProperty(n, 'v', [1.0]) RETURN n",
    "CALL db.clearQueryCaches()",
    # Other databases, administration, directives, several statements.
    "USE system SHOW USERS",
    "USE neo4j MATCH (n) RETURN n",
    "SHOW USERS",
    "SHOW TRANSACTIONS",
    "TERMINATE TRANSACTIONS 'neo4j-transaction-1'",
    "DROP CONSTRAINT entity_key IF EXISTS",
    "CREATE INDEX owned FOR (n:Owned) ON (n.x)",
    "CREATE USER owned SET PASSWORD 'owned-owned'",
    "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'",
    "PROFILE MATCH (n) RETURN n",
    "EXPLAIN MATCH (n) RETURN n",
    "CYPHER runtime=slotted MATCH (n) RETURN n",
    "MATCH (n) RETURN n; MATCH (n) DETACH DELETE n",
    "MATCH (n) RETURN n.id AS id ; CREATE (:Owned)",
    "RETURN graph.byName('system') AS g",
    "",
    "   // nothing\n",
    "tell me a story",
    "MATCH (n) RETURN " + "n, " * 3_000 + "n",
]

READING = [
    "MATCH (a:Entity {graph: $graph})-[:knows]->(b) RETURN b.id AS id, b.name AS name;",
    "MATCH (a:Entity {graph: $graph}) WITH a ORDER BY a.id LIMIT 2 RETURN collect(a.id) AS ids",
    "UNWIND [1, 2] AS x RETURN sum(x) AS value",
    "MATCH (a {graph: $graph}) WHERE a.name = 'CREATE; DELETE' RETURN count(a) AS value",
    "MATCH (a {graph: $graph}) WHERE NOT (a)-[:knows]->() RETURN a.id AS id // SET a.x = 1",
    "MATCH p = shortestPath((a {id: 'ann', graph: $graph})-[*..3]-(b {id: 'cat', graph: $graph})) "
    "RETURN length(p) AS value",
    "RETURN 1 AS value UNION RETURN 2 AS value",
    "RETURN point.distance(point({x: 0, y: 0}), point({x: 3, y: 4})) AS d",
    "OPTIONAL MATCH (a {graph: $graph})-[r:hates]->() RETURN count(r) AS value",
]


@pytest.fixture
def facts(store: Store, graph_name: str) -> str:
    triples = [Triple("ann", "knows", "bob"), Triple("bob", "knows", "cat")]
    load(store, graph_name, [], triples, source="t")
    return graph_name


def counted(store: Store) -> list[dict[str, object]]:
    """All that a hostile query could have left."""
    return [
        *store.rows(
            "MATCH (n) RETURN labels(n) AS labels, properties(n) AS p ORDER BY elementId(n)"
        ),
        *store.rows("MATCH ()-[r]->() RETURN type(r) AS type, count(*) AS number ORDER BY type"),
        *store.rows("SHOW CONSTRAINTS YIELD name RETURN name ORDER BY name"),
        *store.rows("SHOW INDEXES YIELD name, type RETURN name, type ORDER BY name"),
        *store.rows("CALL db.labels() YIELD label RETURN label ORDER BY label"),
    ]


def test_hostile_queries_are_refused_and_change_nothing(store: Store, facts: str) -> None:
    before = counted(store)
    for query in HOSTILE:
        with pytest.raises(QueryRefusedError):
            run_fenced(store, query, {"graph": facts})
    assert counted(store) == before


@pytest.mark.parametrize("query", READING)
def test_reading_queries_pass(store: Store, facts: str, query: str) -> None:
    check_fenced(store, query, {"graph": facts})
    assert run_fenced(store, query, {"graph": facts}).columns


def test_rows_and_time_are_bounded(store: Store, facts: str) -> None:
    many = run_fenced(store, "UNWIND range(1, 1000) AS x RETURN x", {}, rows=10)
    assert len(many.rows) == 10
    assert many.more
    endless = (
        "UNWIND range(1, 100000000) AS x UNWIND range(1, 1000) AS y RETURN sum(x * y) AS value"
    )
    with pytest.raises(StoreError):
        run_fenced(store, endless, {"graph": facts}, seconds=0.5)
