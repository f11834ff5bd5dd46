"""How entities and facts are sorted into PyG's node and edge types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import UnknownNameError

By = Literal["none", "relation", "label"]
"""``none``: a homogeneous graph; ``relation``: one node type and an edge type a relation, as
``KGSnapshot.to_hetero`` has it; ``label``: a node type a label, too."""

ENTITY = "entity"
"""The only node type where entities have none of their own."""

EdgeType = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Types:
    """Node and edge types of a graph.

    Attributes:
        by: What they are made by.
        names: Node types.
        type_of: Position in ``names`` of each entity, int64 [N].
        local_of: An entity's place among those of its type, int64 [N].
        members: For each type its entities, ascending, int64.
        facts: Edge types, as (type of head, relation, type of tail), with their number of facts.
    """

    by: By
    names: tuple[str, ...]
    type_of: np.ndarray
    local_of: np.ndarray
    members: tuple[np.ndarray, ...]
    facts: dict[EdgeType, int]

    @property
    def hetero(self) -> bool:
        """Whether there are edge types."""
        return self.by != "none"

    def size(self, name: str | None) -> int:
        """How many entities a node type has; None: all of a homogeneous graph."""
        return int(self.members[self.code(name)].size)

    def code(self, name: str | None) -> int:
        """Position of a node type; None stands for the only one of a homogeneous graph.

        Raises:
            UnknownNameError: There is no such type.
        """
        if name is None and not self.hetero:
            return 0
        if name not in self.names:
            raise UnknownNameError("node type", str(name), self.names)
        return self.names.index(name)

    def entities(self, name: str | None, index: Tensor | slice | None = None) -> np.ndarray:
        """entity_index of the nodes of a type, all or those of an index within it; int64."""
        members = self.members[self.code(name)]
        if index is None:
            return members
        chosen: np.ndarray = members[index if isinstance(index, slice) else index.cpu().numpy()]
        return chosen


def types_of(
    by: By, names: Sequence[str], type_of: np.ndarray, facts: dict[tuple[int, str, int], int]
) -> Types:
    """Types from a type of each entity and the facts between types.

    Args:
        by: What is asked for; ``none`` and ``relation`` join all node types.
        names: Node types.
        type_of: Position in ``names`` of each entity, int64 [N].
        facts: (type of head, relation, type of tail) → number of facts.
    """
    if by != "label":
        names, type_of = (ENTITY,), np.zeros_like(type_of)
    members = tuple(np.flatnonzero(type_of == code) for code in range(len(names)))
    local_of = np.empty(type_of.size, dtype=np.int64)
    for of_type in members:
        local_of[of_type] = np.arange(of_type.size)
    counted: dict[EdgeType, int] = {}
    for (head, relation, tail), number in facts.items():
        ends = (names[head], names[tail]) if by == "label" else (ENTITY, ENTITY)
        key = (ends[0], relation, ends[1])
        counted[key] = counted.get(key, 0) + number
    return Types(by, tuple(names), type_of, local_of, members, counted)


def as_tensor(values: np.ndarray) -> Tensor:
    """The same numbers as int64."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64))
