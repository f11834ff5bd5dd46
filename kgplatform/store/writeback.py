"""Write-back: a run's vectors into the graph.

The vectors of a run go under a property of their own; readers look the active property up.
Only when every vector is in and the index answers does one transaction make the set active,
so a crash half-way leaves readers with the old set, whole. Every step can be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError, StoreError
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches, in_lanes
from kgplatform.store.client import Store, Transaction
from kgplatform.store.schema import migrate, require_key

VECTORS_A_BATCH = 1_000
NUMBERS_A_BATCH = 250_000
"""Fewer vectors go at once where they are long: a number takes 9 bytes on the wire."""

LANES = 2
"""Batches written side by side: one is taken apart by the server while another is committed."""

INDEX_SECONDS = 3_600
"""How long an index may take to be built: 100,000 vectors take about a minute."""


KINDS = ("graph", "joint", "text", "image")
"""What vectors come from: facts alone, texts and graph together, texts, images."""


@dataclass(frozen=True, slots=True)
class Target:
    """The nodes that a run's entities stand for.

    Attributes:
        label: Their label.
        key: The property that identifies them.
        graph: The graph, for kgplatform's own ``Entity`` and ``Chunk`` nodes; None for a user's
            own label.
        integer_keys: Whether the property holds whole numbers.
    """

    label: str = "Entity"
    key: str = "id"
    graph: str | None = "default"
    integer_keys: bool = False


@dataclass(frozen=True, slots=True)
class EmbeddingSet:
    """The names under which a run's vectors stand in the database.

    Attributes:
        name: The set's name, unique in the database.
        kind: What the vectors come from, one of :data:`KINDS`. One set a kind, graph and label is
            active, so a graph's text vectors stand beside those of its links.
        property: The nodes' property that holds them.
        index: The vector index over it.
    """

    name: str
    kind: str
    property: str
    index: str


def set_of_run(run_id: str, kind: str = "graph") -> EmbeddingSet:
    """The names for a run's vectors; plain identifiers, so that Browser needs no backticks."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in run_id)
    return EmbeddingSet(f"{run_id}/{kind}", kind, f"embedding_{plain}", f"embedding_{plain}")


def bytes_property(name: str) -> str:
    """The property of vectors as bytes, beside the one of lists; no index is over it."""
    return f"{name}_bytes"


def origin_property(name: str) -> str:
    """The property that marks a vector added after its run, with what it is made of."""
    return f"{name}_origin"


def text_weight_property(name: str) -> str:
    """The property of the text's share of a vector that was made of text and graph."""
    return f"{name}_text_weight"


def graph_weight_property(name: str) -> str:
    """The property of the graph's share."""
    return f"{name}_graph_weight"


def marks_of_set(label: str, name: str) -> dict[str, str]:
    """All that a set of vectors under the property ``name`` may have on nodes of a label."""
    return {
        "label": label,
        "property": name,
        "bytes": bytes_property(name),
        "origin_property": origin_property(name),
        "text_weight": text_weight_property(name),
        "graph_weight": graph_weight_property(name),
    }


def check_target(store: Store, target: Target, keys: Sequence[str]) -> int:
    """How many of the keys name a node.

    Raises:
        SchemaError: Nothing makes the key unique.
        InputError: None of the keys names a node.
    """
    present = len(keys) - len(unmatched(store, target, keys))
    if present == 0:
        where = f"graph {target.graph!r}" if target.graph else f"label {target.label!r}"
        raise InputError(
            f"none of the run's {len(keys)} entities is in {where}",
            hint="say where they are: --graph G, or --label L --key PROPERTY",
        )
    return present


def unmatched(store: Store, target: Target, keys: Sequence[str]) -> list[int]:
    """Positions of the keys that name no node.

    Raises:
        SchemaError: Nothing makes the key unique.
    """
    require_key(store, target.label, target.key)
    missing: list[int] = []
    with store.reading() as transaction:
        for start in range(0, len(keys), 10_000):
            nodes = find_nodes(transaction, target, keys[start : start + 10_000])
            missing += [start + place for place, node in enumerate(nodes) if node == ""]
    return missing


def write_vectors(
    store: Store,
    run_id: str,
    run_properties: Mapping[str, Any],
    target: Target,
    keys: Sequence[str],
    vectors: np.ndarray,
    progress: Progress = silent,
    *,
    kind: str = "graph",
    keep_bytes: bool = False,
) -> dict[str, Any]:
    """Write a run's vectors, build their index, and make them the active set.

    Args:
        store: The database.
        run_id: The run.
        run_properties: What its ``Run`` node carries (model, metrics, …).
        target: The nodes that the keys name.
        keys: entity_ids, [N].
        vectors: Finite float32 [N, dimension].
        progress: Told of vectors written.
        kind: What the vectors come from; they take the place of the active set of that kind.
        keep_bytes: Whether a ``byte[]`` of each vector (float32, little-endian) is kept beside
            it, for reading; what was written with them keeps them.

    Returns:
        ``written``, ``missing`` (keys without a node), ``property``, ``index``, ``replaced``,
        ``bytes_property`` (or None).

    Raises:
        InputError: A vector holds NaN or infinity, shapes do not fit, or the run's vectors
            stand on other nodes already.
        SchemaError: Nothing makes the key unique.
        StoreError: The database failed; the write can be repeated and goes on where it was.
    """
    check_vectors(keys, vectors)
    migrate(store)
    present = check_target(store, target, keys)
    names = set_of_run(run_id, kind)
    begun, kept = _begin(
        store, run_id, run_properties, names, target, int(vectors.shape[1]), keep_bytes
    )
    _write_batches(store, names, target, keys, vectors, begun, kept, progress)
    store.command(
        queries.fill(
            "write/create_vector_index",
            index=names.index,
            label=target.label,
            property=names.property,
        ),
        dimension=int(vectors.shape[1]),
        similarity="cosine",
    )
    store.command(queries.get("write/await_index"), index=names.index, seconds=INDEX_SECONDS)
    written = count_vectors(store, target.label, names.property) - count_added(
        store, target.label, names.property
    )
    if written != present:
        raise StoreError(
            f"{written} of {present} vectors are in the graph: it was changed meanwhile",
            hint=f"run `kgp undo {run_id}`, then write again",
        )
    store.run(
        queries.get("write/finish_set"),
        name=names.name,
        vectors=written,
        keys=len(keys),
        bytes_property=bytes_property(names.property) if kept else None,
    )
    replaced = switch(store, "write/activate_set", names.name)["replaced"]
    return {
        "written": written,
        "missing": len(keys) - present,
        "property": names.property,
        "index": names.index,
        "replaced": replaced,
        "bytes_property": bytes_property(names.property) if kept else None,
    }


def planned_statements(
    names: EmbeddingSet, target: Target, *, keep_bytes: bool = False
) -> list[str]:
    """The Cypher that writing a set of vectors would run, in order, for ``--dry-run``."""
    marks = {"label": target.label, "property": names.property}
    beside = queries.fill("write/set_vector_bytes", property=bytes_property(names.property))
    return [
        queries.get("write/begin_vectors"),
        *([beside] if keep_bytes else []),
        queries.get("write/set_vectors"),
        queries.fill("write/create_vector_index", index=names.index, **marks),
        queries.get("write/finish_set"),
        queries.get("write/activate_set"),
    ]


def check_vectors(keys: Sequence[str], vectors: np.ndarray) -> None:
    """Refuse what must not be written.

    Raises:
        InputError: Shapes do not fit, or a vector is zero, NaN or infinite.
    """
    if vectors.ndim != 2 or vectors.shape[0] != len(keys):
        raise InputError(f"{len(keys)} entities, but vectors of shape {vectors.shape}")
    if not 1 <= vectors.shape[1] <= 4096:
        raise InputError(
            f"vectors of dimension {vectors.shape[1]}", hint="a vector index takes 1 to 4096"
        )
    # Neo4j itself would store NaN, and every search would then be wrong.
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if wrong.size:
        raise InputError(
            f"{wrong.size} vectors hold NaN or infinity, the first of {keys[int(wrong[0])]!r}",
            hint="train again with a smaller learning rate",
        )
    zero = np.flatnonzero(~vectors.any(axis=1))
    if zero.size:
        raise InputError(
            f"{zero.size} vectors are zero, which has no cosine, the first of "
            f"{keys[int(zero[0])]!r}",
            hint="train again, for longer",
        )


def _begin(
    store: Store,
    run_id: str,
    run_properties: Mapping[str, Any],
    names: EmbeddingSet,
    target: Target,
    dimension: int,
    keep_bytes: bool,
) -> tuple[int, bool]:
    """Record the run and its set; how many vectors are in already, and whether bytes are kept."""

    def work(transaction: Transaction) -> tuple[int, bool]:
        begun = transaction.run(
            queries.get("write/begin_vectors"),
            run=run_id,
            run_properties=dict(run_properties),
            name=names.name,
            bytes=keep_bytes,
            set_properties={
                "kind": names.kind,
                "property": names.property,
                "index": names.index,
                "dimension": dimension,
                "similarity": "cosine",
                "label": target.label,
                "key": target.key,
                "graph": target.graph,
                "created": run_properties.get("created"),
            },
        ).row
        if (begun["label"], begun["key"], begun["graph"]) != (
            target.label,
            target.key,
            target.graph,
        ):
            # A set stands on one graph: the rest of it would be missing on the other.
            where = f"graph {begun['graph']!r}" if begun["graph"] else f"label {begun['label']!r}"
            raise InputError(
                f"run {run_id} has its vectors in {where} already",
                hint=f"run `kgp undo {run_id}` first to write them elsewhere",
            )
        return int(begun["written"]), bool(begun["bytes"])

    return store.write(work)


def _write_batches(
    store: Store,
    names: EmbeddingSet,
    target: Target,
    keys: Sequence[str],
    vectors: np.ndarray,
    begun: int,
    keep_bytes: bool,
    progress: Progress,
) -> None:
    """Write vectors from ``begun`` on, several batches at once, each in a transaction."""
    size = max(1, min(VECTORS_A_BATCH, NUMBERS_A_BATCH // vectors.shape[1]))
    spans = [range(at, min(at + size, len(keys))) for at in range(begun, len(keys), size)]
    batches = Batches(size)
    done = begun

    def write(span: Sequence[int]) -> None:
        start, end = span[0], span[-1] + 1

        def work(transaction: Transaction) -> None:
            nodes = find_nodes(transaction, target, keys[start:end])
            found = [position for position, node in enumerate(nodes) if node]
            nodes, rows = [nodes[position] for position in found], vectors[start:end][found]
            if keep_bytes:
                statement = queries.fill(
                    "write/set_vector_bytes", property=bytes_property(names.property)
                )
                kept = [row.tobytes() for row in rows.astype("<f4")]
                transaction.run(statement, nodes=nodes, vectors=kept)
            transaction.run(
                queries.get("write/set_vectors"),
                name=names.name,
                nodes=nodes,
                vectors=rows.tolist(),
                property=names.property,
                # Where a batch before this one is still under way, a resumed write begins there.
                written=end if done == start else done,
            )

        store.write(work)

    with closing(in_lanes(spans, lambda span: batches.write(span, write), LANES)) as written:
        for span in written:
            done = span.stop
            progress("vectors", done, len(keys))


def switch(store: Store, statement: str, name: str) -> dict[str, Any]:
    """Change which set is active, in one transaction and one writer at a time."""

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.run(queries.get("write/lock_sets"), name=name)
        return transaction.run(queries.get(statement), name=name).row

    return store.write(work)


def find_nodes(transaction: Transaction, target: Target, keys: Sequence[str]) -> list[str]:
    """Element ids of the nodes that keys name, '' where there is none."""
    values: list[Any] = [int(key) for key in keys] if target.integer_keys else list(keys)
    if target.graph is not None:
        query = queries.fill("read/find_graph_nodes", label=target.label)
        params = {"graph": target.graph}
    else:
        query = queries.fill("read/find_nodes", label=target.label, key=target.key)
        params = {}
    (row,) = transaction.rows(query, keys=values, **params)
    return list(row["nodes"])


def count_vectors(store: Store, label: str, name: str) -> int:
    """How many nodes of a label carry vectors under the property ``name``."""
    (row,) = store.rows(queries.fill("read/count_vectors", label=label, property=name))
    return int(row["written"])


def count_added(store: Store, label: str, name: str) -> int:
    """How many of them came after the run."""
    marks = {"label": label, "property": name, "origin_property": origin_property(name)}
    (row,) = store.rows(queries.fill("read/count_added", **marks))
    return int(row["added"])
