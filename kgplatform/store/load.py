"""Loading: entities and triples into the graph, in batches, any number of times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from kgplatform import queries
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store, Transaction
from kgplatform.store.schema import migrate
from kgplatform.triples import Entity, Triple, fact_id

BATCH = 10_000
"""Facts a transaction; larger ones gain nothing and hold the lock on the graph longer."""

BUFFER = 200_000
"""Facts held back while they are grouped by relation, over all relations."""


@dataclass
class LoadCounts:
    """What a load did to the graph.

    Attributes:
        facts_created: Facts that were new.
        facts_unchanged: Facts that were there already, or came twice.
        entities_created: Entities that were new.
        entities_described: Rows of names, descriptions and types that were taken over.
        conflicts: Triples that the graph or the source has in another split already; the
            first of them at most ``CONFLICTS_KEPT``.
        num_conflicts: How many there were.
    """

    facts_created: int = 0
    facts_unchanged: int = 0
    entities_created: int = 0
    entities_described: int = 0
    conflicts: list[Triple] = field(default_factory=list)
    num_conflicts: int = 0


CONFLICTS_KEPT = 10_000


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
        StoreError: The database failed; the load can be repeated.
    """
    migrate(store)
    store.run(queries.get("load/begin_load"), graph=graph, source=source)
    counts = LoadCounts()
    _load_entities(store, graph, entities, counts, progress)
    _load_triples(store, graph, triples, source, counts, progress)
    store.run(queries.get("load/end_load"), graph=graph)
    return counts


def _load_entities(
    store: Store, graph: str, entities: Iterable[Entity], counts: LoadCounts, progress: Progress
) -> None:
    """Write entity rows grouped by their labels: a label cannot be a parameter."""
    done = 0
    buffers: dict[tuple[str, ...], list[Entity]] = defaultdict(list)
    for entity in entities:
        group = buffers[tuple(sorted(set(entity.types)))]
        group.append(entity)
        if len(group) >= BATCH:
            _write_entities(store, graph, group, counts)
            done += len(group)
            group.clear()
            progress("entities", done, None)
    for group in buffers.values():
        if group:
            _write_entities(store, graph, group, counts)
            done += len(group)
            progress("entities", done, None)
    if done:
        progress("entities", done, done)


def _write_entities(store: Store, graph: str, group: list[Entity], counts: LoadCounts) -> None:
    describe = queries.fill(
        "load/describe_entities", types=("Entity", *sorted(set(group[0].types)))
    )

    def work(transaction: Transaction) -> int:
        ids = list(dict.fromkeys(entity.entity_id for entity in group))
        created = transaction.run(queries.get("load/merge_entities"), graph=graph, ids=ids)
        transaction.run(
            describe,
            graph=graph,
            ids=[entity.entity_id for entity in group],
            names=[entity.name for entity in group],
            descriptions=[entity.description for entity in group],
        )
        return int(created.row["created"])

    counts.entities_created += store.write(work)
    counts.entities_described += len(group)


def _load_triples(
    store: Store,
    graph: str,
    triples: Iterable[Triple],
    source: str,
    counts: LoadCounts,
    progress: Progress,
) -> None:
    """Write triples grouped by relation: a relationship type cannot be a parameter."""
    done = held = 0
    buffers: dict[str, list[Triple]] = defaultdict(list)

    def flush(relation: str) -> int:
        group = buffers.pop(relation)
        for start in range(0, len(group), BATCH):
            _write_facts(store, graph, group[start : start + BATCH], source, counts)
        return len(group)

    for triple in triples:
        group = buffers[triple.relation]
        group.append(triple)
        held += 1
        if len(group) >= BATCH or held >= BUFFER:
            largest = max(buffers, key=lambda relation: len(buffers[relation]))
            written = flush(largest)
            held -= written
            done += written
            progress("facts", done, None)
    for relation in list(buffers):
        done += flush(relation)
        progress("facts", done, None)
    progress("facts", done, done)


def _write_facts(
    store: Store, graph: str, group: list[Triple], source: str, counts: LoadCounts
) -> None:
    merge = queries.fill("load/merge_facts", relation=group[0].relation)
    ids = list(dict.fromkeys(name for triple in group for name in (triple.head, triple.tail)))

    def work(transaction: Transaction) -> tuple[int, int, list[int]]:
        entities = transaction.run(queries.get("load/merge_entities"), graph=graph, ids=ids)
        facts = transaction.run(
            merge,
            graph=graph,
            heads=[triple.head for triple in group],
            tails=[triple.tail for triple in group],
            fact_ids=[fact_id(graph, t.head, t.relation, t.tail) for t in group],
            splits=[triple.split for triple in group],
            source=source,
        )
        created = int(entities.row["created"])
        return created, facts.relationships_created, list(facts.row["conflicts"])

    entities_created, facts_created, conflicts = store.write(work)
    counts.entities_created += entities_created
    counts.facts_created += facts_created
    counts.facts_unchanged += len(group) - facts_created - len(conflicts)
    counts.num_conflicts += len(conflicts)
    room = CONFLICTS_KEPT - len(counts.conflicts)
    counts.conflicts.extend(group[position] for position in conflicts[:room])
