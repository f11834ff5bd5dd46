"""Values of a query's columns, checked before they become numbers.

Every error names the column and the relation or row, so that the user knows where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import neo4j.time
import numpy as np

from kgplatform.errors import InputError

_DAYS_TO_1970 = 719_163
"""Days from 1 January of the year 1 to 1 January 1970, the first one counted."""


def names(column: str, values: list[Any], rows: int, where: str, kinds: set[type]) -> Sequence[str]:
    """Ids as texts.

    Args:
        column: The column's name.
        values: Texts or whole numbers.
        rows: How many there should be: the server's collect() leaves nulls out.
        where: Which rows they are, for messages: ``for relation …``.
        kinds: The types seen so far, in all columns of ids; grows.

    Raises:
        InputError: A null, another type, or texts and numbers mixed.
    """
    here = set(map(type, values))
    if len(values) != rows or type(None) in here:
        raise InputError(
            f"the query returned a null {column} {where}",
            hint="return a property that every node has, or filter with IS NOT NULL",
        )
    if not here <= {str, int}:
        raise InputError(
            f"the query returned {column}s of type {_listed(here - {str, int})} {where}",
            hint="return a property that every node has, a text or a whole number",
        )
    kinds |= here
    if len(kinds) > 1:
        raise InputError(
            "the query returned both texts and numbers as ids", hint="wrap them in toString(…)"
        )
    return list(map(str, values)) if int in here else values


def weights(values: list[Any], rows: int, where: str) -> np.ndarray:
    """Weights, float32 [rows].

    Raises:
        InputError: A null, no number, or one that is not finite.
    """
    _check(values, rows, "weight", where, {int, float}, "numbers, as coalesce(r.weight, 1.0)")
    if not all(map(isfinite, values)):
        raise InputError(
            f"the query returned a weight that is not finite {where}",
            hint="filter with NOT isNaN(…), or coalesce it",
        )
    return np.array(values, dtype=np.float32)


class Times:
    """Times of one query: all whole numbers, or all dates and times of day."""

    def __init__(self) -> None:
        self._numbers: bool | None = None

    def of(self, values: list[Any], rows: int, where: str) -> np.ndarray:
        """Whole numbers as they are, dates and times as seconds since 1970 UTC, int64 [rows].

        A time without a zone is taken for UTC.

        Raises:
            InputError: A null, another type, or numbers and dates mixed.
        """
        allowed: set[type] = {int, neo4j.time.Date, neo4j.time.DateTime}
        _check(values, rows, "time", where, allowed, "whole numbers, dates or datetimes")
        kinds = set(map(type, values))
        if self._numbers is None:
            self._numbers = int in kinds
        if (kinds != {int}) if self._numbers else (int in kinds):
            raise InputError(
                f"the query returned both numbers and dates as time {where}",
                hint="return one kind, as in date({year: r.year}) AS time",
            )
        return np.array(values if self._numbers else list(map(seconds, values)), dtype=np.int64)


def seconds(value: Any) -> int:
    """A time as a number: whole numbers as they are, else seconds since 1970 UTC.

    Raises:
        InputError: It is neither a whole number nor a date nor a datetime.
    """
    if isinstance(value, int):
        return value
    if isinstance(value, neo4j.time.DateTime):
        native: datetime = value.to_native()
        return int(native.replace(tzinfo=native.tzinfo or UTC).timestamp())
    if isinstance(value, neo4j.time.Date):
        return (value.toordinal() - _DAYS_TO_1970) * 86_400
    raise InputError(
        f"{str(value)[:60]!r} is no time",
        hint="use a whole number, a date, or a date with its time",
    )


def _check(
    values: list[Any], rows: int, column: str, where: str, allowed: set[type], wanted: str
) -> None:
    kinds = set(map(type, values))
    if len(values) != rows or type(None) in kinds:
        raise InputError(
            f"the query returned a null {column} {where}",
            hint=f"every row needs one: return {wanted}, or leave the rows out with a WHERE",
        )
    if wrong := kinds - allowed:
        example = next(value for value in values if type(value) in wrong)
        raise InputError(
            f"the query returned the {column} {example!r} ({_listed(wrong)}) {where}",
            hint=f"return {wanted}",
        )


def _listed(kinds: set[type]) -> str:
    return ", ".join(sorted(kind.__name__ for kind in kinds))
