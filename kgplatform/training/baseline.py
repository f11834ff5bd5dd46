"""What rules of one step reach without any learning: the figure to read a model's beside.

Benchmarks leak: 35 % of WN18RR's test facts stand in train with their ends exchanged, and a rule
of symmetry alone reaches MRR .38 there. Toutanova and Chen 2015, "Observed versus latent features
for knowledge base and text inference", and Dettmers et al. 2018 (their "inverse model") found
such rules to beat published models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot

MOST_EDGES = 5_000_000
"""Above this no baseline is made: its sorted copies of the edges would take gigabytes."""

PAIRS_AT_ONCE = 1 << 22
"""Premises that are set beside conclusions at a time while rules are counted."""

RULES_NAMED = 5


@dataclass(frozen=True)
class RuleBaseline:
    """Scores candidates by the rules that point to them, and by how often the relation has them.

    A rule says that r(h, t) follows from another fact of the same two entities: r'(h, t)
    (a duplicate), r'(t, h) (an inverse) or r(t, h) (symmetry). Its confidence is the share of its
    premise's facts for which it holds in train. That t is a tail of r in a share of r's facts
    counts as a rule more. All that agree are added up as independent evidence (noisy-or), on a
    logarithmic scale: score = -Σ log(1 - confidence).

    A premise is a number below 2R: r' for r'(h, t), R + r' for r'(t, h).

    Attributes:
        num_entities: N.
        num_relations: R.
        pair: head · N + other of each train fact, seen from either end, ascending, int64 [2E].
        premise: What that fact is the premise of, int64 [2E].
        rule: premise · R + conclusion of each rule, ascending, int64 [K].
        confidence: Of each rule, float32 [K], below 1.
        support: In how many facts it holds, int64 [K].
        tails: relation · N + tail, ascending, and each one's share of the relation's facts.
        heads: The same of heads.
    """

    num_entities: int
    num_relations: int
    pair: Tensor
    premise: Tensor
    rule: Tensor
    confidence: Tensor
    support: Tensor
    tails: tuple[Tensor, Tensor]
    heads: tuple[Tensor, Tensor]

    def score_tails(
        self, head: Tensor, relation: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (h, r, e) for all entities, or for a stretch of them [N'], as float32 [B, N]."""
        return self._scores(head, relation, self.tails, 0, candidates)

    def score_heads(
        self, relation: Tensor, tail: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (e, r, t) for all entities, or for a stretch of them [N'], as float32 [B, N]."""
        # Seen from the tail, a fact t → e is r'(t, h): what leads away from it, is reversed.
        return self._scores(tail, relation, self.heads, self.num_relations, candidates)

    def linked(self, triples: Tensor) -> float:
        """Share of facts [n, 3] whose two entities a train fact links, in either direction."""
        pair = triples[:, 0] * self.num_entities + triples[:, 2]
        at = torch.searchsorted(self.pair, pair).clamp_max(max(0, len(self.pair) - 1))
        return float((self.pair[at] == pair).double().mean())

    def _scores(
        self,
        anchor: Tensor,
        relation: Tensor,
        frequent: tuple[Tensor, Tensor],
        turned: int,
        candidates: Tensor | None,
    ) -> Tensor:
        n, r = self.num_entities, self.num_relations
        low = 0 if candidates is None else int(candidates[0])
        length = n if candidates is None else len(candidates)
        asked, inverse = torch.unique(relation, return_inverse=True)
        scores = torch.zeros(len(asked), length)
        row, at = _stretches(frequent[0], asked * n + low, length)
        scores[row, frequent[0][at] % n - low] = -torch.log1p(-frequent[1][at])
        scores = scores[inverse]
        row, at = _stretches(self.pair, anchor * n + low, length)
        rule = (self.premise[at] + turned) % (2 * r) * r + relation[row]
        found = torch.searchsorted(self.rule, rule).clamp_max(max(0, len(self.rule) - 1))
        if len(self.rule):
            holds = self.rule[found] == rule
            row, at, found = row[holds], at[holds], found[holds]
            evidence = -torch.log1p(-self.confidence[found])
            scores.index_put_((row, self.pair[at] % n - low), evidence, accumulate=True)
        return scores


def fit_baseline(snapshot: KGSnapshot) -> RuleBaseline:
    """Count rules and frequencies on the train facts of a snapshot.

    Args:
        snapshot: With a split in which train has a fact.
    """
    n, r = snapshot.num_entities, snapshot.num_relations
    facts = snapshot.triples("train")
    # Each once, whatever its times: edges are sorted, so equal ones are neighbours.
    new = (facts[1:] != facts[:-1]).any(1)
    facts = facts[torch.cat((torch.ones(min(1, len(facts)), dtype=torch.bool), new))]
    head, relation, tail = facts.unbind(1)
    pair = torch.cat((head * n + tail, tail * n + head))
    premise = torch.cat((relation, relation + r))
    pair, order = torch.sort(pair, stable=True)
    premise = premise[order]
    rule, support = _rules(facts[head != tail], n, r, pair, premise)
    facts_of = torch.bincount(relation, minlength=r)
    confidence = support / (facts_of[rule // r % r] + 1.0)
    return RuleBaseline(
        num_entities=n,
        num_relations=r,
        pair=pair,
        premise=premise,
        rule=rule,
        confidence=confidence,
        support=support,
        tails=_shares(relation * n + tail, facts_of, n),
        heads=_shares(relation * n + head, facts_of, n),
    )


def strongest_rules(baseline: RuleBaseline, relations: tuple[str, ...]) -> list[dict[str, Any]]:
    """The rules that hold in most facts, among those that hold more often than not."""
    sure = (baseline.confidence > 0.5).nonzero().squeeze(1)
    order = torch.argsort(baseline.support[sure], descending=True, stable=True)[:RULES_NAMED]
    named = []
    r = baseline.num_relations
    for at in sure[order].tolist():
        premise, conclusion = divmod(int(baseline.rule[at]), r)
        kind = "duplicate"
        if premise >= r:
            kind = "symmetric" if premise - r == conclusion else "inverse"
        named.append(
            {
                "kind": kind,
                "if": relations[premise % r],
                "then": relations[conclusion],
                "confidence": round(float(baseline.confidence[at]), 4),
                "facts": int(baseline.support[at]),
            }
        )
    return named


def _rules(facts: Tensor, n: int, r: int, pair: Tensor, premise: Tensor) -> tuple[Tensor, Tensor]:
    """premise · R + conclusion of each rule that ever holds, ascending, and how often it does."""
    rules, counts = [], []
    step = max(1, PAIRS_AT_ONCE // 8)
    for some in torch.split(facts, step):
        row, at = _stretches(pair, some[:, 0] * n + some[:, 2], 1)
        concluded = some[row, 1]
        other = premise[at] != concluded  # a fact is no reason for itself
        found, count = torch.unique(premise[at][other] * r + concluded[other], return_counts=True)
        rules.append(found)
        counts.append(count)
    if not rules:
        return torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64)
    rule, inverse = torch.unique(torch.cat(rules), return_inverse=True)
    support = torch.zeros_like(rule).index_add_(0, inverse, torch.cat(counts))
    return rule, support


def _shares(key: Tensor, facts_of: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Each relation · N + entity once, and its share of the relation's facts, below 1."""
    unique, count = torch.unique(key, return_counts=True)
    return unique, count / (facts_of[unique // n] + 1.0)


def _stretches(keys: Tensor, low: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Where ascending ``keys`` lie in [low, low + length): which row, and at which place."""
    start = torch.searchsorted(keys, low)
    count = torch.searchsorted(keys, low + length) - start
    row = torch.repeat_interleave(torch.arange(len(low)), count)
    before = torch.repeat_interleave(count.cumsum(0) - count, count)
    return row, start[row] + torch.arange(len(row)) - before
