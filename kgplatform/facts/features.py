"""All that a candidate is judged by, as numbers with names, in groups.

A group is there for a candidate or it is not: a new entity has no facts and no trained vector. A
number that is not there is left out; it is never a zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from kgplatform.facts.background import Background
from kgplatform.facts.evidence_features import COLUMNS as EVIDENCE
from kgplatform.facts.evidence_features import evidence_features
from kgplatform.facts.graph_features import graph_features
from kgplatform.facts.records import CandidateFact
from kgplatform.facts.type_features import type_features

GROUPS: dict[str, tuple[str, ...]] = {
    "evidence": EVIDENCE,
    "types": ("type_odds", "type_against"),
    "head": (
        "head_fit",
        "head_fit_most",
        "head_count",
        "head_single",
        "head_clash",
        "head_degree",
    ),
    "tail": (
        "tail_fit",
        "tail_fit_most",
        "tail_count",
        "tail_single",
        "tail_clash",
        "tail_degree",
    ),
    "pair": (
        "joined",
        "common",
        "joining",
        "mirrored",
        "mirror_against",
        "loop_against",
        "asserted",
        "head_alike",
        "head_nearest",
        "tail_alike",
        "tail_nearest",
    ),
    "rules": ("rule", "rule_second", "rules"),
    "model": (
        "model_score",
        "model_score_as_head",
        "model_tail_share",
        "model_head_share",
        "model_tail_rank",
        "model_head_rank",
    ),
    "text": ("text_score", "text_tail_rank", "text_head_rank"),
}
"""Columns by group: what texts say; labels; how either end is used; what joins them; rules; the
trained models; and plausibility by texts."""


def features_of(
    candidates: Sequence[CandidateFact], background: Background
) -> list[dict[str, float]]:
    """The features of candidates by name; of each only those that there are.

    Args:
        candidates: Together, as they stand against one another.
        background: The graph.
    """
    columns = evidence_features(candidates, background)
    if background.labels:
        columns |= type_features(candidates, background)
    columns |= graph_features(background.rows_of(candidates), background)
    if background.text is not None:
        columns |= background.text.features(candidates)
    return as_rows(columns, len(candidates))


def as_rows(columns: dict[str, np.ndarray], count: int) -> list[dict[str, float]]:
    """Columns [n] as rows of names and values, NaN left out."""
    found: list[dict[str, float]] = [{} for _ in range(count)]
    for name, values in columns.items():
        for row, value in zip(found, values.tolist(), strict=True):
            if value == value:  # NaN alone differs from itself
                row[name] = value
    return found


def groups_of(names: Iterable[str]) -> frozenset[str]:
    """The groups that some of the columns belong to."""
    have = set(names)
    return frozenset(group for group, columns in GROUPS.items() if have.intersection(columns))
