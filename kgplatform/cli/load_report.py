"""The table that ``kgp load`` ends with: what became of the rows of each relation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kgplatform.cli.output import table

if TYPE_CHECKING:
    from kgplatform.sources.rejects import RejectsFile
    from kgplatform.store.load_counts import LoadCounts

RELATIONS_SHOWN = 12
NO_RELATION = "(no relation)"

Rows = list[tuple[str | None, dict[str, int]]]
"""Relation, or None for rows of none that is known, and column → number; the largest first."""


def relation_rows(counts: LoadCounts, rejected: RejectsFile) -> Rows:
    """What a load did, by relation."""
    columns: dict[str, Mapping[Any, int]] = {
        "created": counts.created,
        "unchanged": counts.unchanged,
        "rejected": rejected.by_relation,
    }
    return _rows(columns)


def dry_rows(facts: Mapping[str, int], rejected: RejectsFile) -> Rows:
    """What a load would read, by relation."""
    return _rows({"facts": facts, "rejected": rejected.by_relation})


def rows_data(rows: Rows) -> dict[str, dict[str, int]]:
    """The rows for JSON; what is of no relation is what they lack of the totals."""
    return {name: numbers for name, numbers in rows if name is not None}


def rows_text(rows: Rows) -> str:
    """The rows for a person, the largest of them and the others as one."""
    columns = list(rows[0][1])
    named = [(name, numbers) for name, numbers in rows if name is not None]
    shown = [_cells(name, numbers) for name, numbers in named[:RELATIONS_SHOWN]]
    if more := named[RELATIONS_SHOWN:]:
        together = {column: sum(numbers[column] for _, numbers in more) for column in columns}
        shown.append(_cells(f"{len(more):,} more relations", together))
    shown += [_cells(NO_RELATION, numbers) for name, numbers in rows if name is None]
    return table(["relation", *columns], shown)


def _rows(columns: Mapping[str, Mapping[Any, int]]) -> Rows:
    # A dictionary, not a set: equally large ones stand in the order in which they came.
    names: dict[str | None, None] = {}
    for found in columns.values():
        names.update(dict.fromkeys(found))
    rows = [
        (name, {column: found.get(name, 0) for column, found in columns.items()}) for name in names
    ]
    return sorted(rows, key=lambda row: -sum(row[1].values()))


def _cells(name: str, numbers: Mapping[str, int]) -> list[str]:
    return [name, *(f"{number:,}" for number in numbers.values())]
