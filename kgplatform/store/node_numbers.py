"""Positions by the server's own numbers of nodes, which name the ends of relationships for free.

They hold as long as nobody writes, and never leave the store.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SPREAD = 8
"""Up to so many of the server's numbers to a node, they are looked up in one array."""


class Places(NamedTuple):
    """Where the things are that nodes stand for.

    Attributes:
        nodes: The server's numbers of the nodes, ascending; int64 [N]. None where they lie so
            close that ``places`` has one for each number.
        places: Positions, parallel to ``nodes``; without it by number, -1 where there is none.
    """

    nodes: np.ndarray | None
    places: np.ndarray

    def of(self, numbers: list[int]) -> np.ndarray:
        """Positions by numbers, int64; -1 for a node that is none of these."""
        wanted = np.array(numbers, dtype=np.int64)
        nodes, places = self.nodes, self.places
        if not len(places):
            return np.full(len(wanted), -1, dtype=np.int64)
        if nodes is None:
            at = wanted.clip(max=len(places) - 1)
            return np.where(at == wanted, places[at], -1)
        at = np.searchsorted(nodes, wanted).clip(max=len(nodes) - 1)
        return np.where(nodes[at] == wanted, places[at], -1)


def places_of(numbers: np.ndarray, positions: np.ndarray | None = None) -> Places:
    """The places of nodes.

    Args:
        numbers: Their numbers, distinct; int64 [N].
        positions: Where each is; without it in the order of ``numbers``.
    """
    if positions is None:
        positions = np.arange(len(numbers))
    highest = int(numbers.max(initial=-1))
    if highest <= SPREAD * len(numbers):
        places = np.full(highest + 1, -1, dtype=np.int64)
        places[numbers] = positions
        return Places(None, places)
    order = np.argsort(numbers)
    return Places(numbers[order], positions[order])
