"""Values of properties: as the importer's typed fields, and as lines of a spill file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from kgplatform.triples import Value

DELIMITER = "\t"
ARRAY_DELIMITER = "\x1f"
"""Between the elements of a list; no name may hold it, and texts hardly ever do."""

LONGEST = 250_000
"""Longest text given to the importer, in characters: its buffer is 4 MiB."""

Properties = Mapping[str, Value]


def quoted(text: str) -> str:
    """A text as a field; always in quotes, as what is empty without them is null."""
    return '"' + text.replace('"', '""') + '"'


def unquoted(field: str) -> str:
    """The text of a field that ``quoted`` made."""
    return field[1:-1].replace('""', '"')


def kind_of(value: object) -> str | None:
    """The importer's type of a value; None if it has none for it."""
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "long"
    if isinstance(value, float):
        return "double"
    if isinstance(value, list):
        return _kind_of_list(value)
    if isinstance(value, datetime):
        return "localdatetime" if value.tzinfo is None else "datetime"
    if isinstance(value, date):
        return "date"
    if isinstance(value, time):
        return "localtime" if value.tzinfo is None else "time"
    return None


def _kind_of_list(values: list[Any]) -> str | None:
    kinds = {kind_of(value) for value in values}
    if kinds == {"long", "double"}:
        # As Neo4j keeps them.
        return "double[]"
    kind = kinds.pop() if len(kinds) == 1 else None
    return None if kind is None or kind.endswith("[]") else f"{kind}[]"


def field_of(value: Value, kind: str) -> str | None:
    """A value as a field of that type; None if the importer would not read the same value."""
    if kind == "string":
        return quoted(value) if isinstance(value, str) and len(value) <= LONGEST else None
    if not isinstance(value, list):
        return _plain(value)
    if kind == "string[]":
        joined = ARRAY_DELIMITER.join(map(str, value))
        # A list of one empty text would be read as an empty list.
        if not joined or len(joined) > LONGEST:
            return None
        return quoted(joined) if joined.count(ARRAY_DELIMITER) == len(value) - 1 else None
    if kind == "double[]":
        value = [float(item) for item in value]  # type: ignore[arg-type]
    fields = [_plain(item) for item in value]
    return ARRAY_DELIMITER.join(map(str, fields)) if None not in fields else None


def _plain(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | time):
        offset = value.utcoffset()
        if offset is not None and offset.total_seconds() % 60:
            return None
        written = value.isoformat()
        zone = _zone(value)
        return f"{written}[{zone}]" if zone else written
    if isinstance(value, date):
        return value.isoformat()
    return repr(value)


def _zone(value: datetime | time) -> str | None:
    """The name of a time zone that is not only an offset."""
    return getattr(value.tzinfo, "key", None)


def dump(values: object) -> str:
    """Values as one line of JSON; dates and times keep their types."""
    return json.dumps(values, default=_tagged, separators=(",", ":"))


def restore(line: str | bytes) -> Any:
    """What ``dump`` was given, tuples as lists."""
    return json.loads(line, object_hook=_untagged)


def _tagged(value: object) -> dict[str, Any]:
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat(), "zone": _zone(value), "fold": value.fold}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, time):
        return {"$time": value.isoformat()}
    raise TypeError(f"no value of a property: {type(value).__name__}")


def _untagged(given: dict[str, Any]) -> Any:
    if "$datetime" in given:
        read = datetime.fromisoformat(given["$datetime"])
        if given["zone"]:
            read = read.replace(tzinfo=ZoneInfo(given["zone"]), fold=given["fold"])
        return read
    if "$date" in given:
        return date.fromisoformat(given["$date"])
    if "$time" in given:
        return time.fromisoformat(given["$time"])
    return given
