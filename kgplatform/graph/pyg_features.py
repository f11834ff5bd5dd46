"""PyG's FeatureStore over a live graph or a snapshot, for nodes and for edges; for reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data, FeatureStore, HeteroData, TensorAttr
from torch_geometric.transforms import BaseTransform

from kgplatform.errors import InputError, UsageError
from kgplatform.graph.features import matrix
from kgplatform.graph.live import LiveGraph
from kgplatform.graph.live_columns import Column, edge_column, feature_column, label_column
from kgplatform.graph.node_types import ENTITY, Types, as_tensor
from kgplatform.graph.row_cache import RowCache
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.store.neighbors import edge_properties_of, edge_types, properties_of

CACHE_BYTES = 256 << 20

Missing = Literal["zeros", "error"]


class _ReadOnlyFeatures(FeatureStore):  # type: ignore[misc]
    def _put_tensor(self, tensor: Tensor, attr: TensorAttr) -> bool:
        raise read_only()

    def _remove_tensor(self, attr: TensorAttr) -> bool:
        raise read_only()

    def _get_tensor(self, attr: TensorAttr) -> Tensor:
        tensor: Tensor = self._multi_get_tensor([attr])[0]
        return tensor


class Neo4jFeatureStore(_ReadOnlyFeatures):
    """Properties of a live graph's entities and facts as tensors, fetched when they are asked for.

    All that a batch needs comes in one exchange, and in another for facts; rows of entities that
    were fetched are kept as long as there is room.

    Args:
        live: The graph.
        types: Its node types.
        features: Tensor → property or properties: numbers, truth values, lists of numbers, vectors.
        labels: Tensor → a property that is a whole number, or a text that stands for a class.
        edge_features: Tensor → property or properties of facts, as ``features``. PyG's loaders do
            not ask a store for them: :class:`AddEdgeFeatures` does.
        missing: What an entity or fact without a property gets: ``zeros`` (-1 as label), or an
            ``error``.
        cache_bytes: Most memory for fetched rows, shared among the tensors by their widths.

    Attributes:
        columns: The tensors of entities by name, with the classes of labels.
        edge_columns: The tensors of facts by name.
        absent: How many entities or facts that were fetched lacked a property, by tensor.

    Raises:
        InputError: Nothing has a property, or it is of a kind that makes no numbers.
    """

    def __init__(
        self,
        live: LiveGraph,
        types: Types,
        features: Mapping[str, str | Sequence[str]],
        labels: Mapping[str, str] | None = None,
        edge_features: Mapping[str, str | Sequence[str]] | None = None,
        *,
        missing: Missing = "zeros",
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        super().__init__()
        self._live, self._types, self._missing = live, types, missing
        self.columns: dict[str, Column] = {
            name: feature_column(live, name, given) for name, given in features.items()
        }
        for name, of_label in (labels or {}).items():
            self.columns[name] = label_column(live, name, of_label)
        self.edge_columns = {
            name: edge_column(live, name, given) for name, given in (edge_features or {}).items()
        }
        self.absent: Counter[str] = Counter()
        total = sum(column.width for column in self.columns.values())
        self._caches = {
            name: RowCache(
                live.entities.size,
                column.width,
                np.dtype(column.dtype),
                cache_bytes * column.width // total,
            )
            for name, column in self.columns.items()
        }

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Each tensor of each node type; made anew, since loaders write into them."""
        groups = self._types.names if self._types.hetero else (None,)
        return [TensorAttr(group, name) for group in groups for name in self.columns]

    def get_all_edge_tensor_attrs(self) -> list[TensorAttr]:
        """Each tensor of each edge type, apart: a loader would ask for them by node."""
        return [
            TensorAttr(key, name) for key in edge_groups(self._types) for name in self.edge_columns
        ]

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...]:
        if isinstance(attr.group_name, tuple):
            width = self._column(attr, self.edge_columns).width
            return (self._num_facts(attr.group_name), width)
        column, rows = self._column(attr, self.columns), self._types.size(attr.group_name)
        return (rows,) if column.label else (rows, column.width)

    def _multi_get_tensor(self, attrs: list[TensorAttr]) -> list[Tensor]:
        of_facts = [isinstance(attr.group_name, tuple) for attr in attrs]
        made = iter(self._edge_tensors(list(compress(attrs, of_facts))))
        others = iter(
            self._node_tensors([a for a, fact in zip(attrs, of_facts, strict=True) if not fact])
        )
        return [next(made if fact else others) for fact in of_facts]

    def _edge_tensors(self, attrs: list[TensorAttr]) -> list[Tensor]:
        """Tensors of facts by their numbers, in one exchange."""
        columns = [self._column(attr, self.edge_columns) for attr in attrs]
        asked = [_edges(attr) for attr in attrs]
        edges = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *asked]))
        names = list(dict.fromkeys(name for column in columns for name in column.properties))
        if not edges.size:
            return [torch.zeros(0, column.width) for column in columns]
        values = edge_properties_of(self._live.store, self._live.entities, edges, names)
        tables: dict[str, np.ndarray] = {}
        for column in dict.fromkeys(columns):
            tables[column.name], lacking = column.table(_chosen(values, names, column))
            self._note_absent(column, lacking, lambda first: f"number {edges[first]}")
        return [
            torch.from_numpy(tables[column.name][np.searchsorted(edges, of_attr)])
            for column, of_attr in zip(columns, asked, strict=True)
        ]

    def _node_tensors(self, attrs: list[TensorAttr]) -> list[Tensor]:
        asked = [
            (self._column(attr, self.columns), self._types.entities(attr.group_name, _index(attr)))
            for attr in attrs
        ]
        fresh, tables = self._fetch(asked)
        tensors = [self._rows(column, entities, fresh, tables) for column, entities in asked]
        # Only now: a row that makes room for another may be one that was asked for.
        for name, table in tables.items():
            new = ~self._caches[name].find(fresh)
            self._caches[name].put(fresh[new], table[new])
        return tensors

    def _column(self, attr: TensorAttr, columns: Mapping[str, Column]) -> Column:
        if attr.attr_name not in columns:
            raise KeyError(f"no tensor {attr.attr_name!r}; there are {', '.join(columns)}")
        return columns[attr.attr_name]

    def _num_facts(self, group: tuple[str | None, ...]) -> int:
        facts: Mapping[Any, int] = self._types.facts
        if not self._types.hetero:
            # A homogeneous graph has not counted them; this reads every fact.
            facts = edge_types(self._live.store, self._live.entities)
            return sum(facts.values())
        return facts[group]

    def _fetch(
        self, asked: list[tuple[Column, np.ndarray]]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Entities of which some row is not kept, ascending, and their rows by tensor."""
        lacking = [
            entities[~self._caches[column.name].find(entities)] for column, entities in asked
        ]
        entities = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *lacking]))
        rows: dict[str, np.ndarray] = {}
        if entities.size:
            names = list(dict.fromkeys(name for one, _ in asked for name in one.properties))
            values = properties_of(self._live.store, self._live.entities, entities, names)
            for column in dict.fromkeys(column for column, _ in asked):
                rows[column.name], absent = column.table(_chosen(values, names, column))
                self._note_absent(
                    column, absent, lambda first: repr(self._live.entity_ids(entities[[first]])[0])
                )
        return entities, rows

    def _note_absent(self, column: Column, absent: np.ndarray, named: Callable[[int], str]) -> None:
        count = int(absent.sum())
        if count and self._missing == "error":
            kind = "facts" if column.name in self.edge_columns else "entities"
            raise InputError(
                f"{count} {kind} lack {' or '.join(column.properties)}, the first "
                f"{named(int(absent.argmax()))}",
                hint="sample among those that have it, or allow missing='zeros'",
            )
        self.absent[column.name] += count

    def _rows(
        self,
        column: Column,
        entities: np.ndarray,
        fresh: np.ndarray,
        tables: dict[str, np.ndarray],
    ) -> Tensor:
        cache = self._caches[column.name]
        kept = cache.find(entities)
        rows = np.empty((entities.size, column.width), dtype=column.dtype)
        rows[kept] = cache.get(entities[kept])
        if not kept.all():
            rows[~kept] = tables[column.name][np.searchsorted(fresh, entities[~kept])]
        tensor = torch.from_numpy(rows)
        return tensor[:, 0] if column.label else tensor


class SnapshotFeatureStore(_ReadOnlyFeatures):
    """What a snapshot holds, named as ``to_data`` names it.

    ``x`` and ``y`` of entities; ``edge_attr``, ``edge_weight`` and ``edge_time`` of edges.
    """

    def __init__(self, snapshot: KGSnapshot, types: Types) -> None:
        super().__init__()
        self._types = types
        self._tensors: dict[str, Tensor] = {}
        if snapshot.features:
            self._tensors["x"] = matrix(snapshot.features, snapshot.num_entities)
        if snapshot.labels is not None:
            self._tensors["y"] = snapshot.labels.values
        self._of_edges = snapshot.edge_tensors()
        self._members: dict[tuple[str | None, ...], Tensor] = {}
        if self._of_edges and types.hetero:
            for index, name in enumerate(snapshot.relations):
                members = torch.nonzero(snapshot.edge_type == index).flatten()
                self._members[ENTITY, name, ENTITY] = members

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Each tensor of each node type; made anew, since loaders write into them."""
        groups = self._types.names if self._types.hetero else (None,)
        return [TensorAttr(group, name) for group in groups for name in self._tensors]

    def get_all_edge_tensor_attrs(self) -> list[TensorAttr]:
        """Each tensor of each edge type, apart: a loader would ask for them by node."""
        return [
            TensorAttr(key, name) for key in edge_groups(self._types) for name in self._of_edges
        ]

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...]:
        if not isinstance(attr.group_name, tuple):
            return (self._types.size(attr.group_name), *self._tensors[attr.attr_name].shape[1:])
        whole = self._of_edges[attr.attr_name]
        rows = self._types.facts[attr.group_name] if self._types.hetero else whole.shape[0]
        return (rows, *whole.shape[1:])

    def _multi_get_tensor(self, attrs: list[TensorAttr]) -> list[Tensor]:
        return [self._tensor(attr) for attr in attrs]

    def _tensor(self, attr: TensorAttr) -> Tensor:
        index = _index(attr)
        if not isinstance(attr.group_name, tuple):
            rows = self._types.entities(attr.group_name, index)
            return self._tensors[attr.attr_name][as_tensor(rows)]
        whole, chosen = self._of_edges[attr.attr_name], slice(None) if index is None else index
        if not self._types.hetero:
            return whole[chosen]
        return whole[self._members[attr.group_name][chosen]]


class AddEdgeFeatures(BaseTransform):  # type: ignore[misc]
    """Adds the features of a batch's facts, which PyG's loaders do not ask a store for.

    A loader asks a store for all tensors by the nodes of a batch, and never by its edges
    (https://github.com/pyg-team/pytorch_geometric/issues/9566). Given as ``transform=`` to a
    loader, this asks by ``e_id``, in one exchange a batch.

    Args:
        features: The store of the loader.
    """

    def __init__(self, features: Neo4jFeatureStore | SnapshotFeatureStore) -> None:
        self._features = features

    def forward(self, data: Data | HeteroData) -> Data | HeteroData:
        """The batch, with its edges' tensors beside ``edge_index``."""
        attrs = self._features.get_all_edge_tensor_attrs()
        hetero = isinstance(data, HeteroData)
        parts = [data[attr.group_name] if hetero else data for attr in attrs]
        for attr, part in zip(attrs, parts, strict=True):
            attr.index = part.e_id
        tensors = self._features.multi_get_tensor(attrs)
        for attr, part, tensor in zip(attrs, parts, tensors, strict=True):
            part[attr.attr_name] = tensor
        return data


def edge_groups(types: Types) -> list[tuple[str | None, ...]]:
    """Names of the groups of edges; a homogeneous graph has one, as PyG's own stores name it."""
    return list(types.facts) if types.hetero else [(None, None)]


def _chosen(values: list[list[Any]], names: list[str], column: Column) -> list[list[Any]]:
    places = [names.index(name) for name in column.properties]
    return [[of_one[place] for place in places] for of_one in values]


def _edges(attr: TensorAttr) -> np.ndarray:
    index = _index(attr)
    if not isinstance(index, Tensor):
        raise UsageError(
            "features of facts in a database are asked for by the numbers that a sampler gives",
            hint="give batch.e_id as the index, or use transform=AddEdgeFeatures(store)",
        )
    numbers: np.ndarray = index.cpu().numpy().astype(np.int64)
    return numbers


def _index(attr: TensorAttr) -> Tensor | slice | None:
    index = attr.index if attr.is_set("index") else None
    if index is None or isinstance(index, slice):
        return index
    return torch.as_tensor(index)


def read_only() -> UsageError:
    """What to say to who writes into a store."""
    return UsageError(
        "the stores of a graph are for reading", hint="write with `kgp load` or `kgp write`"
    )
