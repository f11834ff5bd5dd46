"""A knowledge graph frozen into tensors: what every model trains on."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import InputError
from kgplatform.graph.adjacency import Adjacency, adjacency_of
from kgplatform.graph.features import Feature, content_bytes, matrix
from kgplatform.graph.rows import EdgeRows
from kgplatform.triples import SPLITS, Split, Triple

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

NO_SPLIT = -1
"""Code in ``KGSnapshot.split`` of an edge whose source names no split."""


@dataclass(frozen=True, eq=False)
class KGSnapshot:
    """Vocabularies and edges of a projection, in an order that depends on its content alone.

    Entities and relations are sorted by name and edges by (head, relation, tail, time), each
    once, so that the same graph gives the same tensors whatever the order it arrived in.

    Attributes:
        entities: entity_id by entity_index, [num_entities].
        relations: Relation names by relation index, [num_relations].
        edge_index: Heads and tails as entity_index, int64 [2, E].
        edge_type: Relation indices, int64 [E].
        split: 0 train, 1 valid, 2 test, -1 where the source names none; int8 [E].
        weight: float32 [E], where the projection returns one.
        time: int64 [E], where the projection returns one: whole numbers as they are, dates and
            times as seconds since 1970 UTC.
        features: What a projection returns of entities.
        labels: The classes of entities, a ``category``.
        label_split: Which split an entity's label is in, coded like ``split``; int8 [N].
        edge_features: What a projection returns of edges beyond weight and time.
    """

    entities: Sequence[str]
    relations: Sequence[str]
    edge_index: Tensor
    edge_type: Tensor
    split: Tensor
    weight: Tensor | None = None
    time: Tensor | None = None
    features: tuple[Feature, ...] = ()
    labels: Feature | None = None
    label_split: Tensor | None = None
    edge_features: tuple[Feature, ...] = ()

    @property
    def num_entities(self) -> int:
        """Number of entities."""
        return len(self.entities)

    @property
    def num_relations(self) -> int:
        """Number of relations, reciprocal ones not counted."""
        return len(self.relations)

    @property
    def num_edges(self) -> int:
        """Number of edges of all splits."""
        return int(self.edge_type.numel())

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, hexadecimal: the same for the same graph and split."""
        sha = hashlib.sha256()
        for names in (self.entities, self.relations):
            sha.update(len(names).to_bytes(8, "big"))
            for name in names:
                encoded = name.encode("utf-8")
                sha.update(len(encoded).to_bytes(4, "big"))
                sha.update(encoded)
        for tensor in (self.edge_index, self.edge_type, self.split):
            sha.update(content_bytes(tensor))
        # What a snapshot lacks leaves no trace, so that graphs without it keep their digest.
        for name in ("weight", "time", "label_split"):
            if (tensor := getattr(self, name)) is not None:
                sha.update(name.encode())
                sha.update(content_bytes(tensor))
        labels = () if self.labels is None else (self.labels,)
        for place, features in (
            ("entity", self.features),
            ("label", labels),
            ("edge", self.edge_features),
        ):
            for feature in features:
                sha.update(place.encode())
                feature.update(sha)
        return sha.hexdigest()

    @cached_property
    def adjacency(self) -> Adjacency:
        """Where the edges of each entity are."""
        return adjacency_of(self.edge_index, self.edge_type, self.num_entities)

    def with_split(self, split: Tensor) -> KGSnapshot:
        """The same graph in another split, int8 [E]; its adjacency, if known, stays."""
        other = dataclasses.replace(self, split=split)
        if "adjacency" in self.__dict__:
            other.__dict__["adjacency"] = self.adjacency
        return other

    def rows(self, split: Split) -> EdgeRows:
        """Edges of one split as rows (head, relation, tail), put together when indexed."""
        here = self.split == SPLITS.index(split)
        if bool(here.all()):
            return EdgeRows(self.edge_index, self.edge_type)
        chosen = torch.nonzero(here).flatten()
        if self.num_edges <= torch.iinfo(torch.int32).max:
            chosen = chosen.to(torch.int32)
        return EdgeRows(self.edge_index, self.edge_type, chosen)

    def triples(self, split: Split | None = None) -> Tensor:
        """Edges as rows (head, relation, tail), int64 [E', 3]; of one split or of all."""
        if split is None:
            return torch.stack((self.edge_index[0], self.edge_type, self.edge_index[1]), dim=1)
        return self.rows(split)[torch.arange(int((self.split == SPLITS.index(split)).sum()))]

    def to_data(self) -> Data:
        """The graph as a homogeneous PyG ``Data``.

        It has ``edge_type`` and a mask a split; where the projection returns them ``edge_weight``,
        ``edge_time``, ``edge_attr``, ``x`` (:func:`kgplatform.graph.features.matrix`), and ``y``
        (-1 where an entity has no label), whose masks then are those of entities.
        """
        from torch_geometric.data import Data

        split = self.split if self.label_split is None else self.label_split
        data = Data(
            edge_index=self.edge_index,
            edge_type=self.edge_type,
            num_nodes=self.num_entities,
            **{f"{name}_mask": split == code for code, name in enumerate(SPLITS)},
        )
        for name, tensor in self.edge_tensors().items():
            data[name] = tensor
        if self.features:
            data.x = matrix(self.features, self.num_entities)
        if self.labels is not None:
            data.y = self.labels.values
        return data

    def to_hetero(self) -> HeteroData:
        """The graph as PyG ``HeteroData``: one node type, an edge type a relation.

        Of entities it has ``x`` and ``y``, of edges what :meth:`to_data` has of them.
        """
        from torch_geometric.data import HeteroData

        data = HeteroData()
        data["entity"].num_nodes = self.num_entities
        if self.features:
            data["entity"].x = matrix(self.features, self.num_entities)
        if self.labels is not None:
            data["entity"].y = self.labels.values
        of_edges = self.edge_tensors()
        for index, name in enumerate(self.relations):
            chosen = self.edge_type == index
            data["entity", name, "entity"].edge_index = self.edge_index[:, chosen]
            for column, tensor in of_edges.items():
                data["entity", name, "entity"][column] = tensor[chosen]
        return data

    def edge_tensors(self) -> dict[str, Tensor]:
        """What the projection returns of edges, by PyG's names, [E] or [E, d] each."""
        tensors = {"edge_weight": self.weight, "edge_time": self.time}
        found = {name: tensor for name, tensor in tensors.items() if tensor is not None}
        if self.edge_features:
            found["edge_attr"] = matrix(self.edge_features, self.num_edges)
        return found


def from_columns(
    entities: Sequence[str],
    relations: Sequence[str],
    head: np.ndarray,
    relation: np.ndarray,
    tail: np.ndarray,
    split: np.ndarray,
    weight: np.ndarray | None = None,
    time: np.ndarray | None = None,
) -> KGSnapshot:
    """A snapshot from index columns over vocabularies in any order.

    Args:
        entities: Distinct entity_ids; those that no edge names are kept.
        relations: Distinct relation names.
        head: Positions in ``entities``, [E].
        relation: Positions in ``relations``, [E].
        tail: Positions in ``entities``, [E].
        split: 0, 1, 2 or -1, [E].
        weight: [E].
        time: Whole numbers, [E].

    Raises:
        InputError: A vocabulary is not distinct, a triple stands in two splits, or it has two
            weights at one time.
    """
    entity_names, entity_rank = _sorted_vocabulary("entity id", entities)
    relation_names, relation_rank = _sorted_vocabulary("relation", relations)
    order, head, relation, tail = _in_order(entity_rank, relation_rank, head, relation, tail, time)
    split = split[order]
    weight = None if weight is None else weight[order]
    time = None if time is None else time[order]
    del order
    if head.size:
        same = (head[1:] == head[:-1]) & (relation[1:] == relation[:-1]) & (tail[1:] == tail[:-1])
        if time is not None:
            same &= time[1:] == time[:-1]

        def refuse(wrong: np.ndarray, what: str, hint: str) -> None:
            if (at := np.flatnonzero(wrong)).size:
                first = int(at[0])
                raise InputError(
                    f"{at.size} triples {what}, the first ({entity_names[head[first]]}, "
                    f"{relation_names[relation[first]]}, {entity_names[tail[first]]})",
                    hint=hint,
                )

        refuse(
            same & (split[1:] != split[:-1]),
            "stand in two splits",
            "give each triple one split; a test triple seen in training spoils results",
        )
        if weight is not None:
            refuse(
                same & (weight[1:] != weight[:-1]),
                "have two weights",
                "return one row a triple, as with sum(r.weight) AS weight",
            )
        if same.any():
            keep = np.concatenate(([True], ~same))
            head, relation, tail, split = head[keep], relation[keep], tail[keep], split[keep]
            weight = None if weight is None else weight[keep]
            time = None if time is None else time[keep]
    return KGSnapshot(
        entities=entity_names,
        relations=relation_names,
        edge_index=torch.from_numpy(np.stack((head, tail), dtype=np.int64)),
        edge_type=torch.from_numpy(relation.astype(np.int64, copy=False)),
        split=torch.from_numpy(split.astype(np.int8)),
        weight=None if weight is None else torch.from_numpy(weight.astype(np.float32)),
        time=None if time is None else torch.from_numpy(time.astype(np.int64)),
    )


def from_triples(triples: Iterable[Triple]) -> KGSnapshot:
    """A snapshot from records held in memory, for files and tests.

    Raises:
        InputError: A triple stands in two splits.
    """
    entities: dict[str, int] = {}
    relations: dict[str, int] = {}
    rows = [
        (
            entities.setdefault(triple.head, len(entities)),
            relations.setdefault(triple.relation, len(relations)),
            entities.setdefault(triple.tail, len(entities)),
            NO_SPLIT if triple.split is None else SPLITS.index(triple.split),
        )
        for triple in triples
    ]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return from_columns(
        list(entities), list(relations), columns[0], columns[1], columns[2], columns[3]
    )


def _in_order(
    entity_rank: np.ndarray,
    relation_rank: np.ndarray,
    head: np.ndarray,
    relation: np.ndarray,
    tail: np.ndarray,
    time: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The order of edges by (head, relation, tail, time), and their ends by rank in it."""
    entities, relations = entity_rank.size, relation_rank.size
    if time is not None or entities**2 * relations >= 2**63:
        head, relation, tail = entity_rank[head], relation_rank[relation], entity_rank[tail]
        keys = (tail, relation, head)
        order = np.lexsort(keys if time is None else (time, *keys))
        return order, head[order], relation[order], tail[order]
    # One number an edge: sorted in a fourth of the time, and in half the memory.
    key = entity_rank[head]
    key *= relations
    key += relation_rank[relation]
    key *= entities
    key += entity_rank[tail]
    order = np.argsort(key)
    key = key[order]
    tail = key % entities
    key //= entities
    relation = key % relations
    key //= relations
    return order, key, relation, tail


def _sorted_vocabulary(kind: str, names: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """Names in order, and for each old position its new one."""
    # Python's own sort: numpy would cut trailing NULs and pad every string to the longest.
    order = sorted(range(len(names)), key=names.__getitem__)
    ordered = tuple(names[position] for position in order)
    for left, right in pairwise(ordered):
        if left == right:
            raise InputError(f"{kind} {left!r} occurs twice in a vocabulary")
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return ordered, rank
