"""Triples that are in memory already: data frames (TorchKGE) and arrays (AmpliGraph).

TorchKGE's ``KnowledgeGraph(df=...)`` takes a data frame with the columns ``from``, ``rel`` and
``to``; AmpliGraph's ``load_from_*`` functions and its models take an array of text ``[n, 3]``
with head, relation and tail. Neither pandas nor polars is imported: a frame is what has columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kgplatform.errors import InputError
from kgplatform.sources.source import OnReject, Source
from kgplatform.sources.table_files import SPLIT_NAMES, TRIPLE_COLUMNS
from kgplatform.sources.tables import columns_of, rejected
from kgplatform.triples import Split, Triple, fault_of_name, fault_of_property

_BLOCK = 65_536
"""Rows that are turned into Python's objects at a time."""

_NAMES = ("head", "relation", "tail")


class Frame(Protocol):
    """What pandas' and polars' data frames have in common."""

    @property
    def columns(self) -> Iterable[object]:
        """The names of the columns."""

    def __len__(self) -> int: ...

    def __getitem__(self, name: Any, /) -> Any: ...


def from_frame(frame: Frame, name: str) -> Source:
    """The triples of a data frame of pandas or polars.

    Columns go by the names that a table's header may have; others are noted and not read.
    Cells are text or whole numbers; spaces around text are not part of it, as in a table.

    Args:
        frame: One row a triple: columns ``from``, ``rel``, ``to`` and their aliases (``head``,
            ``relation``, ``tail`` and so on), perhaps ``split`` and ``weight``.
        name: What its facts carry as their source.

    Raises:
        InputError: A column is missing or there is no row.
    """
    names = list(frame.columns)
    places, others = columns_of([str(column) for column in names], TRIPLE_COLUMNS)
    missing = [column for column in _NAMES if column not in places]
    if missing:
        raise InputError(
            f"the frame {name} has no column {' and no column '.join(missing)} "
            f"(it has {', '.join(map(str, names)) or 'none'})",
            hint="name the columns head, relation, tail (or from, rel, to)",
        )
    if not len(frame):
        raise InputError(f"the frame {name} has no rows", hint="a row is: head, relation, tail")
    columns = {column: names[place] for column, place in places.items()}

    def rows() -> Iterator[dict[str, object]]:
        cells = zip(*(frame[name] for name in columns.values()), strict=True)
        return (dict(zip(columns, row, strict=True)) for row in cells)

    return Source(
        name,
        "frame",
        triples=lambda on_reject: _triples(rows(), name, on_reject),
        notes=(f"columns not read: {', '.join(others)}",) if others else (),
    )


def from_array(array: ArrayLike, name: str) -> Source:
    """The triples of an array of text, as AmpliGraph has them.

    Args:
        array: Shape ``[n, 3]``: head, relation, tail. Text or whole numbers; spaces around text
            are not part of it.
        name: What its facts carry as their source.

    Raises:
        InputError: It has another shape or no row.
    """
    try:
        rows: NDArray[np.generic] = np.asarray(array)
    except ValueError as error:
        raise InputError(
            f"{name} is not an array of triples: its rows are of different lengths",
            hint="a row is: head, relation, tail",
        ) from error
    if rows.ndim != 2 or rows.shape[1] != 3 or not len(rows):
        shape = " x ".join(map(str, rows.shape)) or "a single value"
        raise InputError(
            f"the array {name} is {shape}, not n x 3", hint="a row is: head, relation, tail"
        )

    def listed() -> Iterator[dict[str, object]]:
        for start in range(0, len(rows), _BLOCK):
            for row in rows[start : start + _BLOCK].tolist():
                yield dict(zip(_NAMES, row, strict=True))

    return Source(name, "array", triples=lambda on_reject: _triples(listed(), name, on_reject))


def fault_of_triple(triple: Triple) -> str | None:
    """What is wrong with the names or a property of a triple, or None."""
    fault = (
        fault_of_name("head", triple.head)
        or fault_of_name("relation", triple.relation)
        or fault_of_name("tail", triple.tail)
    )
    if fault is None and triple.properties:
        faults = (fault_of_property(name, value) for name, value in triple.properties.items())
        fault = next(filter(None, faults), None)
    return fault


def _triples(
    rows: Iterable[Mapping[str, object]], place: str, on_reject: OnReject
) -> Iterator[Triple]:
    for number, row in enumerate(rows, start=1):
        try:
            triple = _triple(row)
        except ValueError as error:
            text = "\t".join(map(str, row.values()))
            relation = row["relation"]
            known = relation.strip(" ") if isinstance(relation, str) else None
            on_reject(rejected(place, number, str(error), text, known))
        else:
            yield triple


def _triple(row: Mapping[str, object]) -> Triple:
    """The triple of a row.

    Raises:
        ValueError: A cell is not what belongs in its column.
    """
    head, relation, tail = (_text(name, row[name]) for name in _NAMES)
    split: Split | None = None
    if not _is_missing(row.get("split")) and (given := str(row["split"]).strip()):
        split = SPLIT_NAMES.get(given.lower())
        if split is None:
            raise ValueError(f"split {given[:60]!r} is none of train, valid, test")
    properties = None
    if not _is_missing(row.get("weight")):
        properties = {"weight": _number(row["weight"])}
    triple = Triple(head, relation, tail, split, properties=properties)
    if fault := fault_of_triple(triple):
        raise ValueError(fault)
    return triple


def _text(column: str, cell: object) -> str:
    if isinstance(cell, str):
        return cell.strip(" ")
    if type(cell) is not bool and isinstance(cell, Integral):
        return str(int(cell))
    if _is_missing(cell):
        raise ValueError(f"{column} is missing")
    raise ValueError(f"{column} is {str(cell)[:60]!r}, not text or a whole number")


def _number(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        raise ValueError(f"weight {str(cell)[:60]!r} is not a finite number") from None


def _is_missing(cell: object) -> bool:
    # NaN is what is not itself; pandas.NA says neither yes nor no to that.
    return cell is None or type(cell).__name__ in ("NAType", "NaTType") or bool(cell != cell)
