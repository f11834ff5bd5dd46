"""What documents call the ends of facts, gathered into records to be resolved."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from kgplatform.facts.name_likeness import folded, is_term
from kgplatform.facts.pair_score import Record
from kgplatform.progress import Progress, silent
from kgplatform.text.chunk import Span
from kgplatform.text.encode import TextEncoder, text_vectors
from kgplatform.text.extract.records import ExtractedFact, Phrase
from kgplatform.text.link import Linker, link
from kgplatform.triples import Mention

_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_GENITIVE = re.compile("['\u2019]s?$")


@dataclass(frozen=True)
class Mentioned:
    """A chunk and what an extractor read in it.

    Attributes:
        chunk_id: The chunk.
        source: Its document's id.
        text: Its text.
        facts: Facts whose relation is of the schema.
        proposed: Facts whose relation is a proposal.
    """

    chunk_id: str
    source: str
    text: str
    facts: tuple[ExtractedFact, ...]
    proposed: tuple[ExtractedFact, ...] = ()

    def every(self) -> Iterator[tuple[ExtractedFact, bool]]:
        """All facts, and whether each is a proposal."""
        for fact in self.facts:
            yield fact, False
        for fact in self.proposed:
            yield fact, True


@dataclass
class Unit:
    """All that one document calls by one name; of a term, all that documents do.

    Attributes:
        name: As it is written, the commonest way.
        source: The document; of several the first.
        names: Ways in which it is written.
        labels: What extractors say it is.
        around: Names beside it in facts.
        sentences: Where it stands, as numbers of sentences.
        linked: How sure the linker is of entities, a number a place.
        places: How many places it has.
    """

    source: str
    names: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    around: set[str] = field(default_factory=set)
    sentences: set[str] = field(default_factory=set)
    linked: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    places: int = 0

    @property
    def name(self) -> str:
        """The commonest way to write it; of equals the first by the alphabet."""
        return min(self.names, key=lambda name: (-self.names[name], name))

    @property
    def label(self) -> str | None:
        """What most say it is."""
        return min(self.labels, key=lambda of: (-self.labels[of], of), default=None)

    @property
    def entity(self) -> tuple[str, float] | None:
        """The entity that the linker means most often, and how sure it is over all places."""
        if not self.linked:
            return None
        best = min(self.linked, key=lambda of: (-sum(self.linked[of]), of))
        return best, sum(self.linked[best]) / max(1, self.places)


@dataclass(frozen=True)
class Gathered:
    """Units, and which of them the ends of facts are.

    Attributes:
        units: In the order in which texts name them.
        ends: Head's and tail's unit of each fact, in the order of ``Mentioned.every`` and chunks.
        apart: Units that are not one: the ends of a fact; and what one sentence says side by side,
            tails of one head and relation, or heads of one tail.
    """

    units: list[Unit]
    ends: list[tuple[int, int]]
    apart: list[tuple[int, int]]


def gather(
    mentioned: Sequence[Mentioned], linker: Linker | None, progress: Progress = silent
) -> Gathered:
    """The units of chunks, linked to a graph's entities as far as the linker knows them."""
    texts = [each.text for each in mentioned]
    links = link(linker, texts, progress) if linker is not None else [()] * len(texts)
    units: list[Unit] = []
    place: dict[tuple[str, str], int] = {}
    ends: list[tuple[int, int]] = []
    beside: dict[tuple[str, Span, str, int, int], set[int]] = defaultdict(set)
    for chunk, mentions in zip(mentioned, links, strict=True):
        seen: set[tuple[int, Span | None]] = set()
        for fact, _ in chunk.every():
            pair = []
            sentence = chunk.text[slice(*fact.sentence)]
            for phrase in (fact.head, fact.tail):
                name = usual_name(phrase.name)
                # A term means the same in each document.
                key = ("" if is_term(name) else chunk.source, folded(name))
                at = place.setdefault(key, len(units))
                if at == len(units):
                    units.append(Unit(chunk.source))
                pair.append(at)
                if (at, phrase.span) in seen:
                    continue
                seen.add((at, phrase.span))
                _note(units[at], name, phrase, sentence, mentions, chunk.text)
            ends.append((pair[0], pair[1]))
            for end in (0, 1):
                said = (chunk.chunk_id, fact.sentence, fact.relation, end, pair[1 - end])
                beside[said].add(pair[end])
            for one, other, way in ((0, 1, ">"), (1, 0, "<")):
                near = folded(usual_name((fact.head, fact.tail)[other].name))
                units[pair[one]].around |= {near, f"{fact.relation}{way}{near}"}
    apart = [pair for pair in ends if pair[0] != pair[1]]
    for together in beside.values():
        apart += combinations(sorted(together), 2)
    return Gathered(units, ends, apart)


def usual_name(name: str) -> str:
    """A name without article, genitive and doubled spaces."""
    bare = _GENITIVE.sub("", _ARTICLE.sub("", " ".join(name.split())))
    return bare.strip(" ,;:") or name


def _note(
    unit: Unit, name: str, phrase: Phrase, sentence: str, mentions: Sequence[Mention], text: str
) -> None:
    unit.names[name] += 1
    unit.places += 1
    unit.sentences.add(sentence)
    if phrase.label is not None:
        unit.labels[phrase.label] += 1
    for mention in mentions:
        if mention.entity_id is not None and _covers(mention, phrase.span, text):
            unit.linked[mention.entity_id].append(mention.confidence)


def _covers(mention: Mention, span: Span | None, text: str) -> bool:
    """Whether a mention is the whole phrase: ``Oxford`` is not ``University of Oxford``."""
    if span is None or not (mention.start < span[1] and span[0] < mention.end):
        return False
    named = folded(usual_name(text[mention.start : mention.end]))
    return named == folded(usual_name(text[slice(*span)]))


def unit_records(
    units: Sequence[Unit], encoder: TextEncoder | None, progress: Progress = silent
) -> list[Record]:
    """Units as records, each with the mean vector of its sentences."""
    vectors: list[np.ndarray | None] = [None] * len(units)
    if encoder is not None:
        flat = [sentence for unit in units for sentence in sorted(unit.sentences)]
        read = iter(text_vectors(encoder, flat, progress).astype(np.float64))
        vectors = [
            np.mean([next(read) for _ in unit.sentences], axis=0) if unit.sentences else None
            for unit in units
        ]
    return [
        Record(
            (unit.name,),
            (unit.label,) if unit.label else (),
            vector,
            frozenset(unit.around),
            None,
            unit.source,
        )
        for unit, vector in zip(units, vectors, strict=True)
    ]


def known_records(
    names: Mapping[str, Sequence[str]],
    labels: Mapping[str, Sequence[str]] | None = None,
    text: np.ndarray | None = None,
    around: Mapping[str, frozenset[str]] | None = None,
) -> list[Record]:
    """A graph's entities as records; those without a name are left out.

    Args:
        names: Names by entity_id.
        labels: By entity_id.
        text: Vectors of their texts by the encoder that reads the documents, in the order of
            ``names``, [N, D].
        around: By entity_id, what stands beside each in the graph (:func:`around_of_graph`).
    """
    found = []
    for row, (entity, of) in enumerate(names.items()):
        if written := tuple(dict.fromkeys(name for name in of if name.strip())):
            found.append(
                Record(
                    written,
                    tuple((labels or {}).get(entity, ())),
                    None if text is None else text[row].astype(np.float64),
                    (around or {}).get(entity, frozenset()),
                    entity,
                )
            )
    return found


def around_of_graph(
    names: Mapping[str, Sequence[str]], facts: Iterable[tuple[str, str, str]]
) -> dict[str, frozenset[str]]:
    """What stands beside entities in facts, as :func:`gather` notes it of documents.

    Args:
        names: Names by entity_id; the first counts.
        facts: Heads, relations and tails.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for head, relation, tail in facts:
        for one, other, way in ((head, tail, ">"), (tail, head, "<")):
            if names.get(other):
                beside = folded(names[other][0])
                found[one] |= {beside, f"{relation}{way}{beside}"}
    return {entity: frozenset(beside) for entity, beside in found.items()}


def new_entity_id(name: str, label: str | None, nth: int = 0) -> str:
    """An id that the same name and label give on every run; ``nth`` tells namesakes apart."""
    said = f"{folded(name)}\0{label or ''}\0{nth}".encode("utf-8", "surrogatepass")
    slug = re.sub(r"\W+", "-", folded(name)).strip("-")[:60] or "entity"
    return f"text:{slug}:{hashlib.sha256(said).hexdigest()[:10]}"
