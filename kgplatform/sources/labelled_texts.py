"""Texts with their classes and the entities that they name, from a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgplatform.errors import InputError, UnknownNameError
from kgplatform.parsed import parsed_json

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class TextColumns:
    """Names of the columns of a table of texts; ``entity`` and ``split`` may be None."""

    text: str = "text"
    label: str = "label"
    entity: str | None = "entity"
    split: str | None = None


@dataclass(frozen=True)
class LabelledTexts:
    """A table of texts, a row each.

    Attributes:
        texts: The texts.
        labels: Their classes; None where there is none.
        entities: entity_ids that each names; none where no column says so.
        splits: ``train``, ``valid`` or ``test``; None where no column says so.
    """

    texts: tuple[str, ...]
    labels: tuple[str | None, ...]
    entities: tuple[tuple[str, ...], ...]
    splits: tuple[str | None, ...] | None


def is_table(given: str) -> bool:
    """Whether what names texts is a file of a table, rather than a query."""
    return given.lower().endswith(TABLES)


def read_texts(path: Path, columns: TextColumns) -> LabelledTexts:
    """Texts from CSV, TSV, JSON Lines or Parquet.

    Raises:
        InputError: The file cannot be read, or a value is not what its column is for.
        UnknownNameError: It lacks a column.
    """
    try:
        table = _read(path)
    except (OSError, ValueError) as error:
        detail = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read: {detail}", hint=f"give a file of {', '.join(TABLES)}"
        ) from None
    return labelled_texts(table, columns, str(path))


def _read(path: Path) -> dict[str, list[Any]]:
    """The columns of a table; of CSV and TSV as texts."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        rows = [parsed_json(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        if not all(isinstance(row, dict) for row in rows):
            raise ValueError("a line is no JSON object")
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    if suffix == ".parquet":
        return dict(parquet.read_table(path).to_pydict())
    with path.open(encoding="utf-8") as file:
        delimiter = "\t" if suffix == ".tsv" else ","
        header = next(iter(_header(file.readline(), delimiter)), [])
    table = csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        # No guessing: an id that looks like a number is kept as it stands.
        convert_options=csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string())),
    )
    return dict(table.to_pydict())


def _header(line: str, delimiter: str) -> list[list[str]]:
    import csv

    return list(csv.reader([line], delimiter=delimiter))


def labelled_texts(table: dict[str, list[Any]], columns: TextColumns, where: str) -> LabelledTexts:
    """Texts from columns by name.

    Args:
        table: Values by column.
        columns: Which are for what.
        where: What the table is called in messages.

    Raises:
        InputError: There are no rows, or a value is not what its column is for.
        UnknownNameError: The table lacks a column.
    """
    for name in (columns.text, columns.label, columns.entity, columns.split):
        if name is not None and name not in table:
            raise UnknownNameError(f"column of {where}", name, table)
    texts = table[columns.text]
    if not texts:
        raise InputError(f"{where} holds no texts", hint="give rows with a text and a label")
    for at, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"row {at + 1} of {where} has {text!r} as its text",
                hint=f"column {columns.text} must hold texts",
            )
    splits = None if columns.split is None else table[columns.split]
    named = [None] * len(texts) if columns.entity is None else table[columns.entity]
    return LabelledTexts(
        tuple(texts),
        tuple(None if label in (None, "") else str(label) for label in table[columns.label]),
        tuple(_ids(value) for value in named),
        None if splits is None else tuple(None if each is None else str(each) for each in splits),
    )


def _ids(value: Any) -> tuple[str, ...]:
    """One id, several as a list or as JSON's list, or none."""
    if isinstance(value, str) and value.startswith("["):
        try:
            value = parsed_json(value)
        except ValueError:
            return (value,)
    if value is None or value == "":
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(str(each) for each in value if each is not None)
    return (str(value),)
