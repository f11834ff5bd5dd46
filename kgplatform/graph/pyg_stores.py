"""PyG's FeatureStore and GraphStore over a live graph or a snapshot.

Both are for reading. Nodes are numbered within their type, in the order of entity_index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import EdgeAttr, FeatureStore, GraphStore, TensorAttr
from torch_geometric.data.graph_store import EdgeLayout

from kgplatform.errors import InputError, UsageError
from kgplatform.graph.features import matrix
from kgplatform.graph.live import LiveGraph
from kgplatform.graph.node_types import By, Types, as_tensor, types_of
from kgplatform.graph.row_cache import RowCache
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.store.neighbors import (
    all_facts,
    distinct_values,
    edge_types,
    one_value,
    properties_of,
)

MAX_CLASSES = 10_000
"""Most distinct texts of a label: more than that is a name, not a class."""

CACHE_BYTES = 256 << 20

Missing = Literal["zeros", "error"]


@dataclass(frozen=True)
class Column:
    """A tensor of a feature store, made of one property or of several side by side.

    Attributes:
        name: The tensor's name, for example ``x``.
        properties: Where its values stand.
        widths: How many numbers each property has.
        classes: Of a label that is a text: what its codes stand for, sorted. Else empty.
        label: Whether it is int64 [N] with -1 for none, instead of float32 [N, sum of widths].
    """

    name: str
    properties: tuple[str, ...]
    widths: tuple[int, ...]
    classes: tuple[str, ...] = ()
    label: bool = False

    @property
    def width(self) -> int:
        """Numbers a row."""
        return sum(self.widths)

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {text: code for code, text in enumerate(self.classes)}

    def row(self, values: Sequence[Any]) -> list[float] | None:
        """A row from the properties' values; None if one is absent.

        Raises:
            InputError: A value is of another kind or length than the first that was seen.
        """
        row: list[float] = []
        for name, width, value in zip(self.properties, self.widths, values, strict=True):
            if value is None:
                return None
            if self.classes:
                row.append(self._codes.get(value, -1))
                continue
            numbers = value if isinstance(value, list) else [value]
            if len(numbers) != width or not all(isinstance(one, int | float) for one in numbers):
                raise InputError(
                    f"the property {name!r} of an entity is {str(value)[:60]!r}, not "
                    f"{width} number(s) as others are",
                    hint="correct it in the database, or leave the property out",
                )
            row += numbers
        return row


class _ReadOnlyFeatures(FeatureStore):  # type: ignore[misc]
    def _put_tensor(self, tensor: Tensor, attr: TensorAttr) -> bool:
        raise _read_only()

    def _remove_tensor(self, attr: TensorAttr) -> bool:
        raise _read_only()

    def _get_tensor(self, attr: TensorAttr) -> Tensor:
        tensor: Tensor = self._multi_get_tensor([attr])[0]
        return tensor


class Neo4jFeatureStore(_ReadOnlyFeatures):
    """Properties of a live graph's entities as tensors, fetched when they are asked for.

    All that a batch needs comes in one exchange; rows that were fetched are kept as long as there
    is room.

    Args:
        live: The graph.
        types: Its node types.
        features: Tensor → property or properties: numbers, truth values, lists of numbers, vectors.
        labels: Tensor → a property that is a whole number, or a text that stands for a class.
        missing: What an entity without a property gets: ``zeros`` (-1 as label), or an ``error``.
        cache_bytes: Most memory for fetched rows, shared among the tensors by their widths.

    Attributes:
        columns: The tensors by name, with the classes of labels.
        absent: How many entities that were fetched lacked a property, by tensor.

    Raises:
        InputError: No entity has a property, or it is of a kind that makes no numbers.
    """

    def __init__(
        self,
        live: LiveGraph,
        types: Types,
        features: Mapping[str, str | Sequence[str]],
        labels: Mapping[str, str] | None = None,
        *,
        missing: Missing = "zeros",
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        super().__init__()
        self._live, self._types, self._missing = live, types, missing
        self.columns: dict[str, Column] = {}
        for name, given in features.items():
            properties = (given,) if isinstance(given, str) else tuple(given)
            widths = tuple(_width(live, of_one) for of_one in properties)
            self.columns[name] = Column(name, properties, widths)
        for name, of_label in (labels or {}).items():
            self.columns[name] = _label(live, name, of_label)
        self.absent: Counter[str] = Counter()
        total = sum(column.width for column in self.columns.values())
        self._caches = {
            name: RowCache(
                live.entities.size,
                column.width,
                np.dtype(np.int64 if column.label else np.float32),
                cache_bytes * column.width // total,
            )
            for name, column in self.columns.items()
        }

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Each tensor of each node type; made anew, since loaders write into them."""
        groups = self._types.names if self._types.hetero else (None,)
        return [TensorAttr(group, name) for group in groups for name in self.columns]

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...]:
        column, rows = self._column(attr), self._types.size(attr.group_name)
        return (rows,) if column.label else (rows, column.width)

    def _multi_get_tensor(self, attrs: list[TensorAttr]) -> list[Tensor]:
        asked = [
            (self._column(attr), self._types.entities(attr.group_name, _index(attr)))
            for attr in attrs
        ]
        fresh, tables = self._fetch(asked)
        tensors = [self._rows(column, entities, fresh, tables) for column, entities in asked]
        # Only now: a row that makes room for another may be one that was asked for.
        for name, table in tables.items():
            new = ~self._caches[name].find(fresh)
            self._caches[name].put(fresh[new], table[new])
        return tensors

    def _column(self, attr: TensorAttr) -> Column:
        if attr.attr_name not in self.columns:
            raise KeyError(f"no tensor {attr.attr_name!r}; there are {', '.join(self.columns)}")
        return self.columns[attr.attr_name]

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
                places = [names.index(name) for name in column.properties]
                rows[column.name] = self._table(column, entities, values, places)
        return entities, rows

    def _table(
        self, column: Column, entities: np.ndarray, values: list[list[Any]], places: list[int]
    ) -> np.ndarray:
        """Rows of one tensor for fetched entities, [n, width]."""
        empty = [-1.0 if column.label else 0.0] * column.width
        made = [column.row([of_entity[place] for place in places]) for of_entity in values]
        lacking = [position for position, row in enumerate(made) if row is None]
        if lacking and self._missing == "error":
            index = entities[lacking[:1]]
            raise InputError(
                f"{len(lacking)} entities lack {' or '.join(column.properties)}, the first "
                f"{self._live.entity_ids(index)[0]!r}",
                hint="sample among those that have it, or allow missing='zeros'",
            )
        self.absent[column.name] += len(lacking)
        dtype = np.int64 if column.label else np.float32
        return np.array([empty if row is None else row for row in made]).astype(dtype)

    def _rows(
        self,
        column: Column,
        entities: np.ndarray,
        fresh: np.ndarray,
        tables: dict[str, np.ndarray],
    ) -> Tensor:
        cache = self._caches[column.name]
        kept = cache.find(entities)
        dtype = np.int64 if column.label else np.float32
        rows = np.empty((entities.size, column.width), dtype=dtype)
        rows[kept] = cache.get(entities[kept])
        if not kept.all():
            rows[~kept] = tables[column.name][np.searchsorted(fresh, entities[~kept])]
        tensor = torch.from_numpy(rows)
        return tensor[:, 0] if column.label else tensor


class SnapshotFeatureStore(_ReadOnlyFeatures):
    """Features and labels of a snapshot: ``x`` as :func:`matrix` makes it, ``y`` the labels."""

    def __init__(self, snapshot: KGSnapshot, types: Types) -> None:
        super().__init__()
        self._types = types
        self._tensors: dict[str, Tensor] = {}
        if snapshot.features:
            self._tensors["x"] = matrix(snapshot.features, snapshot.num_entities)
        if snapshot.labels is not None:
            self._tensors["y"] = snapshot.labels.values

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Each tensor of each node type; made anew, since loaders write into them."""
        groups = self._types.names if self._types.hetero else (None,)
        return [TensorAttr(group, name) for group in groups for name in self._tensors]

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...]:
        return (self._types.size(attr.group_name), *self._tensors[attr.attr_name].shape[1:])

    def _multi_get_tensor(self, attrs: list[TensorAttr]) -> list[Tensor]:
        return [
            self._tensors[attr.attr_name][
                as_tensor(self._types.entities(attr.group_name, _index(attr)))
            ]
            for attr in attrs
        ]


class _EdgeStore(GraphStore):  # type: ignore[misc]
    def __init__(self, types: Types) -> None:
        super().__init__()
        self._types = types

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
        raise _read_only()

    def _remove_edge_index(self, edge_attr: EdgeAttr) -> bool:
        raise _read_only()

    def _get_edge_index(self, edge_attr: EdgeAttr) -> tuple[Tensor, Tensor] | None:
        heads, tails, relations = self._edges()
        key, types = edge_attr.edge_type, self._types
        if key is not None:
            if key not in types.facts:
                return None
            chosen = np.fromiter((name == key[1] for name in relations), np.bool_, heads.size)
            chosen &= types.type_of[heads] == types.code(key[0])
            chosen &= types.type_of[tails] == types.code(key[2])
            heads, tails = heads[chosen], tails[chosen]
        return as_tensor(types.local_of[heads]), as_tensor(types.local_of[tails])

    def _edges(self) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
        raise NotImplementedError


class Neo4jGraphStore(_EdgeStore):
    """The facts of a live graph. All of them travel only where an ``edge_index`` is asked for."""

    def __init__(self, live: LiveGraph, types: Types) -> None:
        super().__init__(types)
        self._live = live

    def _edges(self) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
        return all_facts(self._live.store, self._live.entities)


class SnapshotGraphStore(_EdgeStore):
    """The facts of a snapshot."""

    def __init__(self, snapshot: KGSnapshot, types: Types) -> None:
        super().__init__(types)
        self._snapshot = snapshot

    def _edges(self) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
        heads, tails = self._snapshot.edge_index.numpy()
        names = self._snapshot.relations
        return heads, tails, [names[code] for code in self._snapshot.edge_type.tolist()]


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


def _width(live: LiveGraph, name: str) -> int:
    value = one_value(live.store, live.entities.graph, name)
    numbers = value if isinstance(value, list) else [value]
    if value is None or not all(isinstance(one, int | float) for one in numbers):
        found = "on no entity" if value is None else f"a {type(value).__name__}"
        raise InputError(
            f"the property {name!r} of graph {live.entities.graph!r} is {found}",
            hint="features are numbers, truth values, lists of numbers or vectors",
        )
    return len(numbers)


def _label(live: LiveGraph, name: str, of_label: str) -> Column:
    graph = live.entities.graph
    values = distinct_values(live.store, graph, of_label, MAX_CLASSES + 1)
    kinds = set(map(type, values))
    if kinds not in ({str}, {int}) or (kinds == {str} and len(values) > MAX_CLASSES):
        found = ", ".join(sorted(kind.__name__ for kind in kinds)) or "on no entity"
        raise InputError(
            f"the property {of_label!r} of graph {graph!r} is no label: {found}, "
            f"{len(values):,} values",
            hint=f"labels are whole numbers, or at most {MAX_CLASSES:,} texts",
        )
    classes = tuple(sorted(values)) if kinds == {str} else ()
    return Column(name, (of_label,), (1,), classes, label=True)


def _index(attr: TensorAttr) -> Tensor | slice | None:
    index = attr.index if attr.is_set("index") else None
    if index is None or isinstance(index, slice):
        return index
    return torch.as_tensor(index)


def _read_only() -> UsageError:
    return UsageError(
        "the stores of a graph are for reading", hint="write with `kgp load` or `kgp write`"
    )
