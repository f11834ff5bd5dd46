"""Edges as rows that are put together when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class EdgeRows:
    """Rows (head, relation, tail) of some edges; behaves like a tensor [E', 3] that is indexed.

    A tensor of all rows would be a copy of the edges: 480 MB of 20,000,000, which a snapshot on
    disk has mapped already.

    Attributes:
        edge_index: Heads and tails of all edges, int64 [2, E].
        edge_type: Relations, int64 [E].
        chosen: Positions of the edges that are rows, int32 or int64 [E']; None for all.
    """

    edge_index: Tensor
    edge_type: Tensor
    chosen: Tensor | None = None

    def __len__(self) -> int:
        return int((self.edge_type if self.chosen is None else self.chosen).numel())

    def __getitem__(self, rows: Tensor) -> Tensor:
        at = rows if self.chosen is None else self.chosen[rows].long()
        return torch.stack((self.edge_index[0][at], self.edge_type[at], self.edge_index[1][at]), 1)

    @property
    def device(self) -> torch.device:
        """Where the edges are."""
        return self.edge_type.device

    def to(self, device: torch.device) -> EdgeRows:
        """The same rows with their edges on a device."""
        chosen = None if self.chosen is None else self.chosen.to(device)
        return EdgeRows(self.edge_index.to(device), self.edge_type.to(device), chosen)
