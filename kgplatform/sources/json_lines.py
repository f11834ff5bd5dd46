"""JSON Lines: one JSON value a line (https://jsonlines.org), as records or as a table's rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgplatform.errors import InputError
from kgplatform.sources.files import check_text, open_text
from kgplatform.sources.tables import Fault, Row

Record = dict[str, Any]

LIST_SEPARATOR = "|"
"""What stands between the items of a list in a field of text."""

_TEXT = {str}

_MOST_NAMES = 1_000
"""Different keys that the records of one file may have before it is no table."""


@dataclass(frozen=True)
class JsonTable:
    """A file of JSON objects, of which each is a row and each key a column.

    Attributes:
        path: The file.
        names: The keys that are read, in the order of a row's fields.
    """

    path: Path
    names: tuple[str, ...]


def json_records(path: Path) -> Iterator[tuple[int, str, Record | Fault]]:
    """The objects of a file of JSON Lines, blank lines left out, one held at a time.

    Yields:
        The line's number (from 1), the line, and its object or why it has none.

    Raises:
        InputError: The file cannot be read as UTF-8 text; also in the middle.
    """
    with open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            if text := line.strip():
                yield number, text, _record(text)


def open_json_table(path: Path) -> JsonTable:
    """Check a file of JSON Lines and find out which keys its records have.

    The whole file is read once for this: a key may first come up in its last record.

    Raises:
        InputError: It is missing, empty, or not UTF-8, none of its lines is an object, or its
            records have more than 1,000 different keys.
    """
    check_text(path)
    names: dict[str, None] = {}
    fault: str | None = None
    for number, _, record in json_records(path):
        if isinstance(record, Fault):
            fault = fault or f"line {number} is {record.reason}"
        elif not record.keys() <= names.keys():
            names.update(dict.fromkeys(record))
            if len(names) > _MOST_NAMES:
                raise InputError(
                    f"{path}: the records up to line {number} have more than {_MOST_NAMES:,} "
                    "different keys",
                    hint="a record has the same few keys on every line: head, relation, tail",
                )
    if not names:
        raise InputError(
            f"{path} holds no JSON objects" + (f": {fault}" if fault else ""),
            hint='a line is: {"head": …, "relation": …, "tail": …}',
        )
    return JsonTable(path, tuple(names))


def json_rows(table: JsonTable) -> Iterator[Row]:
    """The records of a table as rows of text, one field for each of ``table.names``."""
    for number, text, record in json_records(table.path):
        if isinstance(record, Fault):
            yield number, text, record
        else:
            yield number, text, fields_of(table.names, [record.get(name) for name in table.names])


def fields_of(names: tuple[str, ...], values: list[Any]) -> list[str] | Fault:
    """Values as the fields of a row of text.

    Text stays as it is, numbers become text, None becomes empty, and a list of texts is
    joined by ``|``. Anything else has no form as text that would be the same everywhere.

    Args:
        names: The columns' names, for the message.
        values: One value for each.
    """
    # Most rows are text alone, and this runs once a row.
    if _TEXT.issuperset(map(type, values)):
        return values
    fields = []
    for name, value in zip(names, values, strict=True):
        if isinstance(value, str):
            fields.append(value)
        elif value is None:
            fields.append("")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            fields.append(str(value))
        elif isinstance(value, list) and all(_is_item(item) for item in value):
            fields.append(LIST_SEPARATOR.join(value))
        else:
            return Fault(f"{name} is neither text nor a number: {str(value)[:60]}")
    return fields


def _is_item(item: Any) -> bool:
    return isinstance(item, str) and LIST_SEPARATOR not in item and ";" not in item


def _record(text: str) -> Record | Fault:
    try:
        record = json.loads(text)
        # Half of a pair of surrogates is JSON, but no text: it cannot be stored.
        if "\\u" in text:
            json.dumps(record, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Fault("not text: it holds half of a surrogate pair")
    except RecursionError:
        return Fault("JSON that is nested too deeply")
    except json.JSONDecodeError as error:
        return Fault(f"not JSON: {error.msg} (character {error.pos + 1})")
    except ValueError as error:
        return Fault(f"not JSON that can be read: {error}")
    return record if isinstance(record, dict) else Fault("not a JSON object")
