"""Candidates between the stages and the graph: evidence of all documents under one fact."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kgplatform.facts.records import CandidateFact, Evidence, Judged, Status
from kgplatform.store.candidates import CandidateRow, EvidenceRow, KnownCandidate
from kgplatform.triples import fact_id

NUMBERS_KEPT = 6
"""Decimals of features, which are kept as a training example."""


def candidate_id(graph: str, fact: CandidateFact) -> str:
    """The id of a candidate is that of the fact it would become."""
    return fact_id(graph, fact.head, fact.relation, fact.tail)


def new_evidence(fact: CandidateFact) -> tuple[EvidenceRow, ...]:
    """What was found now, as the graph keeps it; none twice."""
    rows = {}
    for one in fact.evidence:
        properties = {
            "start": one.sentence[0],
            "end": one.sentence[1],
            "head_start": None if one.head is None else one.head[0],
            "head_end": None if one.head is None else one.head[1],
            "tail_start": None if one.tail is None else one.tail[0],
            "tail_end": None if one.tail is None else one.tail[1],
            "confidence": float(one.confidence),
            "extractor": one.extractor,
            "link_confidence": float(fact.link_confidence),
            "valid_from": fact.valid_from,
            "valid_to": fact.valid_to,
        }
        kept = {name: value for name, value in properties.items() if value is not None}
        row = EvidenceRow(one.chunk_id, one.source, kept)
        rows[(one.chunk_id, *sorted((k, str(v)) for k, v in kept.items()))] = row
    return tuple(rows.values())


def composed(
    head: str, relation: str, tail: str, rows: Sequence[EvidenceRow], proposed: bool
) -> CandidateFact:
    """A fact with all that states it, in an order that does not depend on how it came about.

    That both ends are right is as sure as where it is surest. Of the times that texts give, those
    of the surest statement that has some hold.
    """
    ordered = sorted(rows, key=_order)
    timed = [row.properties for row in ordered if _times(row) != (None, None)]
    best = max(timed, key=lambda each: each["confidence"], default={})
    return CandidateFact(
        head,
        relation,
        tail,
        tuple(_evidence(row) for row in ordered),
        proposed,
        max(float(row.properties.get("link_confidence", 1.0)) for row in ordered),
        best.get("valid_from"),
        best.get("valid_to"),
    )


def candidate_row(
    key: str,
    judged: Judged,
    decided: tuple[str, str] | None,
    rows: Sequence[EvidenceRow],
    added: Sequence[EvidenceRow],
    run: str,
) -> CandidateRow:
    """A candidate as it is to stand in the graph.

    Args:
        key: Its id.
        judged: What is thought of it.
        decided: The status that a person has given it, which holds, and who has.
        rows: All its evidence.
        added: The part of it that is not in the graph yet.
        run: The extraction that writes; evidence without a run is its.
    """
    fact = judged.fact
    runs = sorted({row.run or run for row in rows})
    chunks = sorted({row.chunk for row in rows})
    times = {"valid_from": fact.valid_from, "valid_to": fact.valid_to}
    return CandidateRow(
        key,
        fact.head,
        fact.relation,
        fact.tail,
        decided[0] if decided else status_of(judged),
        {
            "confidence": float(judged.confidence),
            "extractor_confidence": max(float(one.confidence) for one in fact.evidence),
            "link_confidence": float(fact.link_confidence),
            "kge_score": None if judged.kge_score is None else float(judged.kge_score),
            "reason": "; ".join(judged.reasons) or None,
            "features": features_text(judged.features),
            "support": len({one.source for one in fact.evidence}),
            "proposed": True if fact.proposed else None,
            "decided": None if decided is None else True,
            "run": runs[0],
            **times,
        },
        fact_properties(float(judged.confidence), runs[0], chunks, times, decided),
        tuple(added),
    )


def fact_properties(
    confidence: float,
    run: str | None,
    chunks: Sequence[str],
    times: Mapping[str, str | None],
    decided: tuple[str, str] | None,
) -> dict[str, Any]:
    """What a fact carries that was accepted out of texts."""
    return {
        "confidence": confidence,
        "run": run,
        "evidence": list(chunks),
        "accepted_by": decided[1] if decided else "policy",
        **times,
    }


def decided_row(known: KnownCandidate, status: str, by: str) -> CandidateRow:
    """A candidate as it is to stand in the graph after a person's decision."""
    own = known.properties
    times = {name: own.get(name) for name in ("valid_from", "valid_to")}
    chunks = sorted({row.chunk for row in known.evidence})
    return CandidateRow(
        known.id,
        known.head,
        known.relation,
        known.tail,
        status,
        {"decided": True},
        fact_properties(float(own["confidence"]), own.get("run"), chunks, times, (status, by)),
    )


def status_of(judged: Judged) -> Status:
    """What the policy says; a relation that nobody has put into the schema needs a person."""
    if judged.fact.proposed and judged.status == "accepted":
        return "staged"
    return judged.status


def remaining(
    known: KnownCandidate | None, run: str, chunks: Mapping[str, frozenset[str]]
) -> list[EvidenceRow]:
    """Evidence that stays while documents are read anew.

    Args:
        known: The candidate, if the graph has it.
        run: The extraction that reads them.
        chunks: Ids of the chunks that each of those documents has now.
    """
    if known is None:
        return []
    return [
        row
        for row in known.evidence
        if row.document not in chunks or (row.run != run and row.chunk in chunks[row.document])
    ]


def mention_rows(facts: Iterable[CandidateFact]) -> list[dict[str, Any]]:
    """Where the ends of facts are named; each place once."""
    found = {
        (entity, one.chunk_id, span)
        for fact in facts
        for one in fact.evidence
        for entity, span in ((fact.head, one.head), (fact.tail, one.tail))
        if span is not None
    }
    return [
        {"id": entity, "chunk": chunk, "start": span[0], "end": span[1]}
        for entity, chunk, span in sorted(found)
    ]


def features_text(features: Mapping[str, float]) -> str | None:
    """Numbers by name as JSON, the same text for the same numbers."""
    if not features:
        return None
    rounded = {name: round(float(value), NUMBERS_KEPT) for name, value in features.items()}
    return json.dumps(rounded, sort_keys=True)


def _evidence(row: EvidenceRow) -> Evidence:
    own = row.properties
    return Evidence(
        row.chunk,
        row.document,
        (own["start"], own["end"]),
        None if own.get("head_start") is None else (own["head_start"], own["head_end"]),
        None if own.get("tail_start") is None else (own["tail_start"], own["tail_end"]),
        float(own["confidence"]),
        own["extractor"],
    )


def _order(row: EvidenceRow) -> tuple[Any, ...]:
    own = row.properties
    places = [own.get(name, -1) for name in ("start", "end", "head_start", "tail_start")]
    return (row.document, row.chunk, *places, own["extractor"], row.run or "")


def _times(row: EvidenceRow) -> tuple[str | None, str | None]:
    return row.properties.get("valid_from"), row.properties.get("valid_to")
