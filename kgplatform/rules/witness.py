"""Facts that fulfil a rule's body for one pair."""

from __future__ import annotations

import numpy as np

from kgplatform.rules.matrices import RelationMatrices
from kgplatform.rules.table import NONE, RuleTable


def find_witness(
    matrices: RelationMatrices, rules: RuleTable, row: int, head: int, tail: int
) -> list[tuple[int, int, int]]:
    """Facts (head, relation, tail) by which rule ``row`` gives (head, ·, tail), or none.

    Of several ways through the graph, the first in the order of entities.
    """
    body = [int(atom) for atom in rules.body[row] if atom != NONE]
    if rules.is_closed[row]:
        walk = _walk(matrices, body, [head], tail)
    else:
        inverse = rules.head[row] >= matrices.num_relations
        start = tail if inverse else head
        bound = int(rules.body_entity[row])
        ends = [bound] if bound != NONE else _ends(matrices, body[0], start)[:1].tolist()
        walk = [start, *ends]
    atoms = zip(walk[:-1], body, walk[1:], strict=False)
    return [_fact(matrices, start, directed, end) for start, directed, end in atoms]


def _walk(matrices: RelationMatrices, body: list[int], walk: list[int], goal: int) -> list[int]:
    """The walk prolonged by the body to the goal, no entity twice; empty if there is none."""
    if len(body) == 1:
        return [*walk, goal] if goal in _ends(matrices, body[0], walk[-1]) else []
    for end in _ends(matrices, body[0], walk[-1]).tolist():
        if end != goal and end not in walk:
            whole = _walk(matrices, body[1:], [*walk, end], goal)
            if whole:
                return whole
    return []


def _ends(matrices: RelationMatrices, directed: int, start: int) -> np.ndarray:
    matrix = matrices.of[directed]
    return np.asarray(np.sort(matrix.indices[matrix.indptr[start] : matrix.indptr[start + 1]]))


def _fact(matrices: RelationMatrices, start: int, directed: int, end: int) -> tuple[int, int, int]:
    if directed < matrices.num_relations:
        return start, directed, end
    return end, directed - matrices.num_relations, start
