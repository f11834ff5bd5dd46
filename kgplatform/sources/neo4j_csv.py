"""CSV files for ``neo4j-admin database import``: nodes, relationships and their headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from kgplatform.errors import InputError
from kgplatform.sources.files import check_exists, check_text, plain_name, stamp_of
from kgplatform.sources.labelled import entity_of, refuse_table_options, triple_of
from kgplatform.sources.neo4j_header import (
    ARRAY_SEPARATOR,
    TEXT_KINDS,
    Column,
    columns_of_header,
    is_header,
    value_of,
)
from kgplatform.sources.source import OnReject, Options, Source
from kgplatform.sources.tables import Fault, Table, rejected, rows, width_fault
from kgplatform.triples import RESERVED_PROPERTIES, Entity, Triple, Value

_SUFFIXES = {".csv", ".tsv"}
_HEADER_STEM = re.compile(r"(.+?)[-_. ]?headers?", re.IGNORECASE)
_DELIMITERS = ",\t;|"


@dataclass(frozen=True)
class _Looked:
    """A file as it was looked at: its rows, and its header if it begins with one."""

    table: Table
    header: tuple[Column, ...] | None


@dataclass(frozen=True)
class _Part:
    """A file of nodes or relationships.

    Attributes:
        table: The file and how it is cut.
        columns: What its fields are.
        own_header: Whether its first row is the header.
        base: Its name, without endings and without what tells parts apart.
    """

    table: Table
    columns: tuple[Column, ...]
    own_header: bool
    base: str

    def has(self, kind: str) -> bool:
        """Whether a column of this kind is there."""
        return any(column.kind == kind for column in self.columns)


@dataclass(frozen=True)
class _Ids:
    """How ids become entity ids: plain, or behind their space where there are several."""

    spaces: frozenset[str | None]

    def entity_id(self, column: Column, field: str) -> str:
        given = field.strip()
        if len(self.spaces) < 2 or not given:
            return given
        if column.space is not None:
            return f"{column.space}/{given}"
        if given.partition("/")[0] in self.spaces:
            raise ValueError(f"id {given[:60]!r} begins as the ids of another id space do")
        return given


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open files of nodes and relationships, or folders of them.

    A file begins with its header, or a file beside it has the header: ``movies-header.csv``
    (or ``movies_header.csv``) is that of ``movies.csv``, ``movies-part1.csv`` and so on.

    Where the files have one id space or none, an entity's id is the id that stands in them.
    Where they have several, it is ``Space/id``, so that equal ids of two spaces stay apart.
    Load all files of an export at once: the ids depend on it. An id column with a name is
    also a property. Labels are types. Without a ``:TYPE`` column the relation is the file's
    name, without endings. A value that is not of its column's type rejects its row.

    Args:
        given: Files and folders.
        options: Neither ``columns`` nor ``entities`` may be given.

    Raises:
        InputError: A file cannot be read, has no header, or has a wrong one.
        UsageError: ``options`` holds what only tables of triples can do.
    """
    refuse_table_options(options, given)
    paths, notes = _paths(given)
    looked = [_look(path) for path in paths]
    named = {Path(one) for one in given}
    parts = _parts(looked, named, notes)
    if not parts:
        raise InputError(
            f"{', '.join(given)}: no file has a header with :ID, or :START_ID and :END_ID",
            hint="put the header into the first row, or into NAME-header.csv beside NAME.csv",
        )
    nodes = [part for part in parts if part.has("ID")]
    relationships = [part for part in parts if not part.has("ID")]
    ids = _Ids(
        frozenset(
            column.space
            for part in parts
            for column in part.columns
            if column.kind in ("ID", "START_ID", "END_ID")
        )
    )
    if any("/" in (space or "") for space in ids.spaces) and len(ids.spaces) > 1:
        raise InputError(
            f"{', '.join(given)}: the name of an id space holds a slash",
            hint="slashes stand between space and id; give the space another name",
        )
    name = Path(given[0]).name or Path(given[0]).resolve().name
    return Source(
        name=name if len(given) == 1 else f"{name} and {len(given) - 1} more",
        format="neo4j-csv",
        triples=partial(_triples, relationships, ids),
        entities=partial(_entities, nodes, ids),
        notes=(*notes, *(note for part in parts for note in _notes(part))),
    )


def _paths(given: tuple[str, ...]) -> tuple[list[Path], list[str]]:
    """The files to look at, and what to say of the others."""
    paths: list[Path] = []
    notes = []
    for path in map(Path, given):
        check_exists(path)
        if not path.is_dir():
            paths.append(path)
            continue
        for file in sorted(p for p in path.iterdir() if p.is_file()):
            if plain_name(file).suffix.lower() not in _SUFFIXES:
                notes.append(f"not loaded: {file.name} (not a CSV file)")
            elif not file.stat().st_size:
                notes.append(f"not loaded: {file.name} (it is empty)")
            else:
                paths.append(file)
    return paths, notes


def _look(path: Path) -> _Looked:
    check_exists(path)
    stamp = stamp_of(path)
    lines = check_text(path)
    # A header has no delimiter in its names, so that the first one found is the delimiter;
    # a file of nothing but ids has none.
    header = next(rows(Table(path, "\0", False, lines, stamp)), (0, "", ""))[1]
    delimiter = next((mark for mark in _DELIMITERS if mark in header), ",")
    table = Table(path, delimiter, True, lines, stamp)
    fields = next((fields for _, _, fields in rows(table)), Fault("no rows"))
    if isinstance(fields, Fault) or not is_header(fields):
        return _Looked(table, None)
    return _Looked(table, columns_of_header(path, fields))


def _parts(looked: list[_Looked], named: set[Path], notes: list[str]) -> list[_Part]:
    """The files with their headers; files without one are told in ``notes``."""
    headers: dict[str, _Looked] = {}
    for one in looked:
        match = _HEADER_STEM.fullmatch(_stem(one.table.path))
        if one.header is not None and match:
            headers[match[1]] = one
    parts = []
    used = set()
    for one in looked:
        stem = _stem(one.table.path)
        bases = [base for base in headers if _belongs(stem, base)]
        base = max(bases, key=len, default=stem)
        if one.header is not None:
            parts.append(_Part(one.table, one.header, True, base))
        elif bases:
            used.add(base)
            header = headers[base]
            assert header.header is not None
            table = replace(one.table, delimiter=header.table.delimiter)
            parts.append(_Part(table, header.header, False, base))
        elif one.table.path in named:
            raise InputError(
                f"{one.table.path} has no header, and no file beside it is its header",
                hint=f"name {stem}-header.csv too, or load the folder",
            )
        else:
            notes.append(f"not loaded: {one.table.path.name} (no file here is its header)")
    notes += [
        f"{one.table.path.name}: no file here has rows for this header"
        for base, one in headers.items()
        if base not in used and one.table.lines == 1
    ]
    return parts


def _belongs(stem: str, base: str) -> bool:
    """Whether a file's name is that of a header's rows: ``movies``, ``movies-1``, ``movies2``."""
    rest = stem.removeprefix(base)
    return stem.startswith(base) and not rest[:1].isalpha()


def _notes(part: _Part) -> Iterator[str]:
    name = part.table.path.name
    unread = [c.name or ":IGNORE" for c in part.columns if c.kind == "IGNORE"]
    unread += [c.name for c in part.columns if _is_reserved(part, c)]
    if unread:
        yield f"{name}: columns not read: {', '.join(unread)}"
    if texts := [c.name for c in part.columns if c.kind in TEXT_KINDS]:
        yield f"{name}: kept as text: {', '.join(texts)}"
    if not part.has("ID") and not part.has("TYPE"):
        yield f"{name}: no :TYPE column; the relation is {part.base}, by the file's name"


def _is_reserved(part: _Part, column: Column) -> bool:
    """Whether a property cannot be taken over because the platform keeps one of its name."""
    if column.kind.isupper() or (column.name == "split" and not part.has("ID")):
        return False
    return column.name in RESERVED_PROPERTIES


def _entities(parts: list[_Part], ids: _Ids, on_reject: OnReject) -> Iterator[Entity]:
    for part in parts:
        id_at = _place(part, "ID")
        labels_at = [at for at, column in enumerate(part.columns) if column.kind == "LABEL"]
        column = part.columns[id_at]
        keeps_id = bool(column.name) and column.name not in RESERVED_PROPERTIES
        values = _value_columns(part)
        for number, text, fields in _body(part, on_reject):
            try:
                entity_id = ids.entity_id(column, fields[id_at])
                labels = [
                    label.strip() for at in labels_at for label in fields[at].split(ARRAY_SEPARATOR)
                ]
                properties = _properties(values, fields)
                if keeps_id:
                    properties = {column.name: fields[id_at].strip(), **properties}
                entity = entity_of(entity_id, labels, properties)
            except ValueError as error:
                on_reject(rejected(part.table.path, number, str(error), text))
            else:
                yield entity


def _triples(parts: list[_Part], ids: _Ids, on_reject: OnReject) -> Iterator[Triple]:
    for part in parts:
        head_at, tail_at = _place(part, "START_ID"), _place(part, "END_ID")
        type_at = _place(part, "TYPE") if part.has("TYPE") else None
        values = _value_columns(part)
        for number, text, fields in _body(part, on_reject):
            relation = part.base if type_at is None else fields[type_at].strip()
            try:
                triple = triple_of(
                    ids.entity_id(part.columns[head_at], fields[head_at]),
                    relation,
                    ids.entity_id(part.columns[tail_at], fields[tail_at]),
                    _properties(values, fields),
                )
            except ValueError as error:
                on_reject(rejected(part.table.path, number, str(error), text, relation))
            else:
                yield triple


def _place(part: _Part, kind: str) -> int:
    return next(at for at, column in enumerate(part.columns) if column.kind == kind)


def _body(part: _Part, on_reject: OnReject) -> Iterator[tuple[int, str, list[str]]]:
    """The rows of a file that have the header's width."""
    body = rows(part.table)
    if part.own_header:
        next(body)
    width = len(part.columns)
    for number, text, fields in body:
        if isinstance(fields, Fault) or len(fields) != width:
            fault = width_fault(fields, (width,))
            on_reject(rejected(part.table.path, number, fault, text))
        else:
            yield number, text, fields


def _value_columns(part: _Part) -> list[tuple[int, Column]]:
    """The columns that are properties, with their places."""
    return [
        (at, column)
        for at, column in enumerate(part.columns)
        if not column.kind.isupper() and not _is_reserved(part, column)
    ]


def _properties(columns: list[tuple[int, Column]], fields: list[str]) -> dict[str, Value]:
    found = {column.name: value_of(column, fields[at]) for at, column in columns}
    return {name: value for name, value in found.items() if value is not None}


def _stem(path: Path) -> str:
    return plain_name(path).stem
