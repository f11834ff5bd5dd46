"""Streaming: what a graph holds, as columns, in blocks packed by the server.

A record a relationship spends nearly all its time on the record, not on the wire. So the
server collects columns and sends a block as one record: a graph's own facts cut into ranges
of the dense number ``nid``, or, where they are much of the database, all that the database
holds in the order of its own numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from kgplatform import queries
from kgplatform.errors import GraphChangingError, InputError, StoreError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store, Transaction
from kgplatform.store.node_numbers import Places, places_of
from kgplatform.store.scan import scan_shares, stored
from kgplatform.store.side_by_side import ranges, stream_side_by_side
from kgplatform.triples import SPLITS
from kgplatform.vocabulary import Vocabulary

BLOCK = 10_000
"""Range of nid that one record covers."""


@dataclass(frozen=True)
class Columns:
    """Triples as columns of positions in two vocabularies.

    Attributes:
        entities: entity_ids, distinct, in no order.
        relations: Relation names, distinct, in no order.
        head: Positions in ``entities``, int32 [E].
        relation: Positions in ``relations``, int32 [E].
        tail: Positions in ``entities``, int32 [E].
        split: 0 train, 1 valid, 2 test, -1 none; int8 [E].
        integer_ids: Whether the query's ids were numbers, which ``entities`` has as text.
        weight: float32 [E], where there is one.
        time: int64 [E], where there is one: whole numbers as they are, dates and times as seconds
            since 1970 UTC.
    """

    entities: list[str]
    relations: list[str]
    head: np.ndarray
    relation: np.ndarray
    tail: np.ndarray
    split: np.ndarray
    integer_ids: bool = False
    weight: np.ndarray | None = None
    time: np.ndarray | None = None


class Part(NamedTuple):
    """The triples of one block, columns as those of :class:`Columns`; see :func:`part`."""

    head: np.ndarray
    relation: np.ndarray
    tail: np.ndarray
    split: np.ndarray
    weight: np.ndarray | None = None
    time: np.ndarray | None = None


def part(
    head: np.ndarray,
    relation: np.ndarray,
    tail: np.ndarray,
    split: np.ndarray,
    weight: np.ndarray | None = None,
    time: np.ndarray | None = None,
) -> Part:
    """A block, its columns as narrow as they can be."""
    return Part(
        head.astype(np.int32),
        relation.astype(np.int32),
        tail.astype(np.int32),
        split.astype(np.int8),
        weight,
        time,
    )


def stream_graph(store: Store, graph: str, progress: Progress = silent) -> Columns:
    """All entities and asserted facts of one graph, predicted links left out.

    Raises:
        InputError: There is no such graph.
        GraphChangingError: A load of it is under way or was cut, or it changed during the export.
        StoreError: Something else than a load made entities in it.
    """
    with store.reading() as transaction:
        before = graph_record(transaction, graph)
        check_numbered(transaction, graph)
        params = {"graph": graph, "end": before["entities"], "block": BLOCK}
        entities = _stream_entities(transaction, params)
        parts: list[Part] = []
        relations: Vocabulary[str] = Vocabulary()
        done = 0
        for block in _parts(store, params, entities, relations):
            parts.append(block)
            done += len(block.head)
            progress("relationships", done, None)
        after = graph_record(transaction, graph)
    columns = joined(entities.ids, relations, parts)
    if after["version"] != before["version"]:
        raise changed(graph)
    progress("relationships", done, done)
    return columns


def _parts(
    store: Store, params: dict[str, Any], entities: Entities, relations: Vocabulary[str]
) -> Iterator[Part]:
    """The facts of a graph: by its heads, or among all that the database holds."""
    found = stored(store)
    # Entities have about as many relationships as other nodes: a guess, which costs time alone.
    wanted = found.relationships * len(entities.ids) / max(found.nodes, 1)
    scanned = scan_shares(store, found, wanted, {})
    if scanned is not None:
        query = queries.get("read/scan_triples")
        for heads, *block in stream_side_by_side(store, query, scanned):
            yield _part_of_graph(entities, relations, entities.of_node.of(heads), *block)
        return
    shares = [params | share for share in ranges(0, params["end"], BLOCK, ("first", "step"))]
    query = queries.get("read/stream_triples")
    for nids, *block in stream_side_by_side(store, query, shares):
        head = entities.of_nid[np.array(nids, dtype=np.int64)]
        if head.min(initial=0) < 0:
            # An entity that came after their list was read.
            raise changed(params["graph"])
        yield _part_of_graph(entities, relations, head, *block)


def joined(
    entities: list[str],
    relations: Iterable[str],
    parts: list[Part],
    integer_ids: bool = False,
) -> Columns:
    """The columns of all blocks, one after another."""

    def column(name: str, kind: type = np.int32) -> np.ndarray:
        # As narrow as it can be: a large graph stands in memory twice while it is put in order.
        blocks = [np.empty(0, dtype=kind), *(getattr(part, name) for part in parts)]
        return np.concatenate(blocks, dtype=kind, casting="same_kind")

    # All blocks are of one query, so all have a column or none has.
    first = parts[0] if parts else None
    return Columns(
        entities,
        list(relations),
        column("head"),
        column("relation"),
        column("tail"),
        column("split", np.int8),
        integer_ids,
        None if first is None or first.weight is None else column("weight", np.float32),
        None if first is None or first.time is None else column("time", np.int64),
    )


class Entities(NamedTuple):
    """A graph's entities, and where to find one by each of its two numbers.

    Attributes:
        ids: entity_ids; a position is one in this list.
        of_nid: Position of the entity with a nid, -1 where there is none; int64 [max nid + 1].
        of_node: Positions by the server's numbers of the nodes.
    """

    ids: list[str]
    of_nid: np.ndarray
    of_node: Places


def _stream_entities(transaction: Transaction, params: Mapping[str, Any]) -> Entities:
    of_nid = np.full(params["end"], -1, dtype=np.int64)
    ids: list[str] = []
    nodes = [np.empty(0, dtype=np.int64)]
    for nids, numbers, names in transaction.stream(queries.get("read/stream_entities"), params):
        of_nid[np.array(nids, dtype=np.int64)] = np.arange(len(ids), len(ids) + len(names))
        nodes.append(np.array(numbers, dtype=np.int64))
        ids.extend(names)
    return Entities(ids, of_nid, places_of(np.concatenate(nodes)))


def _part_of_graph(
    entities: Entities,
    relations: Vocabulary[str],
    head: np.ndarray,
    tails: list[int],
    names: list[str],
    splits: list[str],
) -> Part:
    """One block without relationships that have an end outside the graph: none of its facts.

    Args:
        entities: The graph's.
        relations: Grows.
        head: Positions, -1 outside the graph.
        tails: The server's numbers of the nodes.
        names: Of the relations.
        splits: '' for none.
    """
    tail = entities.of_node.of(tails)
    inside = (head >= 0) & (tail >= 0)
    if not inside.all():
        names, splits = list(compress(names, inside)), list(compress(splits, inside))
        head, tail = head[inside], tail[inside]
    return part(head, relations.codes(names), tail, split_codes(splits))


def check_numbered(transaction: Transaction, graph: str) -> None:
    """Refuse a graph that has entities without a nid, which no range would find.

    Raises:
        StoreError: Something else than a load made entities in it.
    """
    (row,) = transaction.rows(queries.get("read/count_unnumbered"), graph=graph)
    if row["entities"]:
        raise StoreError(
            f"{row['entities']} entities of graph {graph!r} were not made by a load, "
            f"for example {row['example']!r}",
            hint="load a file that names them: that numbers them and changes nothing else",
        )


def changed(graph: str) -> GraphChangingError:
    """What to say of a graph that changed under the reader."""
    return GraphChangingError(
        f"graph {graph!r} changed while it was read", hint="repeat when nobody writes to it"
    )


def graph_record(transaction: Transaction, graph: str, own: Sequence[str] = ()) -> dict[str, Any]:
    """A graph's record: its ``version``, and one more than its last nid as ``entities``.

    Args:
        transaction: Where it is read.
        graph: The graph.
        own: What its record may name as under way: the caller's own work.

    Raises:
        InputError: There is no such graph.
        GraphChangingError: A load of it is under way or was cut.
    """
    rows = transaction.rows(queries.get("read/get_graph"), graph=graph)
    if not rows:
        known = [row["name"] for row in transaction.rows(queries.get("read/list_graphs"))]
        raise InputError(
            f"there is no graph {graph!r} in this database",
            hint=f"graphs: {', '.join(known)}" if known else "load one with `kgp load`",
        )
    (record,) = rows
    if record["loading"] not in (None, own):
        loads = ", ".join(record["loading"])
        raise GraphChangingError(
            f"a load of {loads} into graph {graph!r} is under way or was cut",
            hint="wait for it, or run the same `kgp load` again to complete it",
        )
    return record


def split_codes(splits: list[Any]) -> np.ndarray:
    """Codes of splits, int64 [E]: 0 train, 1 valid, 2 test, -1 none."""
    # Few distinct values, checked once each.
    codes = {split: split_code(split) for split in set(splits)}
    return np.fromiter(map(codes.__getitem__, splits), np.int64, len(splits))


def split_code(split: Any) -> int:
    """The code of one split.

    Raises:
        InputError: It is none of the three, nor null.
    """
    if split is None or split == "":
        return -1
    if split not in SPLITS:
        raise InputError(
            f"a relationship has the split {split!r}", hint=f"use {', '.join(SPLITS)} or null"
        )
    return SPLITS.index(split)
