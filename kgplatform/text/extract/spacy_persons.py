"""Trades and peoples of persons, and years of works, before the noun that is said of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from kgplatform.text.chunk import Span
from kgplatform.text.extract.kinds import (
    FAITHS,
    NOUNS,
    PRAISE,
    is_sure_trade,
    is_trade,
    kind_of_noun,
)
from kgplatform.text.extract.spacy_found import Found, between
from kgplatform.text.extract.spacy_names import Mention
from kgplatform.text.extract.spacy_reading import Reading

_DASH = re.compile("[-\u2013\u2014]")


def trade(reading: Reading, heads: Sequence[Mention], noun: Any, sentence: Span) -> Iterator[Found]:
    """Trades and peoples: ``a Polish theoretical physicist``."""
    lemma = noun.lemma_.lower()
    persons = [head for head in heads if _is_person(head, lemma)]
    if not persons or kind_of_noun(lemma) not in {"person", None}:
        return
    if noun.tag_ == "NNS" and lemma in reading.nouns:
        # One of the greatest poets, of whom it is said already that he was a poet.
        return
    for people in peoples(reading, noun):
        yield from between(reading, persons, "nationality", [people], "people", sentence, noun)
    if is_trade(lemma) and noun.pos_ == "NOUN":
        tail = trade_name(noun)
        yield from between(reading, persons, "occupation", [tail], "trade", sentence, noun)


def _is_person(head: Mention, noun: str) -> bool:
    """Whether what a noun is said of is a human being, as far as name and noun tell."""
    if head.kind == "person":
        return head.sure or is_trade(noun)
    return head.kind is None and is_sure_trade(noun)


def peoples(reading: Reading, noun: Any) -> list[Mention]:
    """Adjectives of peoples before a noun; ``German-British`` is two."""
    found: list[Mention] = []
    start = min([noun.i, *(c.left_edge.i for c in noun.lefts)])
    for at in range(start, noun.i):
        token = reading.doc[at]
        mention = reading.mention(token)
        if mention is None or mention.first != at or mention.name.lower() in FAITHS:
            continue
        adjective = token.pos_ == "ADJ" and token.dep_ == "amod" and mention.last == at + 1
        if mention.kind in {"nationality", "language"} or adjective:
            found += _split(mention)
    return found


def _split(mention: Mention) -> list[Mention]:
    """The parts of a name between its dashes, each with its place."""
    found, at = [], 0
    for part in _DASH.split(mention.name):
        start = mention.name.index(part, at)
        at = start + len(part)
        if part[:1].isupper():
            span = (mention.span[0] + start, mention.span[0] + at)
            found.append(replace(mention, span=span, name=part, kind="nationality"))
    return found


def trade_name(noun: Any) -> Mention:
    """A trade with the words that make it one: ``theoretical physicist``, not ``famous``."""
    doc, first = noun.doc, noun.i
    while first > noun.sent.start:
        before = doc[first - 1]
        fits = before.dep_ in {"compound", "amod", "nmod"} and before.head.i in range(
            first, noun.i + 1
        )
        if not fits or before.text[0].isupper() or before.text.lower() in PRAISE:
            break
        first -= 1
    piece = doc[first : noun.i + 1]
    return Mention((piece.start_char, piece.end_char), first, noun.i + 1, piece.text, "occupation")


def years(reading: Reading, heads: Sequence[Mention], noun: Any, sentence: Span) -> Iterator[Found]:
    """``a 1960 American film``: when a work was made."""
    if noun.lemma_.lower() not in NOUNS["work"]:
        return
    start = min([noun.i, *(c.left_edge.i for c in noun.lefts)])
    for at in range(start, noun.i):
        mention = reading.mention(reading.doc[at])
        if mention is not None and mention.kind == "date" and mention.first == at:
            yield from between(reading, heads, "released in", [mention], "year", sentence, noun)
            return
