"""What a projection's further queries return of its entities and edges, as features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import InputError
from kgplatform.graph.features import Feature, FeatureColumn, with_room
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.progress import Progress
from kgplatform.store.client import Store
from kgplatform.store.query_values import Times, names
from kgplatform.store.stream import split_codes
from kgplatform.store.stream_query import TRIPLE, stream_rows
from kgplatform.vocabulary import Vocabulary


@dataclass(frozen=True)
class Around:
    """What the queries of one projection's entities share.

    Attributes:
        store: The database.
        params: Parameters of the queries.
        entities: The projection's entities so far; those that only a query names are added.
        integer_ids: Whether the projection's ids are numbers.
    """

    store: Store
    params: Mapping[str, Any]
    entities: Vocabulary[str]
    integer_ids: bool


class EntityColumns:
    """The columns of a query of entities, while its rows arrive.

    Args:
        what: ``features`` or ``labels``, for messages.
        around: The projection.
    """

    def __init__(self, what: str, around: Around) -> None:
        self._what = what
        self._entities = around.entities
        self._kinds: set[type] = {int if around.integer_ids else str}
        self._seen = _Seen(len(around.entities))
        self.columns: dict[str, FeatureColumn] = {}

    def rows(self, values: list[Any]) -> np.ndarray:
        """Rows of a block's entities, int64 [M].

        Raises:
            InputError: A null, an id of the wrong type, or an entity that had a row already.
        """
        where = f"as entity of the {self._what}"
        rows = self._entities.codes(names("id", values, len(values), where, self._kinds))
        if (again := self._seen.again(rows)) is not None:
            raise InputError(
                f"the query of the {self._what} returned two rows of entity {values[again]!r}",
                hint="return one row an entity, as with DISTINCT or collect(…)[0]",
            )
        return rows

    def add(self, name: str, rows: np.ndarray, values: Sequence[Any]) -> None:
        """Values of one column."""
        if name not in self.columns:
            self.columns[name] = FeatureColumn(name, len(self._entities))
        self.columns[name].add(rows, values)


def read_features(around: Around, query: str, progress: Progress) -> list[FeatureColumn]:
    """The features that a query returns as ``entity`` and a column each.

    Raises:
        QueryRefusedError: The query would write or lacks ``entity``.
        InputError: Two rows of an entity, or values that make no feature.
    """
    read = EntityColumns("features", around)
    for columns, block in stream_rows(around.store, query, around.params, ("entity",), progress):
        values = dict(zip(columns, block, strict=True))
        rows = read.rows(values.pop("entity"))
        for name, column in values.items():
            read.add(name, rows, column)
    return list(read.columns.values())


def read_labels(
    around: Around, query: str, progress: Progress
) -> tuple[FeatureColumn, np.ndarray | None]:
    """The classes that a query returns as ``entity, label[, split]``.

    Returns:
        The labels, as texts, and the code of the split of each entity, int64 [N so far].

    Raises:
        QueryRefusedError: The query would write or lacks a column.
        InputError: Two rows of an entity, or a label that is no text, number or truth value.
    """
    read = EntityColumns("labels", around)
    splits: list[tuple[np.ndarray, np.ndarray]] = []
    labelled = False
    for columns, block in stream_rows(
        around.store, query, around.params, ("entity", "label"), progress
    ):
        values = dict(zip(columns, block, strict=True))
        rows = read.rows(values["entity"])
        labels = [label_of(value) for value in values["label"]]
        labelled |= any(label is not None for label in labels)
        read.add("label", rows, labels)
        if "split" in values:
            splits.append((rows, split_codes(values["split"])))
    if not labelled:
        raise InputError(
            "the query of the labels returned no label", hint="check its pattern in Browser"
        )
    if not splits:
        return read.columns["label"], None
    codes = np.full(len(around.entities), -1, dtype=np.int64)
    for rows, split in splits:
        codes[rows] = split
    return read.columns["label"], codes


def read_edge_features(
    store: Store,
    query: str,
    params: Mapping[str, Any],
    snapshot: KGSnapshot,
    progress: Progress,
) -> tuple[Feature, ...]:
    """The features that a query returns as ``head, relation, tail[, time]`` and a column each.

    Raises:
        QueryRefusedError: The query would write or lacks a column.
        InputError: Two rows of an edge, one that the projection lacks, or values that make no
            feature.
    """
    find = _Edges(snapshot)
    seen = _Seen(snapshot.num_edges)
    made: dict[str, FeatureColumn] = {}
    key = (*TRIPLE, "time") if snapshot.time is not None else TRIPLE
    for columns, block in stream_rows(store, query, params, key, progress):
        values = dict(zip(columns, block, strict=True))
        triples = [values.pop(name) for name in key]
        rows = find.rows(triples)
        lacking = np.flatnonzero(rows < 0)
        wrong = int(lacking[0]) if lacking.size else seen.again(rows)
        if wrong is not None:
            what = "an edge that the projection lacks" if lacking.size else "two rows of an edge"
            named = ", ".join(str(column[wrong]) for column in triples)
            raise InputError(
                f"the query of the edge features returned {what}: ({named})",
                hint="return one row for each edge that the projection's own query returns",
            )
        for name, column in values.items():
            made.setdefault(name, FeatureColumn(name, snapshot.num_edges)).add(rows, column)
    order = np.arange(snapshot.num_edges)
    return tuple(column.feature(order) for column in made.values())


def in_order(codes: np.ndarray, order: np.ndarray) -> Tensor:
    """Split codes in the order of a snapshot's entities, int8 [N]; -1 beyond those given."""
    padded = np.full(max(len(codes), int(order.max(initial=-1)) + 1), -1, dtype=np.int8)
    padded[: len(codes)] = codes
    return torch.from_numpy(padded[order])


def label_of(value: Any) -> str | None:
    """A label as text.

    Raises:
        InputError: It is no text, whole number or truth value.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    raise InputError(
        f"the query of the labels returned the label {str(value)[:60]!r} ({type(value).__name__})",
        hint="a label is a text, a whole number or a truth value",
    )


class _Seen:
    """Which rows came already."""

    def __init__(self, total: int) -> None:
        self._rows = np.zeros(total, dtype=np.bool_)

    def again(self, rows: np.ndarray) -> int | None:
        """Position of the first row that came before, in this block or an earlier one."""
        self._rows = with_room(self._rows, rows)
        first = np.zeros(len(rows), dtype=np.bool_)
        first[np.unique(rows, return_index=True)[1]] = True
        wrong = np.flatnonzero(self._rows[rows] | ~first)
        self._rows[rows] = True
        return int(wrong[0]) if wrong.size else None


class _Edges:
    """Finds edges of a snapshot by their names."""

    def __init__(self, snapshot: KGSnapshot) -> None:
        self._entity = {name: code for code, name in enumerate(snapshot.entities)}
        self._relation = {name: code for code, name in enumerate(snapshot.relations)}
        self._times = None if snapshot.time is None else np.unique(snapshot.time.numpy())
        self._given = Times()
        times = 1 if self._times is None else len(self._times)
        if snapshot.num_entities**2 * snapshot.num_relations * times >= 2**63:
            raise InputError(
                "the projection has too many entities, relations and times for edge features",
                hint="leave out --edge-features, or project less",
            )
        heads, tails = snapshot.edge_index.numpy()
        time = np.zeros(len(heads), dtype=np.int64)
        if snapshot.time is not None and self._times is not None:
            time = np.searchsorted(self._times, snapshot.time.numpy())
        # Edges of a snapshot are in the order of these keys.
        self._keys = self._key(heads, snapshot.edge_type.numpy(), tails, time)

    def rows(self, columns: list[list[Any]]) -> np.ndarray:
        """Positions of edges, -1 where there is none; int64 [M]."""
        ends = [
            np.array([self._entity.get(str(name), -1) for name in columns[place]], dtype=np.int64)
            for place in (0, 2)
        ]
        relations = np.array([self._relation.get(name, -1) for name in columns[1]], dtype=np.int64)
        known = (ends[0] >= 0) & (ends[1] >= 0) & (relations >= 0)
        time = np.zeros(len(relations), dtype=np.int64)
        if self._times is not None:
            given = self._given.of(columns[3], len(relations), "of an edge's features")
            time = np.searchsorted(self._times, given).clip(max=len(self._times) - 1)
            known &= self._times[time] == given
        keys = self._key(ends[0], relations, ends[1], time)
        rows = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        return np.where(known & (self._keys[rows] == keys), rows, -1)

    def _key(
        self, heads: np.ndarray, relations: np.ndarray, tails: np.ndarray, times: np.ndarray
    ) -> np.ndarray:
        pairs = (heads * len(self._relation) + relations) * len(self._entity) + tails
        keys: np.ndarray = pairs * (1 if self._times is None else len(self._times)) + times
        return keys
