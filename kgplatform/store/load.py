"""Loading: entities and triples into the graph, in batches, any number of times."""

from __future__ import annotations

import time
from collections.abc import Iterable

from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches
from kgplatform.store.client import Store
from kgplatform.store.lanes import open_lanes
from kgplatform.store.load_counts import LoadCounts
from kgplatform.store.load_entities import EntityWriter, SeenEntities
from kgplatform.store.load_facts import FactWriter
from kgplatform.store.replace import release_entities, release_facts
from kgplatform.store.schema import prepare
from kgplatform.triples import Entity, Triple

BATCH = 10_000
"""Most rows a transaction; larger ones gain nothing and hold locks longer."""


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
    counts = LoadCounts()
    seen = SeenEntities() if replace else None
    done = 0

    def told(facts: int) -> None:
        nonlocal done
        done += facts
        progress("facts", done, None)

    with open_lanes(store, graph, source) as lanes:
        entity_writer = EntityWriter(store, graph, source, seen, counts, lanes.was_empty)
        batches = Batches(BATCH)
        for described in batches.of(iter(entities), entity_writer.prepare):
            batches.write(described, entity_writer.describe)
            progress("entities", counts.entities_described, None)
        batches = Batches(BATCH)
        writer = FactWriter(graph, source, entity_writer, lanes, batches, counts, told)
        for facts in batches.of(iter(triples), writer.prepare):
            writer.write(facts)
        writer.finish()
        if done:
            progress("facts", done, done)
        if seen is not None:
            known = writer.seen.sorted()
            counts.facts_removed = release_facts(store, graph, source, known, lanes, progress)
            counts.entities_removed = release_entities(store, graph, source, seen, lanes)
    counts.hash = entity_writer.hash.hexdigest()
    counts.seconds = time.monotonic() - began
    return counts
