"""What entities' properties say of them, as the database has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kgplatform import queries
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store
from kgplatform.store.writeback import Target

TOLD_EVERY = 10_000


def read_texts(
    store: Store, target: Target, properties: Sequence[str], progress: Progress = silent
) -> dict[str, tuple[str, ...]]:
    """Texts of nodes by id: a text a property, empty where the node has none.

    Nodes without any of the properties are left out. Lists of texts are joined by commas; numbers
    and other values are no texts.

    Args:
        store: The database.
        target: The nodes.
        properties: Names of properties.
        progress: Told of nodes.
    """
    if target.graph is not None:
        query, params = queries.get("read/list_entity_texts"), {"graph": target.graph}
    else:
        query = queries.fill("read/list_node_texts", label=target.label, key=target.key)
        params = {}
    found: dict[str, tuple[str, ...]] = {}
    with store.reading() as transaction:
        for entity, values in transaction.stream(query, {**params, "properties": list(properties)}):
            found[str(entity)] = tuple(_text(value) for value in values)
            if len(found) % TOLD_EVERY == 0:
                progress("reading texts", len(found), None)
    return found


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(part for part in value if isinstance(part, str))
    return value.strip() if isinstance(value, str) else ""
