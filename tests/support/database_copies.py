"""All of a small database as plain values, to be put back after something has changed it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from kgplatform.queries import quote
from kgplatform.store.client import Store

ROWS = 200
"""Nodes or relationships of a transaction: a server whose memory is small takes them, too."""


@dataclass(frozen=True)
class Copy:
    """Nodes and relationships by labels and type, and indexes by name; none: an empty database."""

    nodes: dict[tuple[str, ...], list[dict[str, Any]]] = field(default_factory=dict)
    relationships: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)


def copied(store: Store) -> Copy:
    """What a database holds; its schema's record and constraints are left out, which stay."""
    nodes: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in store.rows(
        "MATCH (n) WHERE NOT n:SchemaMigration "
        "RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS properties"
    ):
        nodes[tuple(row["labels"])].append({"id": row["id"], "properties": row["properties"]})
    relationships: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in store.rows(
        "MATCH (a)-[r]->(b) RETURN type(r) AS type, elementId(a) AS head, elementId(b) AS tail, "
        "properties(r) AS properties"
    ):
        relationships[row.pop("type")].append(row)
    return Copy(dict(nodes), dict(relationships), _indexes(store))


def restored(store: Store, copy: Copy) -> None:
    """Make a database hold what it held, and nothing else."""
    store.command(
        # First the relationships, so that no hub is too large at once.
        f"MATCH ()-[r]->() CALL (r) {{ DELETE r }} IN TRANSACTIONS OF {ROWS} ROWS"
    )
    store.command(
        "MATCH (n) WHERE NOT n:SchemaMigration "
        f"CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF {ROWS} ROWS"
    )
    for name in set(_indexes(store)) - set(copy.indexes):
        store.command(f"DROP INDEX {quote(name)}")
    there: dict[str, str] = {}
    for labels, rows in copy.nodes.items():
        marks = "".join(f":{quote(label)}" for label in labels)
        for start in range(0, len(rows), ROWS):
            made = store.run(
                f"UNWIND $rows AS row CREATE (n{marks}) SET n = row.properties "
                "RETURN row.id AS id, elementId(n) AS made",
                rows=rows[start : start + ROWS],
            )
            there |= {row["id"]: row["made"] for row in made.rows}
    for kind, rows in copy.relationships.items():
        placed = [{**row, "head": there[row["head"]], "tail": there[row["tail"]]} for row in rows]
        for start in range(0, len(rows), ROWS):
            store.run(
                "UNWIND $rows AS row MATCH (a) WHERE elementId(a) = row.head "
                "MATCH (b) WHERE elementId(b) = row.tail "
                f"CREATE (a)-[r:{quote(kind)}]->(b) SET r = row.properties",
                rows=placed[start : start + ROWS],
            )
    for name, statement in copy.indexes.items():
        if name not in _indexes(store):
            store.command(statement)
    store.command("CALL db.awaitIndexes(300)")


def _indexes(store: Store) -> dict[str, str]:
    """Indexes that commands make and remove: those of vectors."""
    rows = store.rows(
        "SHOW VECTOR INDEXES YIELD name, createStatement RETURN name, createStatement"
    )
    return {row["name"]: row["createStatement"] for row in rows}
