"""What the texts say for a candidate: how often, how surely, and against what else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from kgplatform.facts.background import Background
from kgplatform.facts.records import CandidateFact, Evidence

LEAST = 0.01
"""An extractor's confidence is taken to lie this far from 0 and 1 at least."""


def evidence_features(
    candidates: Sequence[CandidateFact], background: Background
) -> dict[str, np.ndarray]:
    """Columns of the group ``evidence``, float64 [n] each; none is ever missing."""
    functional = _functional(background)
    rivals = _rivals(candidates)
    rows = [
        (
            log_odds(noisy_or(each.evidence)),
            max(one.confidence for one in each.evidence),
            sum(one.confidence for one in each.evidence) / len(each.evidence),
            np.log(len(each.evidence)),
            np.log(len({one.source for one in each.evidence})),
            np.log(len({one.extractor for one in each.evidence})),
            sum(one.head is not None and one.tail is not None for one in each.evidence)
            / len(each.evidence),
            log_odds(each.link_confidence),
            functional.get(each.relation, 0.0) * np.log1p(rivals[at]),
        )
        for at, each in enumerate(candidates)
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 9)
    names = (
        "evidence_odds",
        "confidence_max",
        "confidence_mean",
        "statements",
        "sources",
        "extractors",
        "named",
        "link_odds",
        "rivals",
    )
    return dict(zip(names, table.T, strict=True))


def noisy_or(evidence: Sequence[Evidence]) -> float:
    """1 - Π_d (1 - c_d): what is said in one document is one witness, with its surest statement."""
    surest: dict[str, float] = {}
    for each in evidence:
        surest[each.source] = max(surest.get(each.source, 0.0), each.confidence)
    return 1 - float(np.prod([1 - min(max(c, 0.0), 1 - LEAST) for c in surest.values()]))


def log_odds(probability: float) -> float:
    """log p / (1 - p), p kept :data:`LEAST` from both ends."""
    clipped = min(max(probability, LEAST), 1 - LEAST)
    return float(np.log(clipped / (1 - clipped)))


def _functional(background: Background) -> dict[str, float]:
    """How far each relation of the schema or graph has one tail a head."""
    shares = {
        relation: float(background.structure.single_share[row])
        for relation, row in background.relation_index.items()
    }
    if background.schema is not None:
        for name, kind in background.schema.relations.items():
            shares[name] = 1.0 if kind.functional else shares.get(name, 0.0)
    return shares


def _rivals(candidates: Sequence[CandidateFact]) -> list[int]:
    """For each candidate, documents that state another tail of its head and relation."""
    tails: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for each in candidates:
        sources = {one.source for one in each.evidence}
        tails[each.head, each.relation][each.tail] |= sources
    found = []
    for each in candidates:
        of_others = [
            sources
            for tail, sources in tails[each.head, each.relation].items()
            if tail != each.tail
        ]
        found.append(len(set().union(*of_others)))
    return found
