"""Neighbours of entities, and properties of both, from a live graph: one exchange for a batch.

Entities are positions in the order of their nid. The server's numbers of their nodes are read
once; every later answer carries the graph's version, so that a graph that was loaded meanwhile
is noticed, and no number ever stands for another entity.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError, StoreError
from kgplatform.store.client import Store
from kgplatform.store.stream import check_numbered, graph_record

BLOCK = 10_000
"""Range of nid that one record covers."""

PRIME = 2**31 - 1
"""A prime below whose square the server's whole numbers end."""


@dataclass(frozen=True, eq=False)
class LiveEntities:
    """The entities of a graph as they were at one version; a position is one in the order of nid.

    Attributes:
        graph: The graph's name.
        version: Its version when they were read.
        nids: Ascending, int64 [N].
        nodes: The server's numbers of the nodes, int64 [N].
        types: Names of node types.
        type_of: Position in ``types`` of each entity, int64 [N].
        type_of_labels: The type that a set of labels has, for all sets in the graph.
    """

    graph: str
    version: int
    nids: np.ndarray
    nodes: np.ndarray
    types: tuple[str, ...]
    type_of: np.ndarray
    type_of_labels: dict[tuple[str, ...], int]
    _sorted_nodes: np.ndarray
    _order: np.ndarray

    @property
    def size(self) -> int:
        """Number of entities."""
        return int(self.nids.size)

    def of_nodes(self, numbers: Sequence[int]) -> np.ndarray:
        """Positions by the server's numbers; -1 for a node outside the graph; int64."""
        wanted = np.array(numbers, dtype=np.int64)
        place = np.searchsorted(self._sorted_nodes, wanted).clip(max=self.size - 1)
        return np.where(self._sorted_nodes[place] == wanted, self._order[place], -1)


class Facts(NamedTuple):
    """Facts that end in asked entities.

    Attributes:
        at: Which of the asked entities, int64 [E].
        heads: Positions of entities, int64 [E].
        relations: Names, [E].
        edges: The server's numbers of the relationships, int64 [E].
        keys: By which they were drawn, int64 [E]; None where all were taken.
        times: int64 [E], where they were asked for.
    """

    at: np.ndarray
    heads: np.ndarray
    relations: list[str]
    edges: np.ndarray
    keys: np.ndarray | None
    times: np.ndarray | None = None


class Draw(NamedTuple):
    """How facts are drawn for each asked entity.

    Attributes:
        limit: Most facts for each; if ``typed``, for each relation and set of labels of heads.
        typed: Whether each relation and set of labels is drawn for itself.
        coefficients: What decides the draw, three numbers from 0 to ``PRIME`` - 1.
        salts: Likewise, one for each asked entity: other salts make draws independent; int64.
    """

    limit: int
    typed: bool
    coefficients: Sequence[int]
    salts: np.ndarray


def read_entities(store: Store, graph: str) -> LiveEntities:
    """The entities of a graph, with a type each: of its labels the one that fewest others have.

    An entity without a label beside ``Entity`` has that as its type.

    Raises:
        InputError: There is no such graph, or it has no entities.
        StoreError: A load of it is under way, or something else than a load made entities in it.
    """
    with store.reading() as transaction:
        record = graph_record(transaction, graph)
        check_numbered(transaction, graph)
        params = {"graph": graph, "end": record["entities"], "block": BLOCK}
        blocks = list(transaction.stream(queries.get("read/stream_types"), params))
    if not blocks:
        raise InputError(f"graph {graph!r} has no entities", hint="`kgp load` it")
    types, type_of_labels = _types(blocks)
    nids = np.concatenate([np.array(nids, dtype=np.int64) for _, nids, _ in blocks])
    nodes = np.concatenate([np.array(nodes, dtype=np.int64) for _, _, nodes in blocks])
    codes = np.concatenate(
        [np.full(len(nids), type_of_labels[_key(labels)]) for labels, nids, _ in blocks]
    )
    by_nid = np.argsort(nids)
    nodes = nodes[by_nid]
    order = np.argsort(nodes)
    return LiveEntities(
        graph,
        int(record["version"]),
        nids[by_nid],
        nodes,
        types,
        codes[by_nid],
        type_of_labels,
        nodes[order],
        order,
    )


def edge_types(store: Store, entities: LiveEntities) -> dict[tuple[int, str, int], int]:
    """How many facts there are of each (type of head, relation, type of tail)."""
    counts: Counter[tuple[int, str, int]] = Counter()
    of = entities.type_of_labels
    for row in store.rows(queries.get("read/count_edge_types"), graph=entities.graph):
        heads, tails = _key(row["heads"]), _key(row["tails"])
        if heads not in of or tails not in of:
            raise _changed(entities)
        counts[of[heads], row["relation"], of[tails]] += row["facts"]
    return dict(sorted(counts.items()))


def all_facts(store: Store, entities: LiveEntities) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Heads and tails as positions, int64 [E] each, and relations, of all asserted facts."""
    heads, tails, relations = [], [], []
    params = {"graph": entities.graph, "end": int(entities.nids[-1]) + 1, "block": BLOCK}
    with store.reading() as transaction:
        rows = transaction.rows(queries.get("read/get_graph"), graph=entities.graph)
        if not rows or rows[0]["version"] != entities.version:
            raise _changed(entities)
        for name, nodes, nids in transaction.stream(queries.get("read/stream_relations"), params):
            head = entities.of_nodes(nodes)
            inside = head >= 0
            heads.append(head[inside])
            tail = np.searchsorted(entities.nids, np.array(nids, dtype=np.int64))
            tails.append(tail[inside])
            relations += [name] * int(inside.sum())
    empty = np.empty(0, dtype=np.int64)
    return np.concatenate([empty, *heads]), np.concatenate([empty, *tails]), relations


def facts_into(store: Store, entities: LiveEntities, positions: np.ndarray) -> Facts:
    """All asserted facts that end in entities, in one exchange.

    Raises:
        StoreError: The graph changed since ``entities`` was read.
    """
    rows = store.rows(
        queries.get("read/list_neighbors"),
        graph=entities.graph,
        nodes=entities.nodes[positions].tolist(),
        nids=entities.nids[positions].tolist(),
    )
    return _facts(entities, positions, rows)


def sample_into(store: Store, entities: LiveEntities, positions: np.ndarray, draw: Draw) -> Facts:
    """Asserted facts that end in each entity, drawn by the server.

    Args:
        store: The database.
        entities: What the positions are of.
        positions: Entities, int64; one may come several times.
        draw: How many, and which.

    Raises:
        StoreError: The graph changed since ``entities`` was read.
    """
    name = "read/sample_typed" if draw.typed else "read/sample_neighbors"
    rows = store.rows(queries.get(name), **_drawn(entities, positions, draw))
    return _facts(entities, positions, rows)


def sample_until(
    store: Store,
    entities: LiveEntities,
    positions: np.ndarray,
    draw: Draw,
    untils: np.ndarray,
    *,
    time: str,
    last: bool,
) -> Facts:
    """As :func:`sample_into`, of facts that are not later than the time given with the entity.

    Args:
        store: The database.
        entities: What the positions are of.
        positions: Entities, int64; one may come several times.
        draw: How many, and which.
        untils: The latest time of a fact of each, int64; dates are seconds since 1970 UTC.
        time: The property of facts that holds it.
        last: Whether the latest of these are taken; else any.

    Raises:
        InputError: A fact has no such time.
        StoreError: The graph changed since ``entities`` was read.
    """
    rows = store.rows(
        queries.get("read/sample_until"),
        **_drawn(entities, positions, draw),
        typed=draw.typed,
        untils=untils.tolist(),
        time=time,
        latest=last,
    )
    found = _facts(entities, positions, rows)
    if found.times is None:
        raise InputError(
            f"a fact of graph {entities.graph!r} has no time in its property {time!r}",
            hint="a time is a whole number, a date, or a date with its time, and each fact has one",
        )
    return found


def _drawn(entities: LiveEntities, positions: np.ndarray, draw: Draw) -> dict[str, Any]:
    a, b, c = draw.coefficients
    return {
        "graph": entities.graph,
        "nodes": entities.nodes[positions].tolist(),
        "nids": entities.nids[positions].tolist(),
        "salts": draw.salts.tolist(),
        "limit": draw.limit,
        "a": a,
        "b": b,
        "c": c,
        "prime": PRIME,
    }


def properties_of(
    store: Store, entities: LiveEntities, positions: np.ndarray, names: Sequence[str]
) -> list[list[Any]]:
    """Values of properties by entity, in the order of ``positions`` and ``names``.

    Raises:
        StoreError: The graph changed since ``entities`` was read.
    """
    rows = store.rows(
        queries.get("read/list_properties"),
        graph=entities.graph,
        nodes=entities.nodes[positions].tolist(),
        nids=entities.nids[positions].tolist(),
        names=list(names),
    )
    return _values(entities, len(positions), rows)


def edge_properties_of(
    store: Store, entities: LiveEntities, edges: np.ndarray, names: Sequence[str]
) -> list[list[Any]]:
    """Values of properties by fact, in the order of ``edges`` and ``names``.

    Args:
        store: The database.
        entities: Those of the graph.
        edges: The server's numbers of relationships, as :class:`Facts` has them, int64.
        names: The properties.

    Raises:
        StoreError: The graph changed since ``entities`` was read.
    """
    rows = store.rows(
        queries.get("read/list_edge_properties"),
        graph=entities.graph,
        edges=edges.tolist(),
        names=list(names),
    )
    return _values(entities, len(edges), rows)


def one_value(store: Store, graph: str, name: str) -> Any:
    """A value of a property; None where no entity of the graph has it."""
    rows = store.rows(queries.get("read/sample_property"), graph=graph, name=name)
    return rows[0]["value"] if rows else None


def one_edge_value(store: Store, graph: str, name: str) -> Any:
    """A value of a property of facts; None where no fact of the graph has it."""
    rows = store.rows(queries.get("read/sample_edge_property"), graph=graph, name=name)
    return rows[0]["value"] if rows else None


def distinct_values(store: Store, graph: str, name: str, limit: int) -> list[Any]:
    """The values that a property has in a graph, at most ``limit`` of them, in no order."""
    rows = store.rows(queries.get("read/list_values"), graph=graph, name=name, limit=limit)
    return list(rows[0]["values"])


def _facts(entities: LiveEntities, positions: np.ndarray, rows: list[dict[str, Any]]) -> Facts:
    if not rows or rows[0]["version"] != entities.version or rows[0]["found"] != len(positions):
        raise _changed(entities)
    (row,) = rows
    heads = entities.of_nodes(row["heads"])
    # Links from other graphs are none of its facts.
    inside = heads >= 0

    def column(name: str) -> np.ndarray | None:
        values = row.get(name)
        # A time that is none is a text.
        if values is None or (name == "times" and "" in values):
            return None
        kept: np.ndarray = np.array(values, dtype=np.int64)[inside]
        return kept

    at, edges = column("at"), column("edges")
    assert at is not None
    assert edges is not None
    relations = row["relations"]
    if not inside.all():
        relations = list(compress(relations, inside))
    return Facts(at, heads[inside], relations, edges, column("keys"), column("times"))


def _values(entities: LiveEntities, asked: int, rows: list[dict[str, Any]]) -> list[list[Any]]:
    if not rows or rows[0]["version"] != entities.version or len(rows[0]["at"]) != asked:
        raise _changed(entities)
    values: list[list[Any]] = [[]] * asked
    for position, of_one in zip(rows[0]["at"], rows[0]["values"], strict=True):
        values[position] = of_one
    return values


def _types(blocks: list[list[Any]]) -> tuple[tuple[str, ...], dict[tuple[str, ...], int]]:
    entities: Counter[str] = Counter()
    for labels, nids, _ in blocks:
        entities.update({label: len(nids) for label in labels})
    chosen = {
        _key(labels): min(
            (label for label in labels if label != "Entity"),
            key=lambda label: (entities[label], label),
            default="Entity",
        )
        for labels, _, _ in blocks
    }
    names = tuple(sorted(set(chosen.values())))
    return names, {labels: names.index(name) for labels, name in chosen.items()}


def _key(labels: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(labels))


def _changed(entities: LiveEntities) -> StoreError:
    return StoreError(
        f"graph {entities.graph!r} changed since its entities were read",
        hint="open it anew when nobody writes to it",
    )
