"""One closed rule, counted: what a path of a walk says as a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgplatform.rules.apply import Applier
from kgplatform.rules.matrices import RelationMatrices
from kgplatform.rules.table import MOST_ATOMS, UNSEEN, closed_rules, rule_text


@dataclass(frozen=True)
class CountedRule:
    """A closed rule and how often it holds.

    Attributes:
        rule: The rule as text.
        support: Pairs that body and head both join.
        body_size: Pairs that the body joins.
    """

    rule: str
    support: int
    body_size: int

    @property
    def precision(self) -> float:
        """support / body_size; 0 where the body joins nothing."""
        return self.support / self.body_size if self.body_size else 0.0

    @property
    def confidence(self) -> float:
        """support / (body_size + 5), as mined rules have it."""
        return self.support / (self.body_size + UNSEEN)


def count_rule(
    matrices: RelationMatrices, head: int, body: Sequence[int], relations: Sequence[str]
) -> CountedRule | None:
    """Count head(X,Y) <- body over the facts of the matrices.

    Args:
        matrices: Training facts.
        head: Directed relation; of an inverse, the rule is told from its other end.
        body: Directed relations from X to Y.
        relations: Names.

    Returns:
        None where there is no such rule: the body is empty or longer than rules are, or it is the
        head itself.
    """
    if not 0 < len(body) <= MOST_ATOMS or list(body) == [head]:
        return None
    if head >= matrices.num_relations:
        head = matrices.inverse(head)
        body = [matrices.inverse(atom) for atom in reversed(body)]
    one = np.zeros(1, dtype=np.int64)
    table = closed_rules(np.array([head]), np.array([list(body)]), one, one, one + 1, sampled=False)
    every = np.arange(matrices.num_entities)
    support = size = 0
    for hits in Applier(matrices, table).hits(head, every):
        size += len(hits.answer)
        support += int(matrices.joins(head, every[hits.query], hits.answer).sum())
    no_names: tuple[str, ...] = ()
    return CountedRule(rule_text(table, 0, no_names, relations), support, size)
