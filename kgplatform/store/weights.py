"""How much text and graph have in each entity's vector, beside the vectors of a run of both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgplatform import queries
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches
from kgplatform.store.client import Store, Transaction
from kgplatform.store.writeback import (
    Target,
    find_nodes,
    graph_weight_property,
    text_weight_property,
)

NODES_A_BATCH = 5_000


def write_weights(
    store: Store,
    name: str,
    target: Target,
    keys: Sequence[str],
    of_text: np.ndarray,
    of_graph: np.ndarray,
    progress: Progress = silent,
) -> int:
    """Write the weights of a set of vectors onto their nodes; can be repeated.

    Args:
        store: The database.
        name: The property that holds the vectors; those of the weights begin with it.
        target: The nodes that the keys name.
        keys: entity_ids, [N].
        of_text: The text's share of each vector, [N].
        of_graph: The graph's, [N].
        progress: Told of nodes.

    Returns:
        How many nodes have them now.
    """
    statement = queries.fill(
        "write/set_weights",
        text_weight=text_weight_property(name),
        graph_weight=graph_weight_property(name),
    )
    written = 0

    def write(rows: Sequence[int]) -> None:
        nonlocal written
        batch = slice(rows[0], rows[-1] + 1)

        def work(transaction: Transaction) -> int:
            nodes = find_nodes(transaction, target, keys[batch])
            found = [position for position, node in enumerate(nodes) if node]
            return int(
                transaction.run(
                    statement,
                    nodes=[nodes[position] for position in found],
                    of_text=of_text[batch][found].tolist(),
                    of_graph=of_graph[batch][found].tolist(),
                ).row["found"]
            )

        written += store.write(work)
        progress("weights of text and graph", batch.stop, len(keys))

    Batches(NODES_A_BATCH).write(range(len(keys)), write)
    return written
