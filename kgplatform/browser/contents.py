"""What a graph holds, as far as its guide, its style and its saved queries need to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kgplatform import queries
from kgplatform.browser.editor import Value
from kgplatform.errors import UnknownNameError
from kgplatform.store.client import Store

AMONG = 5_000
"""Entities that are looked at for examples."""

EXAMPLES = 6
LISTED = 40


@dataclass(frozen=True, slots=True)
class Example:
    """An entity to show queries by.

    Attributes:
        id: entity_id.
        name: What it is called; its id where it has no name.
        types: Its labels.
        facts: How many it has.
        predicted: How many links of it are predicted.
    """

    id: str
    name: str
    types: tuple[str, ...]
    facts: int
    predicted: int


@dataclass(frozen=True, slots=True)
class VectorSet:
    """Vectors that a run wrote: their kind, run, property, and whether readers use them."""

    kind: str
    run: str
    property: str
    dimension: int
    active: bool


@dataclass(frozen=True, slots=True)
class WrittenRun:
    """A run that wrote into the graph, and how much of what."""

    id: str
    model: str
    mrr: float | None
    predicted: int
    answers: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A predicted link, or a candidate, by names; ``id`` is the candidate's or the run's."""

    id: str
    head: str
    relation: str
    tail: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Contents:
    """What a graph holds.

    Attributes:
        graph: Its name; '' where the database has none.
        graphs: All graphs of the database with their numbers of entities.
        counts: Of ``entities``, ``facts``, ``predicted``, ``documents``, ``chunks``, ``staged``,
            ``accepted`` and ``rejected`` candidates, ``answers`` and ``rules``.
        types: Labels of entities with their numbers, the most frequent first.
        relations: Relations with their numbers of facts, the most frequent first.
        sets: Vectors, of all runs.
        runs: The newest first.
        examples: Those with predicted links first, then those with some twenty facts.
        link: The most confident predicted link.
        candidate: The most doubtful candidate that waits for a decision, else an accepted one.
        labels: All of the database.
    """

    graph: str
    graphs: tuple[tuple[str, int], ...] = ()
    counts: tuple[tuple[str, int], ...] = ()
    types: tuple[tuple[str, int], ...] = ()
    relations: tuple[tuple[str, int], ...] = ()
    sets: tuple[VectorSet, ...] = ()
    runs: tuple[WrittenRun, ...] = ()
    examples: tuple[Example, ...] = ()
    link: Claim | None = None
    candidate: Claim | None = None
    labels: tuple[str, ...] = ()

    def count(self, what: str) -> int:
        """How many there are of something that ``counts`` names."""
        return dict(self.counts).get(what, 0)

    @property
    def active(self) -> tuple[VectorSet, ...]:
        """The sets of vectors that readers use."""
        return tuple(each for each in self.sets if each.active)

    def params(self) -> dict[str, Value]:
        """A value for each parameter of the queries of cypher/browser, from what is there."""
        shown = self.examples[0] if self.examples else None
        entity = shown.id if shown else ""
        other = next((each.id for each in self.examples[1:]), entity)
        if self.link is not None:
            relation = self.link.relation
        else:
            relation = self.relations[0][0] if self.relations else ""
        run = next((each.id for each in self.runs if each.predicted), None)
        run = run or next((each.id for each in self.runs), "")
        return {
            "graph": self.graph,
            "entity": entity,
            "other": other,
            "from": entity,
            "to": other,
            "relation": relation,
            "run": run,
            "candidate": self.candidate.id[:12] if self.candidate else "",
            "status": "accepted",
            "by": "me",
            "limit": 50,
            "top_k": 10,
        }


def read_contents(store: Store, graph: str | None = None) -> Contents:
    """Read what a graph holds.

    Args:
        store: The database.
        graph: Its name; None for the largest one.

    Raises:
        UnknownNameError: The database has no such graph.
    """
    rows = store.rows(queries.get("read/list_graphs"))
    graphs = tuple((str(row["name"]), int(row["entities"] or 0)) for row in rows)
    if graph is not None and graph not in dict(graphs):
        raise UnknownNameError("graph", graph, dict(graphs))
    if graph is None:
        graph = max(graphs, key=lambda each: each[1])[0] if graphs else ""
    (counted,) = store.rows(queries.get("read/summarize_graph"), graph=graph)
    runs = store.rows(queries.get("read/list_written_runs"), graph=graph)
    return Contents(
        graph,
        graphs,
        tuple((name, int(number)) for name, number in counted.items()),
        _types(store, graph),
        _relations(store, graph),
        tuple(_set(row["run"], each) for row in runs for each in row["sets"]),
        tuple(_run(row) for row in runs),
        _examples(store, graph),
        _link(store, graph) if counted["predicted"] else None,
        _candidate(store, graph) if counted["staged"] or counted["accepted"] else None,
        tuple(row["label"] for row in store.rows(queries.get("read/list_labels"))),
    )


def _types(store: Store, graph: str) -> tuple[tuple[str, int], ...]:
    rows = store.rows(queries.get("browser/count_types"), graph=graph)
    return tuple((str(row["type"]), int(row["entities"])) for row in rows[:LISTED])


def _relations(store: Store, graph: str) -> tuple[tuple[str, int], ...]:
    rows = store.rows(queries.get("read/count_relations"), graph=graph)
    return tuple((str(row["relation"]), int(row["facts"])) for row in rows[:LISTED])


def _examples(store: Store, graph: str) -> tuple[Example, ...]:
    rows = store.rows(queries.get("read/list_examples"), graph=graph, among=AMONG, limit=EXAMPLES)
    return tuple(Example(**{**row, "types": tuple(row["types"])}) for row in rows)


def _link(store: Store, graph: str) -> Claim | None:
    rows = store.rows(queries.get("browser/list_predictions"), graph=graph, limit=1)
    return next((_claim(row["run"], row, row["confidence"]) for row in rows), None)


def _candidate(store: Store, graph: str) -> Claim | None:
    for status in ("staged", "accepted"):
        rows = store.rows(
            queries.get("read/list_candidates"),
            graph=graph,
            status=status,
            entity=None,
            relation=None,
            limit=1,
        )
        for row in rows:
            named = {**row, "head": row["head_name"], "tail": row["tail_name"]}
            return _claim(row["id"], named, row["confidence"])
    return None


def _claim(id_: str, row: dict[str, Any], confidence: float | None) -> Claim:
    return Claim(
        str(id_),
        str(row["head"]),
        str(row["relation"]),
        str(row["tail"]),
        0.0 if confidence is None else float(confidence),
    )


def _set(run: str, row: dict[str, Any]) -> VectorSet:
    return VectorSet(
        row["kind"] or "graph", run, row["property"], int(row["dimension"]), bool(row["active"])
    )


def _run(row: dict[str, Any]) -> WrittenRun:
    return WrittenRun(
        str(row["run"]),
        str(row["model"] or "?"),
        row["mrr"],
        int(row["predicted"]),
        int(row["answers"]),
    )
