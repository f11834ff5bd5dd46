"""The state of a database: whether anything at all was committed between two moments.

Neo4j Community tells its last transaction nowhere but in the bookmark that it gives to every
session: it names the transaction that the session has seen last, whoever committed it. Marks that
the server would compute of the facts cost nearly as much as reading them (docs/log.md).
"""

from __future__ import annotations

from typing import Any

from kgplatform import queries
from kgplatform.store.client import Store


def database_state(store: Store) -> dict[str, Any]:
    """The state of the database now, JSON-able; equal to another one if nothing came between.

    Take it before reading: what is committed while one reads then counts as a change.

    Returns:
        ``database`` and ``created`` of the store, and its ``bookmarks``.
    """
    (row,) = store.rows(queries.get("read/show_database"))
    return {"database": row["id"], "created": row["created"], "bookmarks": store.state()}
