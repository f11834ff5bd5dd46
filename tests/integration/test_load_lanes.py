"""Lanes: one load's transactions side by side, and other loads that come between."""

import threading
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from kgplatform.settings import Settings
from kgplatform.store import load as loading
from kgplatform.store.client import Store, connect
from kgplatform.store.load import load
from kgplatform.store.load_counts import LoadCounts
from kgplatform.triples import Triple

Fact = tuple[str, str, str]


def grid(start: int, stop: int, relation: str = "r") -> list[Triple]:
    """Seven facts of each number from start to stop, to numbers near to it and to one hub."""
    facts = [
        Triple(f"e{i}", relation, f"e{i * step % 97}")
        for i in range(start, stop)
        for step in range(6)
    ]
    return [*facts, *(Triple(f"e{i}", relation, "hub") for i in range(start, stop))]


def facts_of(store: Store, graph: str) -> dict[Fact, list[str]]:
    rows = store.rows(
        "MATCH (h:Entity {graph: $graph})-[r]->(t) "
        "RETURN h.id AS head, type(r) AS relation, t.id AS tail, r.sources AS sources",
        graph=graph,
    )
    found = {(row["head"], row["relation"], row["tail"]): row["sources"] for row in rows}
    assert len(found) == len(rows), "a fact is there twice"
    return found


def expected(sources: dict[str, list[Triple]]) -> dict[Fact, list[str]]:
    claims: dict[Fact, list[str]] = {}
    for name in sorted(sources):
        for fact in dict.fromkeys((t.head, t.relation, t.tail) for t in sources[name]):
            claims.setdefault(fact, []).append(name)
    return claims


def lanes_of(store: Store, graph: str) -> int:
    (row,) = store.rows("RETURN COUNT { MATCH (:Lane {graph: $graph}) } AS lanes", graph=graph)
    return int(row["lanes"])


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "BATCH", 40)


@pytest.fixture
def another(settings: Settings) -> Callable[..., LoadCounts]:
    """A load on a connection of its own."""

    def run(graph: str, triples: list[Triple], source: str) -> LoadCounts:
        assert settings.neo4j_uri is not None
        assert settings.neo4j_password is not None
        password = settings.neo4j_password.get_secret_value()
        with connect(settings.neo4j_uri, "neo4j", password) as own:
            return load(own, graph, [], triples, source=source)

    return run


def test_a_load_has_lanes_while_it_runs_and_leaves_none(store: Store, graph_name: str) -> None:
    seen: list[int] = []

    def source() -> Iterator[Triple]:
        yield from grid(0, 20)
        seen.append(lanes_of(store, graph_name))

    load(store, graph_name, [], source(), source="a")
    assert seen == [2]
    assert lanes_of(store, graph_name) == 0


@pytest.mark.parametrize("same_name", [False, True])
def test_a_load_that_comes_between_makes_no_fact_twice(
    store: Store, graph_name: str, another: Callable[..., LoadCounts], same_name: bool
) -> None:
    first, second = grid(0, 100), grid(50, 120)
    name = "a" if same_name else "b"
    others: list[LoadCounts] = []

    def source() -> Iterator[Triple]:
        facts = iter(first)
        yield from islice(facts, 250)
        # All that was read so far may still be under way.
        others.append(another(graph_name, second, name))
        assert lanes_of(store, graph_name) == 0
        yield from facts

    counts = load(store, graph_name, [], source(), source="a")
    claims = expected({"a": [*first, *second]} if same_name else {"a": first, "b": second})
    assert facts_of(store, graph_name) == claims
    assert counts.facts_created + others[0].facts_created == len(claims)
    assert counts.facts_created + counts.facts_unchanged == len(first)


def test_loads_at_once_of_the_same_facts_give_each_once(
    store: Store, graph_name: str, another: Callable[..., LoadCounts]
) -> None:
    sources = {
        "a": grid(0, 150),
        "b": grid(40, 190),
        "c": list(reversed(grid(0, 150))),
    }
    counts: list[LoadCounts] = []
    failures: list[BaseException] = []

    def work(name: str, triples: list[Triple]) -> None:
        try:
            counts.append(another(graph_name, triples, name))
        except BaseException as error:
            failures.append(error)

    # "c" twice: the same load begun by two people.
    begun = [*sources.items(), ("c", sources["c"])]
    threads = [threading.Thread(target=work, args=pair) for pair in begun]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert not failures, failures
    claims = expected(sources)
    assert facts_of(store, graph_name) == claims
    assert sum(c.facts_created for c in counts) == len(claims)
    assert lanes_of(store, graph_name) == 0


def test_facts_between_old_entities_are_looked_for(store: Store, graph_name: str) -> None:
    load(store, graph_name, [], grid(0, 50), source="a")
    counts = load(store, graph_name, [], grid(0, 60), source="b")
    assert facts_of(store, graph_name) == expected({"a": grid(0, 50), "b": grid(0, 60)})
    assert counts.facts_created == len(expected({"b": grid(0, 60)})) - len(
        expected({"a": grid(0, 50)})
    )


def test_what_comes_again_adds_its_properties_and_sources(store: Store, graph_name: str) -> None:
    triples = [
        Triple("a", "r", "b", properties={"weight": 1.0, "note": "first"}),
        Triple("a", "r", "b", source="inner", properties={"weight": 2.0}),
        Triple("a", "r", "b", properties={"weight": 3.0}),
    ]
    counts = load(store, graph_name, [], triples, source="t")
    assert (counts.facts_created, counts.facts_unchanged) == (1, 2)
    (row,) = store.rows(
        "MATCH (:Entity {graph: $graph})-[r]->() RETURN properties(r) AS fact", graph=graph_name
    )
    assert row["fact"].items() >= {"weight": 3.0, "note": "first"}.items()
    assert row["fact"]["sources"] == ["t", "t#inner"]
