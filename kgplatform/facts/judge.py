"""Judgement: how likely each candidate is true, why, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kgplatform.errors import UsageError
from kgplatform.facts.background import Background
from kgplatform.facts.features import features_of
from kgplatform.facts.judge_model import Judge, load_judge
from kgplatform.facts.reasons import reasons_of
from kgplatform.facts.records import CandidateFact, Judged, Status
from kgplatform.facts.type_features import refused_by_schema
from kgplatform.settings import Settings

ALREADY_ASSERTED = 0.99
"""Confidence of a candidate that the graph asserts: a text that says the same adds a source."""

DEFAULT_JUDGE = Path(__file__).parent / "default_judge.json"


@dataclass(frozen=True)
class Policy:
    """What becomes of a candidate by its confidence.

    Attributes:
        accept: From this probability on it is accepted, unless a person has to see it.
        reject: Up to this probability it is rejected.
        doubts_wait: Whether what goes against the schema, or against the nature of a relation
            (a second tail where the schema allows one, a loop, a mirror), waits for a person
            however sure it is.
        witnesses: Documents that must state a fact of an entity that the graph does not have, else
            it waits for a person: there is nothing else to judge such a fact by.
    """

    accept: float = 0.9
    reject: float = 0.1
    doubts_wait: bool = True
    witnesses: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.reject < self.accept <= 1:
            raise UsageError(
                f"candidates cannot be accepted from {self.accept} on and rejected up to "
                f"{self.reject}",
                hint="0 <= reject < accept <= 1",
            )


def policy_of(settings: Settings, accept: float | None, reject: float | None) -> Policy:
    """The policy of a command: its flags, else what the settings say.

    Raises:
        UsageError: ``reject`` is not below ``accept``.
    """
    return Policy(
        settings.kgp_accept if accept is None else accept,
        settings.kgp_reject if reject is None else reject,
        witnesses=settings.kgp_witnesses,
    )


def default_judge() -> Judge:
    """The judge that comes with the package; its ``fitted_on`` says how far to trust it."""
    return load_judge(DEFAULT_JUDGE)


def judge(
    candidates: Sequence[CandidateFact],
    by: Judge,
    background: Background,
    policy: Policy | None = None,
) -> list[Judged]:
    """Judge candidates, in order.

    Args:
        candidates: All of an extraction together: they speak for and against one another.
        by: What judges them.
        background: What is known of the graph; labels of new entities among it.
        policy: What becomes of them; None for the default one.

    Raises:
        InputError: The judge knows nothing of such candidates.
    """
    policy = policy or Policy()
    features = features_of(candidates, background)
    judged = [
        _judged(fact, of, by, background, policy)
        for fact, of in zip(candidates, features, strict=True)
    ]
    return _one_tail(judged, background) if policy.doubts_wait else judged


def _judged(
    fact: CandidateFact,
    features: dict[str, float],
    by: Judge,
    background: Background,
    policy: Policy,
) -> Judged:
    part = by.part_for(features)
    added = part.contributions([features], [fact.relation])[0]
    confidence = float(part.probability(np.array([added.sum()]))[0])
    reasons = reasons_of(part, added, features)
    score = features.get("model_score")
    if features.get("asserted"):
        reasons = ("for: the graph asserts it already", *reasons)
        confidence = max(confidence, ALREADY_ASSERTED)
        return Judged(fact, confidence, "accepted", reasons, score, features)
    doubts = _doubts(fact, features, background)
    alone = _alone(fact, background, policy)
    waits = fact.proposed or bool(alone) or (policy.doubts_wait and bool(doubts))
    status = _status(confidence, policy, waits)
    doubts = (*doubts, *alone)
    if fact.proposed:
        doubts = (*doubts, "the schema has no such relation")
    reasons = (*(f"against: {doubt}" for doubt in doubts), *reasons)
    return Judged(fact, confidence, status, reasons, score, features)


def _status(confidence: float, policy: Policy, waits: bool) -> Status:
    if confidence <= policy.reject:
        return "rejected"
    return "accepted" if confidence >= policy.accept and not waits else "staged"


def _one_tail(judged: Sequence[Judged], background: Background) -> list[Judged]:
    """Of several accepted tails where the schema allows one, all but the surest wait.

    Those with times that do not overlap may all hold.
    """
    kinds = background.schema.relations if background.schema is not None else {}
    taken: dict[tuple[str, str], list[CandidateFact]] = {}
    found = list(judged)
    for row in sorted(range(len(judged)), key=lambda row: -judged[row].confidence):
        each = judged[row]
        kind = kinds.get(each.fact.relation)
        if each.status != "accepted" or kind is None or not kind.functional:
            continue
        others = taken.setdefault((each.fact.head, each.fact.relation), [])
        clash = [other for other in others if _overlap(other, each.fact)]
        if clash and not each.features.get("asserted"):
            said = f"against: texts state {clash[0].tail!r}, too, and the schema allows one tail"
            found[row] = replace(each, status="staged", reasons=(said, *each.reasons))
        else:
            others.append(each.fact)
    return found


def _overlap(one: CandidateFact, other: CandidateFact) -> bool:
    """Whether two facts may hold at the same time, as far as is said."""
    ends = ((one.valid_to, other.valid_from), (other.valid_to, one.valid_from))
    return not any(to is not None and start is not None and to <= start for to, start in ends)


def _alone(fact: CandidateFact, background: Background, policy: Policy) -> tuple[str, ...]:
    """Why a fact of a new entity needs more documents, if it does, in words."""
    new = [end for end in (fact.head, fact.tail) if end in background.new]
    documents = len({one.source for one in fact.evidence})
    if not new or documents >= policy.witnesses:
        return ()
    said = "one document states it" if documents == 1 else f"{documents} documents state it"
    return (f"{said}, and the graph does not have {' or '.join(map(repr, new))}",)


def _doubts(
    fact: CandidateFact, features: dict[str, float], background: Background
) -> tuple[str, ...]:
    """What a person has to look at, in words."""
    found = list(refused_by_schema(fact, background))
    kinds = background.schema.relations if background.schema is not None else {}
    kind = kinds.get(fact.relation)
    # ``head_count`` is the logarithm of one more than the head's facts of the relation.
    if kind is not None and kind.functional and features.get("head_count", 0.0) > 0:
        found.append("the graph has another tail, and the schema allows one")
    if features.get("loop_against"):
        found.append("it joins an entity with itself, which this relation does not")
    if features.get("mirror_against"):
        found.append("its mirror is asserted, and this relation holds one way only")
    return tuple(found)
