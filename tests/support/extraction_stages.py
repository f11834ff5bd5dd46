"""Small stages for tests of the pipeline: a pattern extractor, names as entities, fixed odds.

They stand in for the real ones where a test is about what the graph keeps: what they find is plain
from a text, so that a test can say what must be in the graph.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from kgplatform.facts.mentions import Mentioned
from kgplatform.facts.name_decisions import name_pairs
from kgplatform.facts.records import CandidateFact, Evidence, Judged, NewEntity
from kgplatform.facts.resolve import Merge
from kgplatform.facts.stage_records import ReadFacts, Resolution, Stages
from kgplatform.progress import Progress
from kgplatform.sources.source import Source
from kgplatform.store.client import Store
from kgplatform.text.chunk import chunk, sentences
from kgplatform.text.extract.records import ExtractedFact, Phrase
from kgplatform.triples import Document

NAME = r"([A-Z][\w`'-]*(?: [A-Z][\w`'-]*)*)"
PATTERNS = {
    "CAPITAL_OF": re.compile(rf"{NAME} is the capital of {NAME}"),
    "BORDERS": re.compile(rf"{NAME} borders {NAME}"),
    "BORN_IN": re.compile(rf"{NAME} was born in {NAME}"),
    "SAID_TO_LIKE": re.compile(rf"{NAME} is said to like {NAME}"),
}
PROPOSED = "SAID_TO_LIKE"
LABELS = {"CAPITAL_OF": ("City", "Country"), "BORDERS": ("Country", "Country")}


@dataclass
class PatternReader:
    """Facts that sentences state in one of four ways."""

    name: str = "patterns"
    digest: str = "1"
    patterns: dict[str, re.Pattern[str]] = field(default_factory=lambda: dict(PATTERNS))
    read: list[str] = field(default_factory=list)
    """Ids of the documents that were read, in order."""

    def __call__(self, documents: Sequence[Document], progress: Progress) -> ReadFacts:
        del progress
        found = ReadFacts([])
        for document in documents:
            self.read.append(document.document_id)
            for each in document.chunks:
                facts = [
                    fact for span in sentences(each.text) for fact in self._of(each.text, span)
                ]
                found.extracted += len(facts)
                found.chunks.append(
                    Mentioned(
                        each.chunk_id,
                        document.document_id,
                        each.text,
                        tuple(fact for fact in facts if fact.relation != PROPOSED),
                        tuple(fact for fact in facts if fact.relation == PROPOSED),
                    )
                )
        return found

    def spent(self) -> dict[str, float]:
        return {}

    def _of(self, text: str, sentence: tuple[int, int]) -> list[ExtractedFact]:
        return [
            ExtractedFact(
                Phrase(match[1], match.span(1), LABELS.get(relation, (None, None))[0]),
                relation,
                Phrase(match[2], match.span(2), LABELS.get(relation, (None, None))[1]),
                sentence,
                0.9,
                self.name,
            )
            for relation, pattern in self.patterns.items()
            for match in pattern.finditer(text, *sentence)
        ]


def resolver(
    store: Store, graph: str, aliases: Mapping[str, str] | None = None
) -> Callable[[Sequence[Mentioned], AbstractSet[str]], Resolution]:
    """Entities by their names: those of the graph, and new ones whose ids are their names.

    Names among ``aliases`` are taken for others.
    """

    def resolve(chunks: Sequence[Mentioned], without: AbstractSet[str]) -> Resolution:
        rows = store.rows(
            "MATCH (e:Entity {graph: $graph}) RETURN e.id AS id, e.name AS name ORDER BY id DESC",
            graph=graph,
        )
        known = {row["name"]: row["id"] for row in rows if row["id"] not in without}
        found: dict[tuple[str, str, str, bool], list[Evidence]] = {}
        entities: dict[str, NewEntity] = {}
        merges: list[Merge] = []
        for each in chunks:
            for fact in (*each.facts, *each.proposed):
                ends = []
                for phrase in (fact.head, fact.tail):
                    name = (aliases or {}).get(phrase.name, phrase.name)
                    entity = known.get(name)
                    if entity is None:
                        entity = f"text:{name}"
                        made = NewEntity(entity, name, (name,), phrase.label)
                        entities.setdefault(entity, made)
                    ends.append(entity)
                    if name != phrase.name:
                        other = f"text:{phrase.name}"
                        called = (name, phrase.name)
                        merges.append(Merge(entity, other, called, (each.source,), 0.8, ("alike",)))
                key = (ends[0], fact.relation, ends[1], fact in each.proposed)
                found.setdefault(key, []).append(
                    Evidence(
                        each.chunk_id,
                        each.source,
                        fact.sentence,
                        fact.head.span,
                        fact.tail.span,
                        fact.confidence,
                        fact.extractor,
                    )
                )
        candidates = [
            CandidateFact(head, relation, tail, tuple(evidence), proposed)
            for (head, relation, tail, proposed), evidence in found.items()
        ]
        pairs = name_pairs(merges, "merged")
        return Resolution(candidates, list(entities.values()), len(merges), pairs)

    return resolve


def judge(facts: Sequence[CandidateFact], new: Sequence[NewEntity]) -> list[Judged]:
    """Accepted where two documents agree, rejected where something borders itself."""
    del new
    judged = []
    for fact in facts:
        support = len({one.source for one in fact.evidence})
        if fact.head == fact.tail:
            judged.append(Judged(fact, 0.02, "rejected", ("nothing borders itself",)))
        elif support > 1:
            reason = f"{support} documents agree"
            judged.append(Judged(fact, 0.97, "accepted", (reason,), 1.5, {"support": support}))
        else:
            judged.append(Judged(fact, 0.6, "staged", ("one document",), None, {"support": 1}))
    return judged


def stages(
    store: Store,
    graph: str,
    reader: PatternReader | None = None,
    aliases: Mapping[str, str] | None = None,
) -> Stages:
    """The three of them."""
    return Stages(reader or PatternReader(), resolver(store, graph, aliases), judge)


def texts_source(texts: dict[str, str], name: str = "notes") -> Source:
    """Documents that are given as texts by their ids."""

    def documents(_: object) -> list[Document]:
        return [
            Document(key, f"file:///{key}", key, f"hash of {text}", chunk(key, text))
            for key, text in texts.items()
        ]

    return Source(name, "documents", documents=lambda reject: iter(documents(reject)))
