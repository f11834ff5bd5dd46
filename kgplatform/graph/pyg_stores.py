"""PyG's GraphStore over a live graph or a snapshot, and the types of either; for reading.

Nodes are numbered within their type, in the order of entity_index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import EdgeAttr, GraphStore
from torch_geometric.data.graph_store import EdgeLayout

from kgplatform.errors import UsageError
from kgplatform.graph.live import LiveGraph
from kgplatform.graph.node_types import By, Types, as_tensor, types_of
from kgplatform.graph.pyg_features import read_only
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.store.neighbors import all_facts, edge_types

Edges = tuple[np.ndarray, np.ndarray, Sequence[str]]
"""Heads and tails as entity_index, int64 [E] each, and the names of relations, [E]."""


class _EdgeStore(GraphStore):  # type: ignore[misc]
    """What both stores share, over a function that reads all facts."""

    def __init__(self, types: Types, read: Callable[[], Edges]) -> None:
        super().__init__()
        self._types, self._read = types, read

    def get_all_edge_attrs(self) -> list[EdgeAttr]:
        """Each edge type with the sizes of both ends; made anew."""
        types = self._types
        if not types.hetero:
            size = types.size(None)
            return [EdgeAttr(None, EdgeLayout.COO, False, (size, size))]
        return [
            EdgeAttr(key, EdgeLayout.COO, False, (types.size(key[0]), types.size(key[2])))
            for key in types.facts
        ]

    def _put_edge_index(self, edge_index: tuple[Tensor, Tensor], edge_attr: EdgeAttr) -> bool:
        raise read_only()

    def _remove_edge_index(self, edge_attr: EdgeAttr) -> bool:
        raise read_only()

    def _get_edge_index(self, edge_attr: EdgeAttr) -> tuple[Tensor, Tensor] | None:
        heads, tails, relations = self._read()
        key, types = edge_attr.edge_type, self._types
        if key is not None:
            if key not in types.facts:
                return None
            chosen = np.fromiter((name == key[1] for name in relations), np.bool_, heads.size)
            chosen &= types.type_of[heads] == types.code(key[0])
            chosen &= types.type_of[tails] == types.code(key[2])
            heads, tails = heads[chosen], tails[chosen]
        return as_tensor(types.local_of[heads]), as_tensor(types.local_of[tails])


class Neo4jGraphStore(_EdgeStore):
    """The facts of a live graph. All of them travel only where an ``edge_index`` is asked for."""

    def __init__(self, live: LiveGraph, types: Types) -> None:
        super().__init__(types, partial(_all_of_live, live))


class SnapshotGraphStore(_EdgeStore):
    """The facts of a snapshot."""

    def __init__(self, snapshot: KGSnapshot, types: Types) -> None:
        super().__init__(types, partial(_all_of_snapshot, snapshot))


def live_types(live: LiveGraph, by: By = "none") -> Types:
    """Node and edge types of a live graph."""
    entities = live.entities
    # A homogeneous graph has no edge types, and counting them reads every fact.
    facts = {} if by == "none" else edge_types(live.store, entities)
    return types_of(by, entities.types, entities.type_of, facts)


def snapshot_types(snapshot: KGSnapshot, by: By = "none") -> Types:
    """Node and edge types of a snapshot.

    Raises:
        UsageError: They were asked for by label, which a snapshot does not have.
    """
    if by == "label":
        raise UsageError(
            "a snapshot has no labels of entities", hint="make types by relation, or of a LiveGraph"
        )
    counts = torch.bincount(snapshot.edge_type, minlength=snapshot.num_relations).tolist()
    facts = {(0, name, 0): count for name, count in zip(snapshot.relations, counts, strict=True)}
    return types_of(by, (), np.zeros(snapshot.num_entities, dtype=np.int64), facts)


def _all_of_live(live: LiveGraph) -> Edges:
    return all_facts(live.store, live.entities)


def _all_of_snapshot(snapshot: KGSnapshot) -> Edges:
    heads, tails = snapshot.edge_index.numpy()
    names = snapshot.relations
    return heads, tails, [names[code] for code in snapshot.edge_type.tolist()]
