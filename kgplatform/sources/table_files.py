"""Files that are tables of triples or of entities: what their columns mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from kgplatform.errors import InputError, UsageError
from kgplatform.sources.files import plain_name
from kgplatform.sources.json_lines import JsonTable, json_rows, open_json_table
from kgplatform.sources.parquet import ParquetTable, open_parquet, parquet_rows
from kgplatform.sources.tables import Fault, Row, Table, columns_of, open_table, rows
from kgplatform.triples import Split

TRIPLE_COLUMNS: dict[str, tuple[str, ...]] = {
    "head": ("head", "subject", "source", "h", "s", "from", "start"),
    "relation": ("relation", "predicate", "relationship", "rel", "edge", "type", "r", "p"),
    "tail": ("tail", "object", "target", "t", "o", "to", "end"),
    "split": ("split",),
    "weight": ("weight",),
}
ENTITY_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "entity_id", "entity"),
    "name": ("name", "label", "title"),
    "description": ("description", "text"),
    "types": ("types", "labels", "type"),
}
SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "val": "valid",
    "test": "test",
    "testing": "test",
}
UNREAD = "-"
"""Stands for a column that is not read, where a user names the columns."""

_JSON_SUFFIXES = {".jsonl", ".ndjson", ".json"}
_NEEDED = ("head", "relation", "tail")

AnyTable = Table | JsonTable | ParquetTable


@dataclass(frozen=True)
class TripleFile:
    """A table of triples.

    Attributes:
        table: The file and how it is cut.
        columns: ``head``, ``relation``, ``tail`` and perhaps ``split`` and ``weight`` → their
            place in a row.
        width: How many fields a row has; None if nothing names them and it may be 3 or 4.
        header: Whether the first row names the columns.
        split: The split that the file's name gives its rows.
        unused: Columns that have a name and that nothing reads.
    """

    table: AnyTable
    columns: dict[str, int]
    width: int | None
    header: bool
    split: Split | None = None
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntityFile:
    """A table of entities.

    Attributes:
        table: The file and how it is cut.
        columns: ``id`` and some of ``name``, ``description``, ``types`` → their place.
        width: How many fields a row has.
        header: Whether the first row names the columns.
        gloss: Whether a name may be followed by a comma and a gloss (``stool, solid waste``),
            as KG-BERT's files have it where no file of long texts stands beside.
        unused: Columns that have a name and that nothing reads.
    """

    table: AnyTable
    columns: dict[str, int]
    width: int
    header: bool
    gloss: bool = False
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Files:
    """What a path turned out to hold.

    Attributes:
        triples: Files of triples, in the order in which they are read.
        entities: Files that name and describe entities.
        ignored: Files that lie in the folder and are not loaded.
    """

    triples: tuple[TripleFile, ...]
    entities: tuple[EntityFile, ...] = ()
    ignored: tuple[Path, ...] = ()


def open_any(path: Path) -> AnyTable:
    """Open a table by its ending: ``.parquet``, ``.jsonl``, ``.ndjson``, ``.json``, or text.

    Raises:
        InputError: It cannot be read, or holds no rows.
    """
    suffix = plain_name(path).suffix.lower()
    if suffix == ".parquet":
        return open_parquet(path)
    if suffix in _JSON_SUFFIXES:
        return open_json_table(path)
    return open_table(path)


def body(file: TripleFile | EntityFile) -> Iterator[Row]:
    """The rows of a file without its header."""
    if isinstance(file.table, JsonTable):
        return json_rows(file.table)
    if isinstance(file.table, ParquetTable):
        return parquet_rows(file.table)
    text_rows = rows(file.table)
    if file.header:
        next(text_rows)
    return text_rows


def holds_entities(table: AnyTable) -> bool:
    """Whether a table's column names are those of entities, and not those of triples."""
    return _names_entities(_header(table))


def triple_file(
    table: AnyTable, split: Split | None, columns: tuple[str, ...] | None
) -> TripleFile:
    """What the columns of a table of triples mean.

    Args:
        table: The table.
        split: The split that the file's name gives its rows.
        columns: The columns' names in order if the file has no header; ``-`` for one that is
            not read.

    Raises:
        InputError: The header lacks one of head, relation and tail.
        UsageError: ``columns`` lacks one, names one twice, or the file names its columns itself.
    """
    row = _header(table)
    found, others = columns_of(row, TRIPLE_COLUMNS)
    needed = [name for name in _NEEDED if name not in found]
    named = not isinstance(table, Table)
    if columns is not None:
        if not isinstance(table, Table) or not needed:
            raise UsageError(
                f"{table.path} names its columns itself: {', '.join(row)}",
                hint="leave the columns out, they are found by their names",
            )
        return _with_columns(table, split, columns)
    # Two column names in one row are a header that someone mistyped, not a fact.
    if needed and (named or len(needed) == 1):
        raise InputError(
            f"{table.path}: {'it' if named else 'the header'} has no column {needed[0]} "
            f"(it has {', '.join(row)})",
            hint="name the columns head, relation, tail and perhaps split and weight",
        )
    if needed:
        places = {"head": 0, "relation": 1, "tail": 2, "split": 3}
        return TripleFile(table, places, None, False, split)
    table, found = _only(table, found)
    return TripleFile(table, found, _width(table, row), not named, split, tuple(others))


def entity_file(path: Path, gloss: bool) -> EntityFile:
    """What the columns of a table of entities mean.

    Args:
        path: The file; ``entity2text`` and ``entity2textlong`` need no header.
        gloss: Whether names in ``entity2text`` may be followed by a gloss.

    Raises:
        InputError: It cannot be read, or its first line does not name the columns.
    """
    table = open_any(path)
    row = _header(table)
    if _names_entities(row):
        found, others = columns_of(row, ENTITY_COLUMNS)
        header = isinstance(table, Table)
        table, found = _only(table, found)
        return EntityFile(table, found, _width(table, row), header, unused=tuple(others))
    if isinstance(table, Table) and stem(path) == "entity2textlong":
        return EntityFile(table, {"id": 0, "description": 1}, 2, False)
    if isinstance(table, Table) and stem(path) == "entity2text":
        return EntityFile(table, {"id": 0, "name": 1}, 2, False, gloss=gloss)
    raise InputError(
        f"{path}: the first line does not name the columns of entities",
        hint="begin it with a header: id, name, description, types (all but id optional)",
    )


def stem(path: Path) -> str:
    """The name of a file in lower case, without its ending and that of its compression."""
    return plain_name(path).stem.lower()


def _header(table: AnyTable) -> list[str]:
    """The column names, or the first row that may be them; none if it cannot be cut."""
    if not isinstance(table, Table):
        return list(table.names)
    for _, _, fields in rows(table):
        return [] if isinstance(fields, Fault) else fields
    return []


def _names_entities(header: list[str]) -> bool:
    columns, _ = columns_of(header, ENTITY_COLUMNS)
    triple, _ = columns_of(header, TRIPLE_COLUMNS)
    of_triples = all(name in triple for name in _NEEDED)
    return len(header) > 1 and "id" in columns and len(columns) > 1 and not of_triples


def _with_columns(table: Table, split: Split | None, names: tuple[str, ...]) -> TripleFile:
    """A table whose columns the user names."""
    read = [UNREAD if name.strip() == UNREAD else name for name in names]
    found, others = columns_of(read, TRIPLE_COLUMNS)
    if missing := [name for name in _NEEDED if name not in found]:
        raise UsageError(
            f"the columns {', '.join(names)} do not say which one is the {missing[0]}",
            hint=f"name head, relation, tail, split and weight; {UNREAD} is not read",
        )
    named = [name for name in others if name != UNREAD]
    if twice := next((name for name in named if columns_of([name], TRIPLE_COLUMNS)[0]), None):
        raise UsageError(
            f"the columns {', '.join(names)} name {twice} beside another of its meaning",
            hint=f"write {UNREAD} for a column that is not read",
        )
    return TripleFile(table, found, len(names), False, split, tuple(named))


def _only(table: AnyTable, columns: dict[str, int]) -> tuple[AnyTable, dict[str, int]]:
    """A table of which no other columns are read, where its format can leave them out."""
    if isinstance(table, Table):
        return table, columns
    names = tuple(table.names[place] for place in columns.values())
    return replace(table, names=names), {name: place for place, name in enumerate(columns)}


def _width(table: AnyTable, header: list[str]) -> int:
    return len(header) if isinstance(table, Table) else len(table.names)
