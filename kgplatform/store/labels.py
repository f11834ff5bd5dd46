"""What entities are, by the labels of their nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kgplatform import queries
from kgplatform.store.client import Store

IDS_AT_ONCE = 10_000


def labels_of(store: Store, graph: str, ids: Sequence[str]) -> list[str | None]:
    """A label of each entity: of those it has, the one that most of the others asked for share.

    An entity that is not there, or has no label beside ``Entity``, has None.
    """
    found = read_labels(store, graph, ids)
    counts = Counter(label for labels in found.values() for label in labels)
    return [
        max(found.get(name, ()), key=lambda label: (counts[label], label), default=None)
        for name in ids
    ]


def read_labels(store: Store, graph: str, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The labels beside ``Entity`` of some entities; those that are not there are left out."""
    found: dict[str, tuple[str, ...]] = {}
    query = queries.get("read/list_entity_labels")
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = list(ids[start : start + IDS_AT_ONCE])
        for row in store.rows(query, graph=graph, ids=some):
            found[row["id"]] = tuple(label for label in row["labels"] if label != "Entity")
    return found


@dataclass(frozen=True)
class Kinds:
    """What the entities of a graph are, also those that texts alone name.

    Attributes:
        labels: Beside ``Entity``, by entity_id.
        new: entity_ids of those that texts alone name.
    """

    labels: dict[str, tuple[str, ...]]
    new: frozenset[str]


def all_kinds(store: Store, graph: str) -> Kinds:
    """What all entities of a graph are."""
    rows = store.rows(queries.get("read/list_kinds"), graph=graph)
    return Kinds(
        {row["id"]: tuple(row["labels"]) for row in rows},
        frozenset(row["id"] for row in rows if row["new"]),
    )
