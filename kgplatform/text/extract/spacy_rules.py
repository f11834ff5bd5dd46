"""Patterns over a parsed text that give facts in its own words.

Open extraction by dependencies (as ReVerb and ClausIE: Fader et al. 2011, Del Corro and Gemulla
2013), with the turns of encyclopaedias: copulas and appositions with their ``of`` and ``in``,
trades and peoples of persons, lists of neighbours, offices. Relations are phrases here, such as
``born in`` or ``capital of``; what they mean in a schema is for ``snap`` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from typing import Any

from kgplatform.text.chunk import Span
from kgplatform.text.extract.kinds import (
    FAITHS,
    NOUNS,
    OF_CLASS,
    PRAISE,
    TITLES,
    is_trade,
    kind_of_noun,
)
from kgplatform.text.extract.spacy_names import Mention
from kgplatform.text.extract.spacy_reading import Reading, _joined
from kgplatform.text.extract.spacy_times import validity

CONFIDENCE = {
    "copula": 0.9,
    "trade": 0.9,
    "people": 0.9,
    "apposition": 0.8,
    "passive": 0.85,
    "active": 0.75,
    "clause": 0.75,
    "place": 0.8,
    "nested": 0.7,
    "role": 0.8,
    "owner": 0.7,
    "before name": 0.7,
    "year": 0.75,
    "date": 0.85,
    "life": 0.9,
}
"""How often what a pattern finds is right, by eye on a development set; snapping and judgement
have the last word."""

_HEDGED = frozenset("may might could would should will".split())
_DOUBT = frozenset(
    "say claim believe think consider suppose allege rumour dispute plan intend try".split()
)
_IN = frozenset("in at on within".split())
_DASH = re.compile("[-–—]")


@dataclass(frozen=True, slots=True)
class Found:
    """A fact as a pattern finds it.

    Attributes:
        head: What it is about.
        relation: The words between: ``born in``, ``capital of``.
        tail: The other end.
        pattern: A key of ``CONFIDENCE``.
        sentence: The sentence, in characters.
        valid_from: From when, if the sentence says so.
        valid_to: Until when.
    """

    head: Mention
    relation: str
    tail: Mention
    pattern: str
    sentence: Span
    valid_from: str | None = None
    valid_to: str | None = None


def facts_in(reading: Reading) -> Iterator[Found]:
    """What the patterns find in a text, sentence by sentence; some twice."""
    for sentence in reading.doc.sents:
        span = (sentence.start_char, sentence.end_char)
        for token in sentence:
            if token.pos_ in {"VERB", "AUX"}:
                yield from _of_verb(reading, token, span)
            if token.pos_ in {"NOUN", "PROPN", "ADJ"}:
                yield from _of_noun(reading, token, span)
        yield from _beside_names(reading, sentence, span)


def _of_verb(reading: Reading, verb: Any, sentence: Span) -> Iterator[Found]:
    """Objects and prepositions of a verb."""
    if _doubted(verb):
        return
    heads = reading.subjects(verb)
    if not heads:
        return
    passive = _is_passive(verb)
    word = verb.text.lower() if passive else verb.lemma_.lower()
    if word == "found" and verb.text.lower() != "found":
        word = "founded"  # not "find", whose past is the same word
    word = " ".join([word, *(c.text.lower() for c in verb.children if c.dep_ == "prt")])
    pattern = "passive" if passive else "active"
    if verb.dep_ in {"acl", "relcl", "advcl", "conj"}:
        pattern = pattern if passive else "clause"
    for child in verb.children:
        if (
            child.dep_ in {"dobj", "dative", "oprd"}
            and reading.mention(child) is not None
            and passive
        ):
            # Was awarded the Nobel Prize.
            yield from _between(reading, heads, word, reading.ends(child), pattern, sentence, verb)
        elif child.dep_ in {"dobj", "dative"} and not passive:
            yield from _between(reading, heads, word, reading.ends(child), pattern, sentence, verb)
            if child.pos_ == "NOUN" and reading.one(child) is None:
                for prep in (c for c in child.children if c.dep_ == "prep"):
                    phrase = f"{word} {child.lemma_.lower()} {prep.text.lower()}"
                    ends = _objects(reading, prep)
                    yield from _between(reading, heads, phrase, ends, pattern, sentence, verb)
                    if prep.text in {"including", "like"}:
                        yield from _between(reading, heads, word, ends, pattern, sentence, verb)
        elif child.dep_ in {"prep", "agent"}:
            yield from _of_preposition(reading, verb, word, heads, child, pattern, sentence)
    if verb.lemma_ != "be":
        yield from _when(reading, verb, word, heads, sentence)


def _of_preposition(
    reading: Reading,
    verb: Any,
    word: str,
    heads: Sequence[Mention],
    prep: Any,
    pattern: str,
    sentence: Span,
) -> Iterator[Found]:
    """``born in Warsaw``, ``served as king of Poland``, ``is in Poland``."""
    name = prep.text.lower()
    for chained in (c for c in prep.children if c.dep_ in {"prep", "conj"} and c.tag_ == "IN"):
        other = chained.text.lower()
        phrase = f"{word} {other}" if chained.dep_ == "conj" else f"{word} {name} {other}"
        ends = _objects(reading, chained)
        yield from _between(reading, heads, phrase, ends, pattern, sentence, verb)
    if name == "as":
        for noun in (c for c in prep.children if c.dep_ == "pobj"):
            yield from _class(reading, heads, noun, "role", sentence)
        return
    ends = _objects(reading, prep)
    if verb.lemma_ == "be" and not _is_passive(verb):
        if name in _IN and not any(c.dep_ in {"attr", "acomp"} for c in verb.children):
            places = [end for end in ends if end.kind != "date"]
            yield from _between(reading, heads, f"located {name}", places, "place", sentence, verb)
        return
    if name == "from" and any(c.text == "to" for c in verb.children):
        return
    yield from _between(reading, heads, f"{word} {name}", ends, pattern, sentence, verb)


def _of_noun(reading: Reading, noun: Any, sentence: Span) -> Iterator[Found]:
    """A class noun said of something: ``is the capital of``, ``, a novel by``."""
    listed = noun.dep_ == "pobj" and (
        noun.head.text == "among" or (noun.head.text == "of" and noun.head.head.lemma_ == "one")
    )
    if (noun.dep_ in {"attr", "appos", "oprd"} or listed) and not _doubted(noun.head):
        heads = reading.said_of(noun)
        pattern = "apposition" if noun.dep_ == "appos" else "copula"
        if heads and not (noun.dep_ == "appos" and reading.mention(noun) in heads):
            yield from _class(reading, heads, noun, pattern, sentence)
    yield from _owned(reading, noun, sentence)
    yield from _border_between(reading, noun, sentence)
    yield from _named_place(reading, noun, sentence)


def _class(
    reading: Reading, heads: Sequence[Mention], noun: Any, pattern: str, sentence: Span
) -> Iterator[Found]:
    """What ``X is a NOUN`` and those joined to the noun say of X."""
    nouns = [n for n in [noun, *_joined(noun)] if n.pos_ in {"NOUN", "PROPN", "ADJ"}]
    # The capital and largest city of Poland: but an article begins a phrase of its own.
    together = [n for n in nouns[1:] if not any(c.dep_ in {"det", "poss"} for c in n.children)]
    last = next((n for n in reversed(together) if _prepositions(n)), None)
    for each in nouns:
        named = reading.mention(each)
        if named is not None and named.kind != "nationality":
            continue
        yield from _trade(reading, heads, each, sentence)
        own = _prepositions(each)
        shared = own or ([p for p in _prepositions(last) if p.text == "of"] if last else [])
        for prep in shared:
            yield from _of_class(reading, heads, each, prep, pattern, sentence)
        for owner in (c for c in each.children if c.dep_ == "poss"):
            phrase = f"{_phrase(each)} of"
            yield from _between(
                reading, heads, phrase, reading.ends(owner), pattern, sentence, each
            )
        yield from _years(reading, heads, each, sentence)


def _of_class(
    reading: Reading,
    heads: Sequence[Mention],
    noun: Any,
    prep: Any,
    pattern: str,
    sentence: Span,
) -> Iterator[Found]:
    """One preposition after a class noun."""
    name, lemma = prep.text.lower(), noun.lemma_.lower()
    ends = _objects(reading, prep)
    person = is_trade(lemma) or lemma in TITLES or any(h.kind == "person" for h in heads)
    if name in _IN and not person:
        places = [end for end in ends if end.kind not in {"date", "person"}]
        yield from _between(reading, heads, f"located {name}", places, "place", sentence, noun)
        return
    if name == "by":
        yield from _between(reading, heads, "made by", ends, pattern, sentence, noun)
        return
    # A member of, the son of: the noun is the relation.
    yield from _between(reading, heads, f"{_phrase(noun)} {name}", ends, pattern, sentence, noun)


def _owned(reading: Reading, noun: Any, sentence: Span) -> Iterator[Found]:
    """``The capital of Zambia is Lusaka``; ``Poland's capital, Warsaw``; ``its capital Lusaka``."""
    if reading.mention(noun) is not None:
        yield from _owned_name(reading, noun, sentence)
        return
    if noun.pos_ != "NOUN":
        return
    owners = [
        e
        for each in (noun, noun.head if noun.dep_ == "conj" else noun)
        for c in each.children
        if c.dep_ == "poss"
        for e in reading.ends(c)
    ]
    owners = list(dict.fromkeys(owners))
    for prep in (c for c in noun.children if c.text == "of"):
        owners += _objects(reading, prep)
    if not owners:
        return
    names: list[Mention] = []
    top = noun.head if noun.dep_ == "conj" else noun
    if top.dep_ == "nsubj" and top.head.lemma_ == "be" and not _doubted(top.head):
        attrs = [c for c in top.head.children if c.dep_ in {"attr", "acomp"}]
        names += [e for c in attrs if reading.mention(c) is not None for e in reading.ends(c)]
    for child in noun.children:
        if child.dep_ == "appos" and reading.mention(child) is not None:
            names += reading.ends(child)
    phrase = f"{_phrase(noun)} of"
    yield from _between(reading, names, phrase, owners, "owner", sentence, noun)


def _owned_name(reading: Reading, name: Any, sentence: Span) -> Iterator[Found]:
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
    yield from _between(reading, [n for n in names if n], phrase, owners, "owner", sentence, None)


def _border_between(reading: Reading, noun: Any, sentence: Span) -> Iterator[Found]:
    """``the border between A and B``."""
    if noun.lemma_.lower() not in {"border", "boundary", "frontier"}:
        return
    for prep in (c for c in noun.children if c.text == "between"):
        ends = _objects(reading, prep)
        if len(ends) == 2:
            yield from _between(reading, ends[:1], "border", ends[1:], "place", sentence, None)


def _named_place(reading: Reading, name: Any, sentence: Span) -> Iterator[Found]:
    """``Cape Mesurado in Montserrado County``: a place in a larger one, said in passing."""
    mention = reading.mention(name)
    if mention is None or mention.kind not in {"place", "organisation"}:
        return
    head = reading.one(name)
    for prep in _prepositions(name):
        inside = prep.text in _IN or (prep.text == "of" and mention.kind == "place")
        if head is not None and inside and prep.i == mention.last:
            places = [end for end in _objects(reading, prep) if end.kind == "place"]
            yield from _between(reading, [head], "located in", places, "nested", sentence, None)


def _trade(
    reading: Reading, heads: Sequence[Mention], noun: Any, sentence: Span
) -> Iterator[Found]:
    """Trades and peoples: ``a Polish theoretical physicist``."""
    lemma = noun.lemma_.lower()
    kind = kind_of_noun(lemma)
    persons = [h for h in heads if h.kind in {"person", None} and kind in {"person", None}]
    if reading.subject is not None:
        persons = [h for h in persons if h.kind == "person" or h is reading.subject]
    if not persons:
        return
    for people in _peoples(reading, noun):
        yield from _between(reading, persons, "nationality", [people], "people", sentence, noun)
    if is_trade(lemma) and noun.pos_ == "NOUN":
        tail = _trade_name(noun)
        yield from _between(reading, persons, "occupation", [tail], "trade", sentence, noun)


def _peoples(reading: Reading, noun: Any) -> list[Mention]:
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


def _trade_name(noun: Any) -> Mention:
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


def _years(
    reading: Reading, heads: Sequence[Mention], noun: Any, sentence: Span
) -> Iterator[Found]:
    """``a 1960 American film``: when a work was made."""
    if noun.lemma_.lower() not in NOUNS["work"]:
        return
    start = min([noun.i, *(c.left_edge.i for c in noun.lefts)])
    for at in range(start, noun.i):
        mention = reading.mention(reading.doc[at])
        if mention is not None and mention.kind == "date" and mention.first == at:
            yield from _between(reading, heads, "released in", [mention], "year", sentence, noun)
            return


def _when(
    reading: Reading, verb: Any, word: str, heads: Sequence[Mention], sentence: Span
) -> Iterator[Found]:
    """``was founded in 1869``, also where the date hangs on another preposition."""
    for prep in _date_prepositions(verb):
        dates = [m for c in prep.children if (m := reading.mention(c)) and m.kind == "date"]
        name = "in" if prep.text.lower() in {"in", "on"} else prep.text.lower()
        yield from _between(reading, heads, f"{word} {name}", dates[:1], "date", sentence, None)


def _date_prepositions(verb: Any) -> Iterator[Any]:
    for child in verb.children:
        if child.dep_ in {"prep", "agent"}:
            if child.dep_ == "prep" and child.text.lower() in {"in", "on"}:
                yield child
            for pobj in child.children:
                if pobj.dep_ == "pobj":
                    yield from (c for c in pobj.children if c.text in {"in", "on"})


def _beside_names(reading: Reading, sentence: Any, span: Span) -> Iterator[Found]:
    """``the Polish physicist Marie Curie``; ``Kyoto, Japan``; ``Chopin (1810-1849)``."""
    doc = reading.doc
    inside = [m for m in reading.mentions if sentence.start <= m.first < sentence.end]
    nested: set[Mention] = set()
    for mention, following in zip_longest(inside, inside[1:]):
        if mention.kind in {"person", None} and mention.first > sentence.start:
            before = doc[mention.first - 1]
            if is_trade(before.text.lower()) and before.pos_ in {"NOUN", "ADJ"}:
                head = reading.one(doc[mention.first])
                if head is not None:
                    tail = [_trade_name(before)]
                    yield from _between(
                        reading, [head], "occupation", tail, "before name", span, None
                    )
                    peoples = _peoples(reading, before)
                    yield from _between(
                        reading, [head], "nationality", peoples, "before name", span, None
                    )
        if following is None or {mention.kind, following.kind} & {"date", "nationality"}:
            continue
        between = doc[mention.last : following.first].text
        comma = between == "," or (between.endswith(",") and between[:-1].strip() in OF_CLASS)
        if comma and following.kind == "place" and _in_place(reading, mention, following, nested):
            nested.add(following)
            yield from _between(reading, [mention], "located in", [following], "nested", span, None)
    yield from _years_of_works(reading, inside, span)


def _in_place(reading: Reading, inner: Mention, outer: Mention, nested: set[Mention]) -> bool:
    """Whether a name after a comma is where the name before it lies, not the next of a list."""
    doc = reading.doc
    before = doc[inner.first - 1].text.lower() if inner.first else ""
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
        between = doc[work.last : date.first].text
        closed = date.last < len(doc) and doc[date.last].text in {")", ","}
        fits = work.kind not in {"date", "nationality", "place", "award", "event"}
        if date.kind == "date" and between == "(" and closed and fits:
            if work is reading.subject and work.kind == "person":
                continue
            yield from _between(reading, [work], "released in", [date], "year", sentence, None)


def _objects(reading: Reading, prep: Any) -> list[Mention]:
    return [end for child in prep.children if child.dep_ == "pobj" for end in reading.ends(child)]


def _prepositions(noun: Any) -> list[Any]:
    return [c for c in noun.children if c.dep_ == "prep"]


def _phrase(noun: Any) -> str:
    """A noun with what is compounded with it: ``prime minister``."""
    parts = [c.text.lower() for c in noun.lefts if c.dep_ == "compound"]
    return " ".join([*parts, noun.lemma_.lower()])


def _is_passive(verb: Any) -> bool:
    if any(c.dep_ in {"auxpass", "nsubjpass"} for c in verb.children):
        return True
    if verb.dep_ == "conj" and verb.tag_ == "VBN" and verb.head.pos_ == "VERB":
        own = any(c.dep_ in {"nsubj", "aux"} for c in verb.children)
        return not own and _is_passive(verb.head)
    return verb.tag_ == "VBN" and not any(c.dep_ == "aux" for c in verb.children)


def _doubted(verb: Any) -> bool:
    """Whether a clause is denied, only possible, or somebody's claim."""
    for child in verb.children:
        if child.dep_ == "neg" or (child.dep_ == "aux" and child.text.lower() in _HEDGED):
            return True
    above = verb.head
    return verb.dep_ in {"xcomp", "ccomp"} and above is not verb and above.lemma_ in _DOUBT


def _between(
    reading: Reading,
    heads: Sequence[Mention],
    relation: str,
    tails: Sequence[Mention],
    pattern: str,
    sentence: Span,
    clause: Any,
) -> Iterator[Found]:
    """A fact for each head and tail."""
    for head in heads:
        if head.kind in {"date", "nationality"}:
            continue
        for tail in tails:
            if head.name == tail.name:
                continue
            since, until = (None, None)
            if tail.kind not in {"date", "nationality", "occupation"} and clause is not None:
                since, until = validity(reading, clause)
            yield Found(head, relation, tail, pattern, sentence, since, until)
