"""Reading one statement in several sessions side by side, each with parameters of its own.

The server works on a statement in one thread, and that is what a packed stream waits for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from kgplatform.store.client import BLOCKS_AHEAD, Store
from kgplatform.threads import made_beside

READERS = 2
"""Sessions that read at once. More would take the server from others."""

WAITING = 4
"""Blocks that may wait for whoever uses them."""


def stream_side_by_side(
    store: Store,
    query: str,
    shares: Sequence[Mapping[str, Any]],
    records_ahead: int = BLOCKS_AHEAD,
) -> Iterator[list[Any]]:
    """Records of a reading statement, for all parameters, in any order.

    Each session sees what is committed while it runs: whoever needs one state checks that
    nothing was (:func:`kgplatform.store.consistent.read_one_state`).

    Args:
        store: The database.
        query: The statement.
        shares: Its parameters, a session each.
        records_ahead: How many records of each may be under way before they are asked for.

    Raises:
        StoreError: As the statement's.
    """

    def read(params: Mapping[str, Any]) -> Iterator[list[Any]]:
        with store.reading(records_ahead) as transaction:
            yield from transaction.stream(query, params)

    if len(shares) == 1:
        return read(shares[0])
    return made_beside([partial(read, share) for share in shares], WAITING)


def ranges(first: int, end: int, block: int, names: Sequence[str]) -> list[dict[str, int]]:
    """Every other block of a range for each reader, as parameters.

    Args:
        first: The range's beginning.
        end: Its end, not in it.
        block: A block's length.
        names: Of the parameters: where a reader begins, and how far its blocks lie apart.
    """
    readers = max(1, min(READERS, -(-(end - first) // block)))
    return [
        {names[0]: first + reader * block, names[1]: readers * block} for reader in range(readers)
    ]
