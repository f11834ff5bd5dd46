"""Takes facts away, one at a time, and looks what is left of a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kgplatform.answer.explainer import Explainer, Triple, facts_of, indexes_of, names_of
from kgplatform.answer.explanation import Basis, Counterfactual
from kgplatform.store.client import Store
from kgplatform.store.paths import FoundPath, surest_path
from kgplatform.store.statements import Statement

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.rules.predict import Reason, RulePredictor

MOST_RULES = 50
TRAIN, ASSERTED_SPLITS = (0,), (-1, 0, 1, 2)
"""Splits by their codes."""

MOST_WITHOUT = 6
"""Facts of a path or rule that are taken away in turn."""


def reasons_for(rules: RulePredictor, link: tuple[int, int, int], mirror: Triple) -> list[Reason]:
    """The rules that give a link, the surest first; not those that only turn it round."""
    head, relation, tail = link
    found = rules.reasons(relation, head, tail, MOST_RULES)
    return [each for each in found if mirror not in each.facts]


@dataclass(frozen=True, eq=False)
class Changes:
    """Takes facts away, one at a time, and looks what is left.

    Attributes:
        store: The database.
        used: The graph.
        link: What is explained.
        max_hops: Most facts of a path.
        limit: Most facts of each kind.
    """

    store: Store
    used: Explainer
    link: Triple
    max_hops: int
    limit: int

    def of_path(self, found: Sequence[FoundPath]) -> list[tuple[Triple, Counterfactual]]:
        """How sure the surest path is without each fact of it; exact."""
        if not found or len(found[0].facts) > MOST_WITHOUT:
            return []
        head, relation, tail = self.link
        changes = []
        for fact in facts_of(found[0]):
            mirror = (fact[2], fact[1], fact[0])
            left = surest_path(
                self.store,
                self.used.graph,
                head,
                tail,
                max_hops=self.max_hops,
                predicted=True,
                without={fact, mirror, self.link, (tail, relation, head)},
            )
            after = 0.0 if left is None else left.confidence
            change = _change("path", found[0].confidence, after)
            mirrored = _has(self.used.snapshot, mirror, ASSERTED_SPLITS)
            changes.append((fact, replace(change, mirrored=mirrored)))
        return changes

    def of_rules(self, reasons: Sequence[Reason]) -> list[tuple[Triple, Counterfactual]]:
        """The confidence of the best rule that is left without each fact of the best; exact.

        The rules keep their confidences: what is asked is whether they still give the link.
        """
        from kgplatform.rules.evaluate import train_matrices
        from kgplatform.rules.predict import RulePredictor

        rules, indexes = self.used.rules, indexes_of(self.used.snapshot, self.link)
        if not reasons or rules is None or indexes is None:
            return []
        changes = []
        for fact in reasons[0].facts[:MOST_WITHOUT]:
            less, mirrored = _less(self.used.snapshot, fact)
            predictor = RulePredictor(less, train_matrices(less), rules.table)
            mirror = (self.link[2], self.link[1], self.link[0])
            left = reasons_for(predictor, indexes, mirror)
            after = left[0].confidence if left else 0.0
            change = _change("rule", reasons[0].confidence, after)
            changes.append((fact, replace(change, mirrored=mirrored)))
        return changes

    def of_model(
        self, found: Sequence[FoundPath], reasons: Sequence[Reason]
    ) -> list[tuple[Triple, Counterfactual]]:
        """What a model thinks of the link without training facts; see ``training.influence``."""
        from kgplatform.training.influence import influences

        assert self.used.model is not None
        snapshot = self.used.snapshot
        indexes = indexes_of(snapshot, self.link)
        if indexes is None:
            return []
        told = [self.link, *(fact for path in found[:1] for fact in facts_of(path))]
        told += [fact for reason in reasons[:1] for fact in reason.facts]
        train = snapshot.triples("train")
        asked = [indexes_of(snapshot, fact) for fact in told if _has(snapshot, fact, TRAIN)]
        changes = []
        for each in influences(
            self.used.model,
            train,
            indexes,
            known=snapshot.triples(),
            of=[index for index in asked if index is not None],
            most=self.limit,
        ):
            change = Counterfactual(
                NOBODY,
                each.mirrored,
                "model",
                each.before.probability,
                each.after.probability,
                each.before.rank,
                each.after.rank,
            )
            changes.append((names_of(snapshot, each.fact), change))
        return changes


NOBODY = Statement("", "", "", "", "", "", "asserted", 1.0)
"""Stands in a counterfactual until all facts are looked up at once."""


def _has(snapshot: KGSnapshot, fact: Triple, splits: tuple[int, ...]) -> bool:
    """Whether a fact is in one of some splits."""
    indexes = indexes_of(snapshot, fact)
    if indexes is None:
        return False
    head, relation, tail = indexes
    edges = snapshot.edge_index
    here = (edges[0] == head) & (snapshot.edge_type == relation) & (edges[1] == tail)
    return any(int(split) in splits for split in snapshot.split[here])


def _change(of: Basis, before: float, after: float) -> Counterfactual:
    return Counterfactual(NOBODY, False, of, before, after)


def _less(snapshot: KGSnapshot, fact: Triple) -> tuple[KGSnapshot, bool]:
    """A snapshot in which a fact and its mirror are of no split, and whether there was a mirror."""
    indexes = indexes_of(snapshot, fact)
    assert indexes is not None
    head, relation, tail = indexes
    edges, types = snapshot.edge_index, snapshot.edge_type
    out = (edges[0] == head) & (types == relation) & (edges[1] == tail)
    mirror = (edges[0] == tail) & (types == relation) & (edges[1] == head)
    split = snapshot.split.clone()
    split[out | mirror] = -1
    return snapshot.with_split(split), bool(mirror.any()) and head != tail
