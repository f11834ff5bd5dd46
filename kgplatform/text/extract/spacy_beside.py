"""What stands beside names: the place after a comma, the trade before, the year in brackets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import Any

from kgplatform.text.chunk import Span
from kgplatform.text.extract.kinds import OF_CLASS, is_trade
from kgplatform.text.extract.spacy_found import Found, between, objects, prepositions
from kgplatform.text.extract.spacy_names import Mention
from kgplatform.text.extract.spacy_persons import peoples, trade_name
from kgplatform.text.extract.spacy_reading import Reading

LOCATIVE = frozenset(["in", "at", "on", "within"])


def beside_names(reading: Reading, sentence: Any, span: Span) -> Iterator[Found]:
    """``the Polish physicist Marie Curie``; ``Kyoto, Japan``; ``Aparajito (1956)``."""
    doc = reading.doc
    inside = [m for m in reading.mentions if sentence.start <= m.first < sentence.end]
    nested: set[Mention] = set()
    for mention, following in zip_longest(inside, inside[1:]):
        if mention.kind in {"person", None} and mention.first > sentence.start:
            yield from _trade_before(reading, mention, span)
        if following is None or {mention.kind, following.kind} & {"date", "nationality"}:
            continue
        gap = doc[mention.last : following.first].text
        comma = gap == "," or (gap.endswith(",") and gap[:-1].strip() in OF_CLASS)
        if comma and following.kind == "place" and _in_place(reading, mention, nested):
            nested.add(following)
            yield from between(reading, [mention], "located in", [following], "nested", span, None)
    yield from _years_of_works(reading, inside, span)


def _trade_before(reading: Reading, mention: Mention, span: Span) -> Iterator[Found]:
    """``the Polish physicist Marie Curie``."""
    before = reading.doc[mention.first - 1]
    head = reading.one(reading.doc[mention.first])
    if head is None or not is_trade(before.text.lower()) or before.pos_ != "NOUN":
        return
    tail, adjectives = trade_name(before), peoples(reading, before)
    yield from between(reading, [head], "occupation", [tail], "before name", span, None)
    yield from between(reading, [head], "nationality", adjectives, "before name", span, None)


def _in_place(reading: Reading, inner: Mention, nested: set[Mention]) -> bool:
    """Whether a name after this one's comma is where it lies, not the next of a list."""
    doc = reading.doc
    at = inner.first - 1
    if at > 0 and doc[at].text.lower() == "the":
        at -= 1
    before = doc[at].text.lower() if at >= 0 else ""
    begins = before in {"in", "at", "of", "near", "from", "to"} or inner in nested
    if not begins or len(reading.listed(inner)) > 1:
        return False
    # The recogniser takes towns for persons, but nobody stands after "in".
    return inner.kind in {"place", "organisation", None} or before in {"in", "at"}


def _years_of_works(reading: Reading, inside: Sequence[Mention], sentence: Span) -> Iterator[Found]:
    """``Aparajito (1956)`` in a text on works."""
    if reading.subject is None or reading.subject.kind not in {"work", "person"}:
        return
    doc = reading.doc
    for work, date in pairwise(inside):
        gap = doc[work.last : date.first].text
        closed = date.last < len(doc) and doc[date.last].text in {")", ","}
        fits = work.kind not in {"date", "nationality", "place", "award", "event"}
        if date.kind == "date" and gap == "(" and closed and fits:
            if work is reading.subject and work.kind == "person":
                continue
            yield from between(reading, [work], "released in", [date], "year", sentence, None)


def named_place(reading: Reading, name: Any, sentence: Span) -> Iterator[Found]:
    """``Cape Mesurado in Montserrado County``: a place in a larger one, said in passing."""
    mention = reading.mention(name)
    if mention is None or mention.kind not in {"place", "organisation"}:
        return
    head = reading.one(name)
    owners = [end for c in name.children if c.dep_ == "poss" for end in reading.ends(c)]
    if head is not None and mention.kind == "place" and mention.sure:
        # Russia's Irkutsk Oblast.
        owners = [end for end in owners if end.kind == "place"]
        yield from between(reading, [head], "located in", owners, "nested", sentence, None)
    for prep in prepositions(name):
        inside = prep.text in LOCATIVE or (prep.text == "of" and mention.kind == "place")
        if head is not None and inside and prep.i == mention.last:
            places = [end for end in objects(reading, prep) if end.kind == "place"]
            yield from between(reading, [head], "located in", places, "nested", sentence, None)


def border_between(reading: Reading, noun: Any, sentence: Span) -> Iterator[Found]:
    """``the border between A and B``."""
    if noun.lemma_.lower() not in {"border", "boundary", "frontier"}:
        return
    for prep in (c for c in noun.children if c.text == "between"):
        ends = objects(reading, prep)
        if len(ends) == 2:
            yield from between(reading, ends[:1], "border", ends[1:], "place", sentence, None)


def owned_name(reading: Reading, name: Any, sentence: Span) -> Iterator[Found]:
    """``Banabhatta's son Bhushanabhatta``: a noun before a name, with whose it is."""
    mention = reading.mention(name)
    if mention is None or mention.first == 0:
        return
    before = reading.doc[mention.first - 1]
    if before.pos_ != "NOUN" or before.head not in (name, before.head.head):
        return
    owners = [
        end
        for each in (before, name)
        for c in each.children
        if c.dep_ == "poss" and c.i < before.i
        for end in reading.ends(c)
    ]
    names = [reading.one(name)]
    phrase = f"{before.lemma_.lower()} of"
    yield from between(reading, [n for n in names if n], phrase, owners, "owner", sentence, None)
