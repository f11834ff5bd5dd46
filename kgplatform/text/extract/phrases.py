"""Relation phrases in one form: ``was written by``, ``WROTE`` and ``writes`` say one thing.

A phrase is a core and a direction: ``founder of`` and ``founded`` go from who founds to what is
founded, ``founded by``, ``has founder`` and a bare ``founder`` the other way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kgplatform.text.extract.kinds import TITLES, is_trade
from kgplatform.text.words import relation_words

Direction = Literal[1, -1, 0]

EMPTY = frozenset(
    "is are was were be been being has have had a an the its his her their first also later then "  # noqa: SIM905
    "became become who which that it he she".split()
)
"""Words that say nothing of a relation."""

_IRREGULAR = {
    "written": "write", "wrote": "write", "won": "win", "built": "build", "made": "make",
    "led": "lead", "drawn": "draw", "drew": "draw", "held": "hold", "taught": "teach",
    "began": "begin", "begun": "begin", "lay": "lie", "lies": "lie", "lying": "lie", "ran": "run",
    "sung": "sing", "sang": "sing", "sent": "send", "met": "meet", "fought": "fight",
    "wed": "marry", "dying": "die", "dies": "die", "died": "die", "stood": "stand",
    "overthrew": "overthrow", "succeeded": "succeed", "rivers": "river", "bears": "bear",
    "borne": "bear", "found": "find", "children": "child", "headquarters": "headquarter",
    "organisation": "organization", "neighbour": "neighbor", "centre": "center",
}  # fmt: skip
_HAVING = frozenset(["has", "have", "had", "whose", "with"])
_OWNED = frozenset(
    "capital birthplace place mouth spouse child parent son daughter location headquarter member "  # noqa: SIM905
    "date year nationality citizenship profession occupation trade currency population language "
    "religion area owner subsidiary seat leader head king queen wife husband brother sister "
    "father mother grandfather grandmother uncle aunt nephew niece heir "
    "founder winner recipient creator sibling employer country city inception origin publication "
    "alma".split()
)
"""Nouns that, alone, are what the head has: ``capital`` goes from the country to the city."""


@dataclass(frozen=True, slots=True)
class Form:
    """A phrase without what does not matter.

    Attributes:
        core: Its words, stemmed.
        direction: 1 from who does or is it to what it is done to or of; -1 the other way; 0 where
            the words do not say.
    """

    core: tuple[str, ...]
    direction: Direction


@lru_cache(maxsize=20_000)
def form_of(phrase: str) -> Form:
    """The form of a phrase or of a relation's name."""
    words = relation_words(phrase).split()
    having = bool(words) and words[0] in _HAVING and len(words) > 1
    kept = [word for word in words if word not in EMPTY] or words
    if not kept:
        return Form((), 0)
    if len(kept) > 1 and kept[-1] == "by":
        return Form(tuple(map(stem, kept[:-1])), -1)
    if len(kept) > 1 and kept[-1] == "of":
        return Form(tuple(map(stem, kept[:-1])), 1)
    core = tuple(map(stem, kept))
    if having or _is_owned(kept[-1]):
        return Form(core, -1)
    return Form(core, 1)


def last_noun(form: Form) -> Form:
    """The form without what is compounded before its last word: ``stem tributary of``."""
    return Form(form.core[-1:], form.direction)


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A word without its ending, crudely: both sides of a comparison are cut alike."""
    word = _IRREGULAR.get(word, word)
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "i"
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) > 2 and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


def _is_owned(word: str) -> bool:
    plain = word.removesuffix("s")
    return plain in _OWNED or word in _OWNED or is_trade(plain) or plain in TITLES
