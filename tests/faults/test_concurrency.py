"""Several at once on one graph: exact counts, nothing twice, and no deadlock that a user sees."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from campaign import counted, drawn, points
from connected import connected
from extraction_stages import stages, texts_source

from kgplatform.errors import GraphChangingError, InputError, StoreError
from kgplatform.facts.pipeline import extract_documents
from kgplatform.facts.review import decide
from kgplatform.progress import Progress
from kgplatform.settings import Settings
from kgplatform.store import extractions, splits
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.remove import remove_graph
from kgplatform.store.review import read_decisions
from kgplatform.store.search import similar
from kgplatform.store.undo import undo
from kgplatform.store.writeback import Target, write_vectors
from kgplatform.triples import Triple, fact_id

KEYS = [f"e{i}" for i in range(40)]
Work = Callable[[Store], Any]
Together = Callable[..., list[Any]]


@pytest.fixture
def together(settings: Settings) -> Together:
    """Do works at once, each on a connection of its own; what each gave, or its error."""

    def run(*works: Work) -> list[Any]:
        given: list[Any] = [None] * len(works)
        begun = threading.Barrier(len(works))

        def do(place: int, work: Work) -> None:
            with connected(settings) as own:
                begun.wait(60)
                try:
                    given[place] = work(own)
                except Exception as error:
                    given[place] = error

        threads = [threading.Thread(target=do, args=each) for each in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
            assert not thread.is_alive()
        return given

    return run


def _facts(store: Store, graph: str) -> Counter[tuple[str, ...]]:
    rows = store.rows(
        "MATCH (h:Entity {graph: $graph})-[r:!PREDICTED]->(t:Entity) "
        "RETURN h.id AS h, type(r) AS r, t.id AS t, r.sources AS sources",
        graph=graph,
    )
    return Counter((row["h"], row["r"], row["t"], *row["sources"]) for row in rows)


def test_overlapping_loads_and_replacements_are_exact(
    store: Store, graph_name: str, together: Together
) -> None:
    random = drawn("loads")
    rounds = points(3, 100)
    for turn in range(rounds):
        graph = f"{graph_name}-{turn}"
        sources = {
            name: [
                Triple(f"e{random.randrange(30)}", "r", f"e{random.randrange(30)}")
                for _ in range(200)
            ]
            for name in ("a", "b", "c")
        }
        works = [
            lambda own, graph=graph, name=name, triples=triples: load(
                own, graph, [], triples, source=name, replace=name == "c"
            )
            for name, triples in sources.items()
        ]
        counts = together(*works)
        assert not [each for each in counts if isinstance(each, Exception)]
        claims: dict[tuple[str, str, str], list[str]] = {}
        for name, triples in sources.items():
            for fact in dict.fromkeys((t.head, t.relation, t.tail) for t in triples):
                claims.setdefault(fact, []).append(name)
        assert _facts(store, graph) == Counter((*fact, *names) for fact, names in claims.items())
        assert sum(each.facts_created for each in counts) == len(claims)
        remove_graph(store, graph)
    counted(
        "concurrency",
        "three loads of overlapping data at once, one of them a replacement",
        rounds, survived=rounds, lost=0, doubled=0,
    )  # fmt: skip


def test_the_same_run_written_and_undone_twice_at_once(
    store: Store, target: Target, graph_name: str, together: Together
) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    rounds = points(2, 50)
    for turn in range(rounds):
        run = f"r{turn}-{graph_name}"

        def write(own: Store, run: str = run) -> dict[str, Any]:
            return write_vectors(own, run, {}, target, KEYS, vectors)

        given = together(write, write)
        assert [each["written"] for each in given] == [40, 40], given
        rows = store.rows("MATCH (s:EmbeddingSet {graph: $g}) RETURN s.active AS a", g=graph_name)
        assert [row["a"] for row in rows] == [True]
        undone = together(*(lambda own, run=run: undo(own, run) for _ in range(2)))
        refused = [each for each in undone if isinstance(each, Exception)]
        # Whoever comes when all is gone is told so; nobody sees that they have met.
        assert all(isinstance(each, InputError) for each in refused), refused
        assert len(refused) < 2
        assert store.rows("MATCH (n:Run|EmbeddingSet) WHERE n.id = $r RETURN n", r=run) == []
        (row,) = store.rows(
            "MATCH (e:Entity {graph: $g}) RETURN sum(size([k IN keys(e) "
            "WHERE k STARTS WITH 'embedding_'])) AS left",
            g=graph_name,
        )
        assert row["left"] == 0
    counted(
        "concurrency", "one run written twice at once, then undone twice at once", 2 * rounds,
        survived=2 * rounds, lost=0, doubled=0,
    )  # fmt: skip


def test_one_candidate_decided_twice_at_once(
    store: Store, graph_name: str, together: Together
) -> None:
    texts = texts_source({"a": "Ada borders Bela."})
    extract_documents(
        store, graph_name, texts, stages(store, graph_name), on_reject=lambda reject: None
    )
    fact = ("text:Ada", "BORDERS", "text:Bela")
    key = fact_id(graph_name, *fact)
    rounds = points(3, 100)
    for _ in range(rounds):
        given = together(
            *(
                lambda own, status=status: decide(own, graph_name, [key], status, by=status)
                for status in ("accepted", "rejected", "accepted")
            )
        )
        assert not [each for each in given if isinstance(each, Exception)], given
        (decision,) = read_decisions(store, graph_name)
        (candidate,) = store.rows(
            "MATCH (c:Candidate {graph: $g}) RETURN c.status AS status", g=graph_name
        )
        assert candidate["status"] == decision["status"] == decision["by"]
        there = Counter({(*fact, "llm"): 1}) if decision["status"] == "accepted" else Counter()
        facts = {each: n for each, n in _facts(store, graph_name).items() if each[1] == "BORDERS"}
        assert Counter(facts) == there
    counted(
        "concurrency", "three reviews of one candidate at once", rounds,
        survived=rounds, lost=0, doubled=0,
    )  # fmt: skip


def test_a_load_and_a_removal_at_once_leave_a_graph_or_say_so(
    store: Store, graph_name: str, together: Together
) -> None:
    triples = [Triple(f"e{i}", "next", f"e{(i + 1) % 40}") for i in range(40)]
    expected = Counter((t.head, t.relation, t.tail, "ring") for t in triples)
    rounds = points(3, 50)
    told = Counter[str]()
    for turn in range(rounds):
        graph = f"{graph_name}-{turn}"
        load(store, graph, [], triples, source="ring")
        given = together(
            lambda own, graph=graph: load(own, graph, [], triples, source="ring"),
            lambda own, graph=graph: remove_graph(own, graph),
        )
        failed = [each for each in given if isinstance(each, Exception)]
        assert all(isinstance(each, (StoreError, InputError)) for each in failed), failed
        assert not any("busy" in str(each) for each in failed), failed
        told["said so" if failed else "survived"] += 1
        # The load again makes it whole, whatever was left.
        load(store, graph, [], triples, source="ring")
        assert _facts(store, graph) == expected
        remove_graph(store, graph)
        assert store.rows("MATCH (n {graph: $g}) RETURN n", g=graph) == []
    counted("concurrency", "a load and kgp rm of its graph at once", rounds, **{
        "survived": told["survived"], "refused and whole after a repeat": told["said so"],
        "lost": 0, "doubled": 0,
    })  # fmt: skip


def test_searches_see_the_old_set_or_the_new_one(
    store: Store, target: Target, graph_name: str, settings: Settings
) -> None:
    sets = [
        np.random.default_rng(seed).normal(size=(40, 8)).astype(np.float32) for seed in range(2)
    ]

    def nearest(vectors: np.ndarray) -> list[str]:
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        order = np.argsort(-(unit @ unit[0])).tolist()
        return [KEYS[i] for i in order if i][:5]

    valid = [nearest(each) for each in sets]
    assert valid[0] != valid[1]
    old, new = f"old-{graph_name}", f"new-{graph_name}"
    write_vectors(store, old, {}, target, KEYS, sets[0])
    ended = threading.Event()
    seen: Counter[int] = Counter()
    wrong: list[object] = []

    def search() -> None:
        with connected(settings) as own:
            while not ended.is_set():
                try:
                    found = [hit.id for hit in similar(own, graph_name, "e0", 5)]
                    seen[valid.index(found)] += 1
                except Exception as error:
                    wrong.append(error)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    rounds = points(2, 50)
    try:
        for _ in range(rounds):
            write_vectors(store, new, {}, target, KEYS, sets[1])
            undo(store, new)
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
    assert wrong == []
    assert seen[0]
    counted(
        "concurrency", "a write-back and its undo while two clients search", rounds,
        survived=rounds, searches=seen.total(), mixtures=0,
    )  # fmt: skip


def test_a_split_of_a_graph_that_was_removed_says_so_and_makes_nothing(
    store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mark once made the record of the graph anew."""
    triples = [Triple(f"e{i}", "next", f"e{(i + 1) % 40}") for i in range(40)]
    monkeypatch.setattr(splits, "FACTS_A_BATCH", 10)

    def removed_at(facts: int) -> Progress:
        def removed(stage: str, done: int, total: int | None) -> None:
            if done == facts:
                remove_graph(store, graph_name)

        return removed

    for done in (0, 10):
        load(store, graph_name, [], triples, source="ring")
        facts = splits.read_facts(store, graph_name)
        if not done:
            remove_graph(store, graph_name)
        with pytest.raises(GraphChangingError, match="was removed while it was split"):
            splits.write_splits(store, facts, np.zeros(40, np.int64), {}, removed_at(done))
        assert store.rows("MATCH (n) WHERE $g IN [n.graph, n.name] RETURN n", g=graph_name) == []


def test_an_undo_of_a_graph_that_was_removed_makes_nothing(
    store: Store, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = texts_source({"a": "Ada borders Bela."})
    extract_documents(
        store, graph_name, texts, stages(store, graph_name), on_reject=lambda reject: None
    )
    (run,) = store.rows("MATCH (r:Run) WHERE r.graph = $g RETURN r.id AS id", g=graph_name)
    found = extractions.extracted_documents

    def removed(own: Store, graph: str, run: str) -> list[str]:
        documents = found(own, graph, run)
        assert documents
        remove_graph(own, graph)
        return documents

    monkeypatch.setattr(extractions, "extracted_documents", removed)
    called: list[object] = []
    monkeypatch.setattr(extractions, "retract_documents", lambda *given: called.append(given))
    undo(store, run["id"])
    assert called == []
    assert store.rows("MATCH (n) WHERE $g IN [n.graph, n.name] RETURN n", g=graph_name) == []
