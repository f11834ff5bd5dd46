"""Loading: entities and triples into the graph, in batches, any number of times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Outcome, Store, Transaction
from kgplatform.store.schema import migrate
from kgplatform.triples import Entity, Triple, fact_id, fault_of_name

T = TypeVar("T")

BATCH = 10_000
"""Rows a transaction; larger ones gain nothing and hold the lock on the graph longer."""

CONFLICTS_KEPT = 10_000


@dataclass
class LoadCounts:
    """What a load did to the graph.

    Attributes:
        facts_created: Facts that were new.
        facts_unchanged: Facts that were there already, or came twice.
        entities_created: Entities that were new.
        entities_described: Rows of names, descriptions and types that were taken over.
        num_conflicts: Triples that the graph, or the source further up, has in another split
            or in none.
        conflicts: The first ``CONFLICTS_KEPT`` of them.
    """

    facts_created: int = 0
    facts_unchanged: int = 0
    entities_created: int = 0
    entities_described: int = 0
    num_conflicts: int = 0
    conflicts: list[Triple] = field(default_factory=list)


def load(
    store: Store,
    graph: str,
    entities: Iterable[Entity],
    triples: Iterable[Triple],
    *,
    source: str,
    progress: Progress = silent,
) -> LoadCounts:
    """Put entities and triples into a graph; what is there already stays as it is.

    The graph's record says that a load is under way until this has come to its end, so a load
    that was cut is noticed by every reader and completed by running it again.

    Args:
        store: The database; its schema is brought up to date first.
        graph: The graph's name.
        entities: Names, descriptions and types; entities that no triple names are made, too.
        triples: The facts, each checked by its source.
        source: What the facts come from, kept on each of them.
        progress: Told of entities and facts written.

    Raises:
        InputError: The graph's name is empty, too long or holds a control character.
        StoreError: The database failed; the load can be repeated.
    """
    if fault := fault_of_name("graph", graph):
        raise InputError(f"the name of the {fault}", hint="give another with --graph")
    migrate(store)
    store.run(queries.get("load/begin_load"), graph=graph, source=source)
    counts = LoadCounts()
    for described in _batches(entities):
        _write_entities(store, graph, described, counts)
        progress("entities", counts.entities_described, None)
    done = 0
    for facts in _batches(triples):
        _write_facts(store, graph, facts, source, counts)
        done += len(facts)
        progress("facts", done, None)
    progress("facts", done, done)
    store.run(queries.get("load/end_load"), graph=graph, source=source)
    return counts


def _batches(records: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _write_entities(store: Store, graph: str, batch: list[Entity], counts: LoadCounts) -> None:
    ids = [entity.entity_id for entity in batch]

    def work(transaction: Transaction) -> Outcome:
        made = _merge_entities(transaction, graph, ids)
        transaction.run(
            queries.get("load/describe_entities"),
            graph=graph,
            ids=ids,
            names=[entity.name for entity in batch],
            descriptions=[entity.description for entity in batch],
            types=[list(entity.types) for entity in batch],
        )
        return made

    counts.entities_created += store.write(work).row["created"]
    counts.entities_described += len(batch)


def _write_facts(
    store: Store, graph: str, batch: list[Triple], source: str, counts: LoadCounts
) -> None:
    def work(transaction: Transaction) -> tuple[Outcome, Outcome]:
        names = [name for triple in batch for name in (triple.head, triple.tail)]
        entities = _merge_entities(transaction, graph, names)
        facts = transaction.run(
            queries.get("load/merge_facts"),
            graph=graph,
            heads=[triple.head for triple in batch],
            relations=[triple.relation for triple in batch],
            tails=[triple.tail for triple in batch],
            fact_ids=[fact_id(graph, t.head, t.relation, t.tail) for t in batch],
            splits=[triple.split for triple in batch],
            source=source,
        )
        return entities, facts

    entities, facts = store.write(work)
    conflicts: list[int] = facts.row["conflicts"]
    counts.entities_created += entities.row["created"]
    counts.facts_created += facts.relationships_created
    counts.facts_unchanged += len(batch) - facts.relationships_created - len(conflicts)
    counts.num_conflicts += len(conflicts)
    room = CONFLICTS_KEPT - len(counts.conflicts)
    counts.conflicts.extend(batch[position] for position in conflicts[:room])


def _merge_entities(transaction: Transaction, graph: str, ids: list[str]) -> Outcome:
    distinct = list(dict.fromkeys(ids))
    return transaction.run(queries.get("load/merge_entities"), graph=graph, ids=distinct)
