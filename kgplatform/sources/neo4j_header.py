"""The header of a CSV file for ``neo4j-admin database import``, and the values under it.

The format is that of the Neo4j Operations Manual, chapter Import, sections "Node files",
"Relationship files" and "Data types".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from kgplatform.errors import InputError
from kgplatform.triples import Scalar, Value

ARRAY_SEPARATOR = ";"

_ROLES = {"ID", "LABEL", "START_ID", "END_ID", "TYPE", "IGNORE"}
_FIELD = re.compile(
    r"(?P<name>[^:{]*)(?::(?P<kind>[A-Za-z_]+)(?P<array>\[\])?(?:\((?P<space>[^()]*)\))?)?"
    r"(?P<options>\{[^{}]*\})?"
)
_ZONE_OPTION = re.compile(r"\btimezone\s*:\s*([^,}\s]+)")
_ZONE_IN_BRACKETS = re.compile(r"(.+)\[(.+)\]")


@dataclass(frozen=True)
class Column:
    """One field of a header.

    Attributes:
        name: The property's name; empty for ``:ID`` and the like.
        kind: ``ID``, ``LABEL``, ``START_ID``, ``END_ID``, ``TYPE`` or ``IGNORE``, or the type
            of a property in lower case.
        array: Whether a value is a list, its items cut at semicolons.
        space: The id space in brackets, if one is named.
        zone: The zone of times that name none.
    """

    name: str
    kind: str = "string"
    array: bool = False
    space: str | None = None
    zone: tzinfo = UTC


def is_header(fields: list[str]) -> bool:
    """Whether a row is a header: a field of it is an ``ID``, ``START_ID`` or ``END_ID``."""
    matches = [_FIELD.fullmatch(field.strip()) for field in fields]
    return any(match and match["kind"] in ("ID", "START_ID", "END_ID") for match in matches)


def columns_of_header(path: Path, fields: list[str]) -> tuple[Column, ...]:
    """What each field of a header says.

    Raises:
        InputError: A field is of an unknown type, or the ids that make it a file of nodes or
            of relationships are missing or there twice.
    """
    columns = tuple(_column(path, field.strip()) for field in fields)
    kinds = [column.kind for column in columns]
    if kinds.count("ID") == 1 and not {"START_ID", "END_ID"} & set(kinds):
        return columns
    if kinds.count("START_ID") == kinds.count("END_ID") == 1 and "ID" not in kinds:
        return columns
    raise InputError(
        f"{path}: the header is neither of nodes nor of relationships: {', '.join(fields)}",
        hint="nodes have one :ID column, relationships one :START_ID and one :END_ID",
    )


def value_of(column: Column, field: str) -> Value | None:
    """The value that a field holds; None if it is empty.

    Raises:
        ValueError: It is none of the column's type.
    """
    if not field:
        return None
    read = _READERS[column.kind]
    try:
        if not column.array:
            return read(field, column.zone)
        return [read(item, column.zone) for item in field.split(ARRAY_SEPARATOR)]
    except (ValueError, OverflowError, KeyError):
        raise ValueError(f"{column.name}: {field[:60]!r} is no {_spelled(column)}") from None


def _spelled(column: Column) -> str:
    return column.kind + "[]" * column.array


def _column(path: Path, field: str) -> Column:
    match = _FIELD.fullmatch(field)
    kind = (match and match["kind"]) or "string"
    kind = kind if kind in _ROLES else kind.lower()
    if match is None or kind not in _ROLES | _READERS.keys():
        raise InputError(
            f"{path}: the header's field {field[:60]!r} is of an unknown type",
            hint=f"types are {', '.join(sorted(_READERS))}, with [] for a list",
        )
    option = _ZONE_OPTION.search(match["options"] or "")
    try:
        zone = _zone(option[1]) if option else UTC
    except (ValueError, KeyError):
        raise InputError(
            f"{path}: the header's field {field[:60]!r} names an unknown time zone",
            hint="write it as Europe/Warsaw or +02:00",
        ) from None
    return Column(match["name"], kind, match["array"] is not None, match["space"] or None, zone)


def _zone(name: str) -> tzinfo:
    if name[0] in "+-Z":
        zone = time.fromisoformat(f"00:00{name}").tzinfo
        assert zone is not None
        return zone
    try:
        return ZoneInfo(name)
    except OSError as error:
        # A folder of zones, such as Europe.
        raise ValueError(str(error)) from None


def _integer(text: str, _: tzinfo) -> int:
    # Python's own way of writing 1_000 is no number to Neo4j.
    if "_" in text:
        raise ValueError
    return int(text)


def _number(text: str, _: tzinfo) -> float:
    if "_" in text:
        raise ValueError
    return float(text)


def _boolean(text: str, _: tzinfo) -> bool:
    return {"true": True, "false": False}[text.strip().lower()]


def _string(text: str, _: tzinfo) -> str:
    return text


def _date(text: str, _: tzinfo) -> date:
    return date.fromisoformat(text.strip())


def _zoned_time(text: str, zone: tzinfo) -> time:
    value = time.fromisoformat(text.strip())
    value = value if value.tzinfo else value.replace(tzinfo=zone)
    # A place's distance from UTC depends on the day, which a time does not have.
    if value.utcoffset() is None:
        raise ValueError
    return value


def _local_time(text: str, _: tzinfo) -> time:
    value = time.fromisoformat(text.strip())
    if value.tzinfo:
        raise ValueError
    return value


def _zoned_datetime(text: str, zone: tzinfo) -> datetime:
    stated = _ZONE_IN_BRACKETS.fullmatch(text.strip())
    value = datetime.fromisoformat(stated[1] if stated else text.strip())
    named = _zone(stated[2]) if stated else zone
    if value.tzinfo is None:
        return value.replace(tzinfo=named)
    return value.astimezone(named) if stated else value


def _local_datetime(text: str, _: tzinfo) -> datetime:
    value = datetime.fromisoformat(text.strip())
    if value.tzinfo:
        raise ValueError
    return value


TEXT_KINDS = ("duration", "point")
"""Types for which a property here has no kind of its own: their values stay text."""

_READERS: dict[str, Callable[[str, tzinfo], Scalar]] = {
    "int": _integer,
    "integer": _integer,
    "long": _integer,
    "short": _integer,
    "byte": _integer,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "string": _string,
    "char": _string,
    "date": _date,
    "time": _zoned_time,
    "localtime": _local_time,
    "datetime": _zoned_datetime,
    "localdatetime": _local_datetime,
    **dict.fromkeys(TEXT_KINDS, _string),
}
