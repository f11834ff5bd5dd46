"""Whether a graph supports a text: its facts are read out of it again and looked up.

What a text says is read by words and names (:mod:`kgplatform.answer.readings`), and, where they are
there, by the extractors of :mod:`kgplatform.text.extract`. Of several readings of two names in a
sentence the graph's favourite counts: a check that misreads should not accuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kgplatform.answer.readings import Named, Reader, Reading, alone
from kgplatform.progress import silent
from kgplatform.store.client import Store
from kgplatform.store.statements import Statement, statements_around, statements_between
from kgplatform.text.extract.schema import Schema
from kgplatform.text.names import Gazetteer

if TYPE_CHECKING:
    from kgplatform.text.extract.records import Extractor
    from kgplatform.text.llm.protocol import LanguageModel

Verdict = Literal["supported", "contradicted", "absent", "unread"]
"""Of a claim: the graph has it; the graph has another fact where there can be only one; the graph
does not have it; the graph joins the two, but what the text says of them could not be read."""

_NUMBER = re.compile(r"(?<![\w.])\d[\d,.]*\d|(?<![\w.])\d")
_NAME_KINDS = frozenset(["GPE", "LOC", "PERSON", "ORG", "FAC", "EVENT", "WORK_OF_ART", "PRODUCT"])
OTHERS = 50
"""Tails of a functional relation that are looked at for a contradiction."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sentence says, and whether the graph does.

    Attributes:
        head: Name.
        relation: Name of the relation; None where a name or number stands by itself.
        tail: Name or number.
        verdict: See :data:`Verdict`.
        statement: Id of the fact that supports or contradicts it.
        kind: Of that fact: ``asserted`` or ``predicted``.
        by: What read it: ``words``, ``names``, ``numbers``, ``spacy`` or a language model.
    """

    head: str
    relation: str | None
    tail: str
    verdict: Verdict
    statement: str | None
    kind: str | None
    by: str


@dataclass(frozen=True, eq=False)
class Checker:
    """What checks texts about one graph; opened once.

    Attributes:
        store: The database.
        graph: The graph.
        schema: What its facts show of its relations.
        reader: Reads sentences by words and names.
        extractors: Further readers.
        recogniser: A spaCy pipeline that finds names; None to pass names over that the graph lacks.
    """

    store: Store
    graph: str
    schema: Schema
    reader: Reader
    extractors: tuple[Extractor, ...] = ()
    recogniser: Any = None


def open_checker(
    store: Store, graph: str, *, model: LanguageModel | None = None, rules: bool = True
) -> Checker:
    """Read a graph's names and relations, and load what reads texts.

    Args:
        store: The database.
        graph: The graph.
        model: A language model that reads facts, too.
        rules: Whether spaCy's rules do, if the extra ``nlp`` is installed.

    Raises:
        InputError: There is no such graph, or nothing in it has a name.
    """
    from kgplatform.errors import UsageError
    from kgplatform.store.names import read_names
    from kgplatform.store.observed_schema import schema_of_graph

    schema = schema_of_graph(store, graph)
    names = read_names(store, graph).names
    reader = Reader(Gazetteer({key: (*known, key) for key, known in names.items()}), schema)
    extractors: list[Extractor] = []
    recogniser = None
    if rules:
        from kgplatform.text.extract.spacy_extractor import load_pipeline, spacy_extractor

        try:
            recogniser = load_pipeline()
            extractors.append(spacy_extractor(schema))
        except UsageError:
            recogniser = None
    if model is not None:
        from kgplatform.text.extract.llm_extractor import llm_extractor

        extractors.append(llm_extractor(model, schema, free_relations=True))
    return Checker(store, graph, schema, reader, tuple(extractors), recogniser)


def check(
    checker: Checker, sentences: Sequence[str], topic: Named, material: str = ""
) -> list[tuple[Claim, ...]]:
    """What each sentence claims.

    Args:
        checker: Of the graph.
        sentences: Of one text.
        topic: Of what the text is: "it" means this.
        material: What else the writer was given; numbers and names in it are nobody's invention.
    """
    from kgplatform.store.labels import read_labels

    named = [checker.reader.named(sentence) for sentence in sentences]
    ids = {one for of_one in named for each in of_one for one in each.ids} | set(topic.ids)
    labels = read_labels(checker.store, checker.graph, sorted(ids))
    readings = [
        each
        for each in _extracted(checker, sentences, topic)
        if not _misread(checker, each, named[each.sentence], labels)
    ]
    for at, sentence in enumerate(sentences):
        by_words = checker.reader.read(at, sentence, named[at], topic, labels)
        read = [*by_words, *(each for each in readings if each.sentence == at)]
        readings = [*readings, *by_words, *alone(at, named[at], topic, read)]
    claims = _judged(checker, readings)
    return [
        (*claims.get(at, ()), *_loose(checker, sentence, named[at], topic, material))
        for at, sentence in enumerate(sentences)
    ]


def _extracted(checker: Checker, sentences: Sequence[str], topic: Named) -> list[Reading]:
    """What extractors read in the text as a whole, by sentence."""
    from kgplatform.text.extract.snap import Snapper

    if not checker.extractors or not sentences:
        return []
    starts, text = [], ""
    for sentence in sentences:
        starts.append(len(text))
        text += sentence + " "
    snapper = Snapper(checker.schema)
    found = []
    for extractor in checker.extractors:
        (facts,) = extractor([text], silent)
        snapped = snapper(facts, text)
        for fact in (*snapped.known, *snapped.invented):
            if fact.relation not in checker.schema.relations:
                continue
            at = max(i for i, start in enumerate(starts) if start <= fact.sentence[0])
            head = _end(checker, fact.head.name, topic)
            tail = _end(checker, fact.tail.name, topic)
            if not set(head.ids) & set(tail.ids):
                found.append(Reading(at, head, fact.relation, tail, extractor.name))
    return found


def _misread(
    checker: Checker, reading: Reading, named: Sequence[Named], labels: Mapping[str, Sequence[str]]
) -> bool:
    """Whether an extractor hung a fact on the wrong words.

    A parse cuts names ("Territories") and hangs a list's end on what stands before it: an end that
    is a piece of a name of the graph, or of labels that the relation never joins.
    """
    assert reading.relation is not None
    kind = checker.schema.relations[reading.relation]
    for end, wanted in ((reading.head, kind.heads), (reading.tail, kind.tails)):
        if not end.ids:
            cut = end.text.casefold()
            if any(cut in each.text.casefold() for each in named):
                return True
        known = [set(labels[one]) for one in end.ids if one in labels]
        if wanted and known and all(of_one.isdisjoint(wanted) for of_one in known):
            return True
    return False


def _end(checker: Checker, name: str, topic: Named) -> Named:
    """An extracted end as the graph knows it: whole, or not at all."""
    for place in checker.reader.named(name):
        if len(place.text) >= len(name.removeprefix("the ").strip()) - 1:
            return Named(-1, -1, place.ids, name)
    if name.casefold() in ("it", "he", "she", "they", "the country", "the city"):
        return topic
    return Named(-1, -1, (), name)


def _judged(checker: Checker, readings: Sequence[Reading]) -> dict[int, list[Claim]]:
    """Verdicts on readings, by sentence; of those of one pair of names the best for the text."""
    pairs = [(head, tail) for each in readings for head in each.head.ids for tail in each.tail.ids]
    joined = statements_between(checker.store, checker.graph, pairs)
    functional = sorted(
        {
            each.relation
            for each in readings
            if each.relation is not None and checker.schema.relations[each.relation].functional
        }
    )
    heads = sorted({one for each in readings for one in each.head.ids}) if functional else []
    others = statements_around(
        checker.store,
        checker.graph,
        heads,
        relations=functional,
        predicted=False,
        limit=OTHERS,
    )
    groups: dict[tuple[int, frozenset[str]], list[tuple[Reading, Claim]]] = {}
    for each in readings:
        claim = _claim(each, joined, others)
        names = frozenset((each.head.text.casefold(), each.tail.text.casefold()))
        groups.setdefault((each.sentence, names), []).append((each, claim))
    claims: dict[int, list[Claim]] = {}
    for (sentence, _), read in groups.items():
        claims.setdefault(sentence, []).extend(_kept(read))
    return claims


def _kept(read: Sequence[tuple[Reading, Claim]]) -> list[Claim]:
    """Of the claims about two names: those that are supported, else the surest reading."""
    supported = [claim for _, claim in read if claim.verdict == "supported"]
    if supported:
        return list({claim.statement: claim for claim in reversed(supported)}.values())
    relations = [(each, claim) for each, claim in read if each.relation is not None and each.exact]
    chosen = relations or list(read)
    ranked = sorted(chosen, key=lambda pair: pair[1].verdict != "contradicted")
    return [ranked[0][1]]


def _claim(
    reading: Reading,
    joined: dict[tuple[str, str], list[Statement]],
    others: dict[str, list[Statement]],
) -> Claim:
    between = [
        statement
        for head in reading.head.ids
        for tail in reading.tail.ids
        for statement in joined.get((head, tail), ())
    ]
    relation = reading.relation
    same = [statement for statement in between if statement.relation == relation]
    if same:
        return _of(reading, "supported", same[0])
    if between and (relation is None or not reading.exact):
        return _of(reading, "unread", between[0])
    if relation is not None and reading.exact and reading.tail.ids:
        other = [
            statement
            for head in reading.head.ids
            for statement in others.get(head, ())
            if statement.relation == relation
            and statement.head == head
            and statement.valid_to is None
        ]
        if other:
            return _of(reading, "contradicted", other[0])
    return _of(reading, "absent", None)


def _of(reading: Reading, verdict: Verdict, statement: Statement | None) -> Claim:
    return Claim(
        reading.head.text,
        reading.relation,
        reading.tail.text,
        verdict,
        None if statement is None else statement.id,
        None if statement is None else statement.kind,
        reading.by,
    )


def _loose(
    checker: Checker, sentence: str, named: Sequence[Named], topic: Named, material: str
) -> list[Claim]:
    """Numbers, and names of what the graph does not have, that the writer was not given."""
    known = _plain(material)
    found = []
    spans = [(each.start, each.end) for each in named]
    for text, start, by in (*_numbers(sentence), *_names(checker, sentence)):
        inside = any(first <= start < last for first, last in spans)
        if not inside and _plain(text) not in known:
            found.append(Claim(topic.text, None, text, "absent", None, None, by))
    return found


def _numbers(sentence: str) -> Iterable[tuple[str, int, str]]:
    for match in _NUMBER.finditer(sentence):
        yield match.group(), match.start(), "numbers"


def _names(checker: Checker, sentence: str) -> Iterable[tuple[str, int, str]]:
    if checker.recogniser is None:
        return
    for entity in checker.recogniser(sentence).ents:
        if entity.label_ in _NAME_KINDS:
            start, text = entity.start_char, entity.text
            for article in ("the ", "The "):
                if text.startswith(article):
                    start, text = start + len(article), text[len(article) :]
            yield text, start, "names"


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace(",", "").split())
