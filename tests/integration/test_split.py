"""``kgp split``: the split in the database is the one that was computed, and training takes it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgplatform.errors import InputError, StoreError
from kgplatform.graph.projection import snapshot_of_graph
from kgplatform.graph.split import ensure_split
from kgplatform.store import splits
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.splits import read_facts, write_splits
from kgplatform.triples import SPLITS, Triple

Kgp = Callable[..., Any]
Digest = Callable[..., str]

SPLIT_OF = """
MATCH (h:Entity {graph: $graph})-[r:!PREDICTED]->(t:Entity {graph: $graph})
RETURN h.id AS head, type(r) AS relation, t.id AS tail, r.split AS split
"""


def triples(given: bool = False) -> list[Triple]:
    generator = np.random.default_rng(0)
    keys = generator.choice(30 * 30 * 2, 400, replace=False).tolist()
    return [
        Triple(
            f"e{k // 60}",
            ("likes", "has `x`")[k % 2],
            f"e{k // 2 % 30}",
            SPLITS[k % 3] if given else None,
            properties={"since": int(k % 97)},
        )
        for k in keys
    ]


def in_database(store: Store, graph: str) -> dict[tuple[str, str, str], str | None]:
    rows = store.rows(SPLIT_OF, graph=graph)
    return {(row["head"], row["relation"], row["tail"]): row["split"] for row in rows}


def expected(store: Store, graph: str, **options: Any) -> dict[tuple[str, str, str], str]:
    snapshot = ensure_split(snapshot_of_graph(store, graph), **options)
    names, relations = snapshot.entities, snapshot.relations
    return {
        (names[head], relations[relation], names[tail]): SPLITS[code]
        for (head, relation, tail), code in zip(
            snapshot.triples().tolist(), snapshot.split.tolist(), strict=True
        )
    }


@pytest.mark.parametrize("by", ["random", "relation", "inductive"])
def test_the_database_holds_the_split_that_is_computed(
    store: Store, kgp: Kgp, graph_name: str, by: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "FACTS_A_BATCH", 150)
    monkeypatch.setattr(splits, "BLOCK", 7)
    load(store, graph_name, [], triples(), source="t")
    load(store, f"{graph_name}-other", [], [Triple("a", "r", "b")], source="t")
    store.run(
        "MATCH (a:Entity {graph: $graph, id: 'e1'}), (b:Entity {graph: $other}) "
        "MERGE (a)-[:SAME_AS]->(b)",
        graph=graph_name,
        other=f"{graph_name}-other",
    )
    wanted = expected(store, graph_name, seed=3, by=by)
    args = ("split", "--graph", graph_name, "--by", by, "--seed", 3)
    dry = kgp(*args, "--dry-run", "--json").json
    assert set(in_database(store, graph_name).values()) == {None}
    assert "SET r.given_split" in "".join(dry["statements"])
    done = kgp(*args, "--json").json
    assert in_database(store, graph_name) == wanted
    assert done["written"] == len(wanted) == 400
    assert {name: done[name] for name in SPLITS} == dict(Counter(wanted.values()))
    assert {name: dry[name] for name in SPLITS} == {name: done[name] for name in SPLITS}
    assert done["leaking_pairs"] == 0
    # Links to other graphs are none of its facts.
    assert store.rows("MATCH ()-[r:SAME_AS]->() RETURN count(r.split) AS n")[0]["n"] == 0


def test_training_takes_it_and_the_same_seed_repeats_it(
    store: Store, kgp: Kgp, graph_name: str
) -> None:
    load(store, graph_name, [], triples(), source="t")
    before = snapshot_of_graph(store, graph_name).digest
    kgp("split", "--graph", graph_name, "--seed", 5)
    first = in_database(store, graph_name)
    snapshot = snapshot_of_graph(store, graph_name)
    assert snapshot.digest != before
    assert ensure_split(snapshot, seed=99) is snapshot
    trained = kgp(
        "train", "transe", "--graph", graph_name, "--set", "epochs=1", "--set", "seed=1", "--json"
    ).json
    assert trained["metrics"]["test"]["count"] == 2 * Counter(first.values())["test"]
    kgp("split", "--graph", graph_name, "--seed", 6)
    assert in_database(store, graph_name) != first
    kgp("split", "--graph", graph_name, "--seed", 5)
    assert in_database(store, graph_name) == first
    # The source loaded again: nothing is a conflict, and new facts have no split.
    again = load(store, graph_name, [], [*triples(), Triple("e1", "new", "e2")], source="t")
    assert again.num_conflicts == 0
    assert in_database(store, graph_name)["e1", "new", "e2"] is None


def test_clear_gives_back_what_the_source_said(
    store: Store, kgp: Kgp, graph_name: str, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "HEADS_A_BATCH", 7)
    load(store, graph_name, [], [*triples(given=True), Triple("e1", "new", "e2")], source="t")
    version = ("version", "loaded")
    before, was = digest(store, version), in_database(store, graph_name)
    kgp("split", "--graph", graph_name, "--by", "time", "--time", "since")
    kgp("split", "--graph", graph_name, "--by", "random")
    assert in_database(store, graph_name) != was
    record = "MATCH (g:KnowledgeGraph {name: $graph}) RETURN g.split_by AS by, g.split_seed AS seed"
    assert store.rows(record, graph=graph_name) == [{"by": "random", "seed": 0}]
    kgp("split", "--graph", graph_name, "--by", "given")
    assert in_database(store, graph_name) == {**was, ("e1", "new", "e2"): "train"}
    assert kgp("split", "--graph", graph_name, "--clear", "--json").json["cleared"] == 401
    assert in_database(store, graph_name) == was
    assert digest(store, version) == before


def test_the_latest_facts_are_the_test(store: Store, kgp: Kgp, graph_name: str) -> None:
    load(store, graph_name, [], triples(), source="t")
    for value in ("r.since", "date({year: 1900 + r.since})", "datetime({year: 1900 + r.since})"):
        store.run(f"MATCH (:Entity {{graph: $graph}})-[r]->() SET r.at = {value}", graph=graph_name)
        kgp("split", "--graph", graph_name, "--by", "time", "--time", "at", "--json")
        rows = store.rows(
            "MATCH (:Entity {graph: $graph})-[r]->() "
            "RETURN r.split AS split, avg(r.since) AS mean ORDER BY mean",
            graph=graph_name,
        )
        assert [row["split"] for row in rows] == list(SPLITS)
    store.run("MATCH (:Entity {graph: $graph, id: 'e1'})-[r]->() SET r.at = 5", graph=graph_name)
    with pytest.raises(InputError, match="dates on others"):
        read_facts(store, graph_name, "at")
    with pytest.raises(InputError, match="no value"):
        read_facts(store, graph_name, "never")


def test_a_chronological_split_divides_past_from_future(
    store: Store, kgp: Kgp, graph_name: str
) -> None:
    load(store, graph_name, [], triples(), source="t")
    args = ("split", "--graph", graph_name, "--time", "since", "--json", "--by")
    told = kgp(*args, "chronological").json
    rows = store.rows(
        "MATCH (:Entity {graph: $graph})-[r]->() RETURN r.split AS split, min(r.since) AS first, "
        "max(r.since) AS last, count(*) AS facts ORDER BY first",
        graph=graph_name,
    )
    assert [row["split"] for row in rows] == list(SPLITS)
    assert rows[0]["last"] < rows[1]["first"] <= rows[1]["last"] < rows[2]["first"]
    assert all(30 < row["facts"] <= 40 for row in rows[1:])
    assert (told["overlap"]["train_after"], told["overlap"]["held_before"]) == (0, 0)
    # Pairs that are met again are part of the task, and counted.
    assert told["leaking_pairs"] > 0
    by_pair = kgp(*args, "time").json
    assert by_pair["leaking_pairs"] == 0
    assert by_pair["overlap"]["held_before"] > 0


def test_a_graph_that_changed_is_refused_and_a_cut_split_is_completed(
    store: Store, kgp: Kgp, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, graph_name, [], triples(), source="t")
    facts = read_facts(store, graph_name)
    load(store, graph_name, [], [Triple("e1", "new", "e2")], source="u")
    with pytest.raises(StoreError, match="changed"):
        write_splits(store, facts, np.zeros(400, dtype=np.int64), {})
    assert set(in_database(store, graph_name).values()) == {None}
    facts = read_facts(store, graph_name)
    store.run("MATCH (:Entity {graph: $graph, id: 'e1'})-[r:new]->() DELETE r", graph=graph_name)
    with pytest.raises(StoreError, match="changed"):
        write_splits(store, facts, np.zeros(401, dtype=np.int64), {})
    with pytest.raises(StoreError, match="kgp split"):
        snapshot_of_graph(store, graph_name)
    kgp("split", "--graph", graph_name)
    assert None not in in_database(store, graph_name).values()
    assert snapshot_of_graph(store, graph_name).num_edges == 400


def test_wrong_usage(kgp: Kgp, graph_name: str, tmp_path: Path) -> None:
    for args, code in (
        (("--by", "time"), 2),
        (("--by", "chronological"), 2),
        (("--time", "since"), 2),
        (("--clear", "--dry-run"), 2),
        (("--by", "sometimes"), 2),
        ((), 1),
    ):
        ended = kgp("split", "--graph", graph_name, *args)
        assert ended.code == code, args
        assert ended.err
