"""How the nodes of an APOC export become entities: by their property ``id``, or by APOC's ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgplatform.errors import InputError
from kgplatform.sources.json_lines import Record, json_records
from kgplatform.sources.tables import Fault
from kgplatform.triples import RESERVED_TYPES

_OTHER_TYPES = RESERVED_TYPES - {"Entity"}


@dataclass(frozen=True)
class NodeIds:
    """The entity ids of an export's nodes.

    Attributes:
        index: APOC's node id → the node's property ``id``, on disk; None if entities go by
            APOC's ids.
        own: Whether it is an export of a graph of this platform.
        note: What to tell of the choice; empty if nothing.
    """

    index: sqlite3.Connection | None
    own: bool = False
    note: str = ""

    def entity_id(self, what: str, record: Any) -> str:
        """The entity id of a node, or of an end of a relationship.

        Args:
            what: What the record is, for the message.
            record: Its JSON.

        Raises:
            ValueError: It has none.
        """
        node_id = record.get("id") if isinstance(record, dict) else None
        if not _is_id(node_id):
            raise ValueError(f"{what} has no id")
        if self.index is None:
            return str(node_id)
        found = _key(self.index, str(node_id))
        if found is None:
            raise ValueError(f"{what} is node {node_id}, which is not in the file")
        return found


def choose_ids(paths: list[Path]) -> NodeIds:
    """Find out whether the property ``id`` tells all nodes apart, and index it if so.

    Nodes with labels of the platform's own beside ``Entity`` do not count.

    Raises:
        InputError: The files hold several graphs of this platform, or are of several exports.
    """
    # An empty name is SQLite's own temporary file: it goes away with the connection. Nothing
    # writes to it after this function, and a load may read it in another thread.
    index = sqlite3.connect("", check_same_thread=False)
    index.execute("PRAGMA cache_size = -65536")
    index.execute("CREATE TABLE node (id TEXT PRIMARY KEY, key TEXT) WITHOUT ROWID")
    graphs: set[str | None] = set()
    for path, number, record in _entity_nodes(paths):
        properties = record.get("properties")
        key = properties.get("id") if isinstance(properties, dict) else None
        if not _is_id(key) or not _is_id(record.get("id")):
            return _by_node_id(index, f"the node of {path.name}, line {number} has none")
        graphs.add(_own_graph(record))
        if len(graphs) > 1 and None not in graphs:
            raise InputError(
                f"{path} holds several graphs: {', '.join(map(str, sorted(filter(None, graphs))))}",
                hint="export the nodes and facts of one graph: apoc.export.json.query",
            )
        _insert(index, path, number, str(record["id"]), str(key))
    index.commit()
    nodes, keys = index.execute("SELECT count(*), count(DISTINCT key) FROM node").fetchone()
    if not nodes:
        return _by_node_id(index, "there are no nodes")
    if nodes > keys:
        return _by_node_id(index, "two nodes have the same")
    if None in graphs:
        return NodeIds(index)
    note = "an export of kgplatform: what it keeps of graphs, loads and sources is not read"
    return NodeIds(index, own=True, note=note)


def _is_entity(record: Record) -> bool:
    """Whether a record is a node, and not one of the platform's own beside entities."""
    labels = record.get("labels") or []
    if record.get("type") != "node" or not isinstance(labels, list):
        return False
    return not any(isinstance(label, str) and label in _OTHER_TYPES for label in labels)


def _entity_nodes(paths: list[Path]) -> Iterator[tuple[Path, int, Record]]:
    for path in paths:
        for number, _, record in json_records(path):
            if not isinstance(record, Fault) and _is_entity(record):
                yield path, number, record


def _own_graph(record: Record) -> str | None:
    """The graph of this platform that a node belongs to, if it does."""
    graph = record["properties"].get("graph")
    return graph if isinstance(graph, str) and "Entity" in (record.get("labels") or []) else None


def _insert(index: sqlite3.Connection, path: Path, number: int, node_id: str, key: str) -> None:
    added = index.execute("INSERT OR IGNORE INTO node VALUES (?, ?)", (node_id, key)).rowcount
    if not added and _key(index, node_id) != key:
        raise InputError(
            f"{path}, line {number}: node {node_id} is another node than above",
            hint="load the files of one export at a time",
        )


def _key(index: sqlite3.Connection, node_id: str) -> str | None:
    found = index.execute("SELECT key FROM node WHERE id = ?", (node_id,)).fetchone()
    return None if found is None else str(found[0])


def _by_node_id(index: sqlite3.Connection, reason: str) -> NodeIds:
    index.close()
    note = f"entities go by node ids that hold for this export alone; by property id: {reason}"
    return NodeIds(None, note=note)


def _is_id(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)
