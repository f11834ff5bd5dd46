"""Tables of text: how a file's rows are cut into fields, and where each row stands."""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from kgplatform.errors import InputError
from kgplatform.sources.files import check_text

_LONGEST_ROW = 100
"""Lines that one quoted CSV row may span before its quote counts as never closed."""


@dataclass(frozen=True)
class Table:
    """A text file whose lines are rows.

    Attributes:
        path: The file.
        delimiter: What stands between two fields.
        quoted: Whether fields may stand in double quotes (CSV); in TSV quotes are literal.
        lines: How many lines it has, header and blank ones included.
    """

    path: Path
    delimiter: str
    quoted: bool
    lines: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row could not be cut into fields."""

    reason: str


Row = tuple[int, str, list[str] | Fault]
"""A row's first line (from 1), its text, and its fields."""


def open_table(path: Path) -> Table:
    """Check a file and find out what separates its fields.

    ``.tsv`` is cut at tabs. ``.csv`` is cut at commas, or at semicolons or tabs where its
    first line has no comma. Other names are cut at what their first line holds, tabs first.

    Raises:
        InputError: The file is missing, empty, compressed, binary or not UTF-8, or its first
            line holds no separator.
    """
    lines = check_text(path)
    first = _first_line(path)
    if not first:
        raise InputError(f"{path} holds no rows", hint="a row is: head, relation, tail")
    suffix = path.suffix.lower()
    if suffix == ".tsv":
        return Table(path, "\t", quoted=False, lines=lines)
    preference = ",;\t" if suffix == ".csv" else "\t,"
    for delimiter in preference:
        if delimiter in first:
            quoted = suffix == ".csv" or delimiter != "\t"
            return Table(path, delimiter, quoted, lines)
    raise InputError(
        f"{path} has neither tabs nor commas between its fields (line 1: {first[:60]!r})",
        hint="separate head, relation and tail by tabs (.tsv) or commas (.csv)",
    )


def rows(table: Table) -> Iterator[Row]:
    """The rows of a table in order, blank ones left out; one row is held at a time."""
    # utf-8-sig drops a byte order mark; newline="\n" keeps a carriage return inside a field
    # from being taken for the end of a row.
    with table.path.open(encoding="utf-8-sig", newline="\n") as stream:
        if table.quoted:
            yield from _csv_rows(stream, table.delimiter)
        else:
            yield from _tsv_rows(stream, table.delimiter)


def first_row(table: Table) -> list[str]:
    """The fields of the first row that is not blank; none if it cannot be cut."""
    for _, _, fields in rows(table):
        return [] if isinstance(fields, Fault) else fields
    return []


def columns_of(
    header: list[str], names: dict[str, tuple[str, ...]]
) -> tuple[dict[str, int], list[str]]:
    """Match a row against the column names it may have as a header.

    Args:
        header: The fields of the row.
        names: Column → the names it goes by, in lower case.

    Returns:
        Column → its place, for those found (the first of that name), and the fields that
        name no column.
    """
    alias = {name: column for column, known in names.items() for name in known}
    found: dict[str, int] = {}
    others = []
    for place, field in enumerate(header):
        column = alias.get(field.strip().lower())
        if column is None or column in found:
            others.append(field)
        else:
            found[column] = place
    return found, others


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8-sig", newline="\n") as stream:
        return next((line.rstrip("\r\n") for line in stream if line.strip()), "")


def _tsv_rows(stream: TextIO, delimiter: str) -> Iterator[Row]:
    for number, line in enumerate(stream, start=1):
        text = line.rstrip("\r\n")
        fields = text.split(delimiter)
        if len(fields) > 1 or text.strip():
            yield number, text, fields


def _csv_rows(stream: TextIO, delimiter: str) -> Iterator[Row]:
    """Cut each row with the csv module, one at a time, so that its first line is known.

    A quote that is never closed would swallow the rest of the file as one field: such a row
    is given up after ``_LONGEST_ROW`` lines, and reading goes on with its second line.
    """
    waiting: deque[str] = deque()

    def next_line() -> str:
        return waiting.popleft() if waiting else stream.readline()

    number = 0
    while line := next_line():
        number += 1
        text = line.rstrip("\r\n")
        if '"' not in line:
            if text.strip():
                yield number, text, text.split(delimiter)
            continue
        used, fields = _csv_row(line, next_line, delimiter)
        if isinstance(fields, Fault):
            yield number, text, fields
            waiting.extendleft(reversed(used[1:]))
        else:
            yield number, "".join(used).rstrip("\r\n"), fields
            number += len(used) - 1


def _csv_row(
    line: str, next_line: Callable[[], str], delimiter: str
) -> tuple[list[str], list[str] | Fault]:
    """Cut the row that begins with ``line``; also return the lines that it was tried on."""
    used = [line]

    def row_lines() -> Iterator[str]:
        yield line.replace("\r\n", "\n")
        while len(used) < _LONGEST_ROW and (more := next_line()):
            used.append(more)
            yield more.replace("\r\n", "\n")

    try:
        return used, next(csv.reader(row_lines(), delimiter=delimiter, strict=True))
    except csv.Error as error:
        if len(used) > 1 or "unexpected end" in str(error):
            return used, Fault("a quote that begins in this row is never closed")
        return used, Fault(f"wrong quoting: {error}")
