"""Plain queries by a scan: relationships in the server's order, nodes once each.

A query that returns ``h.id`` and ``t.id`` of each relationship reads two properties for every
row. Here the server tells the ends of relationships by its own numbers of their nodes, which costs
it nothing, and reads the properties of each node once, together with what the pattern demands of
the node. The two are joined on our side.

Whatever is out of the ordinary (a node without the property, a value that is no id, a plan that is
not the scan) is left to the general way, which also says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError, QueryRefusedError
from kgplatform.progress import Progress
from kgplatform.store.client import Store
from kgplatform.store.guard import ReadingPlan, check_reading
from kgplatform.store.node_numbers import Places, places_of
from kgplatform.store.plain import Node, Plain, plain_query, type_names
from kgplatform.store.query_values import Times, names, weights
from kgplatform.store.scan import Stored, scan_shares, stored
from kgplatform.store.side_by_side import ranges, stream_side_by_side
from kgplatform.store.stream import Columns, joined, part, split_codes
from kgplatform.vocabulary import Vocabulary

LEAST = 200_000
"""Relationships in the database from which on a scan is thought of: fewer take no time at all."""

NODES_A_BLOCK = 10_000
"""Numbers of nodes that one record covers."""

DOUBT = 40
"""How many times too low the planner may think of a condition: it guesses where it has no index."""

_KEYLESS = -2
"""Place of a node that the pattern matches and that lacks the property."""

_ALL_AT_ONCE = f"LIMIT {2**63 - 1}"
"""Parts what stands before it from what stands behind it: the planner would join the two, and
look through all nodes with a label again for each block."""


def scan_query(
    store: Store, query: str, params: Mapping[str, Any], plan: ReadingPlan, progress: Progress
) -> Columns | None:
    """What a plain query returns, or None where it is not plain or the general way is better.

    Args:
        store: The database.
        query: A query that was found to be reading.
        params: Its parameters.
        plan: What the server says of it.
        progress: Told of rows.
    """
    plain = plain_query(query)
    if plain is None:
        return None
    found = stored(store)
    if found.relationships < LEAST:
        return None
    wanted = _wanted(store, plain, params, plan.estimated_rows, found)
    types = {"kgp_types": type_names(plain.pattern)}
    shares = scan_shares(store, found, wanted, {**params, **types}, "kgp_")
    if shares is None:
        return None
    statement = _scan_statement(plain)
    try:
        judged = check_reading(store, statement, shares[0], ("kgp_heads",))
        if "DirectedRelationshipByIdSeek" not in judged.operators:
            return None
        return _join(store, plain, params, stream_side_by_side(store, statement, shares), progress)
    except (QueryRefusedError, InputError):
        # The general way tells the user in which row.
        return None


def _wanted(
    store: Store, plain: Plain, params: Mapping[str, Any], estimated: float, found: Stored
) -> float:
    """About how many relationships the query wants.

    Types and nodes are counted, which is fast; for a condition the planner is asked, whose
    estimates for the pattern alone may be a thousand times too low.
    """
    pattern = plain.pattern
    wanted = float(found.relationships)
    if pattern.types is not None:
        types = "|".join(pattern.types)
        wanted = float(_count(store, f"CYPHER 5 MATCH ()-[r:{types}]->() RETURN count(r)", {}))
    fewest = found.nodes
    for node in (pattern.head, pattern.tail):
        counted = f"CYPHER 5 MATCH {node.text} RETURN count({node.name})"
        fewest = min(fewest, _count(store, counted, params))
    wanted *= fewest / max(found.nodes, 1)
    if plain.where:
        types = ":" + "|".join(pattern.types) if pattern.types else ""
        whole = f"{pattern.head.text}-[{pattern.link}{types}]->{pattern.tail.text}"
        plan = check_reading(store, f"CYPHER 5 MATCH {whole} RETURN 1 AS one", params, ("one",))
        wanted *= min(1.0, DOUBT * estimated / max(plan.estimated_rows, 1e-9))
    return wanted


def _count(store: Store, statement: str, params: Mapping[str, Any]) -> int:
    ((number,),) = stream_side_by_side(store, statement, [params])
    return int(number)


def _scan_statement(plain: Plain) -> str:
    """A block of relationships, their ends as numbers; what is asked of nodes is left out."""
    pattern = plain.pattern
    head, link, tail = pattern.head.name, pattern.link, pattern.tail.name
    conditions = [f"id({link}) IN range(kgp_low, kgp_low + $kgp_block - 1)"]
    if pattern.types is not None:
        conditions.append(f"type({link}) IN $kgp_types")
    if not pattern.predicted:
        conditions.append(f"type({link}) <> 'PREDICTED'")
    if plain.where:
        # On lines of its own, so that a comment at its end hides nothing.
        conditions.append(f"(\n{plain.where}\n)")
    columns = {
        "kgp_heads": f"id({head})",
        "kgp_tails": f"id({tail})",
        "kgp_relations": f"type({link})",
    }
    for column, key in plain.numbers.items():
        columns[f"kgp_{column}s"] = f"coalesce({link}.{key}, '')"
    collected = ", ".join(f"collect({value}) AS {name}" for name, value in columns.items())
    return (
        "CYPHER 5\nUNWIND range($kgp_first, $kgp_last, $kgp_step) AS kgp_low\n"
        f"CALL (kgp_low) {{\nMATCH ({head})-[{link}]->({tail})\n"
        f"WHERE {' AND '.join(conditions)}\nRETURN {collected}\n}}\nRETURN {', '.join(columns)}"
    )


def _node_statement(node: Node, key: str) -> str:
    """A block of nodes: numbers and ids of those that match, and numbers of those without an id."""
    name = node.name
    return (
        "CYPHER 5\nUNWIND range($kgp_first, $kgp_last, $kgp_step) AS kgp_low\n"
        f"CALL (kgp_low) {{\nMATCH ({name})\n"
        f"WHERE id({name}) IN range(kgp_low, kgp_low + $kgp_block - 1)\n"
        f"WITH {name} {_ALL_AT_ONCE}\nMATCH {node.text}\n"
        f"WITH {name}, {name}.{key} AS kgp_key\n"
        f"RETURN collect(CASE WHEN kgp_key IS NULL THEN null ELSE id({name}) END) AS kgp_nodes,\n"
        f"       collect(kgp_key) AS kgp_keys,\n"
        f"       collect(CASE WHEN kgp_key IS NULL THEN id({name}) END) AS kgp_keyless\n"
        f"}}\nRETURN kgp_nodes, kgp_keys, kgp_keyless"
    )


class _Names(NamedTuple):
    """Ids of nodes.

    Attributes:
        entities: Their positions by id.
        kinds: Their types.
        heads: Positions of nodes that can be heads.
        tails: Those of nodes that can be tails.
    """

    entities: Vocabulary[str]
    kinds: set[type]
    heads: Places
    tails: Places


def _names(store: Store, plain: Plain, params: Mapping[str, Any]) -> _Names:
    """The nodes that the pattern may match, each end by itself unless they are the same."""
    entities: Vocabulary[str] = Vocabulary()
    kinds: set[type] = set()
    pattern = plain.pattern
    heads = _places(store, pattern.head, plain.head_key, params, entities, kinds)
    tails = heads
    if replace(pattern.head, name=pattern.tail.name) != pattern.tail or (
        plain.head_key != plain.tail_key
    ):
        tails = _places(store, pattern.tail, plain.tail_key, params, entities, kinds)
    return _Names(entities, kinds, heads, tails)


def _places(
    store: Store,
    node: Node,
    key: str,
    params: Mapping[str, Any],
    entities: Vocabulary[str],
    kinds: set[type],
) -> Places:
    (row,) = store.rows(queries.get("read/find_last_node"))
    last = row["last"]
    shared = {**params, "kgp_last": last, "kgp_block": NODES_A_BLOCK}
    parts = ranges(0, last + 1, NODES_A_BLOCK, ("kgp_first", "kgp_step"))
    numbers = [np.empty(0, dtype=np.int64)]
    positions = [np.empty(0, dtype=np.int64)]
    statement = _node_statement(node, key)
    shares = [shared | part for part in parts]
    for nodes, keys, keyless in stream_side_by_side(store, statement, shares):
        numbers += [np.array(nodes, dtype=np.int64), np.array(keyless, dtype=np.int64)]
        ids = names(node.name, keys, len(nodes), "of a node", kinds)
        positions += [entities.codes(ids), np.full(len(keyless), _KEYLESS, dtype=np.int64)]
    return places_of(np.concatenate(numbers), np.concatenate(positions))


def _join(
    store: Store,
    plain: Plain,
    params: Mapping[str, Any],
    blocks: Iterator[list[Any]],
    progress: Progress,
) -> Columns:
    """Rows from relationships by numbers and nodes by number."""
    known = _names(store, plain, params)
    relations: Vocabulary[str] = Vocabulary()
    parts = []
    times = Times()
    done = 0
    for heads, tails, types, *more in blocks:
        head, tail = known.heads.of(heads), known.tails.of(tails)
        inside = (head != -1) & (tail != -1)
        extra = dict(zip(plain.numbers, more, strict=True))
        if not inside.all():
            head, tail, types = head[inside], tail[inside], list(compress(types, inside))
            extra = {name: list(compress(column, inside)) for name, column in extra.items()}
        rows = len(types)
        if min(head.min(initial=0), tail.min(initial=0)) == _KEYLESS:
            raise InputError("a node lacks its id")
        parts.append(
            part(
                head,
                relations.codes(types),
                tail,
                split_codes(extra["split"]) if "split" in extra else np.full(rows, -1),
                weights(extra["weight"], rows, "") if "weight" in extra else None,
                times.of(extra["time"], rows, "") if rows and "time" in extra else _none(extra),
            )
        )
        done += rows
        progress("rows", done, None)
    progress("rows", done, done)
    entities = list(known.entities)
    columns = joined(entities, relations, parts, integer_ids=known.kinds == {int})
    return _occurring(columns)


def _none(extra: Mapping[str, Any]) -> np.ndarray | None:
    """The times of no rows."""
    return np.empty(0, dtype=np.int64) if "time" in extra else None


def _occurring(columns: Columns) -> Columns:
    """The same without entities that no row names."""
    occurs = np.zeros(len(columns.entities), dtype=bool)
    occurs[columns.head] = True
    occurs[columns.tail] = True
    if occurs.all():
        return columns
    place = np.cumsum(occurs, dtype=np.int32) - 1
    return replace(
        columns,
        entities=list(compress(columns.entities, occurs)),
        head=place[columns.head],
        tail=place[columns.tail],
    )
