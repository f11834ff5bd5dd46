"""Paths between two entities: all shortest ones, or the one that is surest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kgplatform import queries
from kgplatform.errors import InputError, UsageError
from kgplatform.store.client import RECORDS_AHEAD, Store, Transaction
from kgplatform.store.search import find_entity, name_of

MOST_HOPS = 10
"""The bound that search/list_shortest_paths has; Cypher takes none as a parameter."""

MOST_FACTS = 2_000_000
"""Facts that the search for the surest path may read."""

AT_ONCE = 1_000

Fact = tuple[str, str, str]
"""Head, relation and tail of a fact."""


@dataclass(frozen=True, slots=True)
class PathFact:
    """One fact on a path.

    Attributes:
        head: entity_id.
        relation: Name.
        tail: entity_id.
        confidence: The fact's, 1 where it has none.
        kind: ``asserted`` or ``predicted``.
    """

    head: str
    relation: str
    tail: str
    confidence: float
    kind: str


@dataclass(frozen=True, slots=True)
class FoundPath:
    """A path.

    Attributes:
        ids: Its entities in order.
        names: What they are called.
        facts: The facts between them, one less.
        confidence: The product of the facts' confidences.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    facts: tuple[PathFact, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class _Reached:
    """The surest way to an entity: the last fact of it, and the way before."""

    id: str
    name: str
    confidence: float
    fact: PathFact | None = None
    before: _Reached | None = None


def shortest_paths(
    store: Store,
    graph: str,
    start: str,
    end: str,
    *,
    max_hops: int = MOST_HOPS,
    predicted: bool = False,
    limit: int = 10,
    without: Collection[Fact] = (),
) -> list[FoundPath]:
    """Shortest paths, the surest of those first.

    Args:
        store: The database.
        graph: The graph.
        start: An entity's id or name.
        end: Another's.
        max_hops: Most facts of a path, 1 to 10.
        predicted: Whether predicted links may be on it.
        limit: Most paths; where there are more, the server chooses.
        without: Facts that no path may take.

    Raises:
        InputError: There is no such entity, or a confidence on the way is no probability.
        UsageError: Both are one entity, or ``max_hops`` is out of range.
    """
    first, last = _ends(store, graph, start, end, max_hops)
    rows = store.rows(
        queries.get("search/list_shortest_paths"),
        **{"graph": graph, "from": first, "to": last, "predicted": predicted, "limit": limit},
        without=[list(fact) for fact in without],
    )
    found = []
    for row in rows:
        facts = tuple(_fact(*fact) for fact in row["facts"])
        product = 1.0
        for fact in facts:
            product *= fact.confidence
        names = tuple(name or key for name, key in zip(row["names"], row["ids"], strict=True))
        found.append(FoundPath(tuple(row["ids"]), names, facts, product))
    # All are as long as the shortest: either all are within the bound, or none is.
    within = [path for path in found if len(path.facts) <= max_hops]
    return sorted(within, key=lambda path: (-path.confidence, path.ids))


def surest_path(
    store: Store,
    graph: str,
    start: str,
    end: str,
    *,
    max_hops: int = 4,
    predicted: bool = False,
    without: Collection[Fact] = (),
) -> FoundPath | None:
    """The path with the greatest product of confidences, the shortest of those; exact.

    From hop to hop the surest way to each entity is kept (Bellman-Ford on -log confidence). No
    fact adds to a product, so an entity that is reached less surely than the end has been is
    not looked at any more, and only what is left is read.

    Args:
        store: The database.
        graph: The graph.
        start: An entity's id or name.
        end: Another's.
        max_hops: Most facts of a path, 1 to 10.
        predicted: Whether predicted links may be on it.
        without: Facts that it may not take.

    Returns:
        The path, or None if there is none of so many facts.

    Raises:
        InputError: There is no such entity, a confidence on the way is no probability, or too
            many facts would be read.
        UsageError: Both are one entity, or ``max_hops`` is out of range.
    """
    first, last = _ends(store, graph, start, end, max_hops)
    best = {first: _Reached(first, name_of(store, graph, first), 1.0)}
    frontier = [best[first]]
    left_out = frozenset(without)
    read = 0
    with store.reading(RECORDS_AHEAD) as transaction:
        for _ in range(max_hops):
            improved: dict[str, _Reached] = {}
            around = {reached.id: reached for reached in frontier}
            for key, fact, name in _facts_around(transaction, graph, list(around), predicted):
                read += 1
                if read > MOST_FACTS:
                    raise InputError(
                        f"more than {MOST_FACTS:,} facts are within {max_hops} hops of {first!r}",
                        hint="look less far, with a lower --max-hops",
                    )
                if (fact.head, fact.relation, fact.tail) in left_out:
                    continue
                before = around[key]
                other = fact.tail if fact.head == key else fact.head
                product = before.confidence * fact.confidence
                least = max(
                    way.confidence if (way := known.get(entity)) else 0.0
                    for known in (best, improved)
                    for entity in (other, last)
                )
                if product > least:
                    improved[other] = _Reached(other, name, product, fact, before)
            best |= improved
            frontier = [reached for reached in improved.values() if reached.id != last]
            if not frontier:
                break
    return _path(best[last]) if last in best else None


def _ends(store: Store, graph: str, start: str, end: str, max_hops: int) -> tuple[str, str]:
    if not 1 <= max_hops <= MOST_HOPS:
        raise UsageError(
            f"paths of {max_hops} facts are not looked for", hint=f"1 to {MOST_HOPS} are"
        )
    first, last = find_entity(store, graph, start), find_entity(store, graph, end)
    if first == last:
        raise UsageError(f"both ends are {first!r}", hint="name two entities")
    return first, last


def _facts_around(
    transaction: Transaction, graph: str, ids: list[str], predicted: bool
) -> Iterable[tuple[str, PathFact, str]]:
    """Facts of entities: the one asked for, the fact, and what the other end is called."""
    statement = queries.get("search/list_facts_around")
    for start in range(0, len(ids), AT_ONCE):
        params = {"graph": graph, "ids": ids[start : start + AT_ONCE], "predicted": predicted}
        for key, head, relation, tail, name, sure, kind in transaction.stream(statement, params):
            fact = _fact(head, relation, tail, sure, kind)
            yield key, fact, name or (tail if head == key else head)


def _fact(head: str, relation: str, tail: str, confidence: object, predicted: bool) -> PathFact:
    sure = 1.0 if confidence is None else confidence
    if not isinstance(sure, int | float) or isinstance(sure, bool) or not 0 <= sure <= 1:
        raise InputError(
            f"the confidence of ({head}, {relation}, {tail}) is {confidence!r}, no number from 0 "
            "to 1",
            hint="correct it in the graph, or remove the property: a missing one counts as 1",
        )
    return PathFact(head, relation, tail, float(sure), "predicted" if predicted else "asserted")


def _path(reached: _Reached) -> FoundPath:
    way: list[_Reached] = []
    at: _Reached | None = reached
    while at is not None:
        way.append(at)
        at = at.before
    way.reverse()
    return FoundPath(
        tuple(each.id for each in way),
        tuple(each.name for each in way),
        tuple(each.fact for each in way if each.fact is not None),
        reached.confidence,
    )
