"""Places within groups."""

from __future__ import annotations

import numpy as np


def place_in_group(group: np.ndarray) -> np.ndarray:
    """How many before each have the same group, [n]."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(group)])
    before = np.repeat(first, np.diff(np.append(first, len(group))))
    place = np.empty(len(group), dtype=np.int64)
    place[order] = np.arange(len(group)) - before
    return place
