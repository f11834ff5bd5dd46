"""What strategies offer for a question, how far each is trusted, and whom to believe.

A run's own confidence is put right by how often it was right on questions whose answers are known.
So is how much a strategy loses where another one contradicts it. That several agree adds nothing:
the surest of them is taken, as their errors are alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kgplatform.answer.records import Answer

LEAST = 1e-3


@dataclass(frozen=True, slots=True)
class Curve:
    """Platt's curve from what is said to how often it is right.

    Attributes:
        slope: Of the log-odds that are said.
        other: Of what else is known: see :func:`trusted`.
        bias: Log-odds where both are 0.
        fitted: On how many questions; 0 where none were at hand.
    """

    slope: float = 1.0
    other: float = 0.0
    bias: float = 0.0
    fitted: int = 0


@dataclass(frozen=True, slots=True)
class Trust:
    """What the word of each strategy is worth.

    Attributes:
        alone: Curves of runs by strategy, beside the cosine of the question and the nearest one
            that the run was trained on: a network is as sure of what it never saw.
        together: Log-odds that it takes from each strategy if another one is certain of something
            else: see :func:`contradiction`.
    """

    alone: Mapping[str, Curve] = field(default_factory=dict)
    together: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a strategy says.

    Attributes:
        answer: With the entities that are shown.
        ids: entity_ids of all that it means; none where it says a number, yes or no.
        familiar: How like the question is to what the strategy was trained on, from -1 to 1.
    """

    answer: Answer
    ids: frozenset[str]
    familiar: float = 0.0

    @property
    def strategy(self) -> str:
        """Whose it is."""
        return self.answer.strategy


def trusted(offers: Sequence[Offer], trust: Trust) -> list[Offer]:
    """The same, as sure as they are worth, each by itself and beside the others."""
    alone = trusted_alone(offers, trust.alone)
    return [
        _by(each, Curve(other=trust.together.get(each.strategy, 0.0)), contradiction(each, alone))
        for each in alone
    ]


def trusted_alone(offers: Sequence[Offer], curves: Mapping[str, Curve]) -> list[Offer]:
    """The same, as sure as each is worth if nothing else were said."""
    return [_by(each, curves.get(each.strategy, Curve()), each.familiar) for each in offers]


def contradiction(offer: Offer, offers: Sequence[Offer]) -> float:
    """How sure the surest of those is who say something else, less than 0; 0 if nobody does."""
    return -max(
        (each.answer.confidence for each in offers if each is not offer and not agree(offer, each)),
        default=0.0,
    )


def agree(one: Offer, other: Offer) -> bool:
    """Whether the first entity of one is among all that the other means."""
    firsts = [(a.answer.answers[0].id, b) for a, b in ((one, other), (other, one)) if a.ids]
    return any(first in of.ids for first, of in firsts)


def surest(offers: Sequence[Offer]) -> Answer | None:
    """The surest answer; where a query says the same, the query's, which has all of it."""
    best = max(offers, key=lambda offer: offer.answer.confidence, default=None)
    if best is None:
        return None
    for each in offers:
        if best.ids and each.strategy == "template" and best.answer.answers[0].id in each.ids:
            sure = max(best.answer.confidence, each.answer.confidence)
            return replace(each.answer, confidence=sure)
    return best.answer


def calibrated(curve: Curve, said: float, other: float) -> float:
    """What a confidence is worth."""
    odds = curve.slope * log_odds(said) + curve.other * other + curve.bias
    return 1 / (1 + math.exp(-odds))


def log_odds(said: float) -> float:
    """Of a probability; of the surest ones, no more than a thousandth lets them have."""
    said = min(max(said, LEAST), 1 - LEAST)
    return math.log(said / (1 - said))


def _by(offer: Offer, curve: Curve, other: float) -> Offer:
    if curve.slope == 1 and curve.other * other + curve.bias == 0:
        return offer
    answer = offer.answer
    entities = tuple(
        replace(each, confidence=calibrated(curve, each.confidence, other))
        for each in answer.answers
    )
    sure = calibrated(curve, answer.confidence, other)
    return replace(offer, answer=replace(answer, answers=entities, confidence=sure))
