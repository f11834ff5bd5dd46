"""Whether a candidate's ends are of the kind that its relation joins, by schema and by facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kgplatform.facts.background import Background
from kgplatform.facts.records import CandidateFact

SMOOTHING = 5.0
"""Facts that a share of labels is taken to rest on beside those that were counted."""


def type_features(
    candidates: Sequence[CandidateFact], background: Background
) -> dict[str, np.ndarray]:
    """Columns of the group ``types``, float64 [n]; NaN where an end has no label.

    ``type_odds``: the log of how much oftener the ends' labels stand in this relation than
    anywhere, both ends together. ``type_against``: ends whose label the schema does not allow.
    """
    counts = _label_counts(background)
    odds, against = np.full(len(candidates), np.nan), np.full(len(candidates), np.nan)
    for row, each in enumerate(candidates):
        labels = [background.labels.get(end, ()) for end in (each.head, each.tail)]
        if not any(labels):
            continue
        allowed = [
            _refused(background, each.relation, end, of) for end, of in enumerate(labels) if of
        ]
        against[row] = sum(allowed)
        odds[row] = sum(
            _lift(counts, each.relation, end, of) for end, of in enumerate(labels) if of
        )
    return {"type_odds": odds, "type_against": against}


def refused_by_schema(fact: CandidateFact, background: Background) -> tuple[str, ...]:
    """Which ends of a candidate the schema does not allow, in words."""
    if background.schema is None or fact.relation not in background.schema.relations:
        return ()
    kind = background.schema.relations[fact.relation]
    found = []
    for what, end, allowed in (("head", fact.head, kind.heads), ("tail", fact.tail, kind.tails)):
        labels = background.labels.get(end, ())
        if labels and allowed and not set(labels) & set(allowed):
            found.append(
                f"its {what} is a {'/'.join(labels)}, and the schema wants {' or '.join(allowed)}"
            )
    return tuple(found)


@dataclass(frozen=True)
class _Counts:
    """Ends of facts by relation, end and label; by relation; and by label."""

    of_label: Counter[tuple[str, int, str]]
    of_relation: Counter[tuple[str, int]]
    everywhere: Counter[str]
    total: int


def _label_counts(background: Background) -> _Counts:
    of_label: Counter[tuple[str, int, str]] = Counter()
    of_relation: Counter[tuple[str, int]] = Counter()
    everywhere: Counter[str] = Counter()
    total = 0
    if background.labels:
        for head, relation, tail in background.facts.tolist():
            name = background.relations[relation]
            for end, entity in enumerate((head, tail)):
                labels = background.labels.get(background.entities[entity], ())
                of_relation[name, end] += bool(labels)
                total += bool(labels)
                for label in labels:
                    of_label[name, end, label] += 1
                    everywhere[label] += 1
    return _Counts(of_label, of_relation, everywhere, total)


def _lift(counts: _Counts, relation: str, end: int, labels: Sequence[str]) -> float:
    """log P(label | relation, end) / P(label), the greatest of an end's labels."""
    found = []
    for label in labels:
        usual = (counts.everywhere[label] + 1) / (counts.total + 2)
        here = counts.of_label[relation, end, label] + SMOOTHING * usual
        found.append(float(np.log(here / (counts.of_relation[relation, end] + SMOOTHING) / usual)))
    return max(found)


def _refused(background: Background, relation: str, end: int, labels: Sequence[str]) -> bool:
    if background.schema is None or relation not in background.schema.relations:
        return False
    kind = background.schema.relations[relation]
    allowed = (kind.heads, kind.tails)[end]
    return bool(allowed) and not set(labels) & set(allowed)
