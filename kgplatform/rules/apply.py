"""Applying rules: what they say of queries (e, q, ?), q a directed relation.

An answer is worth the confidences of the rules that give it, compared one after the other from
the highest on, as AnyBURL does (Meilicke et al. 2019, section 4): of two answers with the same
best rule, the one with the better second rule is first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from kgplatform.rules.constants import features
from kgplatform.rules.groups import place_in_group
from kgplatform.rules.matrices import RelationMatrices, without_returns
from kgplatform.rules.table import NONE, RuleTable

DEPTH = 4
"""How many of an answer's rules are compared."""

BITS = 15
MOST_LEVELS = (1 << BITS) - 1
"""Confidences that are told apart within one relation: DEPTH of them fit one number."""


@dataclass(frozen=True, eq=False)
class Hits:
    """Answers that rules give: rule, position of the query and entity of each, [K]."""

    rule: np.ndarray
    query: np.ndarray
    answer: np.ndarray


class Applier:
    """Rules over the facts that they are applied to.

    Args:
        matrices: The facts of training.
        rules: In order of falling confidence.
    """

    def __init__(self, matrices: RelationMatrices, rules: RuleTable) -> None:
        self.matrices = matrices
        self.rules = rules
        self._by_head: dict[int, np.ndarray] = {}
        base = rules.head % matrices.num_relations
        for relation in range(matrices.num_relations):
            self._by_head[relation] = np.flatnonzero(base == relation)

    def hits(self, directed: int, queries: np.ndarray) -> Iterator[Hits]:
        """Answers to (e, q, ?) for all entities e in ``queries``, [B], never e itself.

        No rule gives an answer to a query twice within one of the yielded parts, and no part
        holds two rules but that of rules with constants.
        """
        relation = directed % self.matrices.num_relations
        rows = self.of_relation(relation)
        closed = rows[self.rules.is_closed[rows]]
        walks: dict[tuple[int, ...], sp.csr_array] = {}
        for row in closed.tolist():
            body = self._turned(row, directed)
            reached = self._reached(body, queries, walks)
            query = np.repeat(np.arange(len(queries)), np.diff(reached.indptr))
            other = (reached.data != 0) & (reached.indices != queries[query])
            if other.any():
                answer = reached.indices[other].astype(np.int64)
                yield Hits(np.full(len(answer), row), query[other], answer)
        yield from self._constants(directed, queries)

    def of_relation(self, relation: int) -> np.ndarray:
        """The rules whose head is of a relation, whichever end they answer, in order."""
        return self._by_head[relation]

    @cached_property
    def levels(self) -> np.ndarray:
        """Of each rule, the rank of its confidence among those of its relation, from 1, [n]."""
        level = np.zeros(len(self.rules), dtype=np.int64)
        for relation in range(self.matrices.num_relations):
            rows = self._by_head[relation]
            values, place = np.unique(self.rules.confidence[rows], return_inverse=True)
            spread = max(1, -(-len(values) // MOST_LEVELS))
            level[rows] = place // spread + 1
        return level

    def _turned(self, row: int, directed: int) -> tuple[int, ...]:
        """The atoms of a closed rule's body from the query's end on."""
        body = tuple(int(atom) for atom in self.rules.body[row] if atom != NONE)
        if directed < self.matrices.num_relations:
            return body
        return tuple(self.matrices.inverse(atom) for atom in reversed(body))

    def _reached(
        self, body: tuple[int, ...], queries: np.ndarray, walks: dict[tuple[int, ...], sp.csr_array]
    ) -> sp.csr_array:
        """Number of walks from each query's entity on which no inner entity returns, [B, N]."""
        of = self.matrices.of
        if body[:1] not in walks:
            walks[body[:1]] = of[body[0]][queries]
        if len(body) == 1:
            return walks[body]
        if body[:2] not in walks:
            walks[body[:2]] = without_returns(walks[body[:1]] @ of[body[1]], queries)
        if len(body) == 2:
            return walks[body]
        # X-A-B-Y with A = Y: X-A, and a round A-B-A whose B is not X.
        rounds = self._rounds(body[1], body[2])
        single = walks[body[:1]]
        third = walks[body[:2]] @ of[body[2]]
        start = queries[np.repeat(np.arange(len(queries)), np.diff(single.indptr))]
        joins = self.matrices.joins
        through = joins(body[1], single.indices, start)
        through &= joins(self.matrices.inverse(body[2]), single.indices, start)
        returned = single.copy()
        returned.data = (rounds[single.indices] - through).astype(np.int32)
        return third - returned

    def _rounds(self, out: int, back: int) -> np.ndarray:
        """For each entity A the number of B with out(A, B) and back(B, A), int64 [N]."""
        if (out, back) not in self._round_counts:
            both = self.matrices.of[out].multiply(self.matrices.of[self.matrices.inverse(back)])
            self._round_counts[out, back] = np.asarray(both.sum(axis=1)).ravel()
        return self._round_counts[out, back]

    @cached_property
    def _round_counts(self) -> dict[tuple[int, int], np.ndarray]:
        return {}

    def _constants(self, directed: int, queries: np.ndarray) -> Iterator[Hits]:
        """From rules with constants: those that answer c, and those that c is the query of."""
        forward = self._constant_rules(directed)
        if len(forward):
            # h(X,c) <- b(X,d): the features of the query's entity choose rules.
            chosen = self.features[queries] @ self._rules_of_features(forward)
            query = np.repeat(np.arange(len(queries)), np.diff(chosen.indptr))
            rule = forward[chosen.indices]
            yield from self._other(rule, query, self.rules.head_entity[rule], queries)
        backward = self._constant_rules(self.matrices.inverse(directed))
        if len(backward):
            # q(c,Y), read as q⁻¹(Y,c) <- b(Y,d): every Y with the feature is an answer.
            where = np.argsort(queries, kind="stable")
            ordered = queries[where]
            constant = self.rules.head_entity[backward]
            first = np.searchsorted(ordered, constant)
            first[first == len(ordered)] = 0
            asked = np.flatnonzero(ordered[first] == constant)
            entities = self._having[self._feature(backward[asked])]
            size = np.diff(entities.indptr)
            rule = np.repeat(backward[asked], size)
            query = np.repeat(where[first[asked]], size)
            yield from self._other(rule, query, entities.indices, queries)

    def _other(
        self, rule: np.ndarray, query: np.ndarray, answer: np.ndarray, queries: np.ndarray
    ) -> Iterator[Hits]:
        keep = answer != queries[query]
        if keep.any():
            yield Hits(rule[keep], query[keep], answer[keep].astype(np.int64))

    def _constant_rules(self, directed: int) -> np.ndarray:
        return np.flatnonzero((self.rules.head == directed) & ~self.rules.is_closed)

    def _feature(self, rules: np.ndarray) -> np.ndarray:
        """The column of ``features`` that a rule with constants asks for."""
        body, bound = self.rules.body[rules, 0], self.rules.body_entity[rules]
        n, directed = self.matrices.num_entities, self.matrices.num_directed
        return np.asarray(np.where(bound == NONE, directed * n + body, body * n + bound))

    def _rules_of_features(self, rules: np.ndarray) -> sp.csr_array:
        place = (self._feature(rules), np.arange(len(rules)))
        shape = (self.features.shape[1], len(rules))
        return sp.csr_array(sp.coo_array((np.ones(len(rules), np.int32), place), shape=shape))

    @cached_property
    def features(self) -> sp.csr_array:
        """Which entity has which feature, [N, F]."""
        return features(self.matrices)

    @cached_property
    def _having(self) -> sp.csr_array:
        return sp.csr_array(self.features.T)


def keys_of(applier: Applier, directed: int, queries: np.ndarray) -> np.ndarray:
    """What every entity is worth as an answer: greater is better, equal is a tie.

    Args:
        applier: Rules and facts.
        directed: Relation of all the queries.
        queries: Their entities, each once, [B].

    Returns:
        int64 [B, N]: the levels of the best rules from the highest bits on; 0 without a rule.
    """
    n = applier.matrices.num_entities
    keys = np.zeros(len(queries) * n, dtype=np.int64)
    for hits in applier.hits(directed, queries):
        level = applier.levels[hits.rule]
        place = hits.query * n + hits.answer
        if len(hits.rule) > 1 and hits.rule[0] != hits.rule[-1]:
            order = np.lexsort((-level, place))
            level, place = level[order], place[order]
            turn = place_in_group(place)
            for turns in range(DEPTH):
                now = turn == turns
                _insert(keys, place[now], level[now])
        else:
            _insert(keys, place, level)
    return keys.reshape(len(queries), n)


def best_confidence(applier: Applier, relation: int, keys: np.ndarray) -> np.ndarray:
    """The confidence of the best rule in each key of ``keys_of``, float64, 0 without a rule."""
    rows, levels = applier.of_relation(relation), applier.levels
    of_level = np.zeros(int(levels[rows].max(initial=0)) + 1)
    np.maximum.at(of_level, levels[rows], applier.rules.confidence[rows])
    return np.asarray(of_level[keys >> ((DEPTH - 1) * BITS)])


def _insert(keys: np.ndarray, place: np.ndarray, level: np.ndarray) -> None:
    """Put a level into each named key, in order with those that are there; the least falls out."""
    old = keys[place]
    new = np.zeros_like(old)
    for slot in range(DEPTH - 1, -1, -1):
        here = (old >> (slot * BITS)) & MOST_LEVELS
        new |= np.maximum(here, level) << (slot * BITS)
        level = np.minimum(here, level)
    keys[place] = new
