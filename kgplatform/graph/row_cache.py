"""Rows of a table that is elsewhere, the latest used ones kept within a number of bytes."""

from __future__ import annotations

import numpy as np


class RowCache:
    """Rows by position; those used longest ago make room for new ones.

    Args:
        rows: Rows of the whole table.
        width: Values a row.
        dtype: Of the values.
        most_bytes: Most bytes that kept rows take; beside them, 4 bytes for each row of the table.
    """

    def __init__(self, rows: int, width: int, dtype: np.dtype, most_bytes: int) -> None:
        kept = min(rows, most_bytes // max(width * dtype.itemsize, 1))
        self._rows = np.zeros((kept, width), dtype=dtype)
        self._owner = np.full(kept, -1, dtype=np.int64)
        self._used = np.zeros(kept, dtype=np.int64)
        self._slot = np.full(rows, -1, dtype=np.int32)
        self._now = 0

    def find(self, positions: np.ndarray) -> np.ndarray:
        """Which of the positions are kept, bool."""
        here: np.ndarray = self._slot[positions] >= 0
        return here

    def get(self, positions: np.ndarray) -> np.ndarray:
        """Rows of positions that are kept, [n, width]."""
        self._now += 1
        slots = self._slot[positions]
        self._used[slots] = self._now
        rows: np.ndarray = self._rows[slots]
        return rows

    def put(self, positions: np.ndarray, rows: np.ndarray) -> None:
        """Keep rows of distinct positions that are not kept; as many of them as fit."""
        kept = self._owner.size
        positions, rows = positions[:kept], rows[:kept]
        if not positions.size:
            return
        self._now += 1
        # Unused slots have the time 0, so they come first.
        slots = np.argpartition(self._used, positions.size - 1)[: positions.size]
        gone = self._owner[slots]
        self._slot[gone[gone >= 0]] = -1
        self._owner[slots], self._slot[positions] = positions, slots
        self._rows[slots], self._used[slots] = rows, self._now
