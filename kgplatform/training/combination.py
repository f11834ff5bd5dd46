"""Two scores mixed: the weight of the second, for each relation and side, learned on validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.training.known import Side

WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Weights of the second score that are tried; 0 is the first alone and 1 the second alone."""

COMMON = 20
"""The weight of all relations counts as so many ranks of each: few facts move it little."""

Group = tuple[int, Side]


@dataclass(frozen=True)
class Combination:
    """Weights of the second of two scores.

    Attributes:
        common: The best for all validation facts together.
        of: By relation and side, where validation facts say so.
    """

    common: float
    of: Mapping[Group, float]

    def weight(self, relation: int, side: Side) -> float:
        """That of a query's relation and side."""
        return self.of.get((relation, side), self.common)


def best_weights(total: Mapping[Group, np.ndarray], count: Mapping[Group, int]) -> Combination:
    """The weights with the highest mean reciprocal rank.

    Args:
        total: Reciprocal ranks at each of ``WEIGHTS``, added up, [W], by relation and side.
        count: How many they are.
    """
    mean = sum(total.values(), np.zeros(len(WEIGHTS))) / sum(count.values())
    of = {group: WEIGHTS[int(np.argmax(sums + COMMON * mean))] for group, sums in total.items()}
    return Combination(WEIGHTS[int(np.argmax(mean))], of)


def refuse_no_validation(snapshot: KGSnapshot) -> None:
    """Make sure that there is something to learn a weight on.

    Raises:
        TrainingError: There are no validation facts.
    """
    if not len(snapshot.rows("valid")):
        raise TrainingError(
            "there are no validation facts to learn a weight on",
            hint="split the graph (`kgp split`), or train with a valid_share",
        )
