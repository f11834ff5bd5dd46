"""The parametrised queries that questions are answered by, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.store.client import Store
from kgplatform.store.statements import Statement, statement_of

LONGEST = 3
"""Most steps of a way."""

ORDER = ("first", "second", "third")
MARKS = ("relation", "then", "last")
FOLLOW = ("ask/follow_one", "ask/follow_two", "ask/follow_three")


@dataclass(frozen=True, slots=True)
class Step:
    """A relation and the direction in which it is walked.

    Attributes:
        relation: Its name.
        inverse: Whether from tail to head.
    """

    relation: str
    inverse: bool = False

    def __str__(self) -> str:
        return ("^" if self.inverse else "") + self.relation


@dataclass(frozen=True, slots=True)
class End:
    """What a query leads to.

    Attributes:
        id: entity_id.
        name: What it is called; its id where it has no name.
        paths: The facts that lead there, in the order in which they are walked.
        facts: How many facts there are of it, where they were counted.
    """

    id: str
    name: str
    paths: tuple[tuple[Statement, ...], ...] = ()
    facts: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """The outcome of a query.

    Attributes:
        cypher: What was run.
        params: Its parameters.
        ends: What it leads to, in order of names; no more than were asked for.
        total: How many there are.
    """

    cypher: str
    params: dict[str, Any]
    ends: tuple[End, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Ways:
    """How facts begin or end in an entity.

    Attributes:
        labels: Its labels beside ``Entity``.
        facts: How many facts there are of each step from it.
    """

    labels: frozenset[str]
    facts: dict[Step, int]


def ways_of(store: Store, graph: str, ids: Sequence[str]) -> dict[str, Ways]:
    """The steps that can be taken from entities."""
    rows = store.rows(queries.get("ask/list_ways"), graph=graph, ids=list(ids))
    return {
        row["id"]: Ways(
            frozenset(row["labels"]) - {"Entity"},
            {Step(relation, inverse): facts for relation, inverse, facts in row["ways"]},
        )
        for row in rows
    }


def follow(
    store: Store,
    graph: str,
    entity: str,
    steps: Sequence[Step],
    *,
    predicted: bool = False,
    limit: int = 1_000,
) -> Reached:
    """Where steps lead from an entity, one after the other.

    Raises:
        InputError: There are no steps, or more than three.
    """
    if not 0 < len(steps) <= LONGEST:
        raise InputError(f"{len(steps)} steps cannot be followed", hint="one to three")
    marks = {mark: step.relation for mark, step in zip(MARKS, steps, strict=False)}
    params = {"graph": graph, "id": entity, "predicted": predicted, "limit": limit, **_sent(steps)}
    return _reached(graph, store, queries.fill(FOLLOW[len(steps) - 1], **marks), params)


def follow_both(
    store: Store,
    graph: str,
    entities: tuple[str, str],
    steps: tuple[Step, Step],
    *,
    predicted: bool = False,
    limit: int = 1_000,
) -> Reached:
    """What two entities both lead to, each by a step."""
    first, second = steps
    query = queries.fill("ask/follow_both", relation=first.relation, then=second.relation)
    params = {
        "graph": graph,
        "id": entities[0],
        "other": entities[1],
        "predicted": predicted,
        "limit": limit,
        **_sent(steps),
    }
    return _reached(graph, store, query, params)


def check_fact(
    store: Store, graph: str, entities: tuple[str, str], step: Step, *, predicted: bool = False
) -> Reached:
    """Whether a step leads from one entity to another; the other is the only end."""
    params = {
        "graph": graph,
        "id": entities[0],
        "other": entities[1],
        "predicted": predicted,
        **_sent([step]),
    }
    return _reached(graph, store, queries.fill("ask/check_fact", relation=step.relation), params)


def rank_ends(store: Store, graph: str, step: Step, *, limit: int = 1_000) -> Reached:
    """The entities from which a step can be taken to most others."""
    params = {"graph": graph, "first_inverse": step.inverse, "limit": limit}
    return _reached(graph, store, queries.fill("ask/rank_ends", relation=step.relation), params)


def _sent(steps: Sequence[Step]) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    for place, step in zip(ORDER, steps, strict=False):
        sent |= {place: step.relation, f"{place}_inverse": step.inverse}
    return sent


def _reached(graph: str, store: Store, query: str, params: dict[str, Any]) -> Reached:
    rows = store.rows(query, **params)
    ends = tuple(
        End(
            row["id"],
            row["name"] or row["id"],
            tuple(
                tuple(statement_of(graph, fact) for fact in path) for path in row.get("paths", ())
            ),
            row.get("facts", 0),
        )
        for row in rows
    )
    return Reached(query, params, ends, rows[0]["total"] if rows else 0)
