"""What speaks for a link: the path between its ends whose pattern most often means the relation.

A path of at most three training facts from head to tail, in any direction, is read as a rule,
``r(X,Y) <- p(X,A), q(A,Y)``. Its confidence is counted from a sample of the heads that have r: of
the pairs that such a path joins, how many have r in training. That is a bounded stand-in for
mining rules: it is asked of the links at hand only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.training.known import KnownAnswers, answers_of_triples
from kgplatform.triples import SPLITS

MOST_FACTS = 256
"""Facts of an entity that a path may begin or end with; of more, the first in order."""

MOST_PATTERNS = 24
"""Patterns of paths that are counted for a link, the shortest first."""

MOST_HEADS = 100
"""Heads of a relation that a pattern is counted from."""

MOST_PATHS = 50_000
"""Paths of a pattern that are followed at a time; of more, a sample."""

UNSEEN = 5
"""Pairs that a rule is taken to have got wrong beyond those that were counted, so that a rule of
one pair is not sure (Meilicke et al. 2019, "Anytime Bottom-Up Rule Learning")."""

Pattern = tuple[int, ...]
"""Relations from head to tail; r + R is r against its direction."""


@dataclass(frozen=True)
class Support:
    """A rule and the facts that fulfil it for a link.

    Attributes:
        rule: For example ``nationality(X,Y) <- born_in(X,A), in(A,Y)``.
        confidence: Share of the pairs counted that have the relation, as if
            :data:`UNSEEN` more did not.
        pairs: How many were counted.
        facts: (head, relation, tail) along the path.
    """

    rule: str
    confidence: float
    pairs: int
    facts: tuple[tuple[str, str, str], ...]


class SupportFinder:
    """Looks for paths in the training facts of a graph.

    Args:
        snapshot: With its split.
        trained: Training answers of (h, r, ?).
    """

    def __init__(self, snapshot: KGSnapshot, trained: KnownAnswers) -> None:
        train = snapshot.triples("train")
        self._snapshot = snapshot
        self._tails = trained
        self._heads = answers_of_triples(train, snapshot.num_entities, "head")
        self._train = train
        self._is_train = snapshot.split == SPLITS.index("train")
        self._counted: dict[tuple[int, Pattern], tuple[int, int]] = {}

    def find(self, links: Tensor) -> list[Support | None]:
        """For each link (head, relation, tail), int64 [n, 3], what speaks for it most."""
        return [self._best(h, r, t) for h, r, t in links.tolist()]

    def _best(self, head: int, relation: int, tail: int) -> Support | None:
        paths = self._paths(head, relation, tail)
        if not paths:
            return None
        counted = {pattern: self._count(relation, pattern) for pattern in paths}

        def confidence(pattern: Pattern) -> float:
            pairs, true = counted[pattern]
            return true / (pairs + UNSEEN)

        # Of equals the shortest, then the first found: dicts keep their order.
        best = max(paths, key=lambda pattern: (confidence(pattern), -len(pattern)))
        if confidence(best) == 0:
            return None
        names, entities = self._snapshot.relations, self._snapshot.entities
        facts = tuple(
            (entities[h], names[r], entities[t]) for h, r, t in self._facts(best, paths[best])
        )
        rule = rule_text(relation, best, names)
        return Support(rule, confidence(best), counted[best][0], facts)

    def _facts(self, pattern: Pattern, path: tuple[int, ...]) -> list[tuple[int, int, int]]:
        count = self._snapshot.num_relations
        steps = zip(path[:-1], pattern, path[1:], strict=True)
        return [(a, r, b) if r < count else (b, r - count, a) for a, r, b in steps]

    def _paths(self, head: int, relation: int, tail: int) -> dict[Pattern, tuple[int, ...]]:
        """Patterns of paths from head to tail and a path of each, the shortest first."""
        found: dict[Pattern, tuple[int, ...]] = {}
        out, into = self._around(head), self._around(tail)
        to_tail: dict[int, list[int]] = {}
        for directed, other in into:
            to_tail.setdefault(other, []).append(self._turned(directed))
        for directed, other in out:
            if other == tail and directed != relation:
                found.setdefault((directed,), (head, tail))
        for directed, other in out:
            if other not in (head, tail):
                for last in to_tail.get(other, ()):
                    found.setdefault((directed, last), (head, other, tail))
        for directed, other in out:
            if len(found) >= MOST_PATTERNS:
                break
            if other in (head, tail):
                continue
            for second, middle in self._around(other):
                if middle not in (head, tail, other):
                    for last in to_tail.get(middle, ()):
                        found.setdefault((directed, second, last), (head, other, middle, tail))
        return dict(list(found.items())[:MOST_PATTERNS])

    def _around(self, entity: int) -> list[tuple[int, int]]:
        """Training facts of an entity: directed relation away from it, and the other end."""
        adjacency, snapshot = self._snapshot.adjacency, self._snapshot
        first, last = adjacency.head_start[entity : entity + 2].tolist()
        forth = torch.arange(first, last)
        first, last = adjacency.tail_start[entity : entity + 2].tolist()
        back = adjacency.by_tail[first:last]
        forth = forth[self._is_train[forth]][:MOST_FACTS]
        back = back[self._is_train[back]][:MOST_FACTS]
        relation = torch.cat(
            (snapshot.edge_type[forth], snapshot.edge_type[back] + snapshot.num_relations)
        )
        other = torch.cat((snapshot.edge_index[1, forth], snapshot.edge_index[0, back]))
        return list(zip(relation.tolist(), other.tolist(), strict=True))

    def _turned(self, directed: int) -> int:
        count = self._snapshot.num_relations
        return directed + count if directed < count else directed - count

    def _count(self, relation: int, pattern: Pattern) -> tuple[int, int]:
        """Pairs that a pattern joins, from a sample of heads, and how many have the relation."""
        if (relation, pattern) not in self._counted:
            self._counted[relation, pattern] = self._counted_pairs(relation, pattern)
        return self._counted[relation, pattern]

    def _counted_pairs(self, relation: int, pattern: Pattern) -> tuple[int, int]:
        generator = torch.Generator().manual_seed(0)
        heads = torch.unique(self._train[self._train[:, 1] == relation, 0])
        heads = heads[torch.randperm(len(heads), generator=generator)[:MOST_HEADS]]
        paths = heads.unsqueeze(1)
        for directed in pattern:
            kept = torch.randperm(len(paths), generator=generator)[:MOST_PATHS]
            paths = self._prolonged(paths[kept], directed)
        size = self._snapshot.num_entities
        pairs = torch.unique(paths[:, 0] * size + paths[:, -1])
        row, answer = self._tails.of(heads, torch.full_like(heads, relation))
        true = torch.isin(pairs, heads[row] * size + answer)
        return len(pairs), int(true.sum())

    def _prolonged(self, paths: Tensor, directed: int) -> Tensor:
        """Paths [P, k] by one fact, [P', k + 1]; none visits an entity twice."""
        count = self._snapshot.num_relations
        known, relation = (
            (self._tails, directed) if directed < count else (self._heads, directed - count)
        )
        row, end = known.of(paths[:, -1], torch.full((len(paths),), relation))
        fresh = (paths[row] != end.unsqueeze(1)).all(1)
        return torch.cat((paths[row], end.unsqueeze(1)), dim=1)[fresh]


def rule_text(relation: int, pattern: Pattern, names: Sequence[str]) -> str:
    """A pattern as a rule, X and Y the ends and A, B what lies between."""
    variables = ["X", *"AB"[: len(pattern) - 1], "Y"]
    atoms = []
    for directed, a, b in zip(pattern, variables[:-1], variables[1:], strict=True):
        ends = (a, b) if directed < len(names) else (b, a)
        atoms.append(f"{names[directed % len(names)]}({ends[0]},{ends[1]})")
    return f"{names[relation]}(X,Y) <- {', '.join(atoms)}"
