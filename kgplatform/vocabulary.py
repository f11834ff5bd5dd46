"""Names that get numbers in the order in which they come."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

import numpy as np

Name = TypeVar("Name", bound=Hashable)


class Vocabulary(dict[Name, int]):
    """Names with their positions; one that is asked for and not there is added at the end."""

    def __missing__(self, name: Name) -> int:
        self[name] = position = len(self)
        return position

    def codes(self, names: Sequence[Name]) -> np.ndarray:
        """Positions of names, int64 [N]."""
        return np.fromiter(map(self.__getitem__, names), np.int64, len(names))
