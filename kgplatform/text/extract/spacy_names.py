"""What a parsed text names: proper names and dates, with the kind of each.

A small recogniser cuts names short and mistakes rivers for persons; English writes names in
capitals, which is the better guide to where one begins and ends. So names are runs of capitals, and
the recogniser joins what it knows to be one and says what kind they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from kgplatform.text.chunk import Span
from kgplatform.text.extract.dates import dates_in
from kgplatform.text.extract.kinds import (
    COMPASS,
    OFFICE_WORDS,
    TITLES,
    is_trade,
    kind_of_label,
    kind_of_noun,
    territories,
)

_JOINERS = frozenset(
    "of de da do dos di du del della von van der den ten la le the el al y bin ibn".split()  # noqa: SIM905
)
_NEVER_FIRST = frozenset(
    ["DET", "ADP", "PRON", "SCONJ", "CCONJ", "AUX", "VERB", "ADV", "PUNCT", "PART"]
)
_DIVISIONS = frozenset(
    ["region", "province", "county", "district", "oblast", "krai", "mountains", "river"]
)
"""Last words of names; what ``of`` adds to them is where they are."""

_PRIZE = frozenset(["prize", "award", "medal"])
_SURE = frozenset(["place", "nationality", "date"])
_TRAILING = frozenset(["'s", "\u2019s", "'", "\u2019", "the", "The", "of"])
_ROMAN = re.compile(r"[IVX]+")
_OF_PEOPLES = ("ish", "ese", "ian", "ean", "can", "ench", "eek")


@dataclass(frozen=True, slots=True)
class Mention:
    """A name or a date where it stands.

    Attributes:
        span: In characters of the text.
        first: Its first token.
        last: The token after its last.
        name: The words.
        kind: What it names, as in ``kinds``, if that can be told.
        iso: For a date, the date.
        sure: Whether the kind is more than a small recogniser's guess.
    """

    span: Span
    first: int
    last: int
    name: str
    kind: str | None
    iso: str | None = None
    sure: bool = True


def mentions_of(doc: Any) -> list[Mention]:
    """Names and dates of a parsed text, in order, none over another."""
    dates = _dates(doc)
    taken = {at for date in dates for at in range(date.first, date.last)}
    entity = {}
    for ent in doc.ents:
        if kind_of_label(ent.label_) and not taken & set(range(ent.start, ent.end)):
            entity.update(dict.fromkeys(range(ent.start, ent.end), ent))
    found = list(dates)
    at = 0
    while at < len(doc):
        end = _end_of_name(doc, at, taken, entity)
        if end == at:
            at += 1
            continue
        found += _named(doc, at, end, entity)
        at = end
    return sorted(found, key=lambda mention: mention.span)


def _dates(doc: Any) -> list[Mention]:
    found = []
    for date in dates_in(doc.text):
        piece = doc.char_span(*date.span)
        if piece is not None:
            found.append(Mention(date.span, piece.start, piece.end, piece.text, "date", date.iso))
    return found


def _is_capital(token: Any) -> bool:
    return bool(token.text[0].isupper()) and token.pos_ != "PRON"


def _begins(token: Any, entity: dict[int, Any]) -> bool:
    """Whether a name may begin with a token."""
    if not _is_capital(token):
        # al-Andalus, iPhone: a capital inside, and a proper noun.
        return token.pos_ == "PROPN" and any(c.isupper() for c in token.text)
    if token.pos_ in _NEVER_FIRST and token.i not in entity:
        return False
    if token.is_sent_start and token.pos_ not in {"PROPN"} and token.i not in entity:
        # A first word is in capitals whatever it is, unless a name goes on after it.
        following = token.nbor() if token.i + 1 < len(token.doc) else token
        return bool(_is_capital(following) and following.pos_ == "PROPN")
    return token.text.lower() not in COMPASS or _followed_by_capital(token)


def _followed_by_capital(token: Any) -> bool:
    doc = token.doc
    return token.i + 1 < len(doc) and _is_capital(doc[token.i + 1])


def _end_of_name(doc: Any, at: int, taken: set[int], entity: dict[int, Any]) -> int:
    """Where the name that begins at a token ends; the token itself where none does."""
    if at in taken or not _begins(doc[at], entity):
        return at
    end = at + 1
    while end < len(doc) and end not in taken:
        step = _step(doc, at, end, taken, entity)
        if not step:
            break
        end += step
    return end


def _step(doc: Any, first: int, at: int, taken: set[int], entity: dict[int, Any]) -> int:
    """How many tokens a name goes on for at a token."""
    token = doc[at]
    if token.is_sent_start or (token.text == "of" and _is_office(doc[at - 1])):
        return 0
    inside = entity.get(at)
    if inside is not None and inside.start < at and inside.start >= first - 1:
        return 1
    if token.text in {"-", "\u2013", "'", "\u2019", "&"} and not doc[at - 1].whitespace_:
        glued: bool = at + 1 < len(doc) and not token.whitespace_ and _is_capital(doc[at + 1])
        return 2 if glued else 0
    if token.text.endswith(".") and len(token.text) < 4 and _is_capital(token):
        return 1
    if _is_capital(token) or _ROMAN.fullmatch(token.text):
        return 1
    if token.text.isdigit() and len(token.text) < 4 and doc[at - 1].pos_ == "PROPN":
        return 1
    return _join(doc, at, taken)


def _is_office(token: Any) -> bool:
    word = token.text.lower()
    return word in TITLES or is_trade(word)


def _join(doc: Any, at: int, taken: set[int]) -> int:
    """Over ``of``, ``de`` or ``in`` to another capital: University of Warsaw, Prize in Physics."""
    word = doc[at].text.lower()
    before = doc[at - 1].text.lower()
    if word not in _JOINERS and not (word in {"in", "for"} and before in _PRIZE):
        return 0
    if word == "of" and before in _DIVISIONS:
        return 0
    end = at + 1
    while end < len(doc) and doc[end].text.lower() in {"the", "la", "las", "los", "der", "al"}:
        end += 1
    if end >= len(doc) or end in taken or not _is_capital(doc[end]):
        return 0
    if word in {"the", "la", "le", "y"} and doc[end].pos_ != "PROPN":
        return 0
    return end + 1 - at


def _named(doc: Any, first: int, end: int, entity: dict[int, Any]) -> list[Mention]:
    """The mentions of a run of capitals: adjectives of peoples at its front by themselves."""
    found = []
    while (
        first < end - 1 and _is_people(doc[first], entity) and not _is_people(doc[end - 1], entity)
    ):
        inner = entity.get(first)
        if inner is not None and inner.end > first + 1 and inner.label_ != "NORP":
            break
        found.append(_mention(doc, first, first + 1, "nationality"))
        first += 1
        while first < end - 1 and doc[first].is_punct:
            first += 1
    while first < end - 1 and doc[first].pos_ == "DET":
        first += 1
    while end > first + 1 and doc[end - 1].text in _TRAILING:
        end -= 1
    while end > first + 1 and doc[end - 1].text.islower() and doc[end - 1].pos_ != "PROPN":
        end -= 1
    words = {word.text.lower() for word in doc[first:end] if not word.is_punct}
    if words <= OFFICE_WORDS and words & TITLES:
        return found
    kind, sure = _kind(doc, first, end, entity)
    return [*found, replace(_mention(doc, first, end, kind), sure=sure)]


def _is_people(token: Any, entity: dict[int, Any]) -> bool:
    ent = entity.get(token.i)
    if ent is not None and ent.label_ == "NORP":
        return True
    return bool(token.tag_ == "JJ" and token.text.endswith(_OF_PEOPLES))


def _kind(doc: Any, first: int, end: int, entity: dict[int, Any]) -> tuple[str | None, bool]:
    """What a name is of, and whether that is sure.

    By its last or first word if that is a class noun, else as recognised, which is no more than a
    guess for a single word and for organisations, works and events.
    """
    if any(doc[at].text.lower() in _PRIZE for at in range(first, end)):
        return "award", True
    if doc[first:end].text.lower() in territories():
        return "place", True
    if end - first > 1:
        last = doc[end - 1].text.lower()
        for word in (last, last.removesuffix("s"), doc[first].text.lower()):
            kind = kind_of_noun(word)
            if kind not in {None, "person", "date", "nationality", "occupation", "language"}:
                return kind, True
    votes: dict[str, int] = {}
    for at in range(first, end):
        ent = entity.get(at)
        kind = kind_of_label(ent.label_) if ent is not None else None
        if kind is not None:
            votes[kind] = votes.get(kind, 0) + 1
    if not votes:
        return None, False
    best = max(votes, key=lambda kind: votes[kind])
    return best, best in _SURE


def _mention(doc: Any, first: int, end: int, kind: str | None) -> Mention:
    piece = doc[first:end]
    return Mention((piece.start_char, piece.end_char), first, end, piece.text, kind)
