"""Vectors of entities that came after a run, beside those that the run has in the graph.

They go under the run's own property, so that its index finds them, and each node is marked with
what its vector is made of. ``undo`` removes them with the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches
from kgplatform.store.client import Store, Transaction
from kgplatform.store.writeback import (
    VECTORS_A_BATCH,
    Target,
    bytes_property,
    check_vectors,
    find_nodes,
    origin_property,
    set_of_run,
)


def target_of_set(
    store: Store, run_id: str, integer_keys: bool = False, *, kind: str = "graph"
) -> Target:
    """The nodes that a run's vectors of a kind stand on; ``integer_keys`` as in :class:`Target`.

    Raises:
        InputError: It has none in this database, or not all of them yet.
    """
    found = store.rows(queries.get("read/get_set"), name=set_of_run(run_id, kind).name)
    properties = found[0]["properties"] if found else {}
    if properties.get("vectors") is None:
        raise InputError(
            f"run {run_id} has no vectors in this database to add others to",
            hint=f"write them first: kgp write {run_id}",
        )
    return Target(
        label=str(properties["label"]),
        key=str(properties["key"]),
        graph=properties.get("graph"),
        integer_keys=integer_keys,
    )


def add_vectors(
    store: Store,
    run_id: str,
    target: Target,
    keys: Sequence[str],
    vectors: np.ndarray,
    origin: str,
    progress: Progress = silent,
    *,
    kind: str = "graph",
) -> dict[str, int]:
    """Write vectors of nodes that the run was not trained on; can be repeated.

    Args:
        store: The database.
        run_id: A run whose vectors are written.
        target: From :func:`target_of_set`.
        keys: entity_ids, [M].
        vectors: Finite float32 [M, dimension], of the set's own dimension.
        origin: What they are made of.
        progress: Told of vectors written.
        kind: That of the run's vectors.

    Returns:
        ``written``, ``missing`` (keys without a node).

    Raises:
        InputError: A vector is zero or not finite, or of another dimension than the set's.
        StoreError: The database failed; the write can be repeated.
    """
    check_vectors(keys, vectors)
    names = set_of_run(run_id, kind)
    (record,) = store.rows(queries.get("read/get_set"), name=names.name)
    properties = record["properties"]
    if properties["dimension"] != vectors.shape[1]:
        raise InputError(
            f"vectors of {vectors.shape[1]} numbers, but the set has {properties['dimension']}"
        )
    written = 0

    def write(rows: Sequence[int]) -> None:
        nonlocal written
        batch = slice(rows[0], rows[-1] + 1)

        def work(transaction: Transaction) -> int:
            nodes = find_nodes(transaction, target, keys[batch])
            found = [position for position, node in enumerate(nodes) if node]
            nodes, values = [nodes[position] for position in found], vectors[batch][found]
            if properties.get("bytes_property"):
                beside = queries.fill(
                    "write/set_vector_bytes", property=bytes_property(names.property)
                )
                kept = [row.tobytes() for row in values.astype("<f4")]
                transaction.run(beside, nodes=nodes, vectors=kept)
            return int(
                transaction.run(
                    queries.fill(
                        "write/add_vectors", origin_property=origin_property(names.property)
                    ),
                    nodes=nodes,
                    vectors=values.tolist(),
                    property=names.property,
                    origin=origin,
                ).row["found"]
            )

        written += store.write(work)
        progress("vectors of new entities", batch.stop, len(keys))

    Batches(VECTORS_A_BATCH).write(range(len(keys)), write)
    return {"written": written, "missing": len(keys) - written}
