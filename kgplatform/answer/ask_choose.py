"""From a question to the plans and entities that it may mean, the likeliest first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgplatform.answer.plan_choice import Weights, allowed, signs
from kgplatform.answer.plan_index import (
    PlanIndex,
    content,
    features,
    spelled,
    unit_vectors,
)
from kgplatform.answer.plans import Plan
from kgplatform.answer.question_links import Named, QuestionNames, find_names, masked
from kgplatform.store.ask import Step, Ways, ways_of
from kgplatform.store.client import Store
from kgplatform.text.encode import TextEncoder

MOST_READINGS = 24
"""Ways of choosing entities that are looked at."""

MISSPELT = 12.0
"""Log-odds that a name's likeness of 1 instead of 0 is worth."""

DOUBT = 0.5
"""Share of confidence that a name of no likeness would cost; that others are no likelier, the odds
among readings say already."""

UNUSED = 1.5
"""Log-odds against a reading that takes no notice of a name in the question."""

LACKING = 2.0
"""Log-odds against a plan whose first relation the entity has no fact of."""


@dataclass(frozen=True)
class Planner:
    """What chooses plans for a graph's questions.

    Attributes:
        names: Of the graph's entities.
        index: The plans.
        weights: What was learnt of choosing among them.
        encoder: What reads questions.
    """

    names: QuestionNames
    index: PlanIndex
    weights: Weights
    encoder: TextEncoder


@dataclass(frozen=True)
class Choice:
    """A plan for a question.

    Attributes:
        plan: Which query.
        entities: entity_ids that it begins in.
        probability: Of the plan among all plans and entities.
        confidence: That it is what the question means, calibrated.
        has_facts: Whether each of the entities has facts that it begins with.
    """

    plan: Plan
    entities: tuple[str, ...]
    probability: float
    confidence: float
    has_facts: bool


def choices(planner: Planner, store: Store, question: str, most: int = 8) -> list[Choice]:
    """The likeliest plans for a question, the surest first; none where none could begin in it."""
    named = find_names(planner.names, store, question)
    picked = _readings(named)
    ways = ways_of(store, planner.names.graph, sorted({each.entity for each in named}))
    places = list(dict.fromkeys(tuple((n.start, n.end) for n in each) for each in picked))
    texts = [spelled(planner.index, planner.encoder, masked(question, p)) for p in places]
    known = features(planner.index, texts, unit_vectors(planner.encoder, texts))
    rows: list[np.ndarray] = []
    for each in picked:
        at = places.index(tuple((n.start, n.end) for n in each))
        scores = known[at] @ planner.weights.plan + _of_entities(each, named)
        rows.append(scores + _of_plans(planner.index, [ways[n.entity] for n in each]))
    scores = np.stack(rows)
    top = float(scores.max())
    if not np.isfinite(top):
        return []
    odds = np.exp(scores - top)
    odds /= odds.sum()
    order = np.argsort(-odds, axis=None, kind="stable")[:most]
    found = []
    for row, plan in zip(*np.unravel_index(order, odds.shape), strict=True):
        if odds[row, plan] <= 0:
            break
        at = places.index(tuple((n.start, n.end) for n in picked[row]))
        # Of the same name, it is not known which is meant: the others' plans count as rivals.
        found.append(
            _choice(planner, picked[row], ways, texts[at], known[at, plan], int(plan),
                    float(odds[row, plan]))
        )  # fmt: skip
    return sorted(found, key=lambda choice: -choice.confidence)


def _choice(
    planner: Planner,
    named: Sequence[Named],
    ways: dict[str, Ways],
    text: str,
    own: np.ndarray,
    plan: int,
    probability: float,
) -> Choice:
    seen = signs(np.array([probability]), own[None], np.array([len(content(text))]))
    likeness = float(np.prod([1 - DOUBT * (1 - each.likeness) for each in named]))
    chosen = planner.index.plans[plan]
    begun = [step in ways[n.entity].facts for step, n in zip(_begins(chosen), named, strict=False)]
    return Choice(
        chosen,
        tuple(each.entity for each in named),
        probability,
        float(planner.weights.confidence(seen)[0]) * likeness,
        all(begun),
    )


def _begins(plan: Plan) -> tuple[Step, ...]:
    """The steps that are taken from the entities themselves."""
    return plan.steps if plan.form == "both" else plan.steps[:1]


def _readings(named: Sequence[Named]) -> list[tuple[Named, ...]]:
    """What a question may be about: nothing, a name, or two in their order."""
    found: list[tuple[Named, ...]] = [()]
    found += [(each,) for each in named]
    found += [
        (one, other)
        for one, other in itertools.combinations(named, 2)
        if one.end <= other.start and one.entity != other.entity
    ]
    return found[:MOST_READINGS]


def _of_entities(chosen: Sequence[Named], named: Sequence[Named]) -> float:
    """Log-odds of the names that are taken, and against those that are passed over."""
    worth = sum(np.log(each.prior) - MISSPELT * (1 - each.likeness) for each in chosen)
    passed = {
        (each.start, each.end): each.likeness
        for each in named
        if not any(each.start < c.end and c.start < each.end for c in chosen)
    }
    # A word that is only like a name may well be a word.
    return float(worth - sum(UNUSED for likeness in passed.values() if likeness == 1.0))


def _of_plans(index: PlanIndex, ways: Sequence[Ways]) -> np.ndarray:
    """0 for plans that the entities allow, less where they lack its facts, else -inf; [P]."""
    possible = allowed(index, [each.labels for each in ways])
    found = np.where(possible, 0.0, -np.inf)
    for at in np.flatnonzero(possible):
        for step, of in zip(_begins(index.plans[at]), ways, strict=False):
            if step not in of.facts and index.plans[at].form != "check":
                found[at] -= LACKING
    return found
