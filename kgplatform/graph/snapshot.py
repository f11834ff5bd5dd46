"""A knowledge graph frozen into tensors: what every model trains on."""

from __future__ import annotations

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
from kgplatform.triples import SPLITS, Split, Triple

if TYPE_CHECKING:
    from torch_geometric.data import Data, HeteroData

NO_SPLIT = -1
"""Code in ``KGSnapshot.split`` of an edge whose source names no split."""


@dataclass(frozen=True, eq=False)
class KGSnapshot:
    """Vocabularies and edges of a projection, in an order that depends on its content alone.

    Entities and relations are sorted by name and edges by (head, relation, tail), each triple
    once, so that the same graph gives the same tensors whatever the order it arrived in.

    Attributes:
        entities: entity_id by entity_index, [num_entities].
        relations: Relation names by relation index, [num_relations].
        edge_index: Heads and tails as entity_index, int64 [2, E].
        edge_type: Relation indices, int64 [E].
        split: 0 train, 1 valid, 2 test, -1 where the source names none; int8 [E].
    """

    entities: tuple[str, ...]
    relations: tuple[str, ...]
    edge_index: Tensor
    edge_type: Tensor
    split: Tensor

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
            sha.update(tensor.contiguous().numpy().tobytes())
        return sha.hexdigest()

    def triples(self, split: Split | None = None) -> Tensor:
        """Edges as rows (head, relation, tail), int64 [E', 3]; of one split or of all."""
        rows = torch.stack((self.edge_index[0], self.edge_type, self.edge_index[1]), dim=1)
        return rows if split is None else rows[self.split == SPLITS.index(split)]

    def to_data(self) -> Data:
        """The graph as a homogeneous PyG ``Data`` with ``edge_type`` and split masks."""
        from torch_geometric.data import Data

        masks = {f"{name}_mask": self.split == code for code, name in enumerate(SPLITS)}
        return Data(
            edge_index=self.edge_index,
            edge_type=self.edge_type,
            num_nodes=self.num_entities,
            **masks,
        )

    def to_hetero(self) -> HeteroData:
        """The graph as PyG ``HeteroData``: one node type, an edge type a relation."""
        from torch_geometric.data import HeteroData

        data = HeteroData()
        data["entity"].num_nodes = self.num_entities
        for index, name in enumerate(self.relations):
            chosen = self.edge_type == index
            data["entity", name, "entity"].edge_index = self.edge_index[:, chosen]
        return data


def from_columns(
    entities: Sequence[str],
    relations: Sequence[str],
    head: np.ndarray,
    relation: np.ndarray,
    tail: np.ndarray,
    split: np.ndarray,
) -> KGSnapshot:
    """A snapshot from index columns over vocabularies in any order.

    Args:
        entities: Distinct entity_ids; those that no edge names are kept.
        relations: Distinct relation names.
        head: Positions in ``entities``, [E].
        relation: Positions in ``relations``, [E].
        tail: Positions in ``entities``, [E].
        split: 0, 1, 2 or -1, [E].

    Raises:
        InputError: A vocabulary is not distinct, or a triple stands in two splits.
    """
    entity_names, entity_rank = _sorted_vocabulary("entity id", entities)
    relation_names, relation_rank = _sorted_vocabulary("relation", relations)
    head, relation, tail = entity_rank[head], relation_rank[relation], entity_rank[tail]
    order = np.lexsort((split, tail, relation, head))
    head, relation, tail, split = head[order], relation[order], tail[order], split[order]
    if head.size:
        same = (head[1:] == head[:-1]) & (relation[1:] == relation[:-1]) & (tail[1:] == tail[:-1])
        leaks = np.flatnonzero(same & (split[1:] != split[:-1]))
        if leaks.size:
            at = int(leaks[0])
            raise InputError(
                f"{leaks.size} triples stand in two splits, the first "
                f"({entity_names[head[at]]}, {relation_names[relation[at]]}, "
                f"{entity_names[tail[at]]})",
                hint="give each triple one split; a test triple seen in training spoils results",
            )
        keep = np.concatenate(([True], ~same))
        head, relation, tail, split = head[keep], relation[keep], tail[keep], split[keep]
    return KGSnapshot(
        entities=entity_names,
        relations=relation_names,
        edge_index=torch.from_numpy(np.stack((head, tail)).astype(np.int64)),
        edge_type=torch.from_numpy(relation.astype(np.int64)),
        split=torch.from_numpy(split.astype(np.int8)),
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
