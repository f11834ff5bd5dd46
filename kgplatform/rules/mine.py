"""Mining: every rule that the graph supports often enough, counted exactly.

Bodies of up to three atoms are products of sparse matrices, all last atoms at once, so that a
graph of R relations takes 4R² products. A product with more walks than ``walks_a_product`` is
counted from some of its starts, drawn at random, and its rules say ``sampled``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from kgplatform.errors import UsageError
from kgplatform.progress import Progress, silent
from kgplatform.rules.constants import mine_constants
from kgplatform.rules.groups import place_in_group
from kgplatform.rules.matrices import RelationMatrices, entries
from kgplatform.rules.table import MOST_ATOMS, UNSEEN, RuleTable, closed_rules, joined

WALKS_AT_ONCE = 4_000_000
"""Walks of a product that are in memory together, some 100 MB with what is made of them."""

KEPT_BEFORE_SORTING = 1_000_000


@dataclass(frozen=True)
class MiningConfig:
    """What is looked for.

    Attributes:
        max_length: Most atoms of a closed rule's body, 1 to 3.
        min_support: Least support of a rule.
        min_confidence: Least confidence.
        constants: Whether rules with constants are mined, too.
        rules_a_head: Most closed rules of each length that are kept of a relation.
        rules_a_constant: Most rules that are kept of a relation and a constant.
        walks_a_product: Most walks that bodies with the same first atoms are counted from.
        seed: For the starts that are drawn where there are more.
    """

    max_length: int = 3
    min_support: int = 2
    min_confidence: float = 0.001
    constants: bool = True
    rules_a_head: int = 300
    rules_a_constant: int = 50
    walks_a_product: int = 20_000_000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.max_length <= MOST_ATOMS:
            raise UsageError(
                f"bodies of {self.max_length} atoms are not mined", hint="max_length is 1 to 3"
            )
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(
                f"no rule has a confidence of {self.min_confidence}",
                hint="min_confidence is between 0 and 1",
            )
        least = ("min_support", "rules_a_head", "rules_a_constant", "walks_a_product")
        for name in least:
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", hint="it is at least 1")


def mine_rules(
    matrices: RelationMatrices, config: MiningConfig, progress: Progress = silent
) -> RuleTable:
    """The rules of a graph, by falling confidence.

    Args:
        matrices: Its facts: those of training alone, where others are to be predicted.
        config: What is looked for.
        progress: Told of first atoms done.
    """
    heads = _Heads(matrices)
    found = [
        _best_closed(_counted(heads, length, config, progress), config)
        for length in range(1, config.max_length + 1)
    ]
    if config.constants:
        found.append(
            mine_constants(
                matrices, config.min_support, config.min_confidence, config.rules_a_constant
            )
        )
    return joined(found).in_order()


def _counted(
    heads: _Heads, length: int, config: MiningConfig, progress: Progress
) -> Iterator[RuleTable]:
    """Closed rules of a length that reach support and confidence."""
    rng = np.random.default_rng(config.seed)
    matrices = heads.matrices
    total = matrices.num_directed
    stage = f"rules of length {length}"
    if length == 1:
        every = sp.eye_array(matrices.num_entities, dtype=np.int32, format="csr")
        yield _rules(heads, (), heads.count(every, matrices.beside, config, rng), config)
    elif length == 2:
        for first in range(total):
            counts = heads.count(matrices.of[first], matrices.beside, config, rng)
            yield _rules(heads, (first,), counts, config)
            progress(stage, first + 1, total)
    else:
        for second in range(total):
            right = matrices.second_atoms(second)
            for first in range(total):
                left = matrices.first_atoms(first, second)
                counts = heads.count(left, right, config, rng)
                yield _rules(heads, (first, second), counts, config)
            progress(stage, second + 1, total)


@dataclass(frozen=True, eq=False)
class _Counts:
    """Of bodies that differ in their last atom: ``support`` [R, 2R] by head, ``size`` [2R]."""

    support: np.ndarray
    size: np.ndarray
    sampled: bool


class _Heads:
    """Which relations join a pair: what the ends of bodies are compared with."""

    def __init__(self, matrices: RelationMatrices) -> None:
        self.matrices = matrices
        head, relation, tail = matrices.facts.T
        codes = head * matrices.num_entities + tail
        order = np.argsort(codes, kind="stable")
        self._relation = relation[order]
        self._codes, self._first = np.unique(codes[order], return_index=True)
        self._last = np.append(self._first[1:], len(codes))
        self.sizes = np.bincount(relation, minlength=matrices.num_relations)
        # Most pairs are no fact, and a look at this table is enough to say so.
        bits = min(26, max(10, int(matrices.num_entities**2 - 1).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._maybe = np.zeros(1 << bits, dtype=bool)
        self._maybe[self._slot(self._codes)] = True

    def count(
        self,
        left: sp.csr_array,
        right: sp.csr_array,
        config: MiningConfig,
        rng: np.random.Generator,
    ) -> _Counts:
        """Sizes of the bodies ``left @ right`` and their supports, by last atom."""
        matrices = self.matrices
        support = np.zeros(matrices.num_relations * matrices.num_directed, dtype=np.int64)
        size = np.zeros(matrices.num_directed, dtype=np.int64)
        steps = np.diff(right.indptr)
        walks = sp.csr_array((np.ones(left.nnz, np.int64), left.indices, left.indptr), left.shape)
        walks = walks @ steps
        rows = np.flatnonzero(walks)
        starts = len(rows)
        if int(walks.sum()) > config.walks_a_product:
            rows = rng.permutation(rows)
            within = int(np.searchsorted(np.cumsum(walks[rows]), config.walks_a_product))
            rows = np.sort(rows[: max(1, within)])
        if not starts:
            return _Counts(support.reshape(-1, matrices.num_directed), size, False)
        parts = np.cumsum(walks[rows]) // WALKS_AT_ONCE
        for part in np.split(rows, np.flatnonzero(np.diff(parts)) + 1):
            product = left[part] @ right if len(part) < left.shape[0] else left @ right
            start, last, end = entries(product, part, matrices.num_entities)
            size += np.bincount(last, minlength=matrices.num_directed)
            entry, relation = self._joining(start, end)
            key = relation * matrices.num_directed + last[entry]
            support += np.bincount(key, minlength=len(support))
        if len(rows) < starts:
            share = len(rows) / starts
            support = np.rint(support / share).astype(np.int64)
            size = np.rint(size / share).astype(np.int64)
        sampled = len(rows) < starts
        return _Counts(support.reshape(-1, matrices.num_directed), size, sampled)

    def _joining(self, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the pairs are joined by which relations: positions and relations."""
        codes = start * self.matrices.num_entities + end
        maybe = np.flatnonzero(self._maybe[self._slot(codes)])
        codes = codes[maybe]
        place = np.searchsorted(self._codes, codes)
        place[place == len(self._codes)] = 0
        right = self._codes[place] == codes
        maybe, place = maybe[right], place[right]
        count = self._last[place] - self._first[place]
        before = np.repeat(np.cumsum(count) - count, count)
        inside = np.arange(len(before)) - before
        return np.repeat(maybe, count), self._relation[
            np.repeat(self._first[place], count) + inside
        ]

    def _slot(self, codes: np.ndarray) -> np.ndarray:
        # Fibonacci hashing: the highest bits of a product with 2^64 / φ.
        return np.asarray((codes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> self._shift)


def _rules(
    heads: _Heads, before: tuple[int, ...], counts: _Counts, config: MiningConfig
) -> RuleTable:
    """The rules among counts whose bodies begin with ``before``."""
    confident = counts.support >= config.min_confidence * (counts.size + UNSEEN)
    head, last = np.nonzero(confident & (counts.support >= config.min_support))
    if not before:
        # h(X,Y) <- h(X,Y) says nothing.
        other = head != last
        head, last = head[other], last[other]
    body = np.empty((len(head), len(before) + 1), dtype=np.int64)
    body[:, :-1] = before
    body[:, -1] = last
    return closed_rules(
        head,
        body,
        counts.support[head, last],
        counts.size[last],
        heads.sizes[head],
        counts.sampled,
    )


def _best_closed(found: Iterator[RuleTable], config: MiningConfig) -> RuleTable:
    """The best ``rules_a_head`` rules of each head; memory is bounded on the way."""
    kept: list[RuleTable] = []
    waiting = 0
    for rules in found:
        kept.append(rules)
        waiting += len(rules)
        if waiting > KEPT_BEFORE_SORTING:
            kept = [_best_of_heads(joined(kept), config.rules_a_head)]
            waiting = 0
    return _best_of_heads(joined(kept), config.rules_a_head)


def _best_of_heads(rules: RuleTable, most: int) -> RuleTable:
    rules = rules.in_order()
    return rules[place_in_group(rules.head) < most]
