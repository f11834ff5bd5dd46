"""Several sources of one graph: claims, replacement, properties, records, and removal."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from kgplatform.errors import InputError, TooLargeError
from kgplatform.graph.projection import snapshot_of_graph
from kgplatform.graph.snapshot import from_triples
from kgplatform.store import load as loading
from kgplatform.store.client import Store, Transaction
from kgplatform.store.load import load
from kgplatform.store.load_counts import record_load
from kgplatform.store.remove import planned_removal, remove_graph
from kgplatform.store.stream import stream_graph
from kgplatform.triples import Entity, Triple, Value

A = [Triple("a", "r", "b"), Triple("b", "r", "c")]
B = [Triple("b", "r", "c"), Triple("c", "s", "d")]

Content = tuple[dict[tuple[str, str, str], list[str]], dict[str, dict[str, Any]]]


def content(store: Store, graph: str) -> Content:
    """All facts with their sources, all entities with all but the number that a load gives."""
    facts = {
        (row["head"], row["relation"], row["tail"]): row["sources"]
        for row in store.rows(
            "MATCH (h:Entity {graph: $graph})-[r]->(t) RETURN h.id AS head, type(r) AS relation, "
            "t.id AS tail, r.sources AS sources",
            graph=graph,
        )
    }
    entities = {
        row["properties"].pop("id"): row["properties"]
        | {"labels": sorted(row["labels"]), "nid": None, "graph": None}
        for row in store.rows(
            "MATCH (e:Entity {graph: $graph}) RETURN properties(e) AS properties, "
            "labels(e) AS labels",
            graph=graph,
        )
    }
    return facts, entities


def test_a_fact_of_two_sources_is_one_that_carries_both(store: Store, graph_name: str) -> None:
    load(store, graph_name, [], A, source="z.tsv")
    counts = load(store, graph_name, [], B, source="b.tsv")
    assert (counts.facts_created, counts.facts_unchanged) == (1, 1)
    facts, entities = content(store, graph_name)
    assert facts == {
        ("a", "r", "b"): ["z.tsv"],
        ("b", "r", "c"): ["b.tsv", "z.tsv"],
        ("c", "s", "d"): ["b.tsv"],
    }
    claims = {name: properties["sources"] for name, properties in entities.items()}
    assert claims == {
        "a": ["z.tsv"],
        "b": ["b.tsv", "z.tsv"],
        "c": ["b.tsv", "z.tsv"],
        "d": ["b.tsv"],
    }


def test_a_named_graph_is_a_source_of_its_own(store: Store, graph_name: str) -> None:
    told = [Triple("a", "r", "b", source="ex:one"), Triple("a", "r", "b", source="ex:two")]
    load(store, graph_name, [], told[:1], source="dump.nq")
    load(store, graph_name, [], told, source="dump.nq")
    facts, _ = content(store, graph_name)
    assert facts == {("a", "r", "b"): ["dump.nq#ex:one", "dump.nq#ex:two"]}
    load(store, graph_name, [], [Triple("a", "r", "c")], source="dump.nq", replace=True)
    facts, _ = content(store, graph_name)
    assert facts == {("a", "r", "c"): ["dump.nq"]}


def test_replacing_removes_what_only_this_source_had(store: Store, graph_name: str) -> None:
    load(store, graph_name, [], A, source="a.tsv")
    load(store, graph_name, [], B, source="b.tsv")
    counts = load(store, graph_name, [], [Triple("a", "r", "x")], source="a.tsv", replace=True)
    assert (counts.facts_created, counts.facts_removed) == (1, 1)
    facts, entities = content(store, graph_name)
    assert facts == {
        ("a", "r", "x"): ["a.tsv"],
        ("b", "r", "c"): ["b.tsv"],
        ("c", "s", "d"): ["b.tsv"],
    }
    assert set(entities) == {"a", "b", "c", "d", "x"}
    assert entities["b"]["sources"] == ["b.tsv"]
    counts = load(store, graph_name, [], [], source="b.tsv", replace=True)
    assert (counts.facts_removed, counts.entities_removed) == (2, 3)
    facts, entities = content(store, graph_name)
    assert facts == {("a", "r", "x"): ["a.tsv"]}
    assert set(entities) == {"a", "x"}
    assert stream_graph(store, graph_name).head.size == 1


def test_replacing_takes_back_what_the_source_said_of_entities(
    store: Store, graph_name: str
) -> None:
    first = [Entity("a", "Ann", "A person.", ("Person",), {"age": 3, "tags": ["x", "y"]})]
    load(store, graph_name, first, A, source="a.tsv")
    store.run(
        "MERGE (:EmbeddingSet {name: $graph, property: 'vector_of_a_run'}) "
        "WITH 1 AS one MATCH (e:Entity {graph: $graph, id: 'a'}) SET e.vector_of_a_run = [1.0]",
        graph=graph_name,
    )
    load(store, graph_name, [Entity("a", "Anna")], A, source="a.tsv", replace=True)
    _, entities = content(store, graph_name)
    assert entities["a"] == {
        "name": "Anna",
        "sources": ["a.tsv"],
        "vector_of_a_run": [1.0],
        "labels": ["Entity"],
        "nid": None,
        "graph": None,
    }


def test_predicted_links_go_with_an_entity_and_do_not_keep_it(
    store: Store, graph_name: str
) -> None:
    load(store, graph_name, [], A, source="a.tsv")
    store.run(
        "MATCH (a:Entity {graph: $graph, id: 'a'}), (c:Entity {graph: $graph, id: 'c'}) "
        "CREATE (a)-[:PREDICTED {relation: 'r'}]->(c)",
        graph=graph_name,
    )
    load(store, graph_name, [], [Triple("b", "r", "c")], source="a.tsv", replace=True)
    facts, entities = content(store, graph_name)
    assert facts == {("b", "r", "c"): ["a.tsv"]}
    assert set(entities) == {"b", "c"}


def test_properties_of_entities_and_facts(
    store: Store, graph_name: str, digest: Callable[..., str]
) -> None:
    entities = [
        Entity("a", properties={"age": 3, "tags": ["y"]}),
        Entity("b"),
        Entity("a", properties={"age": 4, "tags": ["x", "y"], "$name`": "odd"}),
    ]
    triples = [Triple("a", "r", "b", properties={"weight": 0.5}), Triple("b", "r", "a")]
    load(store, graph_name, entities, triples, source="t")
    _, found = content(store, graph_name)
    assert (found["a"]["age"], found["a"]["tags"], found["a"]["$name`"]) == (4, ["x", "y"], "odd")
    (row,) = store.rows(
        "MATCH (:Entity {graph: $graph})-[r {weight: 0.5}]->(t) RETURN t.id AS tail",
        graph=graph_name,
    )
    assert row["tail"] == "b"
    before = digest(store, ignoring={"version", "loaded"})
    load(store, graph_name, entities, triples, source="t")
    assert digest(store, ignoring={"version", "loaded"}) == before


def test_an_entity_that_is_removed_while_a_load_is_under_way_is_made_again(
    store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 2)

    def source() -> Iterator[Triple]:
        yield from (Triple("a", "r", "b"), Triple("b", "r", "c"))
        yield from (Triple("c", "r", "d"), Triple("d", "r", "e"))
        # Read while the second batch is written, so the first one is there.
        store.run("MATCH (e:Entity {graph: $graph, id: 'a'}) DETACH DELETE e", graph=graph_name)
        yield from (Triple("a", "s", "c"), Triple("e", "s", "a"))

    counts = load(store, graph_name, [], source(), source="t")
    assert (counts.facts_created, counts.entities_created) == (6, 6)
    facts, entities = content(store, graph_name)
    assert set(entities) == {"a", "b", "c", "d", "e"}
    assert {(head, tail) for head, relation, tail in facts if relation == "s"} == {
        ("a", "c"),
        ("e", "a"),
    }


def test_a_batch_that_is_too_large_is_halved_and_counted_once(
    store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Store.write
    refused: list[object] = []

    def small_server(self: Store, work: Callable[[Transaction], Any]) -> Any:
        # The first batch of facts; begin_load, which comes before it, is a write as well.
        if work.__qualname__.startswith("Lanes.write") and not refused:
            refused.append(work)
            raise TooLargeError("no room")
        return write(self, work)

    monkeypatch.setattr(Store, "write", small_server)
    twice = [*A, A[0], A[0]]
    counts = load(store, graph_name, [], twice, source="t")
    assert len(refused) == 1
    assert (counts.facts_created, counts.facts_unchanged) == (2, 2)


def test_a_finished_load_has_a_record(store: Store, graph_name: str) -> None:
    for _ in range(2):
        counts = load(store, graph_name, [], A, source="a.tsv")
        record_load(store, graph_name, "a.tsv", counts, {"format": "table", "rejected": 7})
    (row,) = store.rows("MATCH (l:Load {graph: $graph}) RETURN l", graph=graph_name)
    assert (
        row["l"].items()
        >= {
            "source": "a.tsv",
            "hash": counts.hash,
            "created": 0,
            "unchanged": 2,
            "rejected": 7,
            "format": "table",
        }.items()
    )
    assert len(counts.hash) == 64
    assert row["l"]["seconds"] > 0


def test_a_removed_graph_leaves_nothing_and_others_stay(
    store: Store, graph_name: str, digest: Callable[..., str]
) -> None:
    load(store, f"{graph_name}-other", [], B, source="b.tsv")
    before = digest(store)
    counts = load(store, graph_name, [Entity("alone")], A, source="a.tsv")
    record_load(store, graph_name, "a.tsv", counts, {})
    planned = planned_removal(store, graph_name)
    assert planned == {"entities": 4, "facts": 2, "documents": 0}
    assert remove_graph(store, graph_name) == planned
    assert digest(store) == before
    with pytest.raises(InputError, match="no graph") as refused:
        remove_graph(store, graph_name)
    assert f"{graph_name}-other" in refused.value.hint


def triples_of(name: st.SearchStrategy[str], least: int) -> st.SearchStrategy[list[Triple]]:
    # Of a named tuple all fields are drawn that are not named.
    other = dict.fromkeys(("split", "source", "properties"), st.none())
    triple = st.builds(Triple, head=name, relation=name, tail=name, **other)
    return st.lists(triple, min_size=least, max_size=12)


# Any text but control characters and halves of surrogate pairs; none that only looks empty.
any_name = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1)
few_names = st.sampled_from(["a", "b", "`", "ß", "a b"])


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(triples=triples_of(any_name, least=1))
def test_whatever_is_loaded_comes_out_again(store: Store, triples: list[Triple]) -> None:
    graph = "any triples"
    counts = load(store, graph, [], triples, source="t", replace=True)
    assert counts.facts_created + counts.facts_unchanged == len(triples)
    assert snapshot_of_graph(store, graph).digest == from_triples(triples).digest


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    contents=st.lists(triples_of(few_names, least=0), min_size=3, max_size=3),
    old=st.lists(triples_of(few_names, least=0), min_size=3, max_size=3),
    order=st.permutations([0, 1, 2, 0, 1, 2]),
)
def test_any_order_of_loads_and_replacements_gives_the_same_graph(
    store: Store, contents: list[list[Triple]], old: list[list[Triple]], order: list[int]
) -> None:
    straight, shuffled = "straight", "shuffled"
    for graph in (straight, shuffled):
        load(store, graph, [], [], source="any")
        remove_graph(store, graph)
    for source, triples in enumerate(contents):
        load(store, straight, [], triples, source=f"s{source}")
    met: set[int] = set()
    for source in order:
        # The first time an older content, then the present one in its place.
        triples = contents[source] if source in met else old[source]
        load(store, shuffled, [], triples, source=f"s{source}", replace=source in met)
        met.add(source)
    assert content(store, shuffled) == content(store, straight)


def test_the_command_removes_a_graph(kgp: Any, store: Store, graph_name: str) -> None:
    Path("facts.tsv").write_text("a\tr\tb\n")
    loaded = kgp("load", "facts.tsv", "--graph", graph_name, "--json").json
    assert loaded["relations"] == {"r": {"created": 1, "unchanged": 0, "rejected": 0}}
    assert loaded["format"] == "table"
    told = kgp("rm", "--graph", graph_name, "--dry-run")
    assert "1 facts would be removed" in told.out or "1 facts" in told.out
    assert stream_graph(store, graph_name).head.size == 1
    assert kgp("rm", "--graph", graph_name, "--json").json["facts"] == 1
    gone = kgp("rm", "--graph", graph_name)
    assert gone.code == 1
    assert "no graph" in gone.err


def test_strict_stops_at_the_first_reject(kgp: Any, graph_name: str) -> None:
    Path("facts.tsv").write_text("a\tr\tb\nbad\nb\tr\tc\n")
    ended = kgp("load", "facts.tsv", "--graph", graph_name, "--strict")
    assert ended.code == 1
    assert "line 2" in ended.err
    assert "Traceback" not in ended.err


def test_zones_of_dates_and_times_arrive(store: Store, graph_name: str) -> None:
    paris, east = ZoneInfo("Europe/Paris"), dt.timezone(dt.timedelta(hours=3, minutes=30))
    properties: dict[str, Value] = {
        "summer": dt.datetime(2020, 7, 1, 1, 2, 3, 4, tzinfo=paris),
        # The hour that comes twice, the second time.
        "autumn": dt.datetime(2020, 10, 25, 2, 30, tzinfo=paris, fold=1),
        "offset": dt.datetime(2020, 7, 1, 1, 2, 3, tzinfo=east),
        "time": dt.time(1, 2, 3, tzinfo=east),
        "list": [dt.time(1, tzinfo=dt.UTC), dt.time(2, tzinfo=dt.UTC)],
    }
    # Enough of them for the memory behind a date of the driver's to be something else.
    entities = [Entity(f"e{i}", properties=properties) for i in range(300)]
    load(store, graph_name, entities, [Triple("a", "r", "b", properties=properties)], source="t")
    expected = {
        "summer": "2020-07-01T01:02:03.000004+02:00[Europe/Paris]",
        "autumn": "2020-10-25T02:30:00+01:00[Europe/Paris]",
        "offset": "2020-07-01T01:02:03+03:30",
        "time": "01:02:03+03:30",
        "list": "01:00Z",
    }
    rows = store.rows(
        "MATCH (e:Entity {graph: $graph}) WHERE e.summer IS NOT NULL RETURN e AS it "
        "UNION ALL MATCH (:Entity {graph: $graph})-[e]->() RETURN e AS it",
        graph=graph_name,
    )
    assert len(rows) == 301
    told = store.rows(
        "MATCH (e:Entity {graph: $graph}) OPTIONAL MATCH (e)-[r]->() WITH coalesce(r, e) AS it "
        "WHERE it.summer IS NOT NULL "
        "RETURN DISTINCT toString(it.summer) AS summer, toString(it.autumn) AS autumn, "
        "toString(it.offset) AS offset, toString(it.time) AS time, toString(it.list[0]) AS list",
        graph=graph_name,
    )
    assert [row | {"list": row["list"].replace(":00:00", ":00")} for row in told] == [expected]
