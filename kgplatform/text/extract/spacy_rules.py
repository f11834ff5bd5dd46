"""Patterns over a parsed text that give facts in its own words.

Open extraction by dependencies (as ReVerb and ClausIE: Fader et al. 2011, Del Corro and Gemulla
2013), with the turns of encyclopaedias: copulas and appositions with their ``of`` and ``in``,
trades and peoples of persons, lists of neighbours, offices. Relations are phrases here, such as
``born in`` or ``capital of``; what they mean in a schema is for ``snap`` to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kgplatform.text.chunk import Span
from kgplatform.text.extract.kinds import TITLES, is_trade
from kgplatform.text.extract.spacy_beside import (
    LOCATIVE,
    beside_names,
    border_between,
    named_place,
    owned_name,
)
from kgplatform.text.extract.spacy_found import (
    Found,
    between,
    doubted,
    is_passive,
    objects,
    phrase_of,
    prepositions,
)
from kgplatform.text.extract.spacy_names import Mention
from kgplatform.text.extract.spacy_persons import trade, years
from kgplatform.text.extract.spacy_reading import Reading, joined

_MAKING = {
    "found": "founded",
    "establish": "established",
    "form": "formed",
    "create": "created",
    "write": "written",
    "publish": "published",
    "release": "released",
    "compose": "composed",
    "paint": "painted",
    "build": "built",
    "complete": "completed",
}
"""Verbs by which something begins to be, with what is said of it."""


def facts_in(reading: Reading) -> Iterator[Found]:
    """What the patterns find in a text, sentence by sentence; some twice."""
    for sentence in reading.doc.sents:
        span = (sentence.start_char, sentence.end_char)
        for token in sentence:
            if token.pos_ in {"VERB", "AUX"}:
                yield from _of_verb(reading, token, span)
            if token.pos_ in {"NOUN", "PROPN", "ADJ"}:
                yield from _of_noun(reading, token, span)
        yield from beside_names(reading, sentence, span)


def _of_verb(reading: Reading, verb: Any, sentence: Span) -> Iterator[Found]:
    """Objects and prepositions of a verb."""
    if doubted(verb):
        return
    heads = reading.subjects(verb)
    if not heads:
        return
    passive = is_passive(verb)
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
            yield from between(reading, heads, word, reading.ends(child), pattern, sentence, verb)
        elif child.dep_ in {"dobj", "dative"} and not passive:
            yield from between(reading, heads, word, reading.ends(child), pattern, sentence, verb)
            if child.pos_ == "NOUN" and reading.one(child) is None:
                for prep in (c for c in child.children if c.dep_ == "prep"):
                    phrase = f"{word} {child.lemma_.lower()} {prep.text.lower()}"
                    ends = objects(reading, prep)
                    yield from between(reading, heads, phrase, ends, pattern, sentence, verb)
                    if prep.text in {"including", "like"}:
                        yield from between(reading, heads, word, ends, pattern, sentence, verb)
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
        ends = objects(reading, chained)
        yield from between(reading, heads, phrase, ends, pattern, sentence, verb)
    if name == "as":
        for noun in (c for c in prep.children if c.dep_ == "pobj"):
            yield from _class(reading, heads, noun, "role", sentence)
        return
    # Dates are found by _when, also where the parse hangs them elsewhere.
    ends = [end for end in objects(reading, prep) if end.kind != "date"]
    if verb.lemma_ == "be" and not is_passive(verb):
        if name in LOCATIVE and not any(c.dep_ in {"attr", "acomp"} for c in verb.children):
            yield from between(reading, heads, f"located {name}", ends, "place", sentence, verb)
        return
    if name == "from" and (verb.lemma_ == "be" or any(c.text == "to" for c in verb.children)):
        return
    yield from between(reading, heads, f"{word} {name}", ends, pattern, sentence, verb)


def _of_noun(reading: Reading, noun: Any, sentence: Span) -> Iterator[Found]:
    """A class noun said of something: ``is the capital of``, ``, a novel by``."""
    listed = noun.dep_ == "pobj" and (
        noun.head.text == "among" or (noun.head.text == "of" and noun.head.head.lemma_ == "one")
    )
    if (noun.dep_ in {"attr", "appos", "oprd"} or listed) and not doubted(noun.head):
        heads = reading.said_of(noun)
        pattern = "apposition" if noun.dep_ == "appos" else "copula"
        if heads and not (noun.dep_ == "appos" and reading.mention(noun) in heads):
            yield from _class(reading, heads, noun, pattern, sentence)
    yield from _owned(reading, noun, sentence)
    yield from border_between(reading, noun, sentence)
    yield from named_place(reading, noun, sentence)


def _class(
    reading: Reading, heads: Sequence[Mention], noun: Any, pattern: str, sentence: Span
) -> Iterator[Found]:
    """What ``X is a NOUN`` and those joined to the noun say of X."""
    nouns = [n for n in [noun, *joined(noun)] if n.pos_ in {"NOUN", "PROPN", "ADJ"}]
    # The capital and largest city of Poland: but an article begins a phrase of its own.
    together = [n for n in nouns[1:] if not any(c.dep_ in {"det", "poss"} for c in n.children)]
    last = next((n for n in reversed(together) if prepositions(n)), None)
    for each in nouns:
        named = reading.mention(each)
        if named is not None and named.kind != "nationality":
            continue
        yield from trade(reading, heads, each, sentence)
        own = prepositions(each)
        shared = own or ([p for p in prepositions(last) if p.text == "of"] if last else [])
        for prep in shared:
            yield from _of_class(reading, heads, each, prep, pattern, sentence)
        for owner in (c for c in each.children if c.dep_ == "poss"):
            phrase = f"{phrase_of(each)} of"
            yield from between(reading, heads, phrase, reading.ends(owner), pattern, sentence, each)
        yield from years(reading, heads, each, sentence)
        yield from _belonging(reading, heads, each, sentence)


def _belonging(
    reading: Reading, heads: Sequence[Mention], noun: Any, sentence: Span
) -> Iterator[Found]:
    """``a British Army officer``, ``an Ivy League university``: by the name before the noun."""
    persons = [head for head in heads if head.kind in {"person", "organisation"}]
    for child in noun.lefts:
        body = reading.mention(child) if child.dep_ in {"compound", "nmod"} else None
        if body is not None and body.kind == "organisation" and body.sure:
            yield from between(reading, persons, "member of", [body], "copula", sentence, noun)


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
    ends = objects(reading, prep)
    person = is_trade(lemma) or lemma in TITLES or any(h.kind == "person" for h in heads)
    if name in LOCATIVE and not person:
        places = [end for end in ends if end.kind not in {"date", "person"}]
        yield from between(reading, heads, f"located {name}", places, "place", sentence, noun)
        return
    if name == "by":
        yield from between(reading, heads, "made by", ends, pattern, sentence, noun)
        return
    if is_trade(lemma) and name in {"of", "at", "for", "with"}:
        # An engineer of the Great Western Railway works there, whatever else he is.
        bodies = [end for end in ends if end.kind == "organisation" and end.sure]
        yield from between(reading, heads, "member of", bodies, pattern, sentence, noun)
    # A member of, the son of: the noun is the relation.
    yield from between(reading, heads, f"{phrase_of(noun)} {name}", ends, pattern, sentence, noun)


def _owned(reading: Reading, noun: Any, sentence: Span) -> Iterator[Found]:
    """``The capital of Zambia is Lusaka``; ``Poland's capital, Warsaw``; ``its capital Lusaka``."""
    if reading.mention(noun) is not None:
        yield from owned_name(reading, noun, sentence)
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
        owners += objects(reading, prep)
    if not owners:
        return
    names: list[Mention] = []
    top = noun.head if noun.dep_ == "conj" else noun
    if top.dep_ == "nsubj" and top.head.lemma_ == "be" and not doubted(top.head):
        attrs = [c for c in top.head.children if c.dep_ in {"attr", "acomp"}]
        names += [e for c in attrs if reading.mention(c) is not None for e in reading.ends(c)]
    for child in noun.children:
        if child.dep_ == "appos" and reading.mention(child) is not None:
            names += reading.ends(child)
    phrase = f"{phrase_of(noun)} of"
    yield from between(reading, names, phrase, owners, "owner", sentence, noun)


def _when(
    reading: Reading, verb: Any, word: str, heads: Sequence[Mention], sentence: Span
) -> Iterator[Found]:
    """``was founded in 1869``, also where the date hangs on another preposition."""
    objects_of = [c for c in verb.children if c.dep_ == "dobj"]
    if objects_of and verb.lemma_.lower() in _MAKING and not is_passive(verb):
        # Gates founded Microsoft in 1975: what was founded in 1975 is Microsoft.
        heads = [end for each in objects_of for end in reading.ends(each)]
        word = _MAKING[verb.lemma_.lower()]
    for prep in _date_prepositions(verb):
        dates = [m for c in prep.children if (m := reading.mention(c)) and m.kind == "date"]
        name = "in" if prep.text.lower() in {"in", "on"} else prep.text.lower()
        yield from between(reading, heads, f"{word} {name}", dates[:1], "date", sentence, None)


def _date_prepositions(verb: Any) -> Iterator[Any]:
    for child in verb.children:
        if child.dep_ in {"prep", "agent"}:
            if child.dep_ == "prep" and child.text.lower() in {"in", "on"}:
                yield child
            for pobj in child.children:
                if pobj.dep_ == "pobj":
                    yield from (c for c in pobj.children if c.text in {"in", "on"})
