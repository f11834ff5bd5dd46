"""What the asserted facts say of a triple: how its ends are used, what they have in common.

All of it is counted in sparse matrices around the triples that are asked about, so that the cost
is that of their neighbourhoods.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp

from kgplatform.rules.constants import features
from kgplatform.rules.matrices import RelationMatrices

MOST_SHARING = 5_000
"""A fact that more entities have says nothing of how alike two of them are."""

ROWS_AT_ONCE = 1_024
QUERIES_AT_ONCE = 128
"""Entities that are compared with all others at a time."""

SMOOTHING = 5.0
"""Facts that a share is taken to rest on beside those that were counted."""

MIRRORED_FROM = 0.5
"""A relation is symmetric if at least this share of its facts has its mirror, as in
``kgplatform.training.predict``."""

NEVER_BELOW = 0.01
"""What happens in a smaller share of a relation's facts is against its nature."""

FEW = 20
"""A relation with fewer facts has no nature that could be gone against."""


class Structure:
    """Counts over a graph's asserted facts.

    Args:
        matrices: The facts.
        facts: The same facts with loops, int64 [E, 3].
    """

    def __init__(self, matrices: RelationMatrices, facts: np.ndarray) -> None:
        self.matrices = matrices
        self.n, self.r = matrices.num_entities, matrices.num_relations
        self._have: dict[int, np.ndarray] = {}
        self._codes = np.unique(self._code(facts))
        head, relation, tail = facts.T if len(facts) else np.empty((3, 0), dtype=np.int64)
        self.facts_of = np.bincount(relation, minlength=self.r)
        loops = np.bincount(relation[head == tail], minlength=self.r)
        self.loop_share = loops / np.maximum(self.facts_of, 1)
        mirrored = self.asserted(np.stack([tail, relation, head], axis=1)) & (head != tail)
        self.mirror_share = np.bincount(relation[mirrored], minlength=self.r) / np.maximum(
            self.facts_of - loops, 1
        )

    def _code(self, triples: np.ndarray) -> np.ndarray:
        head, relation, tail = triples.T
        return np.asarray((relation * self.n + head) * self.n + tail)

    def asserted(self, triples: np.ndarray) -> np.ndarray:
        """Whether each triple [n, 3] is a fact, bool [n]; with an end below 0 it is none."""
        wanted = np.where((triples < 0).any(axis=1), -1, self._code(triples))
        if not len(self._codes):
            return np.zeros(len(wanted), dtype=bool)
        place = np.minimum(np.searchsorted(self._codes, wanted), len(self._codes) - 1)
        return np.asarray(self._codes[place] == wanted)

    @cached_property
    def out_count(self) -> sp.csr_array:
        """Facts of each entity by directed relation, [N, 2R]."""
        start, relation, _ = self.matrices.directed_facts.T
        ones = np.ones(len(start))
        return sp.csr_array(sp.coo_array((ones, (start, relation)), shape=(self.n, 2 * self.r)))

    def count(self, entity: np.ndarray, directed: np.ndarray) -> np.ndarray:
        """Facts that entities have of directed relations, [n], [n] → [n]."""
        return np.asarray(self.out_count[entity, directed]).ravel()

    @cached_property
    def degree(self) -> np.ndarray:
        """Facts of each entity, at either end, [N]."""
        return np.asarray(self.out_count.sum(axis=1)).ravel()

    @cached_property
    def single_share(self) -> np.ndarray:
        """Share of the entities with a directed relation that have it once, smoothed, [2R]."""
        counts = self.out_count.tocsc()
        have = np.diff(counts.indptr)
        once = np.array(
            [
                int((counts.data[counts.indptr[q] : counts.indptr[q + 1]] == 1).sum())
                for q in range(2 * self.r)
            ]
        )
        return np.asarray(once / (have + SMOOTHING))

    @cached_property
    def _together(self) -> np.ndarray:
        """P(an entity has q | it has p), smoothed towards P(q), [2R, 2R] as [p, q]."""
        has = self.out_count.copy()
        has.data[:] = 1
        both = np.asarray((has.T @ has).todense())
        have = np.diag(both)
        prior = have / max(1, self.n)
        return np.asarray((both + SMOOTHING * prior) / (have + SMOOTHING)[:, None])

    def fit(self, entity: np.ndarray, directed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How well entities fit as the near end of directed relations, by their other relations.

        Returns:
            Mean log-odds and greatest log-odds of having the relation given each of the others
            that the entity has, [n] each; NaN where it has no others.
        """
        mean, most = np.full(len(entity), np.nan), np.full(len(entity), np.nan)
        together = np.clip(self._together, 1e-6, 1 - 1e-6)
        odds = np.log(together / (1 - together))
        indptr, indices = self.out_count.indptr, self.out_count.indices
        for row, (one, asked) in enumerate(zip(entity.tolist(), directed.tolist(), strict=True)):
            others = indices[indptr[one] : indptr[one + 1]]
            others = others[others != asked]
            if len(others):
                values = odds[others, asked]
                mean[row], most[row] = values.mean(), values.max()
        return mean, most

    @cached_property
    def _weighted(self) -> sp.csr_array:
        """Entities by their facts, weighted by how rare these are, rows of length 1, [N, F]."""
        every = features(self.matrices)
        # Only columns that occur: there is one for each relation and entity.
        columns, place, size = np.unique(every.indices, return_inverse=True, return_counts=True)
        weight = np.where(
            (size > 1) & (size <= MOST_SHARING), np.log((self.n + 1) / np.maximum(size, 1)), 0.0
        )
        shape = (self.n, max(1, len(columns)))
        kept = sp.csr_array((weight[place], place, every.indptr), shape=shape)
        kept.eliminate_zeros()
        length = np.sqrt(np.asarray(kept.multiply(kept).sum(axis=1)).ravel())
        kept.data /= np.repeat(np.where(length > 0, length, 1.0), np.diff(kept.indptr))
        return kept

    def alike(
        self, entity: np.ndarray, directed: np.ndarray, answer: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far entities that are like one have the same answer, as item-based neighbours do.

        Returns:
            Of the likeness to all entities with the relation, the share with the answer; and the
            likeness of the nearest that has it; [n] each, 0 where there is none.
        """
        share, nearest = np.zeros(len(entity)), np.zeros(len(entity))
        turned = sp.csr_array(self._weighted.T)
        for first in range(0, len(entity), QUERIES_AT_ONCE):
            part = slice(first, first + QUERIES_AT_ONCE)
            rows, place = np.unique(entity[part], return_inverse=True)
            likeness = sp.csr_array(self._weighted[rows] @ turned)
            asked = zip(place.tolist(), directed[part].tolist(), answer[part].tolist(), strict=True)
            for at, (row, relation, other) in enumerate(asked, first):
                bounds = slice(likeness.indptr[row], likeness.indptr[row + 1])
                others = likeness.indices[bounds]
                values = np.where(others == rows[row], 0.0, likeness.data[bounds])
                total = values[self._has(relation)[others]].sum()
                here = values[np.isin(others, self._having(self.matrices.inverse(relation), other))]
                if total > 0 and len(here):
                    share[at], nearest[at] = here.sum() / total, here.max()
        return share, nearest

    def _having(self, directed: int, entity: int) -> np.ndarray:
        """Entities at the other end of an entity's facts of a directed relation."""
        matrix = self.matrices.of[directed]
        return np.asarray(matrix.indices[matrix.indptr[entity] : matrix.indptr[entity + 1]])

    def _has(self, directed: int) -> np.ndarray:
        """Which entities have a directed relation, bool [N]."""
        if directed not in self._have:
            self._have[directed] = np.diff(self.matrices.of[directed].indptr) > 0
        return self._have[directed]

    @cached_property
    def _linked(self) -> sp.csr_array:
        """Whether two entities share a fact, [N, N]."""
        start, _, end = self.matrices.directed_facts.T
        table = sp.coo_array((np.ones(len(start)), (start, end)), shape=(self.n, self.n)).tocsr()
        table.data[:] = 1
        return sp.csr_array(table)

    def between(self, head: np.ndarray, tail: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What stands between two entities.

        Returns:
            Whether a fact joins them; and their common neighbours, those with few neighbours
            counted more (Adamic and Adar 2003, "Friends and neighbors on the Web"); [n] each.
        """
        linked = self._linked
        degree = np.diff(linked.indptr)
        rare = sp.dia_array(
            ((1 / np.log(np.maximum(degree, 2) + 1))[None, :], [0]), shape=linked.shape
        )
        joined, common = np.zeros(len(head)), np.zeros(len(head))
        for first in range(0, len(head), ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            left, right = linked[head[part]], linked[tail[part]]
            common[part] = np.asarray((left @ rare).multiply(right).sum(axis=1)).ravel()
            joined[part] = np.asarray(linked[head[part], tail[part]]).ravel()
        return joined, common

    def joining(self, triples: np.ndarray) -> np.ndarray:
        """The surest of the other relations that join the same pair, either way round, [n].

        P(r joins a pair | q joins it), smoothed; 0 where nothing does. An inverse, a symmetric
        and a narrower relation are the same case.
        """
        best = np.zeros(len(triples))
        codes, relations = self._pairs
        head, asked, tail = triples.T
        wanted = head * self.n + tail
        first, last = np.searchsorted(codes, wanted), np.searchsorted(codes, wanted, side="right")
        for row in np.flatnonzero(last > first).tolist():
            others = relations[first[row] : last[row]]
            others = others[others != asked[row]]
            if len(others):
                best[row] = self._joint_shares[others, asked[row]].max()
        return best

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs that a directed relation joins, by their codes in order, and the relation."""
        start, relation, end = self.matrices.directed_facts.T
        order = np.lexsort((relation, end, start))
        return (start * self.n + end)[order], relation[order]

    @cached_property
    def _joint_shares(self) -> np.ndarray:
        """P(q joins a pair | p joins it), smoothed, [2R, 2R] as [p, q]."""
        codes, relations = self._pairs
        pairs, place = np.unique(codes, return_inverse=True)
        shape = (len(pairs), 2 * self.r)
        table = sp.csr_array(sp.coo_array((np.ones(len(codes)), (place, relations)), shape=shape))
        both = np.asarray((table.T @ table).todense())
        return np.asarray(both / (np.diag(both) + SMOOTHING)[:, None])
