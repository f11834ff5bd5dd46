"""Where the edges of each entity are: rows by head (CSR) and by tail (CSC)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Adjacency:
    """Edges by their ends, as positions among the edges of a snapshot.

    Attributes:
        head_start: The edges of head i are those from ``head_start[i]`` to ``head_start[i + 1]``,
            as a snapshot's edges are sorted by head; int64 [N + 1].
        tail_start: The same for tails in ``by_tail``; int64 [N + 1].
        by_tail: Positions of edges in the order of (tail, relation, head), int64 [E].
    """

    head_start: Tensor
    tail_start: Tensor
    by_tail: Tensor


def adjacency_of(edge_index: Tensor, edge_type: Tensor, num_entities: int) -> Adjacency:
    """The adjacency of edges that are sorted by (head, relation).

    Args:
        edge_index: Heads and tails, int64 [2, E].
        edge_type: Relations, int64 [E].
        num_entities: N.
    """
    heads, tails = edge_index.numpy()
    # Both sorts behind this are stable, so that edges of one tail and relation stay by head.
    by_tail = np.lexsort((edge_type.numpy(), tails))
    return Adjacency(
        _starts(heads, num_entities), _starts(tails, num_entities), torch.from_numpy(by_tail)
    )


def _starts(ends: np.ndarray, num_entities: int) -> Tensor:
    starts = np.zeros(num_entities + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends, minlength=num_entities), out=starts[1:])
    return torch.from_numpy(starts)
