"""Write-back: a run's vectors and predicted links into the graph.

The vectors of a run go under a property of their own; readers look the active property up.
Only when every vector is in and the index answers does one transaction make the set active,
so a crash half-way leaves readers with the old set, whole. Every step can be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError, StoreError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store, Transaction
from kgplatform.store.schema import migrate, require_key

VECTORS_A_BATCH = 1_000
LINKS_A_BATCH = 2_000
INDEX_SECONDS = 3_600
"""How long an index may take to be built: 100,000 vectors take about a minute."""


@dataclass(frozen=True, slots=True)
class Target:
    """The nodes that a run's entities stand for.

    Attributes:
        label: Their label.
        key: The property that identifies them.
        graph: The graph, for kgplatform's own ``Entity`` nodes; None for a user's own label.
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
        kind: What the vectors come from: ``graph``, later also ``text``. One set a kind, graph
            and label is active.
        property: The nodes' property that holds them.
        index: The vector index over it.
    """

    name: str
    kind: str
    property: str
    index: str


@dataclass(frozen=True, slots=True)
class Link:
    """A predicted link, by the keys of its ends."""

    head: str
    relation: str
    tail: str
    score: float
    confidence: float


def set_of_run(run_id: str) -> EmbeddingSet:
    """The names for a run's vectors; plain identifiers, so that Browser needs no backticks."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in run_id)
    return EmbeddingSet(f"{run_id}/graph", "graph", f"embedding_{plain}", f"embedding_{plain}")


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
            nodes = _find(transaction, target, keys[start : start + 10_000])
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

    Returns:
        ``written``, ``missing`` (keys without a node), ``property``, ``index``, ``replaced``.

    Raises:
        InputError: A vector holds NaN or infinity, shapes do not fit, or the run's vectors
            stand on other nodes already.
        SchemaError: Nothing makes the key unique.
        StoreError: The database failed; the write can be repeated and goes on where it was.
    """
    _check_vectors(keys, vectors)
    migrate(store)
    present = check_target(store, target, keys)
    names = set_of_run(run_id)
    begun = _begin(store, run_id, run_properties, names, target, int(vectors.shape[1]))
    for start in range(begun, len(keys), VECTORS_A_BATCH):
        end = min(start + VECTORS_A_BATCH, len(keys))
        _write_batch(store, names, target, keys[start:end], vectors[start:end], end)
        progress("vectors", end, len(keys))
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
    written = count_vectors(store, target.label, names.property)
    if written != present:
        raise StoreError(
            f"{written} of {present} vectors are in the graph: it was changed meanwhile",
            hint=f"run `kgp undo {run_id}`, then write again",
        )
    replaced = switch(store, "write/activate_set", names.name)["replaced"]
    return {
        "written": written,
        "missing": len(keys) - present,
        "property": names.property,
        "index": names.index,
        "replaced": replaced,
    }


def write_links(
    store: Store,
    run_id: str,
    run_properties: Mapping[str, Any],
    target: Target,
    links: Sequence[Link],
    progress: Progress = silent,
) -> dict[str, int]:
    """Write predicted links as ``PREDICTED`` relationships; asserted facts are never repeated.

    Returns:
        ``written``, ``known`` (asserted meanwhile, so skipped), ``missing`` (an end is gone).

    Raises:
        InputError: A score or confidence is NaN or infinite.
        SchemaError: Nothing makes the key unique.
        StoreError: The database failed; the write can be repeated.
    """
    for link in links:
        if not (isfinite(link.score) and isfinite(link.confidence)):
            raise InputError(
                f"the link ({link.head}, {link.relation}, {link.tail}) has score {link.score} "
                f"and confidence {link.confidence}",
                hint="train again with a smaller learning rate",
            )
    migrate(store)
    require_key(store, target.label, target.key)
    store.run(queries.get("write/merge_run"), run=run_id, run_properties=dict(run_properties))
    counts = {"written": 0, "known": 0, "missing": 0}
    for start in range(0, len(links), LINKS_A_BATCH):
        batch = links[start : start + LINKS_A_BATCH]

        def work(transaction: Transaction, batch: Sequence[Link] = batch) -> dict[str, int]:
            heads = _find(transaction, target, [link.head for link in batch])
            tails = _find(transaction, target, [link.tail for link in batch])
            found = [
                (head, tail, link)
                for head, tail, link in zip(heads, tails, batch, strict=True)
                if head and tail
            ]
            outcome = transaction.run(
                queries.get("write/merge_predicted"),
                run=run_id,
                heads=[head for head, _, _ in found],
                tails=[tail for _, tail, _ in found],
                relations=[link.relation for _, _, link in found],
                scores=[link.score for _, _, link in found],
                confidences=[link.confidence for _, _, link in found],
            )
            return {**outcome.row, "missing": len(batch) - len(found)}

        for name, count in store.write(work).items():
            counts[name] += count
        progress("predicted links", min(start + LINKS_A_BATCH, len(links)), len(links))
    return counts


def planned_statements(names: EmbeddingSet, target: Target) -> list[str]:
    """The Cypher that writing a set of vectors would run, in order, for ``--dry-run``."""
    marks = {"label": target.label, "property": names.property}
    return [
        queries.get("write/begin_vectors"),
        queries.get("write/set_vectors"),
        queries.fill("write/create_vector_index", index=names.index, **marks),
        queries.get("write/activate_set"),
    ]


def _check_vectors(keys: Sequence[str], vectors: np.ndarray) -> None:
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
) -> int:
    """Record the run and its set; how many of its vectors are in already."""

    def work(transaction: Transaction) -> int:
        begun = transaction.run(
            queries.get("write/begin_vectors"),
            run=run_id,
            run_properties=dict(run_properties),
            name=names.name,
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
        return int(begun["written"])

    return store.write(work)


def _write_batch(
    store: Store,
    names: EmbeddingSet,
    target: Target,
    keys: Sequence[str],
    vectors: np.ndarray,
    end: int,
) -> None:
    def work(transaction: Transaction) -> None:
        nodes = _find(transaction, target, keys)
        found = [position for position, node in enumerate(nodes) if node]
        transaction.run(
            queries.get("write/set_vectors"),
            name=names.name,
            nodes=[nodes[position] for position in found],
            vectors=vectors[found].tolist(),
            property=names.property,
            written=end,
        )

    store.write(work)


def switch(store: Store, statement: str, name: str) -> dict[str, Any]:
    """Change which set is active, in one transaction and one writer at a time."""

    def work(transaction: Transaction) -> dict[str, Any]:
        transaction.run(queries.get("write/lock_sets"), name=name)
        return transaction.run(queries.get(statement), name=name).row

    return store.write(work)


def _find(transaction: Transaction, target: Target, keys: Sequence[str]) -> list[str]:
    """Element ids of the nodes that keys name, '' where there is none."""
    values: list[Any] = [int(key) for key in keys] if target.integer_keys else list(keys)
    if target.graph is not None:
        query, params = queries.get("read/find_entities"), {"graph": target.graph}
    else:
        query = queries.fill("read/find_nodes", label=target.label, key=target.key)
        params = {}
    (row,) = transaction.rows(query, keys=values, **params)
    return list(row["nodes"])


def count_vectors(store: Store, label: str, name: str) -> int:
    """How many nodes of a label carry vectors under the property ``name``."""
    (row,) = store.rows(queries.fill("read/count_vectors", label=label, property=name))
    return int(row["written"])
