"""What speaks for and against a candidate, in words, from what each number added to its odds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from kgplatform.facts.features import GROUPS
from kgplatform.facts.judge_model import Part

LEAST_ODDS = 0.1
"""What changes the log-odds by less is no reason."""

Words = Callable[[Mapping[str, float], bool], str]
"""From a candidate's features, and whether they speak for it."""


def reasons_of(part: Part, added: np.ndarray, features: Mapping[str, float]) -> tuple[str, ...]:
    """The kinds of reasons by how much they added, the strongest first.

    Args:
        part: What judged.
        added: Its contributions to the candidate's log-odds, [F + 1].
        features: The candidate's.
    """
    total: dict[str, float] = {}
    for name, value in zip(part.columns, added.tolist(), strict=False):
        kind = _KIND[name]
        total[kind] = total.get(kind, 0.0) + value
    ordered = sorted(total.items(), key=lambda item: -abs(item[1]))
    return tuple(
        f"{'for' if odds > 0 else 'against'} ({odds:+.1f}): {_WORDS[kind](features, odds > 0)}"
        for kind, odds in ordered
        if abs(odds) >= LEAST_ODDS
    )


def _count(features: Mapping[str, float], name: str) -> int:
    """A count whose logarithm, or that of one more, is the feature."""
    return round(math.exp(features.get(name, 0.0)))


def _said(features: Mapping[str, float], _: bool) -> str:
    documents, statements = _count(features, "sources"), _count(features, "statements")
    sure = 1 / (1 + math.exp(-features.get("evidence_odds", 0.0)))
    times = f"{statements} statement{'s' * (statements != 1)}"
    where = f"{documents} document{'s' * (documents != 1)}"
    return f"{times} in {where}, taken together {sure:.2f} sure"


def _linked(features: Mapping[str, float], _: bool) -> str:
    sure = 1 / (1 + math.exp(-features.get("link_odds", 0.0)))
    return f"its ends are the right entities with {sure:.2f}"


def _rivals(_: Mapping[str, float], good: bool) -> str:
    return "no text states another tail" if good else "texts state another tail, and one is usual"


def _relations(features: Mapping[str, float], _: bool) -> str:
    others = max(0, _count(features, "relations") - 1)
    return f"texts state {others or 'no'} other relation{'s' * (others != 1)} of the same ends"


def _sentence(features: Mapping[str, float], good: bool) -> str:
    facts = _count(features, "crowd")
    place = f"one of {facts} facts" if facts > 1 else "the one fact"
    return f"it is {place} of a sentence of a {'good' if good else 'bad'} kind"


def _modelled(features: Mapping[str, float], good: bool) -> str:
    ranks = [features[name] for name in ("model_tail_rank", "model_head_rank") if name in features]
    verdict = "plausible" if good else "implausible"
    if not ranks:
        return f"the trained model finds it {verdict}"
    tail, head = (max(1, round(math.exp(rank))) for rank in ranks)
    return f"the trained model finds it {verdict} (tail at rank {tail}, head at rank {head})"


def _ruled(features: Mapping[str, float], _: bool) -> str:
    best = features.get("rule", 0.0)
    if best == 0:
        return "no rule gives it"
    return f"the surest rule that gives it holds in {best:.0%} of cases"


def _texts(_: Mapping[str, float], good: bool) -> str:
    return f"the texts of its ends make it {'likely' if good else 'unlikely'}"


def _typed(features: Mapping[str, float], good: bool) -> str:
    if features.get("type_against", 0.0) > 0:
        return "the schema does not allow an end's label"
    return f"labels like its ends' are {'usual' if good else 'unusual'} here"


def _used(end: str) -> Words:
    other = "tail" if end == "head" else "head"

    def words(features: Mapping[str, float], good: bool) -> str:
        count = max(0, _count(features, f"{end}_count") - 1)
        if count and not good and features.get(f"{end}_clash", 0.0) > 0.5:
            return f"its {end} has another {other}, and one is usual"
        return f"its {end} has {count} such fact{'s' * (count != 1)}, and others that " + (
            "go with them" if good else "do not go with them"
        )

    return words


def _alike(end: str) -> Words:
    other = "tail" if end == "head" else "head"

    def words(features: Mapping[str, float], _: bool) -> str:
        share = features.get(f"{end}_alike", 0.0)
        return f"of entities like its {end}, {share:.0%} have this {other}"

    return words


def _joined(features: Mapping[str, float], good: bool) -> str:
    if features.get("joining", 0.0) > 0:
        return f"another fact joins its ends, beside which this holds in {features['joining']:.0%}"
    if features.get("joined", 0.0) > 0:
        return "another fact joins its ends"
    return f"its ends have {'much' if good else 'little'} in common"


def _against_nature(features: Mapping[str, float], _: bool) -> str:
    if features.get("loop_against", 0.0) > 0:
        return "it joins an entity with itself, which this relation does not"
    if features.get("mirror_against", 0.0) > 0:
        return "its mirror is asserted, and this relation holds one way only"
    if features.get("mirrored", 0.0) > 0:
        return "its mirror is asserted"
    return "its mirror is not asserted"


def _asserted(features: Mapping[str, float], _: bool) -> str:
    return "the graph has it already" if features.get("asserted") else "the graph lacks it"


_WORDS: dict[str, Words] = {
    "said": _said,
    "linked": _linked,
    "rivals": _rivals,
    "relations": _relations,
    "sentence": _sentence,
    "model": _modelled,
    "rules": _ruled,
    "text": _texts,
    "types": _typed,
    "head": _used("head"),
    "tail": _used("tail"),
    "head alike": _alike("head"),
    "tail alike": _alike("tail"),
    "joined": _joined,
    "nature": _against_nature,
    "asserted": _asserted,
}

_KIND: dict[str, str] = {
    **dict.fromkeys(
        (
            "evidence_odds",
            "confidence_max",
            "confidence_mean",
            "statements",
            "sources",
            "extractors",
            "named",
        ),
        "said",
    ),
    "link_odds": "linked",
    "rivals": "rivals",
    "relations": "relations",
    **dict.fromkeys(("crowd", "length", "between", "tail_first"), "sentence"),
    **{column: group for group in ("types", "rules", "model", "text") for column in GROUPS[group]},
    **{
        f"{end}_{name}": end
        for end in ("head", "tail")
        for name in ("fit", "fit_most", "count", "single", "clash", "degree")
    },
    **{
        f"{end}_{name}": f"{end} alike" for end in ("head", "tail") for name in ("alike", "nearest")
    },
    **dict.fromkeys(("joined", "common", "joining"), "joined"),
    **dict.fromkeys(("mirrored", "mirror_against", "loop_against"), "nature"),
    "asserted": "asserted",
}
