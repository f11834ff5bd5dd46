"""Names that people have taken apart or put together, over what resolution thinks of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kgplatform.facts.mentions import Mentioned, usual_name
from kgplatform.facts.name_likeness import folded
from kgplatform.facts.records import CandidateFact, Evidence, NewEntity
from kgplatform.facts.resolve import Merge
from kgplatform.facts.stage_records import Resolution
from kgplatform.text.chunk import Span


def name_pairs(merges: Sequence[Merge], status: str) -> list[dict[str, Any]]:
    """Merges, made or possible, as the graph keeps them: one for each document."""
    return [
        {
            "id": _pair_id(merge.kept, merge.other, merge.names[1], document),
            "status": status,
            "properties": {
                "kept": merge.kept,
                "other": merge.other,
                "kept_name": merge.names[0],
                "other_name": merge.names[1],
                "document": document,
                "score": float(merge.score),
                "reason": "; ".join(merge.reasons),
            },
        }
        for merge in merges
        for document in merge.sources
    ]


def _pair_id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def with_name_decisions(
    resolved: Resolution, chunks: Sequence[Mentioned], decisions: Sequence[Mapping[str, Any]]
) -> Resolution:
    """What resolution made of chunks, with the entities that people have decided on instead.

    Args:
        resolved: What resolution thinks.
        chunks: What it was given.
        decisions: Maps of ``status`` (``split`` or ``joined``), ``kept``, ``other``, ``name`` and
            ``document``.
    """
    if not decisions:
        return resolved
    texts = {chunk.chunk_id: chunk.text for chunk in chunks}
    split: dict[tuple[str, str, str], str] = {
        (one["document"], one["kept"], _plain(one["name"])): one["other"]
        for one in decisions
        if one["status"] == "split"
    }
    joined: dict[tuple[str, str], str] = {
        (one["document"], one["other"]): one["kept"]
        for one in decisions
        if one["status"] == "joined"
    }

    def decided(entity: str, evidence: Evidence, span: Span | None) -> str:
        if span is not None:
            name = _plain(texts[evidence.chunk_id][slice(*span)])
            entity = split.get((evidence.source, entity, name), entity)
        return joined.get((evidence.source, entity), entity)

    facts: dict[tuple[str, str, str, bool], CandidateFact] = {}
    for fact in resolved.candidates:
        for one in fact.evidence:
            head = decided(fact.head, one, one.head)
            tail = decided(fact.tail, one, one.tail)
            key = (head, fact.relation, tail, fact.proposed)
            held = facts.get(key)
            evidence = (*held.evidence, one) if held else (one,)
            facts[key] = replace(held or fact, head=head, tail=tail, evidence=evidence)
    return replace(
        resolved,
        candidates=list(facts.values()),
        entities=[*resolved.entities, *_taken_apart(resolved, decisions)],
    )


def _taken_apart(resolved: Resolution, decisions: Sequence[Mapping[str, Any]]) -> list[NewEntity]:
    """The entities that names have which were taken apart, and that were none before."""
    labels = {each.entity_id: each.label for each in resolved.entities}
    found = {
        one["other"]: NewEntity(one["other"], one["name"], (one["name"],), labels.get(one["kept"]))
        for one in decisions
        if one["status"] == "split" and one["other"] not in labels
    }
    return list(found.values())


def _plain(name: str) -> str:
    return folded(usual_name(name))
