"""Reading relationships in the order in which the server keeps them, whatever their ends.

Walking to relationships from their heads jumps through the server's files, and meets each twice,
at either end; in the order of their numbers they lie one after another (docs/log.md has the
times). It reads those that are not wanted, too, so it is worth it where enough of them are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kgplatform import queries
from kgplatform.store.client import Store
from kgplatform.store.side_by_side import ranges

BLOCK = 50_000
"""Relationships' numbers that one record covers."""

SHARE = 8
"""One of so many relationships must be wanted for all to be read."""

SPARSE = 4
"""Up to so many numbers to a relationship: beyond that most would be looked up in vain."""


class Stored(NamedTuple):
    """How much a database holds.

    Attributes:
        nodes: Nodes of any kind.
        relationships: Relationships of any kind.
    """

    nodes: int
    relationships: int


def stored(store: Store) -> Stored:
    """How much the database holds now."""
    (row,) = store.rows(queries.get("read/count_stored"))
    return Stored(**row)


def scan_shares(
    store: Store, found: Stored, wanted: float, params: Mapping[str, Any], prefix: str = ""
) -> list[dict[str, Any]] | None:
    """Parameters of a scan for each session that reads: ``first``, ``last``, ``block``, ``step``.

    Args:
        store: The database.
        found: What it holds.
        wanted: About how many relationships are wanted.
        params: Further parameters.
        prefix: What the names of the four begin with.

    Returns:
        None where a scan is not worth it.
    """
    if wanted * SHARE < found.relationships:
        return None
    (row,) = store.rows(queries.get("read/find_last_relationship"))
    last = row["last"]
    if last >= SPARSE * found.relationships:
        return None
    shared = {**params, f"{prefix}last": last, f"{prefix}block": BLOCK}
    names = (f"{prefix}first", f"{prefix}step")
    return [shared | share for share in ranges(0, last + 1, BLOCK, names)]
