"""What the texts say for a candidate: how often, how surely, and against what else."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from kgplatform.facts.background import Background
from kgplatform.facts.records import CandidateFact, Evidence

LEAST = 0.01
"""An extractor's confidence is taken to lie this far from 0 and 1 at least."""


COLUMNS = (
    "evidence_odds",
    "confidence_max",
    "confidence_mean",
    "statements",
    "sources",
    "extractors",
    "named",
    "link_odds",
    "rivals",
    "relations",
    "crowd",
    "length",
    "between",
    "tail_first",
)
"""What the extractors are sure of together, at most and on average; how many statements, documents
and extractors; the share of statements that name both ends; links; documents with another tail;
other relations of the same ends; candidates from the same sentence, and its length; the characters
between the ends, and their order."""


def evidence_features(
    candidates: Sequence[CandidateFact], background: Background
) -> dict[str, np.ndarray]:
    """Columns of the group ``evidence``, float64 [n] each.

    NaN are those alone that say where ends stand which no statement names.
    """
    functional = _functional(background)
    rivals, relations = _rivals(candidates), _other_relations(candidates)
    crowd = Counter((one.chunk_id, one.sentence) for each in candidates for one in each.evidence)
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
            np.log1p(relations[at]),
            min(np.log(crowd[one.chunk_id, one.sentence]) for one in each.evidence),
            min(np.log1p(one.sentence[1] - one.sentence[0]) for one in each.evidence),
            *_places(each.evidence),
        )
        for at, each in enumerate(candidates)
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
    return dict(zip(COLUMNS, table.T, strict=True))


def _places(evidence: Sequence[Evidence]) -> tuple[float, float]:
    """Where the ends are: characters between them, as a logarithm, and whether the tail is first.

    Of the statement in which they are nearest; NaN where no statement names both.
    """
    found = [
        (max(one.head[0], one.tail[0]) - min(one.head[1], one.tail[1]), one.tail < one.head)
        for one in evidence
        if one.head is not None and one.tail is not None
    ]
    if not found:
        return float("nan"), float("nan")
    between, tail_first = min(found)
    return float(np.log1p(max(0, between))), float(tail_first)


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


def _other_relations(candidates: Sequence[CandidateFact]) -> list[int]:
    """For each candidate, other relations that texts state of the same two ends."""
    relations: dict[frozenset[str], set[str]] = defaultdict(set)
    for each in candidates:
        relations[frozenset((each.head, each.tail))].add(each.relation)
    return [len(relations[frozenset((each.head, each.tail))]) - 1 for each in candidates]


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
