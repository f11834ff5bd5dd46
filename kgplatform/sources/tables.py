"""Tables of text: how a file's rows are cut into fields, and where each row stands.

TSV follows IANA's text/tab-separated-values (no quotes), CSV follows RFC 4180.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kgplatform.errors import InputError
from kgplatform.sources.files import (
    Stamp,
    check_exists,
    check_text,
    check_unchanged,
    open_text,
    plain_name,
    stamp_of,
)
from kgplatform.triples import MAX_TEXT, Reject, fault_of_name

_MOST_KEPT = 1_000
"""Characters of a rejected row that are kept; the place tells where the rest is."""

_LONGEST_ROW = 100
"""Lines that one quoted CSV row may span before its quote counts as never closed."""

# The csv module's own limit, 131,072, is below what a property may hold. It is one for the
# whole process, and so is only ever raised.
csv.field_size_limit(max(csv.field_size_limit(), 4 * MAX_TEXT))


@dataclass(frozen=True)
class Table:
    """A text file whose lines are rows.

    Attributes:
        path: The file.
        delimiter: What stands between two fields.
        quoted: Whether fields may stand in double quotes (CSV); in TSV quotes are literal.
        lines: How many lines it has, header and blank ones included.
        stamp: Its size and time when it was looked at; see ``stamp_of``.
    """

    path: Path
    delimiter: str
    quoted: bool
    lines: int
    stamp: Stamp


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
        InputError: The file is missing, empty, an archive, binary or not UTF-8, or its first
            line holds no separator.
    """
    check_exists(path)
    stamp = stamp_of(path)
    lines = check_text(path)
    first = _first_line(path)
    if not first:
        raise InputError(f"{path} holds no rows", hint="a row is: head, relation, tail")
    suffix = plain_name(path).suffix.lower()
    if suffix == ".tsv":
        return Table(path, "\t", False, lines, stamp)
    preference = ",;\t" if suffix == ".csv" else "\t,"
    for delimiter in preference:
        if delimiter in first:
            quoted = suffix == ".csv" or delimiter != "\t"
            return Table(path, delimiter, quoted, lines, stamp)
    raise InputError(
        f"{path} has neither tabs nor commas between its fields (line 1: {first[:60]!r})",
        hint="separate head, relation and tail by tabs (.tsv) or commas (.csv)",
    )


def rows(table: Table) -> Iterator[Row]:
    """The rows of a table in order, blank ones left out; one row is held at a time.

    Raises:
        InputError: A compressed file turns out to be damaged, or the file was changed since it
            was looked at.
    """
    check_unchanged(table.path, table.stamp)
    with open_text(table.path) as stream:
        if table.quoted:
            yield from _csv_rows(stream, table.delimiter)
        else:
            yield from _tsv_rows(stream, table.delimiter)


def rejected(
    path: Path | str, line: int, reason: str, text: str, relation: str | None = None
) -> Reject:
    """A row as it is rejected; of a long one, only the beginning is kept.

    Args:
        path: The file it stands in.
        line: Its line there, from 1.
        reason: What is wrong with it.
        text: The row.
        relation: What the row has for a relation; one that none may have is left out.
    """
    kept = text if len(text) <= _MOST_KEPT else text[: _MOST_KEPT - 1] + "…"
    if relation is not None and fault_of_name("relation", relation):
        relation = None
    return Reject(str(path), line, reason, kept, relation)


def width_fault(fields: list[str] | Fault, widths: tuple[int, ...]) -> str:
    """Why a row is rejected that could not be cut, or that has not as many fields as belong."""
    if isinstance(fields, Fault):
        return fields.reason
    expected = " or ".join(str(width) for width in widths)
    return f"{len(fields)} column{'s' * (len(fields) != 1)} where {expected} belong"


def columns_of(
    header: Sequence[str], names: dict[str, tuple[str, ...]]
) -> tuple[dict[str, int], list[str]]:
    """Match a row against the column names it may have as a header.

    Args:
        header: The fields of the row.
        names: Column → the names it goes by, in lower case, the plainest first.

    Returns:
        Column → its place, in the order of the row, and the fields that name no column.
        Where several fields may be one column, it is the one with the plainest name: of
        ``source, head``, the head is ``head``.
    """
    given = [field.strip().lower() for field in header]
    plainest = {
        column: next((name for name in known if name in given), None)
        for column, known in names.items()
    }
    column_at = {given.index(name): column for column, name in plainest.items() if name}
    found = {column_at[place]: place for place in sorted(column_at)}
    others = [field for place, field in enumerate(header) if place not in column_at]
    return found, others


def _first_line(path: Path) -> str:
    with open_text(path) as stream:
        return next((line.rstrip("\r\n") for line in stream if line.strip()), "")


def _tsv_rows(stream: IO[str], delimiter: str) -> Iterator[Row]:
    for number, line in enumerate(stream, start=1):
        text = line.rstrip("\r\n")
        fields = text.split(delimiter)
        if len(fields) > 1 or text.strip():
            yield number, text, fields


def _csv_rows(stream: IO[str], delimiter: str) -> Iterator[Row]:
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
        if "field limit" in str(error):
            return used, Fault(f"a field is longer than {csv.field_size_limit():,} characters")
        return used, Fault(f"wrong quoting: {error}")
