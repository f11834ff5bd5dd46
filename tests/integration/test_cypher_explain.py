"""Every Cypher file is planned by a real server, and returns the columns that it names."""

import re
from collections.abc import Iterator
from itertools import takewhile

import neo4j
import pytest

from kgplatform import queries
from kgplatform.server import ServerInfo
from kgplatform.store.client import Store
from kgplatform.store.schema import migrate

NAMES = queries.names()
SCHEMA = set(queries.names("schema/"))
MARKS = {"label": "Sample Label", "property": "sample`property", "index": "sample_index"}

# Of the type that the planner expects; every other parameter is a text.
VALUES: dict[str, object] = {
    "answer_properties": {"head": "sample"},
    "a": 1,
    "asked": 3.0,
    "b": 2,
    "block": 1000,
    "bytes": True,
    "c": 3,
    "changes": [{"version": "V999"}],
    "confidences": [0.5],
    "definition": {"graph": "sample"},
    "dimension": 16,
    "edges": [1],
    "end": 10,
    "ends": [1],
    "head_nids": [0],
    "indexes": [0],
    "items": [{"id": "sample", "relation": "SAMPLE"}],
    "labels": ["Sample"],
    "limit": 10,
    "looked_at": 10,
    "most": 10,
    "pool": 10,
    "sets": [{"index": "sample", "property": "sample"}],
    "run_properties": {"model": "transe"},
    "first_inverse": False,
    "first": 0,
    "last": 9,
    "latest": True,
    "nids": [0],
    "ones": ["sample"],
    "others": ["sample"],
    "of_graph": [0.5],
    "of_text": [0.5],
    "predicted": True,
    "prime": 7,
    "properties": [{"weight": 0.5}],
    "ranks": [1],
    "record": {"format": "table"},
    "rows": 1000,
    "salts": [0],
    "scores": [0.5],
    "seconds": 1,
    "set_properties": {"kind": "graph"},
    "similarity": "cosine",
    "step": 1000,
    "second_inverse": False,
    "sources": [["sample"]],
    "starts": [0],
    "tail_nids": [0],
    "third_inverse": False,
    "top_k": 3,
    "typed": True,
    "types": [["Country"]],
    "untils": [0],
    "without": [["sample", "SAMPLE", "other"]],
    "values": [["sample"]],
    "vector": [0.1, 0.2],
    "vectors": [[0.1, 0.2]],
    "ways": [1],
    "weights": [0.5],
    "where": {"sample": ["sample"]},
    "written": 1,
}
TEXTS = {
    "descriptions",
    "chunks",
    "documents",
    "entities",
    "fact_ids",
    "following",
    "hashes",
    "heads",
    "ids",
    "keys",
    "names",
    "namespaces",
    "nodes",
    "prefixes",
    "relations",
    "splits",
    "stems",
    "supports",
    "tails",
    "texts",
    "titles",
    "uris",
}

IGNORED = {
    # The label, type or property is not in the database: others' data are not here.
    "01N50",
    "01N51",
    "01N52",
    # No index serves a dynamic property: the active vectors' name is data, and the index over
    # them is asked by its own name.
    "03N95",
}


@pytest.fixture(scope="module")
def session(server: ServerInfo) -> Iterator[neo4j.Session]:
    """A session that reports what the server warns of, as the platform's own does not."""
    with (
        neo4j.GraphDatabase.driver(server.uri, auth=(server.username, server.password)) as driver,
        driver.session() as session,
    ):
        yield session


def filled(name: str) -> str:
    """The statement with sample names in its marks."""
    marks = set(re.findall(r"\$\$(\w+)\$\$", queries.get(name)))
    return queries.fill(name, **{mark: MARKS.get(mark, "sample") for mark in marks})


def sample_params(name: str) -> dict[str, object]:
    used = re.findall(r"\$(\w+)", re.sub(r"\$\$\w+\$\$", "", queries.get(name)))
    return {param: ["sample"] if param in TEXTS else VALUES.get(param, "sample") for param in used}


def returned_columns(name: str) -> list[str]:
    """The columns of the ``// Returns:`` line: what stands between its commas."""
    lines = takewhile(lambda line: line.startswith("//"), queries.get(name).splitlines())
    returns = " ".join(line.removeprefix("//") for line in lines).partition("Returns:")[2]
    columns = re.sub(r"\([^)]*\)", "", returns).split(",")
    return [column.strip() for column in columns if column.strip() not in {"", "nothing"}]


@pytest.mark.parametrize("name", NAMES)
def test_the_server_plans_it_without_a_warning(session: neo4j.Session, name: str) -> None:
    result = session.run("EXPLAIN " + filled(name), sample_params(name))
    columns = list(result.keys())
    summary = result.consume()
    assert summary.plan is not None
    assert columns == returned_columns(name)
    warnings = [
        f"{status.gql_status} {status.status_description}"
        for status in summary.gql_status_objects
        if status.is_notification and status.gql_status not in IGNORED
    ]
    if "\nCYPHER 5" in queries.get(name):
        # Written in the language that still has id(), and says so.
        warnings = [warning for warning in warnings if "id is deprecated" not in warning]
    assert warnings == []


def test_schema_changes_can_be_applied_any_number_of_times(store: Store) -> None:
    migrate(store)
    before = store.rows("SHOW INDEXES YIELD name, type, properties, state RETURN * ORDER BY name")
    for name in sorted(SCHEMA):
        assert store.command(queries.get(name)) == []
    after = store.rows("SHOW INDEXES YIELD name, type, properties, state RETURN * ORDER BY name")
    assert after == before
    assert migrate(store) == []
