"""What rules predict for one query, each answer with the rules and the facts that speak for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.rules.apply import Applier, keys_of
from kgplatform.rules.matrices import RelationMatrices
from kgplatform.rules.table import RuleTable, rule_text
from kgplatform.rules.witness import find_witness

Fact = tuple[str, str, str]


@dataclass(frozen=True)
class Reason:
    """A rule that gives an answer.

    Attributes:
        rule: The rule.
        confidence: Its confidence.
        support: Its support.
        body_size: Its body's size.
        facts: Facts of the graph that fulfil its body here, as (head, relation, tail).
    """

    rule: str
    confidence: float
    support: int
    body_size: int
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class RulePrediction:
    """A link that the graph does not have.

    Attributes:
        head: entity_id.
        relation: Name.
        tail: entity_id.
        confidence: That of its best rule.
        rules: How many rules give it.
        reasons: The best of them.
    """

    head: str
    relation: str
    tail: str
    confidence: float
    rules: int
    reasons: tuple[Reason, ...]


class RulePredictor:
    """Rules, ready to answer queries over a snapshot.

    Args:
        snapshot: Its training facts are what rules are applied to; no fact of it is predicted.
        matrices: Its training facts.
        rules: In order of falling confidence.
    """

    def __init__(self, snapshot: KGSnapshot, matrices: RelationMatrices, rules: RuleTable) -> None:
        self._snapshot = snapshot
        self._matrices = matrices
        self._applier = Applier(matrices, rules)

    @property
    def table(self) -> RuleTable:
        """The rules."""
        return self._applier.rules

    def predict(
        self,
        relation: str,
        *,
        head: str | None = None,
        tail: str | None = None,
        top_k: int = 10,
        reasons: int = 3,
    ) -> list[RulePrediction]:
        """Answers to (head, relation, ?) or (?, relation, tail), the best first.

        Args:
            relation: Name.
            head: entity_id; or
            tail: entity_id.
            top_k: Most answers.
            reasons: Most rules that are named for each.

        Raises:
            UsageError: Both ends are given, or neither.
            UnknownNameError: There is no such relation.
            InputError: There is no such entity.
        """
        given = head if head is not None else tail
        if given is None or (head is not None and tail is not None):
            raise UsageError("one end of a link is asked for", hint="give its head or its tail")
        snapshot = self._snapshot
        if relation not in snapshot.relations:
            raise UnknownNameError("relation", relation, snapshot.relations)
        code = snapshot.relations.index(relation)
        entity = _index_of_entity(given, snapshot.entities)
        directed = code if head is not None else self._matrices.inverse(code)
        keys = keys_of(self._applier, directed, np.array([entity]))[0]
        keys[self._known(code, entity, of_head=head is not None)] = 0
        best = np.argsort(-keys, kind="stable")[:top_k]
        best = best[keys[best] > 0]
        giving: dict[int, list[int]] = {int(answer): [] for answer in best}
        for hits in self._applier.hits(directed, np.array([entity])):
            wanted = np.isin(hits.answer, best)
            pairs = zip(hits.answer[wanted].tolist(), hits.rule[wanted].tolist(), strict=True)
            for answer, rule in pairs:
                giving[answer].append(rule)
        return [
            self._prediction(code, entity, answer, sorted(rules), head is not None, reasons)
            for answer, rules in giving.items()
        ]

    def reason(self, relation: int, head: int, tail: int) -> Reason | None:
        """The surest rule that gives a link, by the snapshot's indices; None if none does."""
        return next(iter(self.reasons(relation, head, tail, 1)), None)

    def reasons(self, relation: int, head: int, tail: int, most: int) -> list[Reason]:
        """The surest rules that give a link, by the snapshot's indices."""
        giving = {
            int(row)
            for hits in self._applier.hits(relation, np.array([head]))
            for row in hits.rule[hits.answer == tail].tolist()
        }
        # Rules are in order of falling confidence.
        return [self._reason(row, head, tail) for row in sorted(giving)[:most]]

    def _prediction(
        self, relation: int, entity: int, answer: int, rules: list[int], forward: bool, most: int
    ) -> RulePrediction:
        names = self._snapshot.entities
        head, tail = (entity, answer) if forward else (answer, entity)
        confidence = self._applier.rules.confidence
        return RulePrediction(
            names[head],
            self._snapshot.relations[relation],
            names[tail],
            float(confidence[rules[0]]),
            len(rules),
            tuple(self._reason(rule, head, tail) for rule in rules[:most]),
        )

    def _reason(self, row: int, head: int, tail: int) -> Reason:
        table, snapshot = self._applier.rules, self._snapshot
        facts = find_witness(self._matrices, table, row, head, tail)
        return Reason(
            rule_text(table, row, snapshot.entities, snapshot.relations),
            float(table.confidence[row]),
            int(table.support[row]),
            int(table.body_size[row]),
            tuple(
                (snapshot.entities[h], snapshot.relations[r], snapshot.entities[t])
                for h, r, t in facts
            ),
        )

    def _known(self, relation: int, entity: int, *, of_head: bool) -> np.ndarray:
        triples = self._snapshot.triples().numpy()
        here, there = (0, 2) if of_head else (2, 0)
        chosen = (triples[:, 1] == relation) & (triples[:, here] == entity)
        return np.asarray(triples[chosen, there])


def _index_of_entity(name: str, names: Sequence[str]) -> int:
    try:
        return names.index(name)
    except ValueError:
        # Not all of them, as UnknownNameError lists: a graph has too many.
        meant = get_close_matches(name, names, n=3)
        hint = f"did you mean: {', '.join(meant)}" if meant else "entities are named by their ids"
        raise InputError(f"the rules' graph has no entity {name!r}", hint=hint) from None
