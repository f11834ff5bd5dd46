"""Values of properties as the driver can send them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from kgplatform.triples import Value


class _Offset(tzinfo):
    """The offset that a zone has at one moment, with the zone's name if it has one.

    The driver asks a value's zone about its own kinds of date and time. Python's time zones,
    which are written in C, refuse those (``timezone``) or read memory that is no date
    (``ZoneInfo``, seen to end the process).
    """

    def __init__(self, offset: timedelta, key: str | None) -> None:
        self._offset = offset
        self.key = key

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return self._offset

    def dst(self, moment: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, moment: datetime | None) -> str | None:
        return self.key


def sendable(properties: Mapping[str, Value] | None) -> dict[str, Any]:
    """Properties with the zones of their dates and times as the driver can read them."""
    return {name: sendable_value(value) for name, value in (properties or {}).items()}


def sendable_value(value: Value) -> Any:
    """A value, or each of a list, with its zone as the driver can read it."""
    if isinstance(value, list):
        return [sendable_value(item) for item in value]
    if not isinstance(value, datetime | time) or value.tzinfo is None:
        return value
    offset = value.utcoffset()
    if offset is None:
        # A named zone has no offset at a time of no day.
        return value.replace(tzinfo=None)
    return value.replace(tzinfo=_Offset(offset, getattr(value.tzinfo, "key", None)))
