"""Why something was found, and what is a step along the graph from it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kgplatform.answer.fuse import Ranking
from kgplatform.store.find import Around, Key
from kgplatform.store.lucene import content_words, stem
from kgplatform.store.search import Hit
from kgplatform.store.statements import Statement

WORDS_SHOWN = 6
SHARED_SHOWN = 2
STATEMENTS_SHOWN = 3


@dataclass(frozen=True)
class Step:
    """An entity a step along the graph from hits.

    Attributes:
        key: Which.
        score: The sum over the hits that lead to it of hit · confidence, less where it has many
            relationships: what everything leads to says little.
        reasons: What leads to it.
        statements: The facts that lead to it.
    """

    key: Key
    score: float
    reasons: tuple[str, ...]
    statements: tuple[Statement, ...]

    def hit(self, about: Around) -> Hit:
        """It as a hit."""
        return Hit(
            self.key.id,
            about.name,
            self.score,
            self.reasons,
            about.labels,
            "entity",
            about.text,
            None,
            self.statements,
        )


def hits_of(
    text: str,
    fused: Sequence[tuple[Key, float]],
    rankings: Mapping[str, Ranking],
    known: Mapping[Key, Around],
    seeds: Sequence[Key],
    named: Sequence[Key],
) -> list[Hit]:
    """Candidates with their reasons: channels with ranks, words, facts that hits share.

    Args:
        text: What was looked for.
        fused: The candidates with their scores, the best first.
        rankings: What each channel found.
        known: What the candidates are; one that is gone meanwhile is left out.
        seeds: Entities that the vectors of the graph began with.
        named: Entities that the text names.
    """
    ranks = {
        channel: {key: (rank, score) for rank, (key, score) in enumerate(ranking, 1)}
        for channel, ranking in rankings.items()
    }
    words = content_words(text)
    speaking = _shared(fused, known)
    asked = {each.id for each in named}
    hits = []
    for key, score in fused:
        about = known.get(key)
        if about is None:
            continue
        reasons = _reasons(words, key, about, ranks, known, seeds)
        own = [fact for fact, _ in about.facts if _other_end(fact, key) in asked]
        if key in ranks.get("facts", {}):
            rank, _ = ranks["facts"][key]
            said_so = f": {said(own[0])}" if own else ""
            reasons.append(f"facts with what the text names (rank {rank}){said_so}")
        shared = [each for each in speaking[key] if each[0] not in own[:1]]
        statements = own[:STATEMENTS_SHOWN] + [each for each, _ in shared if each not in own]
        statements += [fact for fact, _ in about.facts if fact not in statements]
        hits.append(
            Hit(
                key.id,
                about.name,
                score,
                (*reasons, *(reason for _, reason in shared[:SHARED_SHOWN])),
                about.labels,
                "chunk" if key.chunk else "entity",
                about.text,
                about.source,
                tuple(statements[:STATEMENTS_SHOWN]),
            )
        )
    return hits


def steps_from(fused: Sequence[tuple[Key, float]], known: Mapping[Key, Around]) -> list[Step]:
    """Entities a step along the graph from hits that are none themselves, the best first."""
    scores: dict[str, float] = defaultdict(float)
    reasons: dict[str, list[str]] = defaultdict(list)
    statements: dict[str, list[Statement]] = defaultdict(list)
    there = {key.id for key, _ in fused if not key.chunk}
    for key, score in fused:
        about = known.get(key)
        if about is None:
            continue
        for fact, degree in about.facts:
            other = _other_end(fact, key)
            if other not in there:
                scores[other] += score * fact.confidence / (1 + math.log1p(degree))
                reasons[other].append(f"a step from {about.name}: {said(fact)}")
                statements[other].append(fact)
        for other, _, degree in about.mentions:
            if other not in there:
                scores[other] += score / (1 + math.log1p(degree))
                reasons[other].append(f"mentioned in {about.name}")
    most = max(scores.values(), default=0.0) or 1.0
    # Below every hit: what is a step away was not found by what was asked for.
    least = min((score for _, score in fused), default=0.0)
    ordered = sorted(scores, key=lambda other: (-scores[other], other))
    return [
        Step(
            Key(other, False),
            least * (scores[other] / most),
            tuple(reasons[other][:STATEMENTS_SHOWN]),
            tuple(statements[other][:STATEMENTS_SHOWN]),
        )
        for other in ordered
    ]


def said(fact: Statement) -> str:
    """A statement in words, with its kind, confidence and source."""
    by = ", ".join(fact.sources) if fact.kind == "asserted" else fact.run or ""
    sure = f"{fact.kind}, {fact.confidence:.2f}" + (f", {by}" if by else "")
    return f"{fact.head_name} {fact.relation} {fact.tail_name} ({sure})"


def _reasons(
    words: Sequence[str],
    key: Key,
    about: Around,
    ranks: Mapping[str, Mapping[Key, tuple[int, float]]],
    known: Mapping[Key, Around],
    seeds: Sequence[Key],
) -> list[str]:
    """A reason for each channel that found it."""
    found = []
    if key in ranks.get("name", {}):
        found.append("its name is in the text")
    if key in ranks.get("fulltext", {}):
        rank, _ = ranks["fulltext"][key]
        common = ", ".join(_common(words, about)[:WORDS_SHOWN])
        found.append(f"words (rank {rank}): {common}" if common else f"words (rank {rank})")
    if key in ranks.get("text", {}):
        rank, score = ranks["text"][key]
        found.append(f"text vectors (rank {rank}): {score:.2f}")
    if key in ranks.get("graph", {}):
        rank, score = ranks["graph"][key]
        near = [known[seed].name for seed in seeds if seed in known and seed != key][:SHARED_SHOWN]
        beside = f", near {', '.join(near)}" if near else ""
        found.append(f"graph vectors (rank {rank}): {score:.2f}{beside}")
    return found


def _common(words: Sequence[str], about: Around) -> list[str]:
    """Words that stand in a hit's name or text, or begin as one there: `rivers`, `river`."""
    own = set(content_words(about.name)) | set(_all_words(about.text))
    stems = {stem(word) for word in own if len(word) > 3}
    return [word for word in words if word in own or (len(word) > 3 and stem(word) in stems)]


def _all_words(text: str) -> list[str]:
    return [word for part in text.split() for word in content_words(part)]


def _shared(
    fused: Sequence[tuple[Key, float]], known: Mapping[Key, Around]
) -> dict[Key, list[tuple[Statement, str]]]:
    """Facts that a hit has with another: one between both, or one that both have."""
    ends: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for key, _ in fused:
        for fact, _ in known[key].facts if key in known else ():
            ends[fact.relation, _other_end(fact, key)].append(key)
    shared: dict[Key, list[tuple[Statement, str]]] = {key: [] for key, _ in fused}
    hits = {key.id: key for key in shared if not key.chunk}
    for key in shared:
        for fact, _ in known[key].facts if key in known else ():
            other = _other_end(fact, key)
            beside = [each for each in ends[fact.relation, other] if each != key]
            if other in hits and hits[other] != key:
                shared[key].append((fact, f"{said(fact)}, both found"))
            elif beside:
                shared[key].append((fact, f"{said(fact)}, as {known[beside[0]].name}"))
    return shared


def _other_end(fact: Statement, key: Key) -> str:
    return fact.tail if fact.head == key.id else fact.head
