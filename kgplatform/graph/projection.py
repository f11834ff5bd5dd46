"""From a projection in the database to the tensors of a snapshot."""

from collections.abc import Mapping, Sequence
from typing import Any

from kgplatform.errors import InputError
from kgplatform.graph.snapshot import KGSnapshot, from_columns
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store
from kgplatform.store.stream import Columns, stream_graph, stream_query
from kgplatform.store.subgraph import stream_around


def snapshot_of_graph(store: Store, graph: str, progress: Progress = silent) -> KGSnapshot:
    """A snapshot of all asserted facts of one graph.

    Raises:
        InputError: There is no such graph, or it holds no facts.
        StoreError: It is being loaded, or changed during the export.
    """
    return _frozen(stream_graph(store, graph, progress), f"graph {graph!r}")


def snapshot_of_seeds(
    store: Store, graph: str, seeds: Sequence[str], hops: int, progress: Progress = silent
) -> KGSnapshot:
    """A snapshot of the facts on paths of at most ``hops`` facts from a seed, in any direction.

    Raises:
        InputError: There is no such graph, a seed is not in it, or no seed has a fact.
        StoreError: It is being loaded, or changed during the export.
    """
    return _frozen(stream_around(store, graph, seeds, hops, progress), "what the seeds reach")


def snapshot_of_query(
    store: Store, query: str, params: Mapping[str, Any], progress: Progress = silent
) -> tuple[KGSnapshot, bool]:
    """A snapshot of what a reading query returns as ``head, relation, tail`` (and ``split``).

    Returns:
        The snapshot, and whether the query's ids were whole numbers rather than texts.

    Raises:
        QueryRefusedError: The query would write or lacks a column; it did not run.
        InputError: It returned no rows, or values that are no ids.
    """
    columns = stream_query(store, query, params, progress)
    return _frozen(columns, "the query"), columns.integer_ids


def _frozen(columns: Columns, what: str) -> KGSnapshot:
    if columns.head.size == 0:
        raise InputError(
            f"{what} names no facts", hint="check the pattern, labels and parameters in Browser"
        )
    return from_columns(
        columns.entities,
        columns.relations,
        columns.head,
        columns.relation,
        columns.tail,
        columns.split,
    )
