"""Resolution: which entity each end of an extracted fact is, of the graph or new.

What the linker finds is settled. The rest is compared with what is alike (blocking, never all with
all), scored, and joined by falling score: above one threshold at once, between two only by a
person, below not at all. Two entities of the graph are never joined, nor the ends of one fact, nor
what one sentence says side by side.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kgplatform.errors import UsageError
from kgplatform.facts.mentions import (
    Gathered,
    Mentioned,
    Unit,
    gather,
    new_entity_id,
    unit_records,
)
from kgplatform.facts.name_likeness import folded
from kgplatform.facts.pair_score import (
    IN_WORDS,
    PAIR_FEATURES,
    PairWeights,
    Record,
    candidate_pairs,
    pair_features,
)
from kgplatform.facts.pair_weights import DEFAULT_PAIRS
from kgplatform.facts.records import CandidateFact, Evidence, NewEntity
from kgplatform.facts.union_find import Clusters
from kgplatform.progress import Progress, silent
from kgplatform.text.encode import TextEncoder
from kgplatform.text.extract.records import ExtractedFact
from kgplatform.text.extract.schema import Schema
from kgplatform.text.link import Linker

STRONGEST = 3
"""Reasons that are given for a merge."""


@dataclass(frozen=True)
class ResolvePolicy:
    """What becomes of two records by the probability that they are one entity.

    Attributes:
        merge: From this probability on they are joined.
        review: From this on a person is asked; below they are apart.
    """

    merge: float = 0.9
    review: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.review <= self.merge <= 1:
            raise UsageError(
                f"records cannot be joined from {self.merge} on and shown from {self.review} on",
                hint="0 <= review <= merge <= 1",
            )


@dataclass(frozen=True, slots=True)
class Merge:
    """Two records that were taken, or may be taken, for one entity.

    Attributes:
        kept: entity_id of what both are now; of a possible merge, of one of them.
        other: entity_id that the other has, or would have if it had stayed apart.
        names: What they are called.
        sources: Documents that name the other.
        score: Probability that they are one.
        reasons: What speaks for it most.
    """

    kept: str
    other: str
    names: tuple[str, str]
    sources: tuple[str, ...]
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Resolved:
    """What resolution makes of extracted facts.

    Attributes:
        candidates: Facts between entities, each once, with all that states it.
        entities: Those that the graph does not have.
        merges: Names that were joined: what an undo takes back.
        reviews: Pairs that a person is to look at.
        compared: Pairs that were scored.
    """

    candidates: list[CandidateFact]
    entities: list[NewEntity]
    merges: list[Merge]
    reviews: list[Merge]
    compared: int = 0


@dataclass(frozen=True)
class _Scored:
    """Pairs by falling score: positions of records, score and reasons."""

    left: list[int]
    right: list[int]
    score: list[float]
    reasons: list[tuple[str, ...]]


def resolve(
    mentioned: Sequence[Mentioned],
    linker: Linker | None = None,
    known: Sequence[Record] = (),
    *,
    schema: Schema | None = None,
    encoder: TextEncoder | None = None,
    weights: PairWeights = DEFAULT_PAIRS,
    policy: ResolvePolicy | None = None,
    progress: Progress = silent,
) -> Resolved:
    """Resolve the ends of extracted facts.

    Args:
        mentioned: Chunks with their facts.
        linker: Finds the graph's entities in texts; None for a graph without any.
        known: The graph's entities (:func:`kgplatform.facts.mentions.known_records`), or of a
            large graph those whose names are like one in the texts
            (:func:`kgplatform.store.named.find_named`).
        schema: Says which relations are symmetric: their facts are one whichever way round.
        encoder: Reads the sentences; None to do without. That of ``known``.
        weights: Of what pairs have in common.
        policy: Thresholds.
        progress: Told of texts.
    """
    policy = policy or ResolvePolicy()
    gathered = gather(mentioned, linker, progress)
    units = gathered.units
    known = [*known, *_only_linked(units, known)]
    records = [*unit_records(units, encoder, progress), *known]
    row_of = {each.entity_id or "": len(units) + at for at, each in enumerate(known)}
    clusters = Clusters(
        len(records),
        anchors=range(len(units), len(records)),
        apart=gathered.apart,
    )
    sure = _settle_linked(units, row_of, clusters)
    scored = _scored(records, weights)
    _assure_linked(units, row_of, scored, sure)
    joined = _join(scored, clusters, policy, sure)
    ids = _ids(units, records, clusters)
    entities = _new_entities(units, clusters, ids)
    return Resolved(
        _candidates(mentioned, gathered, ids, sure, schema),
        entities,
        [_merge(units, records, ids, scored, at) for at in joined],
        _reviews(units, records, ids, scored, clusters, policy),
        len(scored.left),
    )


def _only_linked(units: Sequence[Unit], known: Sequence[Record]) -> list[Record]:
    """Records of entities that the linker means and that are not among the known ones."""
    have = {each.entity_id for each in known}
    found: dict[str, Record] = {}
    for unit in units:
        if unit.entity is not None and unit.entity[0] not in have:
            entity = unit.entity[0]
            found.setdefault(entity, Record((unit.name,), entity_id=entity))
    return list(found.values())


def _settle_linked(
    units: Sequence[Unit], row_of: dict[str, int], clusters: Clusters
) -> list[float]:
    """Join units with the entities that the linker means; how sure each unit is, [units]."""
    sure = [1.0] * len(units)
    for at, unit in enumerate(units):
        found = unit.entity
        if found is not None and clusters.join(at, row_of[found[0]]):
            sure[at] = found[1]
    return sure


def _assure_linked(
    units: Sequence[Unit], row_of: dict[str, int], scored: _Scored, sure: list[float]
) -> None:
    """Where names, texts and neighbours make a link surer than the linker is, it is as sure."""
    linked = {
        (at, row_of[unit.entity[0]]) for at, unit in enumerate(units) if unit.entity is not None
    }
    for i, j, score in zip(scored.left, scored.right, scored.score, strict=True):
        if (i, j) in linked:
            sure[i] = max(sure[i], score)


def _scored(records: Sequence[Record], weights: PairWeights) -> _Scored:
    """All pairs that may be one, by falling score."""
    pairs = candidate_pairs(records)
    features = pair_features(records, pairs)
    score = weights.probability(features)
    order = np.argsort(-score, kind="stable")
    vector = np.array([weights.weights.get(name, 0.0) for name in PAIR_FEATURES])
    return _Scored(
        pairs.left[order].tolist(),
        pairs.right[order].tolist(),
        score[order].tolist(),
        [_reasons(row * vector) for row in features[order]],
    )


def _reasons(added: np.ndarray) -> tuple[str, ...]:
    best = np.argsort(-np.abs(added), kind="stable")[:STRONGEST]
    return tuple(
        f"{IN_WORDS[PAIR_FEATURES[at]]} ({added[at]:+.1f})" for at in best if abs(added[at]) >= 0.1
    )


def _join(
    scored: _Scored, clusters: Clusters, policy: ResolvePolicy, sure: list[float]
) -> list[int]:
    """Join pairs above the threshold; the positions of those that joined two sets."""
    joined = []
    for at, (i, j, score) in enumerate(zip(scored.left, scored.right, scored.score, strict=True)):
        if score < policy.merge:
            break
        if clusters.find(i) == clusters.find(j) or not clusters.join(i, j):
            continue
        joined.append(at)
        for record in (i, j):
            # What is joined with less certainty is linked with less.
            if record < len(sure):
                sure[record] = min(sure[record], score)
    return joined


def _ids(units: Sequence[Unit], records: Sequence[Record], clusters: Clusters) -> list[str]:
    """The entity_id of each record, [records]."""
    ids = [each.entity_id or "" for each in records]
    given: Counter[str] = Counter()
    members: dict[int, list[int]] = defaultdict(list)
    for at in range(len(units)):
        members[clusters.find(at)].append(at)
    # By their first documents, so that the numbers of namesakes do not hang on the order of texts.
    ordered = sorted(members.values(), key=lambda rows: min(units[row].source for row in rows))
    for rows in ordered:
        anchor = clusters.anchor(rows[0])
        if anchor is not None:
            entity = ids[anchor]
        else:
            name, label = _called(units, rows)
            first = new_entity_id(name, label)
            entity = new_entity_id(name, label, given[first])
            given[first] += 1
        for row in rows:
            ids[row] = entity
    return ids


def _called(units: Sequence[Unit], rows: Sequence[int]) -> tuple[str, str | None]:
    """The name of a cluster and its label: what most places say.

    A name of several words goes before one of a single word or with initials, however much oftener
    that is used: a text says the full name once and goes on with the last.
    """
    names: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    for row in rows:
        names.update(units[row].names)
        labels.update(units[row].labels)
    name = min(names, key=lambda of: (_is_short(of), -names[of], of))
    label = min(labels, key=lambda of: (-labels[of], of), default=None)
    return name, label


def _is_short(name: str) -> bool:
    """Whether a name is one word or has initials."""
    said = folded(name).split()
    return len(said) < 2 or min(map(len, said)) < 2


def _new_entities(units: Sequence[Unit], clusters: Clusters, ids: Sequence[str]) -> list[NewEntity]:
    members: dict[str, list[int]] = defaultdict(list)
    for at in range(len(units)):
        if clusters.anchor(at) is None:
            members[ids[at]].append(at)
    found = []
    for entity, rows in sorted(members.items()):
        name, label = _called(units, rows)
        every: Counter[str] = Counter()
        for row in rows:
            every.update(units[row].names)
        found.append(NewEntity(entity, name, tuple(sorted(every)), label))
    return found


def _merge(
    units: Sequence[Unit], records: Sequence[Record], ids: Sequence[str], scored: _Scored, at: int
) -> Merge:
    """A pair as an undo or a person wants it: what stays, and what was joined to it."""
    i, j = scored.left[at], scored.right[at]
    # An entity of the graph stays; of two units the one with more places.
    if j >= len(units) or (i < len(units) and units[j].places > units[i].places):
        i, j = j, i
    other = ids[j]
    if other == ids[i]:
        other = new_entity_id(units[j].name, units[j].label)
    if other == ids[i]:
        # Of the same name, too: told apart by the document.
        other = new_entity_id(units[j].name, f"{units[j].label}\0{units[j].source}")
    return Merge(
        ids[i],
        other,
        (records[i].names[0], records[j].names[0]),
        (units[j].source,),
        scored.score[at],
        scored.reasons[at],
    )


def _reviews(
    units: Sequence[Unit],
    records: Sequence[Record],
    ids: Sequence[str],
    scored: _Scored,
    clusters: Clusters,
    policy: ResolvePolicy,
) -> list[Merge]:
    """The doubtful pairs of what is still apart, each pair of entities once."""
    found: dict[tuple[str, str], Merge] = {}
    for at, (i, j, score) in enumerate(zip(scored.left, scored.right, scored.score, strict=True)):
        if score < policy.review:
            break
        if score < policy.merge and ids[i] != ids[j] and clusters.may_join(i, j):
            key = (min(ids[i], ids[j]), max(ids[i], ids[j]))
            found.setdefault(key, _merge(units, records, ids, scored, at))
    return list(found.values())


def _candidates(
    mentioned: Sequence[Mentioned],
    gathered: Gathered,
    ids: Sequence[str],
    sure: Sequence[float],
    schema: Schema | None,
) -> list[CandidateFact]:
    """Facts by their ends, each once, in the order in which texts state them."""
    kinds = schema.relations if schema is not None else {}
    stated: dict[tuple[str, str, str, bool], list[tuple[Evidence, ExtractedFact, float]]] = {}
    ends = iter(gathered.ends)
    for chunk in mentioned:
        for fact, proposed in chunk.every():
            one, other = next(ends)
            head, tail = ids[one], ids[other]
            evidence = _evidence(chunk, fact)
            kind = kinds.get(fact.relation)
            if kind is not None and kind.symmetric and tail < head:
                head, tail = tail, head
                evidence = replace(evidence, head=evidence.tail, tail=evidence.head)
            key = (head, fact.relation, tail, proposed)
            stated.setdefault(key, []).append((evidence, fact, sure[one] * sure[other]))
    return [
        CandidateFact(
            head,
            relation,
            tail,
            tuple(dict.fromkeys(evidence for evidence, _, _ in every)),
            proposed,
            max(confidence for _, _, confidence in every),
            _commonest([fact.valid_from for _, fact, _ in every]),
            _commonest([fact.valid_to for _, fact, _ in every]),
        )
        for (head, relation, tail, proposed), every in stated.items()
    ]


def _evidence(chunk: Mentioned, fact: ExtractedFact) -> Evidence:
    return Evidence(
        chunk.chunk_id,
        chunk.source,
        fact.sentence,
        fact.head.span,
        fact.tail.span,
        fact.confidence,
        fact.extractor,
    )


def _commonest(dates: Sequence[str | None]) -> str | None:
    """What most say; of equals the most precise."""
    count = Counter(date for date in dates if date is not None)
    return min(count, key=lambda date: (-count[date], -len(date), date), default=None)
