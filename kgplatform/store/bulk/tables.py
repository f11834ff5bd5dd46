"""The importer's tables of what has properties: a type a column, so several tables if need be."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from kgplatform.store.bulk.values import DELIMITER, Properties, field_of, kind_of, quoted
from kgplatform.triples import Value

MOST_COLUMNS = 256
"""Properties beyond the most frequent ones are set after the import: each row holds a field
for every column."""

ROW_LENGTH = 1_000_000
"""Longest row in characters; what does not fit is set after the import."""

_SAFE_NAME = re.compile(r"\w(?:[\w .:/#-]*\w)?")
"""Names that the importer's header takes as they are (a brace would begin its options)."""


@dataclass(frozen=True)
class Table:
    """Files of one header.

    Attributes:
        header: The file with the columns' names and types.
        files: The files of rows.
        multiline: Those of them that have fields of several lines.
    """

    header: Path
    files: tuple[Path, ...]
    multiline: tuple[Path, ...] = ()


class Kinds:
    """The types that each property was seen with."""

    def __init__(self) -> None:
        self._seen: dict[str, Counter[str]] = {}

    def add(self, properties: Properties) -> None:
        """Take note of a row's properties."""
        for name, value in properties.items():
            kind = kind_of(value)
            if kind is not None:
                self._seen.setdefault(name, Counter())[kind] += 1

    def layouts(self) -> list[dict[str, str]]:
        """The columns of each table: the property's type by its name.

        The first table has each property with its most frequent type; where there are others,
        the next one has the next of them, and so on.
        """
        usable = [name for name in self._seen if _SAFE_NAME.fullmatch(name)]
        names = sorted(usable, key=lambda name: -self._seen[name].total())[:MOST_COLUMNS]
        ranked = {name: [kind for kind, _ in self._seen[name].most_common()] for name in names}
        most = max(map(len, ranked.values()), default=1)
        return [
            {name: kinds[min(rank, len(kinds) - 1)] for name, kinds in ranked.items()}
            for rank in range(most)
        ]


class Tables:
    """Writes rows into the table whose types they have.

    Args:
        folder: Where the files go.
        stem: How their names begin.
        first: The header of the columns that every row has.
        layouts: The columns that follow, for each table.
    """

    def __init__(
        self, folder: Path, stem: str, first: Sequence[str], layouts: Sequence[Mapping[str, str]]
    ) -> None:
        self._folder = folder
        self._stem = stem
        self._first = tuple(first)
        self._layouts = layouts
        self._open: dict[tuple[int, bool], TextIO] = {}

    def write(self, first: str, properties: Properties) -> dict[str, Value]:
        """Write a row.

        Args:
            first: The fields that every row has, joined.
            properties: The rest.

        Returns:
            The properties that no table can hold.
        """
        kinds = {name: kind_of(value) for name, value in properties.items()}
        number = self._fitting(kinds)
        left: dict[str, Value] = {}
        fields: dict[str, str] = {}
        layout = self._layouts[number]
        length = 0
        for name, value in properties.items():
            kind = layout.get(name)
            field = field_of(value, kind) if kind is not None and kind == kinds[name] else None
            if field is None or length + len(field) > ROW_LENGTH:
                left[name] = value
            else:
                fields[name] = field
                length += len(field)
        row = DELIMITER.join((first, *(fields.get(name, "") for name in layout)))
        multiline = "\n" in row or "\r" in row
        self._stream(number, multiline).write(f"{row}\n")
        return left

    def close(self) -> list[Table]:
        """Finish the files and say which there are."""
        tables = []
        for number, layout in enumerate(self._layouts):
            streams = {
                multiline: self._open[number, multiline]
                for multiline in (False, True)
                if (number, multiline) in self._open
            }
            for stream in streams.values():
                stream.close()
            if streams:
                header = self._folder / f"{self._stem}-{number}-header.csv"
                columns = [quoted(f"{name}:{kind}") for name, kind in layout.items()]
                write_header(header, (*self._first, *columns))
                paths = {multiline: Path(stream.name) for multiline, stream in streams.items()}
                several = (paths[True],) if True in paths else ()
                tables.append(Table(header, tuple(paths.values()), several))
        self._open.clear()
        return tables

    def _fitting(self, kinds: Mapping[str, str | None]) -> int:
        """The table that holds the most of a row."""
        best, missing = 0, len(kinds) + 1
        for number, layout in enumerate(self._layouts):
            lacking = sum(layout.get(name) != kind for name, kind in kinds.items())
            if lacking < missing:
                best, missing = number, lacking
            if not missing:
                break
        return best

    def _stream(self, number: int, multiline: bool) -> TextIO:
        key = (number, multiline)
        if key not in self._open:
            name = f"{self._stem}-{number}{'-lines' if multiline else ''}.csv"
            self._open[key] = (self._folder / name).open("w", encoding="utf-8", newline="\n")
        return self._open[key]


def write_header(path: Path, columns: Sequence[str]) -> None:
    """Write a file that holds a header alone."""
    path.write_text(DELIMITER.join(columns) + "\n", encoding="utf-8")
