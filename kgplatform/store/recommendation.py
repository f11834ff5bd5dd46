"""What a recommendation reads of the graph: what a user likes now, and the ways to an item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kgplatform import queries
from kgplatform.store.client import Store
from kgplatform.store.statements import Statement, statement_of


@dataclass(frozen=True, slots=True)
class Way:
    """Facts from a user over something liked to an item.

    Attributes:
        item: entity_id of where it ends.
        statements: In order.
        chance: That a random walk from the user goes it.
    """

    item: str
    statements: tuple[Statement, ...]
    chance: float


def liked_by(store: Store, graph: str, user: str, relation: str) -> dict[str, str]:
    """What a user likes in the graph as it is now: names by entity_id."""
    rows = store.rows(queries.get("search/list_liked"), graph=graph, id=user, relation=relation)
    return {row["id"]: row["name"] or row["id"] for row in rows}


def ids_with_label(store: Store, graph: str, label: str) -> list[str]:
    """entity_ids of a graph's entities with a label."""
    rows = store.rows(queries.fill("read/list_label_keys", label=label), graph=graph)
    return [row["id"] for row in rows]


def ways_to(
    store: Store,
    graph: str,
    user: str,
    relation: str,
    pairs: Sequence[tuple[str, str]],
    limit: int,
) -> list[Way]:
    """Ways from a user to items over what they like, the likeliest of each pair and relation.

    Args:
        store: The database.
        graph: The graph.
        user: entity_id.
        relation: Between the user and what they like.
        pairs: Something that the user likes, and an item.
        limit: Most ways of a pair by one relation.
    """
    rows = store.rows(
        queries.get("search/list_shared_ways"),
        graph=graph,
        user=user,
        relation=relation,
        heads=[liked for liked, _ in pairs],
        tails=[item for _, item in pairs],
        limit=limit,
    )
    return [
        Way(
            row["item"],
            tuple(statement_of(graph, fact) for fact in row["facts"]),
            float(row["chance"]),
        )
        for row in rows
    ]
