"""The split of a graph's facts, kept on their relationships: read, written, taken back.

A write takes the same lock as a load, and the graph's record names it until it has come to its
end: a write that was cut is noticed by every reader and completed by running it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError, StoreError
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches
from kgplatform.store.client import Store, Transaction
from kgplatform.store.lanes import take_graph
from kgplatform.store.query_values import seconds
from kgplatform.store.stream import check_numbered, graph_record
from kgplatform.triples import SPLITS

BLOCK = 10_000
"""Range of nid that one record of a reading covers."""

FACTS_A_BATCH = 10_000

HEADS_A_BATCH = 1_000
"""Range of nid of heads whose facts one transaction clears."""

SOURCE = "kgp split"
"""What the graph's record names while a split is being written."""


@dataclass(frozen=True, eq=False)
class GraphFacts:
    """The facts of a graph with what finds them again.

    Attributes:
        graph: The graph's name.
        version: Its version when they were read.
        entities: entity_ids, [N].
        nids: Their numbers, int64 [N].
        relations: Names of each fact's relation, [E].
        head: Positions in ``entities``, int64 [E].
        tail: Positions in ``entities``, int64 [E].
        given: The source's split: 0, 1, 2, or -1 for none; int64 [E].
        edges: The server's numbers of the relationships, int64 [E].
        time: Whole numbers, or seconds since 1970 UTC; int64 [E]; None if not asked for.
    """

    graph: str
    version: int
    entities: list[str]
    nids: np.ndarray
    relations: list[str]
    head: np.ndarray
    tail: np.ndarray
    given: np.ndarray
    edges: np.ndarray
    time: np.ndarray | None


def read_facts(store: Store, graph: str, time: str | None = None) -> GraphFacts:
    """All asserted facts of a graph.

    Args:
        store: The database.
        graph: The graph's name.
        time: A property of the facts: whole numbers, dates, or dates with times.

    Raises:
        InputError: There is no such graph, it has no facts, or one has no such time.
        StoreError: A load of it is under way, or something else than a load made entities in it.
    """
    with store.reading() as transaction:
        record = _record(transaction, graph)
        params = {"graph": graph, "end": record["entities"], "block": BLOCK}
        ids: list[str] = []
        nids: list[int] = []
        nodes: list[int] = []
        for part in transaction.stream(queries.get("read/stream_entities"), params):
            nids += part[0]
            nodes += part[1]
            ids += part[2]
        of_node = {node: position for position, node in enumerate(nodes)}
        of_nid = {nid: position for position, nid in enumerate(nids)}
        columns: list[list[Any]] = [[], [], [], [], [], []]
        edges = transaction.stream(queries.get("read/stream_edges"), {**params, "time": time})
        for heads, relations, tails, splits, numbers, times in edges:
            inside = [node in of_node for node in tails]
            block = (
                map(of_nid.__getitem__, heads),
                relations,
                (of_node.get(node) for node in tails),
                splits,
                numbers,
                times,
            )
            for column, values in zip(columns, block, strict=True):
                column += compress(values, inside)
        if _record(transaction, graph)["version"] != record["version"]:
            raise _changed(graph)
    if not columns[0]:
        raise InputError(f"graph {graph!r} has no facts", hint="load some with `kgp load`")
    codes: dict[str, int] = {"": -1, **{name: code for code, name in enumerate(SPLITS)}}
    return GraphFacts(
        graph,
        int(record["version"]),
        ids,
        np.array(nids, dtype=np.int64),
        columns[1],
        np.array(columns[0], dtype=np.int64),
        np.array(columns[2], dtype=np.int64),
        np.array([codes.get(split, -1) for split in columns[3]], dtype=np.int64),
        np.array(columns[4], dtype=np.int64),
        None if time is None else _times(time, columns[5]),
    )


def write_splits(
    store: Store,
    facts: GraphFacts,
    split: np.ndarray,
    record: Mapping[str, Any],
    progress: Progress = silent,
) -> int:
    """Mark each fact with its split, in transactions of bounded size; safe to repeat.

    Args:
        store: The database.
        facts: As they were read.
        split: 0 train, 1 valid, 2 test; [E].
        record: How the split was made, for the graph's record.
        progress: Told of facts written.

    Returns:
        How many facts were marked.

    Raises:
        StoreError: The graph changed since its facts were read; nothing is half done that
            another run does not complete.
    """
    _begin(store, facts.graph, facts.version)

    def write(rows: Sequence[int]) -> None:
        batch = slice(rows[0], rows[-1] + 1)
        params = {
            "edges": facts.edges[batch].tolist(),
            "head_nids": facts.nids[facts.head[batch]].tolist(),
            "tail_nids": facts.nids[facts.tail[batch]].tolist(),
            "relations": facts.relations[batch],
            "splits": [SPLITS[code] for code in split[batch].tolist()],
        }

        def work(transaction: Transaction) -> None:
            take_graph(transaction, facts.graph, "split")
            outcome = transaction.run(queries.get("write/set_splits"), graph=facts.graph, **params)
            if outcome.row["rows"] != len(rows):
                raise _changed(facts.graph)

        store.write(work)
        progress("facts", batch.stop, int(split.size))

    Batches(FACTS_A_BATCH).write(range(split.size), write)
    _end(store, facts.graph, record)
    return int(split.size)


def clear_splits(store: Store, graph: str, progress: Progress = silent) -> int:
    """Take back what ``write_splits`` wrote: each fact has its source's split again, or none.

    Returns:
        How many facts were changed.

    Raises:
        InputError: There is no such graph.
        StoreError: A load of it is under way.
    """
    with store.reading() as transaction:
        record = _record(transaction, graph)
    _begin(store, graph, record["version"])
    cleared = 0

    def clear(heads: Sequence[int]) -> None:
        nonlocal cleared

        def work(transaction: Transaction) -> int:
            take_graph(transaction, graph, "split")
            outcome = transaction.run(
                queries.get("write/clear_splits"), graph=graph, first=heads[0], last=heads[-1]
            )
            return int(outcome.row["rows"])

        cleared += store.write(work)
        progress("facts", cleared, None)

    Batches(HEADS_A_BATCH).write(range(record["entities"]), clear)
    names = ("split_by", "split_seed", "split_valid", "split_test")
    _end(store, graph, dict.fromkeys(names))
    return cleared


def planned_statements() -> list[str]:
    """The Cypher that writing a split would run, in order, for ``--dry-run``."""
    names = (
        "load/take_graph",
        "load/begin_load",
        "load/take_graph",
        "write/set_splits",
        "write/record_split",
    )
    return [queries.get(name) for name in (*names, "load/end_load")]


def _begin(store: Store, graph: str, version: int) -> None:
    """Mark the write in the graph's record, and see that nobody came between."""

    def work(transaction: Transaction) -> None:
        # Of a graph that is gone, the mark would make the record anew.
        take_graph(transaction, graph, "split")
        transaction.run(
            queries.get("load/begin_load"), graph=graph, source=SOURCE, owner="", lanes=0
        )

    store.write(work)
    (record,) = store.rows(queries.get("read/get_graph"), graph=graph)
    if record["version"] != version + 2 or record["loading"] != [SOURCE]:
        store.run(queries.get("load/end_load"), graph=graph, source=SOURCE, owner="")
        raise _changed(graph)


def _end(store: Store, graph: str, record: Mapping[str, Any]) -> None:
    def work(transaction: Transaction) -> None:
        transaction.run(queries.get("write/record_split"), graph=graph, record=dict(record))
        transaction.run(queries.get("load/end_load"), graph=graph, source=SOURCE, owner="")

    store.write(work)


def _record(transaction: Transaction, graph: str) -> dict[str, Any]:
    # A split that was cut does not stand in the way of the one that completes it.
    record = graph_record(transaction, graph, [SOURCE])
    check_numbered(transaction, graph)
    return record


def _times(name: str, values: Sequence[Any]) -> np.ndarray:
    """Times as whole numbers: numbers as they are, dates and times as seconds since 1970 UTC."""
    wrong = next((v for v in values if isinstance(v, str | bool | float | list)), None)
    kinds = {isinstance(value, int) for value in values}
    if wrong is not None or len(kinds) > 1:
        found = "no value on some facts" if wrong == "" else f"values such as {wrong!r}"
        raise InputError(
            f"the property {name!r} is no time of each fact: "
            + (found if wrong is not None else "numbers on some facts, dates on others"),
            hint="a time is a whole number, a date, or a date with its time",
        )
    return np.array([seconds(value) for value in values], dtype=np.int64)


def _changed(graph: str) -> StoreError:
    return StoreError(
        f"graph {graph!r} changed while it was split", hint="repeat when nobody writes to it"
    )
