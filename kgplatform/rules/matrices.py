"""Relations as sparse matrices, with their inverses, and bodies of rules as their products.

A body b1(X,A), b2(A,B), b3(B,Y) joins X and Y if there is a walk X-A-B-Y over those relations on
which no entity stands twice: AnyBURL's object identity (Meilicke et al. 2019, "Anytime Bottom-Up
Rule Learning for Knowledge Graph Completion"). It keeps a head out of its own body, as in
h(X,Y) <- h(X,Y), b(Y,B), b(Y,B).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True, eq=False)
class RelationMatrices:
    """Facts as one boolean matrix a directed relation, loops left out.

    Directed relation q < R is relation q; q + R is its inverse.

    Attributes:
        num_entities: N.
        num_relations: R.
        facts: Facts without loops, each once, as rows (head, relation, tail), int64 [E, 3].
    """

    num_entities: int
    num_relations: int
    facts: np.ndarray

    @property
    def num_directed(self) -> int:
        """2R."""
        return 2 * self.num_relations

    def inverse(self, directed: int) -> int:
        """The same relation, read from its other end."""
        return (directed + self.num_relations) % self.num_directed

    @cached_property
    def directed_facts(self) -> np.ndarray:
        """Facts in both directions, int64 [2E, 3], in order of (directed relation, start, end)."""
        turned = self.facts[:, ::-1] + np.array([0, self.num_relations, 0])
        both = np.concatenate([self.facts, turned])
        return both[np.lexsort((both[:, 2], both[:, 0], both[:, 1]))]

    @cached_property
    def of(self) -> Sequence[sp.csr_array]:
        """A matrix a directed relation, int32 [N, N] each."""
        starts = np.searchsorted(self.directed_facts[:, 1], np.arange(self.num_directed + 1))
        found = []
        for first, last in pairwise(starts):
            start, _, end = self.directed_facts[first:last].T
            found.append(_csr(start, end, (self.num_entities, self.num_entities)))
        return found

    @cached_property
    def beside(self) -> sp.csr_array:
        """All matrices side by side, int32 [N, 2R · N]: column q · N + Y says q(X, Y)."""
        start, relation, end = self.directed_facts.T
        columns = relation * self.num_entities + end
        return _csr(start, columns, (self.num_entities, self.num_directed * self.num_entities))

    @cached_property
    def steps(self) -> np.ndarray:
        """How many facts leave each entity, in both directions, [N]."""
        return np.bincount(self.directed_facts[:, 0], minlength=self.num_entities)

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes X · N + Y of linked pairs, sorted; and of each directed fact its pair."""
        start, _, end = self.directed_facts.T
        codes, pair = np.unique(start * self.num_entities + end, return_inverse=True)
        return codes, pair

    @cached_property
    def _relations_of_pairs(self) -> sp.csr_array:
        """int32 [pairs, 2R · N]: in row (X, Y) a one in column q · N + Y for each q(X, Y)."""
        codes, pair = self._pairs
        _, relation, end = self.directed_facts.T
        columns = relation * self.num_entities + end
        return _csr(pair, columns, (len(codes), self.num_directed * self.num_entities))

    @cached_property
    def _pairs_of(self) -> Sequence[np.ndarray]:
        """The linked pairs of each directed relation, in order."""
        _, pair = self._pairs
        starts = np.searchsorted(self.directed_facts[:, 1], np.arange(self.num_directed + 1))
        return [pair[first:last] for first, last in pairwise(starts)]

    def joins(self, directed: int, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Whether a directed relation joins each pair, bool [K]."""
        codes, _ = self._pairs
        mine = codes[self._pairs_of[directed]]
        wanted = start.astype(np.int64) * self.num_entities + end
        place = np.searchsorted(mine, wanted)
        place[place == len(mine)] = 0
        return np.asarray(mine[place] == wanted) if len(mine) else np.zeros(len(wanted), bool)

    def second_atoms(self, second: int) -> sp.csr_array:
        """What the rows of :meth:`first_atoms` are multiplied with for a second atom b2.

        Of all walks X-A-B-Y, those with A = Y are taken off, and those with A = Y and B = X,
        which were taken off twice, put back. The three parts, one below the other: the last
        steps from B; the rounds Y-B-Y over b2 and b3; the relations of linked pairs.

        Returns:
            int32 [N + N + pairs, 2R · N].
        """
        n = self.num_entities
        shared = self.of[second].indices
        owner = np.repeat(np.arange(n), np.diff(self.of[second].indptr))
        # b2(Y, B) and b3(B, Y): the relations q of the pair (Y, B), turned round.
        codes, _ = self._pairs
        pair = np.searchsorted(codes, owner.astype(np.int64) * n + shared)
        found = self._relations_of_pairs[pair]
        relation = found.indices // n
        back = (relation + self.num_relations) % self.num_directed
        place = np.repeat(owner, np.diff(found.indptr))
        rounds = _csr(place, back.astype(np.int64) * n + place, self.beside.shape)
        return sp.vstack([self.beside, rounds, self._relations_of_pairs], format="csr")

    def first_atoms(self, first: int, second: int) -> sp.csr_array:
        """For b1 and b2: int32 [N, N + N + pairs] that times ``second_atoms(second)`` is

        the number of walks X-A-B-Y over b1, b2 and every b3 on which no entity stands twice,
        but for Y = X, which is left out by :func:`entries`.
        """
        n = self.num_entities
        two = without_returns(self.of[first] @ self.of[second], np.arange(n))
        codes, _ = self._pairs
        both = np.intersect1d(
            self._pairs_of[first], self._pairs_of[self.inverse(second)], assume_unique=True
        )
        put_back = _csr(codes[both] // n, both, (n, len(codes)))
        return sp.hstack([two, -self.of[first], put_back], format="csr")


def matrices_of(triples: np.ndarray, num_entities: int, num_relations: int) -> RelationMatrices:
    """Matrices of facts, int64 [E, 3]; loops and repeats are left out."""
    kept = np.unique(triples[triples[:, 0] != triples[:, 2]], axis=0)
    return RelationMatrices(num_entities, num_relations, kept)


def without_returns(walks: sp.csr_array, starts: np.ndarray) -> sp.csr_array:
    """Walks [B, N] without those that end where they started, at ``starts`` [B]."""
    row = np.repeat(np.arange(walks.shape[0]), np.diff(walks.indptr))
    keep = walks.indices != starts[row]
    return _csr(row[keep], walks.indices[keep], walks.shape, walks.data[keep])


def entries(product: sp.csr_array, rows: np.ndarray, num_entities: int) -> tuple[np.ndarray, ...]:
    """What a product of bodies joins, ends that are the start left out.

    Args:
        product: [rows, 2R · N], with zeros that stand for nothing.
        rows: The entity of each row.
        num_entities: N.

    Returns:
        Start, directed relation of the last atom and end of each joined pair, [K] each.
    """
    start = np.repeat(rows, np.diff(product.indptr))
    relation, end = np.divmod(product.indices, num_entities)
    keep = (end != start) & (product.data != 0)
    return start[keep], relation[keep], end[keep]


def _csr(
    row: np.ndarray, column: np.ndarray, shape: tuple[int, int], data: np.ndarray | None = None
) -> sp.csr_array:
    if data is None:
        data = np.ones(len(row), dtype=np.int32)
    return sp.csr_array(sp.coo_array((data, (row, column)), shape=shape))
