"""What a load did, and its record in the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kgplatform import queries
from kgplatform.store.client import Store
from kgplatform.triples import Triple

CONFLICTS_KEPT = 10_000


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
