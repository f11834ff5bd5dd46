"""From a projection in the database to the tensors of a snapshot."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from kgplatform.errors import InputError
from kgplatform.graph.features import FeatureColumn
from kgplatform.graph.projection_features import (
    Around,
    in_order,
    read_edge_features,
    read_features,
    read_labels,
)
from kgplatform.graph.snapshot import KGSnapshot, from_columns
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store
from kgplatform.store.consistent import read_one_state
from kgplatform.store.projections import Definition
from kgplatform.store.stream import Columns, stream_graph
from kgplatform.store.stream_query import stream_query
from kgplatform.store.subgraph import stream_around
from kgplatform.vocabulary import Vocabulary


def snapshot_of(
    store: Store, definition: Definition, progress: Progress = silent
) -> tuple[KGSnapshot, bool]:
    """A snapshot of all that a projection takes, of one state of the database.

    Entities that only its features or labels name are kept, without edges.

    Returns:
        The snapshot, and whether its ids were whole numbers rather than texts.

    Raises:
        QueryRefusedError: A query would write or lacks a column; it did not run.
        InputError: There is no such graph, no facts, or a value that its column cannot have.
        StoreError: The graph is being loaded, or the data changed during every reading.
    """
    return read_one_state(
        store,
        lambda: _read(store, definition, progress),
        lambda read: read[0].digest,
        progress,
    )


def snapshot_of_graph(store: Store, graph: str, progress: Progress = silent) -> KGSnapshot:
    """A snapshot of all asserted facts of one graph.

    Raises:
        InputError: There is no such graph, or it holds no facts.
        StoreError: It is being loaded, or changed during the export.
    """
    return snapshot_of(store, Definition(graph=graph), progress)[0]


def snapshot_of_query(
    store: Store, query: str, params: Mapping[str, Any], progress: Progress = silent
) -> tuple[KGSnapshot, bool]:
    """A snapshot of what a reading query returns as ``head, relation, tail`` and the like.

    Returns:
        The snapshot, and whether the query's ids were whole numbers rather than texts.

    Raises:
        QueryRefusedError: The query would write or lacks a column; it did not run.
        InputError: It returned no rows, or values that are no ids.
    """
    return snapshot_of(store, Definition(cypher=query, params=params), progress)


def snapshot_of_seeds(
    store: Store, graph: str, seeds: Sequence[str], hops: int, progress: Progress = silent
) -> KGSnapshot:
    """A snapshot of the facts on paths of at most ``hops`` facts from a seed, in any direction.

    Raises:
        InputError: There is no such graph, a seed is not in it, or no seed has a fact.
        StoreError: It is being loaded, or changed during the export.
    """

    def read() -> KGSnapshot:
        return _frozen(stream_around(store, graph, seeds, hops, progress), "what the seeds reach")

    return read_one_state(store, read, lambda snapshot: snapshot.digest, progress)


def _read(store: Store, definition: Definition, progress: Progress) -> tuple[KGSnapshot, bool]:
    params = definition.params
    if definition.cypher is None:
        graph = definition.graph or "default"
        columns, what = stream_graph(store, graph, progress), f"graph {graph!r}"
    else:
        columns, what = stream_query(store, definition.cypher, params, progress), "the query"
    integers = columns.integer_ids
    features: list[FeatureColumn] = []
    label, label_split = None, None
    entities: Vocabulary[str] = Vocabulary()
    if definition.features or definition.labels:
        entities.codes(columns.entities)
    around = Around(store, params, entities, integers)
    if definition.features:
        features = read_features(around, definition.features, _of("features", progress))
    if definition.labels:
        told = _of("labels", progress)
        label, label_split = read_labels(around, definition.labels, told)
    if entities:
        columns = dataclasses.replace(columns, entities=list(entities))
    snapshot = _frozen(columns, what)
    if entities:
        # From the order in which names came to that of the snapshot.
        order = entities.codes(snapshot.entities)
        snapshot = dataclasses.replace(
            snapshot,
            features=tuple(column.feature(order) for column in features),
            labels=None if label is None else label.feature(order, kind="category"),
            label_split=None if label_split is None else in_order(label_split, order),
        )
    if definition.edge_features:
        told = _of("edge features", progress)
        found = read_edge_features(store, definition.edge_features, params, snapshot, told)
        snapshot = dataclasses.replace(snapshot, edge_features=found)
    return snapshot, integers


def _of(what: str, progress: Progress) -> Progress:
    """Progress of one of several queries."""

    def told(stage: str, done: int, total: int | None) -> None:
        progress(f"{what}: {stage}", done, total)

    return told


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
        columns.weight,
        columns.time,
    )
