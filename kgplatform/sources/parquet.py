"""Parquet files as tables: a batch of rows is read at a time, and of it only some columns.

pyarrow is imported where it is used: other formats need not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgplatform.errors import InputError
from kgplatform.sources.files import check_exists
from kgplatform.sources.json_lines import fields_of
from kgplatform.sources.tables import Fault, Row

_BATCH = 8_192
"""Rows that are held at a time, at most."""


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file.

    Attributes:
        path: The file.
        names: The columns that are read, in the order of a row's fields.
    """

    path: Path
    names: tuple[str, ...]


def open_parquet(path: Path) -> ParquetTable:
    """Check a Parquet file's footer and find out which columns it has.

    Raises:
        InputError: It is missing or no Parquet file, it has no rows, or two of its columns have
            one name.
    """
    from pyarrow import ArrowException, parquet

    check_exists(path)
    try:
        with parquet.ParquetFile(path) as file:
            names, count = tuple(file.schema_arrow.names), file.metadata.num_rows
    # ValueError: names and texts that are not UTF-8.
    except (ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not count:
        raise InputError(f"{path} holds no rows", hint="a row has the columns head, relation, tail")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(
            f"{path} has two columns with the name {twice}", hint="give one of them another name"
        )
    return ParquetTable(path, names)


def parquet_rows(table: ParquetTable) -> Iterator[Row]:
    """The rows of a Parquet file as text; a row's place is its number, from 1.

    Raises:
        InputError: The file turns out to be damaged.
    """
    number = 0
    for columns in _batches(table):
        for values in zip(*columns, strict=True):
            number += 1
            fields = fields_of(table.names, [_text(value) for value in values])
            shown = map(str, values) if isinstance(fields, Fault) else fields
            yield number, "\t".join(shown), fields


def _batches(table: ParquetTable) -> Iterator[list[list[Any]]]:
    """The values of each column, batch by batch."""
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(table.path) as file:
            for batch in file.iter_batches(batch_size=_BATCH, columns=list(table.names)):
                yield [batch.column(name).to_pylist() for name in table.names]
    # ValueError: names and texts that are not UTF-8.
    except (ArrowException, OSError, ValueError) as error:
        raise _unreadable(table.path, error) from error


def _text(value: Any) -> Any:
    """Bytes as text where they are text: old writers do not say which columns are."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(
        f"{path} cannot be read as Parquet: {reason}",
        hint="Parquet has its own compression: decompress a .gz, and write or fetch it again",
    )
