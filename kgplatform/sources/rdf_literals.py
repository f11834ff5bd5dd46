"""Literals of RDF as values of properties, and which of several languages is preferred.

Datatypes: https://www.w3.org/TR/xmlschema-2/. A literal whose datatype has no counterpart in
Neo4j, or that does not fit into it (a number of 80 bits, a date with a time zone, the year
-44), keeps its text as it stands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time

from pyoxigraph import Literal

from kgplatform.triples import Scalar, Value, is_vector

Rank = tuple[int, int, str]
"""How much a language is preferred; the smallest is the best."""

NO_LANGUAGE: Rank = (1, 0, "")

_XSD = "http://www.w3.org/2001/XMLSchema#"
_INTEGERS = frozenset(
    _XSD + name
    for name in (
        "integer",
        "int",
        "long",
        "short",
        "byte",
        "nonNegativeInteger",
        "nonPositiveInteger",
        "positiveInteger",
        "negativeInteger",
        "unsignedLong",
        "unsignedInt",
        "unsignedShort",
        "unsignedByte",
    )
)
_FLOATS = frozenset(_XSD + name for name in ("decimal", "double", "float"))
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}\Z")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_SPECIAL = frozenset({"NaN", "INF", "+INF", "-INF"})
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
# Python's own parsers take more than XML Schema does, and cut fractions after six digits.
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
_DATE = re.compile(rf"{_DAY}\Z")
_DATETIME = re.compile(rf"{_DAY}T{_CLOCK}\Z")
_TIME = re.compile(rf"{_CLOCK}\Z")


def value_of(literal: Literal) -> Scalar:
    """A literal as int, float, bool, date, datetime or time, or else its text.

    NaN and the infinities come as such floats; no property may hold them.
    """
    text, datatype = literal.value, literal.datatype.value
    if not datatype.startswith(_XSD) or datatype == _XSD + "string":
        return text
    trimmed = text.strip(" \t\r\n")
    if datatype in _INTEGERS and _INTEGER.match(trimmed):
        number = int(trimmed)
        return number if -(2**63) <= number < 2**63 else text
    if datatype in _FLOATS:
        return _float(text, trimmed)
    if datatype == _XSD + "boolean":
        return _BOOLEANS.get(trimmed, text)
    try:
        if datatype == _XSD + "date" and _DATE.match(trimmed):
            return date.fromisoformat(trimmed)
        if datatype == _XSD + "dateTime" and _DATETIME.match(trimmed):
            return datetime.fromisoformat(trimmed)
        if datatype == _XSD + "time" and _TIME.match(trimmed):
            return time.fromisoformat(trimmed)
    except ValueError:  # 24:00:00, February 30th, the year 0
        return text
    return text


def _float(text: str, trimmed: str) -> Scalar:
    if trimmed in _SPECIAL:
        return float(trimmed.lower())
    if not _FLOAT.match(trimmed):
        return text
    number = float(trimmed)
    # 1e999 is a number; what it overflows to is not the same one.
    return number if math.isfinite(number) else text


def property_of(literals: Sequence[Literal], languages: Sequence[str]) -> Value:
    """The literals of one predicate as the value of one property.

    Of texts in several languages, those of the most preferred one are kept; texts without a
    language and other values always are. Literals of several kinds become texts, all of them.

    Args:
        literals: At least one.
        languages: Preferred languages, the best first.

    Returns:
        One value, or a list where several are left, each once; texts in their order, numbers
        sorted, as RDF has no order in which they would be a vector.
    """
    if len(literals) == 1:
        return value_of(literals[0])
    ranks = [rank_of(one, languages) for one in literals if one.language]
    best = min(ranks, default=NO_LANGUAGE)
    if any(not one.language and isinstance(value_of(one), str) for one in literals):
        best = min(best, NO_LANGUAGE)
    kept = [one for one in literals if not one.language or rank_of(one, languages) == best]
    values = list(map(value_of, kept))
    if len(set(map(_kind, values))) > 1:
        values = [one.value for one in kept]
    # True is 1 to a dict, but no list holds both: its values are of one kind.
    distinct = list(dict.fromkeys(values))
    if len(distinct) == 1:
        return distinct[0]
    return sorted(distinct) if is_vector(distinct) else distinct


def _kind(value: Scalar) -> tuple[type, bool]:
    # Neo4j has times with a zone and times without, and no list of both.
    zoned = isinstance(value, datetime | time) and value.tzinfo is not None
    return type(value), zoned


def rank_of(literal: Literal, languages: Sequence[str]) -> Rank:
    """How much the language of a text is preferred.

    A preferred language comes first, where ``en`` also means ``en-GB``; then a text without a
    language; then any other, by the alphabet, so that the order of the statements is without
    effect.
    """
    if not literal.language:
        return NO_LANGUAGE
    tag = literal.language.lower()
    for place, language in enumerate(languages):
        if tag == language.lower():
            return (0, 2 * place, "")
        if tag.startswith(language.lower() + "-"):
            return (0, 2 * place + 1, tag)
    return (2, 0, tag)
