"""Reading vectors: a property of many nodes, in blocks, straight into one array.

First the nodes that have a vector are listed, then their vectors come by the server's numbers of
the nodes, in small blocks, and each is packed where it belongs. A list of 128 numbers is 1,152
bytes on the wire and 128 objects in Python; where a set keeps its vectors as bytes, too, these
are read in their place.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from kgplatform import queries
from kgplatform.errors import GraphChangingError, InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store, Transaction
from kgplatform.store.stream import graph_record
from kgplatform.store.writeback import Target

NODES_A_BLOCK = 10_000
"""Numbers of nodes that one record of the listing covers."""

NUMBERS_A_BLOCK = 32_000
"""Numbers that one record of lists holds: they fit the processor's cache (docs/log.md)."""

BYTES_A_BLOCK = 1 << 19
"""Bytes that one record of the twin holds."""

BLOCKS_AHEAD = 32
"""Records under way: a few megabytes."""

NODES_A_QUERY = 100_000
"""Nodes whose vectors one statement asks for; their numbers are its parameter."""

COMPARED = 64
"""Vectors whose bytes are compared with their lists."""

LARGEST = float(np.finfo(np.float32).max)

Source = Literal["lists", "bytes"]


@dataclass(frozen=True, eq=False)
class StoredVectors:
    """Vectors of a property, a row a node.

    Attributes:
        ids: What the rows stand for, [N]: the ids asked for, or those of all nodes with a vector.
        values: float32 [N, d]; zeros where there is none.
        present: Which rows have a vector, bool [N].
        source: What was read.
        stale: Ids, of those compared, whose bytes are not what their list says; where there are
            any, the lists were read.
    """

    ids: list[str]
    values: np.ndarray
    present: np.ndarray
    source: Source = "lists"
    stale: tuple[str, ...] = ()


class _Nodes(NamedTuple):
    """Nodes with a vector: the server's numbers, ascending int64 [n], and their ids."""

    numbers: np.ndarray
    ids: list[str]


def read_vectors(
    store: Store,
    target: Target,
    name: str,
    ids: Sequence[str] | None = None,
    progress: Progress = silent,
) -> StoredVectors:
    """The vectors that a property of a graph's entities, or of a label's nodes, holds.

    Args:
        store: The database.
        target: The nodes; whether their keys are whole numbers is seen.
        name: The property, lists of numbers.
        ids: The rows wanted, in this order; None for all nodes that have a vector, those of a
            graph in the order of their first load.
        progress: Told of vectors read.

    Raises:
        InputError: There is no such graph or no such vector, one holds something else than d
            finite numbers (says whose), or ids are not distinct.
        GraphChangingError: A load of the graph is under way or was cut, or the nodes changed while
            they were read.
    """
    with store.reading(BLOCKS_AHEAD) as transaction:
        return _read(transaction, target, name, None, ids, progress)


def read_set(
    store: Store, name: str, ids: Sequence[str] | None = None, progress: Progress = silent
) -> StoredVectors:
    """The vectors of a set that a run wrote; from its bytes where it keeps them.

    Args:
        store: The database.
        name: Its name, for example from :func:`active_set`.
        ids: As in :func:`read_vectors`.
        progress: Told of vectors read.

    Raises:
        InputError: There is no such set, or its write was cut; and as in :func:`read_vectors`.
        GraphChangingError: The set or its nodes changed while they were read.
    """
    with store.reading(BLOCKS_AHEAD) as transaction:
        before = _set(transaction, name)
        if before is None:
            raise InputError(f"there is no set of vectors {name!r}", hint="see `kgp runs`")
        if not before["active"] and before.get("vectors") is None:
            raise InputError(
                f"the set {name!r} is not whole: its write is under way or was cut",
                hint=f"wait for it, or run `kgp write {name.partition('/')[0]}` to complete it",
            )
        target = Target(before["label"], before["key"], before.get("graph"))
        twin = before.get("bytes_property")
        read = _read(transaction, target, before["property"], twin, ids, progress)
        if _set(transaction, name) != before:
            raise _changed(f"the set {name!r}")
    return read


def active_set(store: Store, target: Target) -> str | None:
    """Name of the set that readers of a graph or label use; None where there is none."""
    rows = store.rows(
        queries.get("search/get_active_set"), graph=target.graph, label=target.label, kind=None
    )
    return str(rows[0]["name"]) if rows else None


def sets_of_run(store: Store, run: str) -> list[str]:
    """Names of the sets that a run wrote into this database."""
    rows = store.rows(queries.get("read/get_run_sets"), run=run)
    return [str(record["name"]) for row in rows for record in row["sets"]]


def _read(
    transaction: Transaction,
    target: Target,
    name: str,
    twin: str | None,
    ids: Sequence[str] | None,
    progress: Progress,
) -> StoredVectors:
    nodes = _list(transaction, target, name)
    if not len(nodes.numbers):
        where = f"graph {target.graph!r}" if target.graph else f"label {target.label!r}"
        raise InputError(
            f"nothing in {where} has a vector in the property {name!r}",
            hint="`kgp write RUN` writes a run's vectors",
        )
    wanted, present, nodes, rows = _placed(nodes, ids)
    stale: tuple[str, ...] = ()
    source: Source = "lists"
    dimension = _dimension(transaction, name, nodes)
    if twin is not None:
        stale = _stale(transaction, name, twin, nodes, dimension)
        source = "lists" if stale else "bytes"
    values = np.zeros((len(wanted), dimension), dtype=np.float32)
    read = twin if twin is not None and source == "bytes" else name
    _fill(transaction, read, nodes, rows, values, source, progress)
    return StoredVectors(wanted, values, present, source, stale)


def _list(transaction: Transaction, target: Target, name: str) -> _Nodes:
    """The nodes that have a vector, in the order in which a graph numbers its entities."""
    if target.graph is not None and target.label == "Entity":
        record = graph_record(transaction, target.graph)
        statement = queries.fill("read/list_vectors", property=name)
        params = {"graph": target.graph, "end": record["entities"], "block": NODES_A_BLOCK}
    else:
        (last,) = transaction.rows(queries.get("read/find_last_node"))
        marks = {"label": target.label, "key": target.key, "property": name}
        statement = queries.fill("read/list_label_vectors", **marks)
        params = {"end": last["last"], "block": NODES_A_BLOCK}
    numbers: list[int] = []
    keys: list[Any] = []
    for found, named in transaction.stream(statement, params):
        if len(found) != len(named):
            raise InputError(
                f"{len(found) - len(named)} nodes with a vector have no {target.key!r}",
                hint="give them one: rows are named by it",
            )
        numbers += found
        keys += named
    ids = [key if isinstance(key, str) else str(key) for key in keys]
    if len(set(ids)) != len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise InputError(
            f"several nodes with a vector have the {target.key} {twice!r}",
            hint=f"name a property that tells {target.label!r} nodes apart",
        )
    return _Nodes(np.array(numbers, dtype=np.int64), ids)


def _placed(
    nodes: _Nodes, ids: Sequence[str] | None
) -> tuple[list[str], np.ndarray, _Nodes, np.ndarray]:
    """The ids of the rows, which of them are there, the nodes by number, and the row of each."""
    if ids is None:
        wanted, rows = nodes.ids, np.arange(len(nodes.ids))
        present = np.ones(len(wanted), dtype=bool)
    else:
        wanted = list(ids)
        row_of = {name: row for row, name in enumerate(wanted)}
        if len(row_of) != len(wanted):
            raise InputError("an id is asked for twice", hint="name each once")
        rows = np.fromiter((row_of.get(name, -1) for name in nodes.ids), np.int64, len(nodes.ids))
        present = np.zeros(len(wanted), dtype=bool)
        present[rows[rows >= 0]] = True
        if not present.any():
            raise InputError(f"none of the {len(wanted)} ids has a vector", hint="check the graph")
    order = np.argsort(nodes.numbers, kind="stable")
    order = order[rows[order] >= 0]
    by_number = _Nodes(nodes.numbers[order], [nodes.ids[place] for place in order.tolist()])
    return wanted, present, by_number, rows[order]


def _dimension(transaction: Transaction, name: str, nodes: _Nodes) -> int:
    (vector,) = _vectors(transaction, name, nodes.numbers[:1])
    if not isinstance(vector, list) or not vector:
        raise _no_vector(nodes.ids[0], vector, None)
    return len(vector)


def _stale(
    transaction: Transaction, name: str, twin: str, nodes: _Nodes, dimension: int
) -> tuple[str, ...]:
    """Ids of a spread of nodes whose bytes differ from their list, or are not there."""
    places = np.unique(np.linspace(0, len(nodes.ids) - 1, COMPARED).astype(np.int64))
    lists = _vectors(transaction, name, nodes.numbers[places])
    twins = _vectors(transaction, twin, nodes.numbers[places])
    return tuple(
        nodes.ids[place]
        for place, listed, kept in zip(places.tolist(), lists, twins, strict=True)
        if not _same(listed, kept, dimension)
    )


def _same(listed: Any, kept: Any, dimension: int) -> bool:
    if not isinstance(kept, bytes) or not isinstance(listed, list):
        return False
    try:
        return kept == struct.pack(f"<{dimension}f", *listed)
    except (struct.error, OverflowError):
        return False


def _vectors(transaction: Transaction, name: str, numbers: np.ndarray) -> list[Any]:
    """What each of a few nodes has, or None."""
    params = {"nodes": numbers.tolist(), "block": len(numbers)}
    statement = queries.fill("read/stream_vectors", property=name)
    found = {
        node: vector
        for nodes, vectors in transaction.stream(statement, params)
        for node, vector in zip(nodes, vectors, strict=True)
    }
    return [found.get(node) for node in numbers.tolist()]


def _fill(
    transaction: Transaction,
    name: str,
    nodes: _Nodes,
    rows: np.ndarray,
    values: np.ndarray,
    source: Source,
    progress: Progress,
) -> None:
    """Every node's vector into its row, and each of them once."""
    dimension = values.shape[1]
    block = max(1, (NUMBERS_A_BLOCK if source == "lists" else BYTES_A_BLOCK // 4) // dimension)
    put = partial(_put_bytes, values) if source == "bytes" else _packer(values)
    filled = 0
    for numbers, vectors in _blocks(transaction, name, nodes.numbers, block):
        found = np.array(numbers, dtype=np.int64)
        places = np.searchsorted(nodes.numbers, found)
        try:
            put(rows[places], vectors)
            whole = bool(np.isfinite(values[rows[places]]).all())
        except (struct.error, TypeError, ValueError, IndexError, OverflowError):
            whole = False
        if not whole:
            raise _first_wrong([nodes.ids[place] for place in places], vectors, dimension, source)
        filled += len(vectors)
        progress("vectors", filled, len(nodes.ids))
    if filled != len(nodes.ids):
        raise _changed(f"the vectors in {name!r}")


def _blocks(
    transaction: Transaction, name: str, numbers: np.ndarray, block: int
) -> Iterator[list[Any]]:
    statement = queries.fill("read/stream_vectors", property=name)
    for start in range(0, len(numbers), NODES_A_QUERY):
        asked = numbers[start : start + NODES_A_QUERY].tolist()
        yield from transaction.stream(statement, {"nodes": asked, "block": block})


def _packer(values: np.ndarray) -> Callable[[np.ndarray, list[Any]], None]:
    """Puts lists into rows; twice as fast as through an array of numpy's (docs/log.md)."""
    dimension = values.shape[1]
    pack = struct.Struct(f"={dimension}f").pack_into
    memory = memoryview(values.data).cast("B")

    def put(rows: np.ndarray, vectors: list[Any]) -> None:
        for row, vector in zip(rows.tolist(), vectors, strict=True):
            # Truth values would pass for numbers.
            if type(vector) is not list or type(vector[0]) is bool:
                raise TypeError
            pack(memory, row * dimension * 4, *vector)

    return put


def _put_bytes(values: np.ndarray, rows: np.ndarray, vectors: list[Any]) -> None:
    size = values.shape[1] * 4
    if any(type(vector) is not bytes or len(vector) != size for vector in vectors):
        raise ValueError
    values[rows] = np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), -1)


def _first_wrong(ids: list[str], vectors: list[Any], dimension: int, source: Source) -> InputError:
    """What to say of a block in which some vector is none."""
    for name, vector in zip(ids, vectors, strict=True):
        read = vector
        if source == "bytes" and isinstance(vector, bytes) and len(vector) % 4 == 0:
            read = np.frombuffer(vector, "<f4").tolist()
        if not isinstance(read, list) or len(read) != dimension:
            return _no_vector(name, read, dimension)
        numbers = all(type(value) in (int, float) for value in read)
        if not numbers or not all(abs(value) <= LARGEST for value in read):
            return _no_vector(name, read, dimension)
    return InputError("a block of vectors cannot be read", hint="look at the property")


def _no_vector(name: str, vector: Any, dimension: int | None) -> InputError:
    if not isinstance(vector, list):
        what = f"a {type(vector).__name__}, not a list of numbers"
    elif dimension is not None and len(vector) != dimension:
        what = f"{len(vector)} numbers, others have {dimension}"
    elif not all(type(value) in (int, float) for value in vector):
        what = "values that are no numbers"
    else:
        what = "NaN, infinity or a number beyond 32 bits" if vector else "no numbers"
    return InputError(
        f"the vector of {name!r} holds {what}", hint="correct it, or write the vectors anew"
    )


def _set(transaction: Transaction, name: str) -> dict[str, Any] | None:
    rows = transaction.rows(queries.get("read/get_set"), name=name)
    return dict(rows[0]["properties"]) if rows else None


def _changed(what: str) -> GraphChangingError:
    return GraphChangingError(
        f"{what} changed while it was read", hint="repeat when nobody writes to it"
    )
