"""Loading: entities and triples into the graph, in batches, any number of times."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches
from kgplatform.store.client import Outcome, Store, Transaction
from kgplatform.store.replace import Seen, release_the_rest
from kgplatform.store.schema import prepare
from kgplatform.triples import Entity, Triple, Value, fact_id

BATCH = 10_000
"""Most rows a transaction; larger ones gain nothing and hold the lock on the graph longer."""

CONFLICTS_KEPT = 10_000

NID_BITS = 40
NID_MASK = (1 << NID_BITS) - 1

IDS_REMEMBERED = 1_000_000
"""Entities that this load has made or found and finds again by number, about 200 bytes each;
when there are more, they are asked for again."""


@dataclass
class LoadCounts:
    """What a load did to the graph.

    Attributes:
        created: Facts that were new, by relation.
        unchanged: Facts that were there already, or came twice, by relation.
        entities_created: Entities that were new.
        entities_described: Rows of names, descriptions, types and properties taken over.
        facts_removed: Facts that ``replace`` removed.
        entities_removed: Entities that ``replace`` removed.
        num_conflicts: Triples that the graph, or the source further up, has in another split
            or in none.
        conflicts: The first ``CONFLICTS_KEPT`` of them.
        hash: SHA-256 of what was read, in its order.
        seconds: How long it took.
    """

    created: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    entities_created: int = 0
    entities_described: int = 0
    facts_removed: int = 0
    entities_removed: int = 0
    num_conflicts: int = 0
    conflicts: list[Triple] = field(default_factory=list)
    hash: str = ""
    seconds: float = 0.0

    @property
    def facts_created(self) -> int:
        """Facts that were new."""
        return self.created.total()

    @property
    def facts_unchanged(self) -> int:
        """Facts that were there already, or came twice."""
        return self.unchanged.total()

    def add_conflict(self, triple: Triple) -> None:
        """Count a triple that stands in another split, and keep the first of them."""
        self.num_conflicts += 1
        if len(self.conflicts) < CONFLICTS_KEPT:
            self.conflicts.append(triple)


def load(
    store: Store,
    graph: str,
    entities: Iterable[Entity],
    triples: Iterable[Triple],
    *,
    source: str,
    replace: bool = False,
    progress: Progress = silent,
) -> LoadCounts:
    """Put entities and triples into a graph; what is there already stays as it is.

    Facts and entities carry the names of the sources that claim them. The graph's record says
    that a load is under way until this has come to its end, so a load that was cut is noticed
    by every reader and completed by running it again.

    Args:
        store: The database; its schema is brought up to date first.
        graph: The graph's name.
        entities: Names, descriptions and types; entities that no triple names are made, too.
        triples: The facts, each checked by its source.
        source: What the facts come from, kept on each of them.
        replace: Whether what the source once claimed and has no more is removed, unless another
            source claims it, too.
        progress: Told of entities and facts written.

    Raises:
        InputError: The graph's name is empty, too long or holds a control character.
        StoreError: The database failed; the load can be repeated.
    """
    began = time.monotonic()
    prepare(store, graph)
    store.run(queries.get("load/begin_load"), graph=graph, source=source)
    writer = _Writer(store, graph, source, Seen() if replace else None)
    batches = Batches(BATCH)
    for described in batches.of(iter(entities), writer.read_entity):
        batches.write(described, writer.write_entities)
        progress("entities", writer.counts.entities_described, None)
    done = 0
    batches = Batches(BATCH)
    for facts in batches.of(iter(triples), writer.read_fact):
        batches.write(facts, writer.write_facts)
        done += len(facts)
        progress("facts", done, None)
    if done:
        progress("facts", done, done)
    counts = writer.counts
    if writer.seen is not None:
        removed = release_the_rest(store, graph, source, writer.seen, progress)
        counts.facts_removed, counts.entities_removed = removed
    store.run(queries.get("load/end_load"), graph=graph, source=source)
    counts.hash = writer.hash.hexdigest()
    counts.seconds = time.monotonic() - began
    return counts


def record_load(
    store: Store, graph: str, source: str, counts: LoadCounts, more: Mapping[str, Any]
) -> None:
    """Keep in the database what a finished load did, as a ``:Load`` node.

    Args:
        store: The database.
        graph: The graph's name.
        source: The source's name.
        counts: What the load did.
        more: What else is known, for example its format and the number of rejected rows.
    """
    record = {
        "created": counts.facts_created,
        "unchanged": counts.facts_unchanged,
        "conflicts": counts.num_conflicts,
        "removed": counts.facts_removed,
        "entities_created": counts.entities_created,
        "entities_removed": counts.entities_removed,
        "seconds": round(counts.seconds, 3),
        **more,
    }
    store.run(
        queries.get("load/record_load"),
        graph=graph,
        source=source,
        hash=counts.hash,
        record=record,
    )


def write_prefixes(store: Store, graph: str, prefixes: Mapping[str, str]) -> None:
    """Keep in the database what the prefixes in a graph's names stand for.

    Args:
        store: The database.
        graph: The graph's name.
        prefixes: Prefix → namespace.

    Raises:
        InputError: A prefix stands for something else there.
    """
    check_prefixes(store, graph, prefixes)
    if prefixes:
        store.run(
            queries.get("load/merge_prefixes"),
            graph=graph,
            prefixes=list(prefixes),
            namespaces=list(prefixes.values()),
        )


def check_prefixes(store: Store, graph: str, prefixes: Mapping[str, str]) -> None:
    """Make sure that no prefix stands for something else in the graph already.

    Raises:
        InputError: One does: two different things would go by one id.
    """
    for row in store.rows(queries.get("read/list_prefixes"), graph=graph):
        prefix, namespace = row["prefix"], row["namespace"]
        if prefixes.get(prefix, namespace) != namespace:
            raise InputError(
                f"the prefix {prefix!r} stands for {prefixes[prefix]} in this source, and for "
                f"{namespace} in graph {graph!r}",
                hint="load it into another graph with --graph, or rename the prefix in the file",
            )


class _Found(NamedTuple):
    """Entities that a transaction has found or made.

    Attributes:
        packed: By id: the number of its node and, in the lower bits, its nid.
        created: How many of them it has made.
    """

    packed: dict[str, int]
    created: int


class _GoneError(Exception):
    """An entity is not where it was found."""


class _Writer:
    """Writes batches of one load, and keeps what it has learned of the graph."""

    def __init__(self, store: Store, graph: str, source: str, seen: Seen | None) -> None:
        self._store = store
        self._graph = graph
        self._source = source
        self._known: dict[str, int] = {}
        self.seen = seen
        self.counts = LoadCounts()
        self.hash = hashlib.sha256()

    def read_entity(self, entity: Entity) -> Entity:
        """What is done with an entity as it is read."""
        self.hash.update(repr(entity).encode())
        return entity

    def read_fact(self, triple: Triple) -> tuple[str, Triple]:
        """What is done with a triple as it is read: its fact_id is found."""
        key = fact_id(self._graph, triple.head, triple.relation, triple.tail)
        self.hash.update(f"{key}{triple.split}{triple.properties}".encode())
        return key, triple

    def write_entities(self, batch: Sequence[Entity]) -> None:
        """Make and describe entities."""
        plain, lists = _by_entity(batch)

        def work(transaction: Transaction) -> _Found:
            found = self._merge_entities(transaction, [entity.entity_id for entity in batch])
            transaction.run(
                queries.get("load/describe_entities"),
                graph=self._graph,
                ids=[entity.entity_id for entity in plain],
                names=[entity.name for entity in plain],
                descriptions=[entity.description for entity in plain],
                types=[list(entity.types) for entity in plain],
                properties=[dict(entity.properties or {}) for entity in plain],
            )
            if lists:
                transaction.run(
                    queries.get("load/join_lists"),
                    graph=self._graph,
                    ids=[entity_id for entity_id, _ in lists],
                    names=[name for _, name in lists],
                    values=list(lists.values()),
                )
            return found

        self._remember(self._store.write(work))
        self.counts.entities_described += len(batch)

    def write_facts(self, batch: Sequence[tuple[str, Triple]]) -> None:
        """Make facts and the entities that they name."""
        facts, sources, repeated = self._distinct(batch)
        triples = list(facts.values())
        names = [name for triple in triples for name in (triple.head, triple.tail)]

        def work(transaction: Transaction) -> tuple[_Found, Outcome]:
            found = self._merge_entities(transaction, names)
            fresh, known = found.packed, self._known
            ends = [fresh[name] if name in fresh else known[name] for name in names]
            heads, tails = ends[::2], ends[1::2]
            outcome = transaction.run(
                queries.get("load/merge_facts"),
                graph=self._graph,
                heads=[packed >> NID_BITS for packed in heads],
                tails=[packed >> NID_BITS for packed in tails],
                head_nids=[packed & NID_MASK for packed in heads],
                tail_nids=[packed & NID_MASK for packed in tails],
                relations=[triple.relation for triple in triples],
                fact_ids=list(facts),
                splits=[triple.split for triple in triples],
                sources=[sorted(sources[key]) for key in facts],
            )
            if outcome.row["rows"] < len(triples):
                raise _GoneError
            described = {key: fact for key, fact in facts.items() if fact.properties}
            if described:
                transaction.run(
                    queries.get("load/describe_facts"),
                    graph=self._graph,
                    heads=[fact.head for fact in described.values()],
                    relations=[fact.relation for fact in described.values()],
                    tails=[fact.tail for fact in described.values()],
                    fact_ids=list(described),
                    properties=[dict(fact.properties or {}) for fact in described.values()],
                )
            return found, outcome

        try:
            found, outcome = self._store.write(work)
        except _GoneError:
            # Somebody has removed an entity since this load found it: ask for all again.
            self._known.clear()
            found, outcome = self._store.write(work)
        there, conflicts = set(outcome.row["there"]), set(outcome.row["conflicts"])
        self._remember(found)
        for position, triple in enumerate(triples):
            if position not in there:
                self.counts.created[triple.relation] += 1
            elif position in conflicts:
                self.counts.add_conflict(triple)
            else:
                self.counts.unchanged[triple.relation] += 1
        for key, triple in repeated:
            if triple.split is not None and triple.split != facts[key].split:
                self.counts.add_conflict(triple)
            else:
                self.counts.unchanged[triple.relation] += 1
        if self.seen is not None:
            self.seen.add_facts(facts)

    def _distinct(
        self, batch: Sequence[tuple[str, Triple]]
    ) -> tuple[dict[str, Triple], dict[str, set[str]], list[tuple[str, Triple]]]:
        """The facts of a batch and their sources by fact_id, and the triples that came again."""
        facts: dict[str, Triple] = {}
        sources: dict[str, set[str]] = {}
        repeated: list[tuple[str, Triple]] = []
        for key, triple in batch:
            if key in facts:
                repeated.append((key, triple))
            else:
                facts[key] = triple
            sources.setdefault(key, set()).add(self._source_of(triple))
        return facts, sources, repeated

    def _source_of(self, triple: Triple) -> str:
        return self._source if triple.source is None else f"{self._source}#{triple.source}"

    def _merge_entities(self, transaction: Transaction, ids: Sequence[str]) -> _Found:
        unknown = [name for name in dict.fromkeys(ids) if name not in self._known]
        if not unknown:
            return _Found({}, 0)
        row = transaction.run(
            queries.get("load/merge_entities"), graph=self._graph, ids=unknown, source=self._source
        ).row
        if self.seen is not None:
            fresh = [name for name in unknown if not self.seen.has_entity(name)]
            transaction.run(
                queries.get("load/reset_entities"),
                graph=self._graph,
                ids=fresh,
                source=self._source,
            )
        packed = {unknown[i]: node << NID_BITS | nid for i, node, nid in row["there"]}
        for nid, (i, node) in enumerate(
            zip(row["missing"], row["made"], strict=True), row["first"]
        ):
            packed[unknown[i]] = node << NID_BITS | nid
        return _Found(packed, len(row["missing"]))

    def _remember(self, found: _Found) -> None:
        """Keep what a transaction found, now that it is committed."""
        self.counts.entities_created += found.created
        if self.seen is not None:
            self.seen.add_entities(found.packed)
        if len(self._known) > IDS_REMEMBERED:
            self._known.clear()
        self._known.update(found.packed)


def _by_entity(
    batch: Sequence[Entity],
) -> tuple[list[Entity], dict[tuple[str, str], list[Value]]]:
    """Split what is set from what is added to: lists of several statements are joined."""
    plain: list[Entity] = []
    lists: dict[tuple[str, str], list[Value]] = {}
    for entity in batch:
        properties = entity.properties or {}
        for name, value in properties.items():
            if isinstance(value, list):
                lists.setdefault((entity.entity_id, name), []).extend(value)
        single = {k: v for k, v in properties.items() if not isinstance(v, list)}
        plain.append(
            Entity(entity.entity_id, entity.name, entity.description, entity.types, single)
        )
    return plain, lists
