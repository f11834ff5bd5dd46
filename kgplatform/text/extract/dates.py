"""Dates as English texts write them, as ISO dates of the precision that is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kgplatform.text.chunk import Span

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_NAMES = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS)
_MONTH = rf"(?P<month>{_NAMES})\.?"
_ERA = r"(?:\s?(?P<era>BCE|BC|B\.C\.|CE|AD|A\.D\.))?(?![\w-])"
_DATE = re.compile(
    rf"(?<![\w.,/])(?:"
    rf"(?:(?P<day>\d{{1,2}})\s)?{_MONTH}(?:\s(?P<day2>\d{{1,2}}),?)?\s(?P<year>\d{{3,4}}){_ERA}"
    rf"|(?:the\s)?(?P<century>\d{{1,2}})(?:st|nd|rd|th)[\s-]century(?:\s(?P<cera>BCE|BC))?\b"
    rf"|(?:AD\s(?P<adyear>\d{{1,4}})|(?P<bcyear>\d{{1,4}})\s(?P<bera>BCE|BC|AD|CE)\b)"
    rf"|(?P<decade>[12]\d{{2}}0)s\b"
    r"|(?P<bare>1\d{3}|20\d{2}|[3-9]\d{2}(?=\s?[\u2013-]\s?\d{3,4}\)))(?![\w,]*\d)(?!%)"
    r"(?!\s(?:people|km|m|ft|metres|feet|species|members)\b)\b"
    rf")",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class TextDate:
    """A date that a text names.

    Attributes:
        span: Where, without an article.
        iso: The date: ``1867-11-07``, ``1867-11``, ``1867``, ``18XX`` for a century and ``186X``
            for a decade (ISO 8601-2 writes what is not said as X), years before Christ negative.
        bare: Whether it is four digits alone, which may count something else.
    """

    span: Span
    iso: str
    bare: bool


def dates_in(text: str) -> Iterator[TextDate]:
    """The dates of a text, in order."""
    for match in _DATE.finditer(text):
        iso = _iso(match)
        if iso is None:
            continue
        start = match.start()
        if match["century"] and match[0][:4].lower() == "the ":
            start += 4
        yield TextDate((start, match.end()), iso, match["bare"] is not None)


def _iso(match: re.Match[str]) -> str | None:
    """A match as an ISO date; None for a day or month that there is not."""
    if match["century"]:
        number = int(match["century"])
        before = match["cera"] is not None
        # The first century before Christ ends with the year that astronomers call 0.
        return f"-{number - 1:02d}XX" if before else f"{number - 1:02d}XX"
    if match["decade"]:
        return f"{match['decade'][:3]}X"
    era = (match["era"] or match["bera"] or "").upper().replace(".", "")
    year = match["year"] or match["adyear"] or match["bcyear"] or match["bare"]
    written = _year(int(year), era.startswith("B"))
    if not match["month"]:
        return written
    month = next(
        at for at, name in enumerate(_MONTHS, 1) if name.startswith(match["month"].lower()[:3])
    )
    day = match["day"] or match["day2"]
    if day is None:
        return f"{written}-{month:02d}"
    if not 1 <= int(day) <= 31:
        return None
    return f"{written}-{month:02d}-{int(day):02d}"


def _year(year: int, before_christ: bool) -> str:
    """A year of four digits; ISO has a year 0, which history has not."""
    if not before_christ:
        return f"{year:04d}"
    return f"-{year - 1:04d}" if year > 1 else "0000"
