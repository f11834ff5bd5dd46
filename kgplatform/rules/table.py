"""Rules as columns, and a rule as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

MOST_ATOMS = 3
UNSEEN = 5
"""Added to the body's size in every confidence: examples that the graph does not show, so that a
rule which was right twice in two is no sure one (Meilicke et al. 2019, section 3)."""

NONE = -1
_PLAIN = re.compile(r"[\w./:#-]+")


@dataclass(frozen=True, eq=False)
class RuleTable:
    """Rules by index, one a row; directed relation q + R is the inverse of q.

    A closed rule is h(X,Y) <- b1(X,A), b2(A,B), b3(B,Y). A rule with constants is
    h(X,c) <- b(X,d), or h(X,c) <- b(X,A) for any A; h may be an inverse, then c is the head.

    Attributes:
        head: Directed relation of the head; below R for closed rules, [n].
        head_entity: c, or -1 for a closed rule, [n].
        body: Directed relations of the body's atoms, -1 behind the last, [n, 3].
        body_entity: d, or -1 where it has none, [n].
        support: Pairs that body and head both join (with constants: entities), [n].
        body_size: Pairs that the body joins, [n].
        head_size: Facts of the head's relation, [n].
        sampled: Whether support and body size are estimates from some of the starts, bool [n].
    """

    head: np.ndarray
    head_entity: np.ndarray
    body: np.ndarray
    body_entity: np.ndarray
    support: np.ndarray
    body_size: np.ndarray
    head_size: np.ndarray
    sampled: np.ndarray

    def __len__(self) -> int:
        return len(self.head)

    def __getitem__(self, rows: np.ndarray) -> RuleTable:
        return RuleTable(*(getattr(self, column.name)[rows] for column in fields(self)))

    @property
    def confidence(self) -> np.ndarray:
        """support / (body_size + 5), float64 [n]."""
        return np.asarray(self.support / (self.body_size + UNSEEN))

    @property
    def coverage(self) -> np.ndarray:
        """support / head_size: how much of the head's relation the rule explains, float64 [n]."""
        return np.asarray(self.support / self.head_size)

    @property
    def length(self) -> np.ndarray:
        """Atoms of the body, [n]."""
        return np.asarray((self.body != NONE).sum(1))

    @property
    def is_closed(self) -> np.ndarray:
        """Whether the rule has no constant in its head, bool [n]."""
        return np.asarray(self.head_entity == NONE)

    def in_order(self) -> RuleTable:
        """By falling confidence, then support, then shorter, then relation: always the same."""
        keys = (*self.body.T[::-1], self.body_entity, self.head_entity, self.head)
        return self[np.lexsort((*keys, self.length, -self.support, -self.confidence))]


def joined(tables: Sequence[RuleTable]) -> RuleTable:
    """Several tables, at least one, as one."""
    columns = [column.name for column in fields(RuleTable)]
    return RuleTable(*(np.concatenate([getattr(t, name) for t in tables]) for name in columns))


def closed_rules(
    head: np.ndarray,
    body: np.ndarray,
    support: np.ndarray,
    body_size: np.ndarray,
    head_size: np.ndarray,
    sampled: bool,
) -> RuleTable:
    """Closed rules; bodies [n, at most 3]."""
    n = len(head)
    missing = np.full((n, MOST_ATOMS - body.shape[1]), NONE)
    nothing = np.full(n, NONE)
    return RuleTable(
        head,
        nothing,
        np.concatenate([body, missing], axis=1),
        nothing,
        support,
        body_size,
        head_size,
        np.full(n, sampled),
    )


def rule_text(rules: RuleTable, row: int, entities: Sequence[str], relations: Sequence[str]) -> str:
    """A rule as ``h(X,Y) <- b1(X,A), b2(A,Y)``; names that are not plain stand in quotes."""
    length = int((rules.body[row] != NONE).sum())
    constant = int(rules.head_entity[row])
    bound = int(rules.body_entity[row])
    end = "Y" if constant == NONE else _name(entities[constant])
    head = _atom(int(rules.head[row]), "X", end, relations)
    inner = ["X", *"AB"[: length - 1]]
    last = end if constant == NONE else (_name(entities[bound]) if bound != NONE else "A")
    ends = [*inner[1:], last]
    atoms = (
        _atom(int(relation), start, end, relations)
        for relation, start, end in zip(rules.body[row, :length], inner, ends, strict=True)
    )
    return f"{head} <- {', '.join(atoms)}"


def _atom(directed: int, start: str, end: str, relations: Sequence[str]) -> str:
    if directed >= len(relations):
        directed, start, end = directed - len(relations), end, start
    return f"{_name(relations[directed])}({start},{end})"


def _name(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
