"""How alike two names are, the ways in which people shorten them among it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rapidfuzz import fuzz

_WORD = re.compile("\\w+(?:['\u2019]\\w+)*")
_GENITIVE = re.compile("['\u2019]s\\b")
_ROMAN = re.compile(r"(?=.)x{0,3}(?:i[xv]|v?i{0,3})")
_ENGLISH = ("a", "an", "and", "at", "for", "in", "of", "on", "the", "to")
_OTHERS = ("de", "del", "der", "des", "di", "du", "la", "le", "van", "von", "y")
_SMALL = frozenset((*_ENGLISH, *_OTHERS))
"""Words that acronyms and shortened names leave out."""

NAME_FEATURES = (
    "equal",
    "sorted",
    "tokens",
    "contained",
    "initials",
    "last_word",
    "acronym",
    "digits_differ",
    "given_differ",
)


@lru_cache(maxsize=200_000)
def folded(name: str) -> str:
    """A name without case, accents, marks, and what stands in brackets at its end."""
    name = re.sub(r"\s*\([^)]*\)\s*$", "", name) or name
    name = _GENITIVE.sub("", name)
    plain = "".join(
        each
        for each in unicodedata.normalize("NFKD", name.casefold())
        if not unicodedata.combining(each)
    )
    return " ".join(_WORD.findall(plain.replace(".", ". "))) or " ".join(plain.split())


@lru_cache(maxsize=200_000)
def words(name: str) -> tuple[str, ...]:
    """The words of a folded name that say something; all of them if none does."""
    every = tuple(folded(name).split())
    return tuple(word for word in every if word not in _SMALL) or every


@lru_cache(maxsize=200_000)
def acronym(name: str) -> str:
    """First letters of a name's words, ``""`` for fewer than two words."""
    said = words(name)
    return "".join(word[0] for word in said) if len(said) > 1 else ""


@lru_cache(maxsize=200_000)
def as_acronym(name: str) -> str:
    """The letters of a name that looks like an acronym (``U.N.``, ``UNESCO``), else ``""``."""
    letters = name.replace(".", "").replace(" ", "")
    fits = 2 <= len(letters) <= 6 and letters.isalpha() and letters.isupper()
    return letters.casefold() if fits else ""


def name_features(left: str, right: str) -> tuple[float, ...]:
    """:data:`NAME_FEATURES` of two names, the same in either order; from 0 to 1.

    Whether they are equal; the likeness of their words in order of the alphabet, and of their
    words as sets; whether all words of the shorter stand in the longer; whether one is the other
    with initials; whether one is the other's last word; whether one is the other's acronym;
    whether both have numbers that differ; and whether the last words are the same but the first
    are not.
    """
    a, b = words(left), words(right)
    one, other = " ".join(a), " ".join(b)
    equal = one == other
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    letters = (as_acronym(left), as_acronym(right))
    by_acronym = bool(
        (letters[0] and letters[0] == acronym(right))
        or (letters[1] and letters[1] == acronym(left))
    )
    return (
        float(equal),
        fuzz.token_sort_ratio(one, other) / 100,
        fuzz.token_set_ratio(one, other) / 100,
        float(not equal and set(short) <= set(long)),
        float(not equal and _by_initials(short, long)),
        float(len(short) == 1 and len(long) > 1 and short[0] == long[-1]),
        float(by_acronym),
        float(_numbers_differ(a, b)),
        float(_given_differ(a, b)),
    )


def _by_initials(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    """Whether the last words agree, and each earlier word of one begins one of the other.

    ``J. S. Bach`` and ``Johann Bach`` are ``Johann Sebastian Bach``.
    """
    if len(short) < 2 or len(long) < 2 or short[-1] != long[-1]:
        return False
    if not any(len(word) == 1 for word in (*short[:-1], *long[:-1])):
        return False
    at = 0
    rest = long[:-1]
    for word in short[:-1]:
        while at < len(rest) and not _begins(word, rest[at]):
            at += 1
        if at == len(rest):
            return False
        at += 1
    return True


def _begins(one: str, other: str) -> bool:
    """Whether two words are the same, or one is the other's initial."""
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])


def _given_differ(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Johann and Jakob Bernoulli; North and South Korea."""
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-1]:
        return False
    return not any(_begins(x, y) for x in a[:-1] for y in b[:-1])


def _numbers_differ(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Apollo 11 and 13, Alexander I and II; a number that one alone has says nothing."""
    one, other = _numbers(a), _numbers(b)
    return bool(one and other and one != other)


def _numbers(said: tuple[str, ...]) -> frozenset[str]:
    """Words with digits, and Roman numbers that are not the first word, which is an initial."""
    roman = (word for word in said[1:] if _ROMAN.fullmatch(word))
    return frozenset((*(word for word in said if any(map(str.isdigit, word))), *roman))


def is_term(name: str) -> bool:
    """Whether a name is a word of the language, a number or a date, and no proper name.

    It has no capital: ``painter`` and ``1960`` mean the same in each document, and what is spelt
    alike (``printmaker``, ``1964``) means something else.
    """
    return not any(each.isupper() or each.istitle() for each in name) and not any(
        each.isalpha() and each.lower() == each.upper() for each in name
    )
