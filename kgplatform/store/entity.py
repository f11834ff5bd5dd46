"""One entity, as it is shown to whoever looks it up."""

from __future__ import annotations

from dataclasses import dataclass

from kgplatform import queries
from kgplatform.store.client import Store
from kgplatform.store.search import find_entity


@dataclass(frozen=True, slots=True)
class EntityCard:
    """What an entity is.

    Attributes:
        id: Its entity_id.
        name: What it is called; its id where it has no name.
        description: What its source says of it.
        labels: What it is, in order; its own type labels alone.
        facts: How many asserted facts it has.
        predicted: How many predicted links.
    """

    id: str
    name: str
    description: str | None
    labels: tuple[str, ...]
    facts: int
    predicted: int


def entity_card(store: Store, graph: str, entity: str) -> EntityCard:
    """What an entity is that an id or a name stands for.

    Raises:
        InputError: No entity has that id or name (the hint suggests some), or several have.
    """
    key = find_entity(store, graph, entity)
    (row,) = store.rows(queries.get("search/describe_entity"), graph=graph, id=key)
    description = row["description"]
    return EntityCard(
        key,
        str(row["name"] or key),
        None if description is None else str(description),
        tuple(sorted(row["labels"])),
        row["facts"],
        row["predicted"],
    )
