"""Loading: counts, identity, literal names, two loads at once, and a load that was cut."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kgplatform.errors import InputError, StoreError
from kgplatform.graph.projection import snapshot_of_graph
from kgplatform.graph.snapshot import from_triples
from kgplatform.settings import Settings
from kgplatform.store import load as loading
from kgplatform.store.client import Store, connect
from kgplatform.store.load import load
from kgplatform.store.load_counts import LoadCounts
from kgplatform.store.stream import stream_graph
from kgplatform.triples import Entity, Split, Triple, fact_id

HOSTILE = [
    "back`tick",
    "``",
    "\\",
    "\\`",
    "\\u0060",
    "\\u0060) DETACH DELETE n //",
    "\\\\u0060",
    "\\u005cu0060",
    "$$relation$$",
    "$$label$$",
    "$relation",
    "$(name)",
    "`]->() MATCH (n) DETACH DELETE n //",
    "X {a: 1}]->(t) SET t.id = 'gone' //",
    "') RETURN 1; MATCH (n) DELETE n; //",
    "// comment",
    "/* comment */",
    "single ' quote",
    'double " quote',
    "a:b&c|d!e",
    "has space",
    "ÅÄÖ ß 漢字 العربية 🦉",
    "e\u0301 decomposed",
    "\u00e9 composed",
    "1starts_with_digit",
    "MATCH",
    "null",
    "%s {} {0}",
    "x" * 1000,
]


def ring(size: int = 30, start: int = 0) -> list[Triple]:
    """A ring with two relations and published splits."""
    triples = []
    for i in range(start, start + size):
        split: Split = "test" if i % 10 == 9 else "valid" if i % 10 == 8 else "train"
        triples.append(Triple(f"e{i}", "next", f"e{(i + 1) % (start + size)}", split))
        triples.append(Triple(f"e{i}", "skip", f"e{(i + 2) % (start + size)}", "train"))
    return triples


def nodes_of(store: Store, graph: str) -> list[dict[str, Any]]:
    return store.rows(
        "MATCH (e:Entity {graph: $graph}) RETURN e.id AS id, e.nid AS nid, e.name AS name, "
        "e.description AS description, labels(e) AS labels ORDER BY nid",
        graph=graph,
    )


def facts_of(store: Store, graph: str) -> list[dict[str, Any]]:
    return store.rows(
        "MATCH (h:Entity {graph: $graph})-[r]->(t) RETURN h.id AS head, type(r) AS relation, "
        "t.id AS tail, t.graph AS tail_graph, properties(r) AS properties",
        graph=graph,
    )


def count_everything(store: Store) -> tuple[int, int]:
    (row,) = store.rows(
        "RETURN COUNT { MATCH (n) } AS nodes, COUNT { MATCH ()-[r]->() } AS relationships"
    )
    return row["nodes"], row["relationships"]


def test_a_second_load_creates_nothing(
    store: Store, graph_name: str, digest: Callable[..., str]
) -> None:
    entities = [Entity("e0", "Zero", "The first.", ("Number",)), Entity("alone")]
    first = load(store, graph_name, entities, ring(), source="ring.tsv")
    assert (first.facts_created, first.facts_unchanged) == (60, 0)
    assert (first.entities_created, first.entities_described) == (31, 2)
    assert first.created == {"next": 30, "skip": 30}
    before = digest(store, ignoring={"version", "loaded"})
    second = load(store, graph_name, entities, ring(), source="ring.tsv")
    assert (second.facts_created, second.facts_unchanged) == (0, 60)
    assert (second.entities_created, second.entities_described) == (0, 2)
    assert second.hash == first.hash
    assert digest(store, ignoring={"version", "loaded"}) == before


def test_facts_carry_identity_split_and_source(store: Store, graph_name: str) -> None:
    load(store, graph_name, [], ring(), source="ring.tsv")
    found = facts_of(store, graph_name)
    triples = {Triple(f["head"], f["relation"], f["tail"], f["properties"]["split"]) for f in found}
    assert triples == set(ring())
    for fact in found:
        assert fact["properties"] == {
            "fact_id": fact_id(graph_name, fact["head"], fact["relation"], fact["tail"]),
            "split": fact["properties"]["split"],
            "sources": ["ring.tsv"],
        }
    assert all(node["name"] == node["id"] for node in nodes_of(store, graph_name))


def test_a_triple_that_comes_twice_is_one_fact(store: Store, graph_name: str) -> None:
    twice = [Triple("a", "r", "b"), Triple("a", "r", "b"), Triple("b", "r", "a")]
    counts = load(store, graph_name, [], twice, source="t")
    assert (counts.facts_created, counts.facts_unchanged) == (2, 1)
    assert len(facts_of(store, graph_name)) == 2


def test_entities_are_described_and_nothing_said_takes_nothing_away(
    store: Store, graph_name: str
) -> None:
    said = [
        Entity("curie", "Marie Curie", "Physicist and chemist.", ("Person", "Laureate")),
        Entity("isolated", "Alone"),
    ]
    load(store, graph_name, said, [Triple("curie", "BORN_IN", "warsaw")], source="t")
    load(store, graph_name, [Entity("curie", None, None, ("Chemist",))], [], source="t")
    by_id = {node["id"]: node for node in nodes_of(store, graph_name)}
    assert by_id["curie"]["name"] == "Marie Curie"
    assert by_id["curie"]["description"] == "Physicist and chemist."
    assert set(by_id["curie"]["labels"]) == {"Entity", "Person", "Laureate", "Chemist"}
    assert by_id["isolated"]["name"] == "Alone"
    assert by_id["warsaw"]["name"] == "warsaw"
    assert by_id["warsaw"]["labels"] == ["Entity"]


def test_two_graphs_share_ids_and_no_facts(store: Store, graph_name: str) -> None:
    other = graph_name + "-other"
    load(store, graph_name, [], ring(), source="t")
    load(store, other, [], [Triple("e0", "next", "e1", "train")], source="t")
    assert snapshot_of_graph(store, graph_name).digest == from_triples(ring()).digest
    assert len(facts_of(store, other)) == 1
    assert all(fact["tail_graph"] == graph_name for fact in facts_of(store, graph_name))


def test_a_triple_in_two_splits_is_reported_and_kept_once(store: Store, graph_name: str) -> None:
    leak = [
        Triple("a", "r", "b", "train"),
        Triple("b", "r", "c", "train"),
        Triple("a", "r", "b", "test"),
    ]
    counts = load(store, graph_name, [], leak, source="t")
    assert counts.num_conflicts == 1
    assert counts.conflicts == [Triple("a", "r", "b", "test")]
    assert (counts.facts_created, counts.facts_unchanged) == (2, 0)
    again = load(store, graph_name, [], [Triple("b", "r", "c", "valid")], source="t")
    assert again.conflicts == [Triple("b", "r", "c", "valid")]
    splits = {fact["head"]: fact["properties"]["split"] for fact in facts_of(store, graph_name)}
    assert splits == {"a": "train", "b": "train"}


def test_a_conflict_across_batches_is_found(
    store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 7)
    triples = [*ring(), Triple("e0", "next", "e1", "valid")]
    counts = load(store, graph_name, [], triples, source="t")
    assert (counts.facts_created, counts.num_conflicts) == (60, 1)
    assert len(facts_of(store, graph_name)) == 60


@pytest.mark.parametrize("split", [None, "train", "test"])
@pytest.mark.parametrize("stands", [None, "train"])
def test_a_fact_under_another_split_or_none_is_a_conflict(
    store: Store, graph_name: str, stands: Split | None, split: Split | None
) -> None:
    load(store, graph_name, [], [Triple("a", "r", "b", stands)], source="t")
    counts = load(store, graph_name, [], [Triple("a", "r", "b", split)], source="t")
    # A source without splits says nothing of them and contradicts nobody.
    differs = split is not None and split != stands
    assert (counts.num_conflicts, counts.facts_unchanged) == (int(differs), int(not differs))
    (fact,) = facts_of(store, graph_name)
    assert fact["properties"].get("split") == stands


def test_hostile_names_are_kept_literally_and_do_nothing(store: Store, graph_name: str) -> None:
    nodes, relationships = count_everything(store)
    triples = [Triple(name, name, f"to {name}"[:1000], "train") for name in HOSTILE]
    entities = [Entity(name, name, name, (name,)) for name in HOSTILE]
    counts = load(store, graph_name, entities, triples, source=HOSTILE[5])
    assert counts.facts_created == len(HOSTILE)
    found = facts_of(store, graph_name)
    assert Counter((f["head"], f["relation"], f["tail"]) for f in found) == Counter(
        (t.head, t.relation, t.tail) for t in triples
    )
    assert all(f["properties"]["sources"] == [HOSTILE[5]] for f in found)
    by_id = {node["id"]: node for node in nodes_of(store, graph_name)}
    for name in HOSTILE:
        assert set(by_id[name]["labels"]) == {"Entity", name}
        assert by_id[name]["name"] == by_id[name]["description"] == name
    # One record of the graph and the entities; nothing else came and nothing went.
    assert count_everything(store) == (
        nodes + 1 + counts.entities_created,
        relationships + len(HOSTILE),
    )
    exported = snapshot_of_graph(store, graph_name)
    assert exported.digest == from_triples(triples).digest
    assert load(store, graph_name, entities, triples, source="t").facts_created == 0


@pytest.mark.parametrize("name", [*HOSTILE[:21], "a/../b", "..", "ÅÄÖ 漢字"])
def test_hostile_graph_names_are_kept_literally(store: Store, graph_name: str, name: str) -> None:
    graph = f"{name} {graph_name}"
    nodes, relationships = count_everything(store)
    load(store, graph, [], [Triple("a", "r", "b")], source="t")
    assert count_everything(store) == (nodes + 3, relationships + 1)
    assert [node["id"] for node in nodes_of(store, graph)] == ["a", "b"]
    assert stream_graph(store, graph).relations == ["r"]


@pytest.mark.parametrize("graph", ["", "  ", "a\nb", "a\0b", "x" * 1001])
def test_a_name_that_is_none_is_refused(
    store: Store, graph: str, digest: Callable[..., str]
) -> None:
    before = digest(store)
    with pytest.raises(InputError, match="graph"):
        load(store, graph, [], [Triple("a", "r", "b")], source="t")
    assert digest(store) == before


def test_nid_is_dense_and_unique_with_two_loads_at_once(
    settings: Settings, store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 50)
    first, second = ring(400), ring(400)[300:] + ring(300, start=350)
    counts: dict[int, LoadCounts] = {}
    failures: list[BaseException] = []
    barrier = threading.Barrier(2)

    def work(number: int, triples: list[Triple]) -> None:
        try:
            assert settings.neo4j_uri is not None
            assert settings.neo4j_password is not None
            password = settings.neo4j_password.get_secret_value()
            with connect(settings.neo4j_uri, "neo4j", password) as own:
                barrier.wait(30)
                counts[number] = load(own, graph_name, [], triples, source=f"file {number}")
        except BaseException as error:
            failures.append(error)

    load(store, graph_name, [], [], source="nothing")
    threads = [threading.Thread(target=work, args=pair) for pair in enumerate((first, second))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures, failures
    together = {(t.head, t.relation, t.tail) for t in first + second}
    names = {name for head, _, tail in together for name in (head, tail)}
    nodes = nodes_of(store, graph_name)
    assert [node["nid"] for node in nodes] == list(range(len(names)))
    assert {node["id"] for node in nodes} == names
    found = [(f["head"], f["relation"], f["tail"]) for f in facts_of(store, graph_name)]
    assert len(found) == len(together)
    assert set(found) == together
    assert sum(c.facts_created for c in counts.values()) == len(together)
    assert sum(c.entities_created for c in counts.values()) == len(names)
    assert stream_graph(store, graph_name).head.size == len(together)


class CutError(Exception):
    """The source broke off."""


def cut_after(triples: list[Triple], taken: int) -> Iterator[Triple]:
    yield from triples[:taken]
    raise CutError


@pytest.mark.parametrize("taken", [0, 20, 47])
def test_a_cut_load_is_noticed_and_completed(
    store: Store, graph_name: str, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 10)
    with pytest.raises(CutError):
        load(store, graph_name, [], cut_after(ring(), taken), source="ring.tsv")
    assert len(facts_of(store, graph_name)) == taken // 10 * 10
    with pytest.raises(StoreError, match=r"ring\.tsv") as refused:
        stream_graph(store, graph_name)
    assert "again" in refused.value.hint
    counts = load(store, graph_name, [], ring(), source="ring.tsv")
    assert counts.facts_created == 60 - taken // 10 * 10
    assert snapshot_of_graph(store, graph_name).digest == from_triples(ring()).digest
    assert [node["nid"] for node in nodes_of(store, graph_name)] == list(range(30))


def test_another_load_that_ends_does_not_hide_the_cut_one(
    store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 10)
    with pytest.raises(CutError):
        load(store, graph_name, [], cut_after(ring(), 20), source="ring.tsv")
    load(store, graph_name, [], [Triple("a", "r", "b", "train")], source="other.tsv")
    with pytest.raises(StoreError, match=r"ring\.tsv"):
        stream_graph(store, graph_name)
    load(store, graph_name, [], ring(), source="ring.tsv")
    assert stream_graph(store, graph_name).head.size == 61


def test_rejects_are_counted_with_place_and_reason(kgp: Any, graph_name: str) -> None:
    Path("facts.tsv").write_text(
        "a\tr\tb\n"
        "only two\tfields\n"
        "a\t\tb\n"
        "a\tPREDICTED\tb\n"
        "\n"
        "b\tr\tc\ttrain\n"
        "b\tr\td\tsometime\n"
        "b\tr\tc\ttest\n"
    )
    ended = kgp("load", "facts.tsv", "--graph", graph_name, "--rejects", "bad.tsv", "--json")
    assert (
        ended.json.items()
        >= {
            "created": 2,
            "unchanged": 0,
            "rejected": 5,
            "conflicts": 1,
            "rejects_file": "bad.tsv",
            "entities_created": 3,
        }.items()
    )
    header, *rows = Path("bad.tsv").read_text().splitlines()
    assert header.split("\t") == ["file", "line", "reason", "row"]
    cells = [row.split("\t", 3) for row in rows]
    assert [cell[1] for cell in cells[:4]] == ["2", "3", "4", "7"]
    assert all(cell[0].endswith("facts.tsv") for cell in cells[:4])
    reasons = [cell[2] for cell in cells]
    for reason, word in zip(
        reasons, ("columns", "empty", "reserved", "sometime", "split"), strict=True
    ):
        assert word in reason
    assert cells[4][3] == "b\tr\tc\ttest"
    second = kgp("load", "facts.tsv", "--graph", graph_name, "--rejects", "bad.tsv", "--json")
    assert (second.json["created"], second.json["unchanged"]) == (0, 2)
    Path("good.tsv").write_text("a\tr\tb\n")
    good = kgp("load", "good.tsv", "--graph", graph_name, "--rejects", "bad.tsv", "--json")
    assert (good.json["rejected"], good.json["rejects_file"]) == (0, None)
    assert not Path("bad.tsv").exists()


def test_training_refuses_a_graph_whose_load_was_cut(
    kgp: Any, store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 10)
    with pytest.raises(CutError):
        load(store, graph_name, [], cut_after(ring(), 20), source="ring.tsv")
    ended = kgp("train", "distmult", "--graph", graph_name)
    assert ended.code == 1
    assert "ring.tsv" in ended.err
    assert not Path("runs").exists()


def test_a_dry_run_of_a_load_changes_nothing(
    kgp: Any, store: Store, graph_name: str, digest: Callable[..., str]
) -> None:
    Path("facts.tsv").write_text("a\tr\tb\nb\tr\tc\nbad\n")
    before = digest(store)
    ended = kgp("load", "facts.tsv", "--graph", graph_name, "--dry-run", "--json")
    assert ended.json.items() >= {"triples": 2, "rejected": 1, "dry_run": True}.items()
    assert digest(store) == before


def test_lists_of_numbers_keep_their_order_and_repeats(store: Store, graph_name: str) -> None:
    """They are vectors; lists of texts are sets, joined from all that say something."""
    said = [
        Entity("a", properties={"vector": [3.0, 1.0, 1.0], "tags": ["b", "a", "b"]}),
        Entity("a", properties={"tags": ["c"]}),
        Entity("b", properties={"vector": [0.5, -1.0, 0.5]}),
        Entity("b", properties={"vector": [2.0, 2.0, 1.0]}),
    ]
    for _ in range(2):
        load(store, graph_name, said, [], source="t")
        rows = store.rows(
            "MATCH (e:Entity {graph: $graph}) RETURN e.vector AS vector, e.tags AS tags "
            "ORDER BY e.id",
            graph=graph_name,
        )
        assert rows == [
            {"vector": [3.0, 1.0, 1.0], "tags": ["a", "b", "c"]},
            {"vector": [2.0, 2.0, 1.0], "tags": None},
        ]
