"""Write-back: exact vectors, the switch between sets, and an undo that leaves no trace."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kgplatform.errors import InputError, SchemaError, StoreError
from kgplatform.queries import quote
from kgplatform.settings import Settings
from kgplatform.store import links as links_module
from kgplatform.store import writeback
from kgplatform.store.client import Store, connect
from kgplatform.store.links import Link, write_links
from kgplatform.store.load import load
from kgplatform.store.search import similar
from kgplatform.store.undo import planned_undo, undo, written_runs
from kgplatform.store.writeback import Target, check_target, set_of_run, write_vectors
from kgplatform.triples import Triple

Digest = Callable[..., str]
KEYS = [f"e{i}" for i in range(40)]


def vectors_of(seed: int, number: int = 40, dimension: int = 8) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(number, dimension))
    return drawn.astype(np.float32)


def write(store: Store, run: str, target: Target, seed: int) -> dict[str, Any]:
    return write_vectors(store, run, {"model": "test"}, target, KEYS, vectors_of(seed))


def active(store: Store, target: Target) -> list[str]:
    """Names of the active sets; readers rely on there being one at most."""
    rows = store.rows(
        "MATCH (s:EmbeddingSet {graph: $graph, active: true}) RETURN s.name AS name",
        graph=target.graph,
    )
    return [row["name"] for row in rows]


def stored(store: Store, target: Target, name: str) -> dict[str, np.ndarray]:
    rows = store.rows(
        "MATCH (e:Entity {graph: $graph}) WHERE e[$property] IS NOT NULL "
        "RETURN e.id AS id, e[$property] AS vector",
        graph=target.graph,
        property=name,
    )
    return {row["id"]: np.array(row["vector"]) for row in rows}


def nearest(vectors: np.ndarray, row: int, top_k: int) -> list[str]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[row]))
    return [KEYS[i] for i in order.tolist() if i != row][:top_k]


def test_vectors_arrive_exactly_and_their_index_answers(
    store: Store, target: Target, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writeback, "VECTORS_A_BATCH", 7)
    vectors = vectors_of(1) * np.float32(1e-3)
    vectors[3, 0] = np.finfo(np.float32).tiny
    steps: list[tuple[str, int, int | None]] = []
    told = write_vectors(
        store,
        f"a-{graph_name}",
        {"model": "test"},
        target,
        KEYS,
        vectors,
        lambda *step: steps.append(step),
    )
    names = set_of_run(f"a-{graph_name}")
    assert told == {
        "written": 40,
        "missing": 0,
        "property": names.property,
        "index": names.index,
        "replaced": None,
        "bytes_property": None,
    }
    assert [done for _, done, _ in steps] == [7, 14, 21, 28, 35, 40]
    found = stored(store, target, names.property)
    assert list(found) == KEYS or set(found) == set(KEYS)
    for key, vector in zip(KEYS, vectors, strict=True):
        assert np.array_equal(found[key].astype(np.float32), vector)
        assert np.array_equal(found[key], vector.astype(np.float64))
    (index,) = store.rows(
        "SHOW INDEXES YIELD name, state, type WHERE name = $name RETURN state, type",
        name=names.index,
    )
    assert index == {"state": "ONLINE", "type": "VECTOR"}
    for row in (0, 3, 17):
        hits = similar(store, graph_name, KEYS[row], 5)
        assert [hit.id for hit in hits] == nearest(vectors, row, 5)
        assert all(0 <= hit.score <= 1 for hit in hits)


def test_what_two_entities_share_is_the_reason(
    store: Store, target: Target, graph_name: str
) -> None:
    more = [Triple("e0", "in", "e9"), Triple("e1", "in", "e9"), Triple("e1", "not in", "e8")]
    load(store, graph_name, [], more, source="more")
    write(store, f"a-{graph_name}", target, 1)
    reasons = {hit.id: hit.reasons for hit in similar(store, graph_name, "e0", 39)}
    assert len(reasons) == 39
    assert reasons.pop("e1") == ("in e9",)
    assert not any(reasons.values())


def test_the_active_set_changes_and_changes_back(
    store: Store, target: Target, graph_name: str
) -> None:
    a, b = f"a-{graph_name}", f"b-{graph_name}"
    write(store, a, target, 1)
    assert active(store, target) == [f"{a}/graph"]
    told = write(store, b, target, 2)
    assert told["replaced"] == f"{a}/graph"
    assert active(store, target) == [f"{b}/graph"]
    assert [h.id for h in similar(store, graph_name, "e0", 5)] == nearest(vectors_of(2), 0, 5)
    assert undo(store, b) == {
        "vectors": 40,
        "predicted": 0,
        "answers": 0,
        "restored": f"{a}/graph",
    }
    assert active(store, target) == [f"{a}/graph"]
    assert [h.id for h in similar(store, graph_name, "e0", 5)] == nearest(vectors_of(1), 0, 5)
    assert undo(store, a)["restored"] is None
    assert active(store, target) == []
    with pytest.raises(InputError, match="no vectors"):
        similar(store, graph_name, "e0", 5)


ORDERS = [
    # What is written and undone in turn, and which set is active after each step.
    ("+a +b +b -b", "a b b a"),
    ("+a +b +c -a -c -b", "a b c c b ."),
    ("+a +b +a +c -a -c", "a b a c c b"),
    ("+a +b +a +b -b -a", "a b a b a ."),
]


@pytest.mark.parametrize(("steps", "expected"), ORDERS, ids=[steps for steps, _ in ORDERS])
def test_sets_are_put_back_in_the_order_they_were_in_use(
    store: Store, target: Target, graph_name: str, steps: str, expected: str, digest: Digest
) -> None:
    before = digest(store)
    seen = []
    for step in steps.split():
        run = f"{step[1]}-{graph_name}"
        if step[0] == "+":
            write(store, run, target, ord(step[1]))
        else:
            undo(store, run)
        seen.append(" ".join(name[0] for name in active(store, target)) or ".")
    assert " ".join(seen) == expected
    for run in (run for run in written_runs(store) if run.endswith(graph_name)):
        undo(store, run)
    assert digest(store) == before


def test_the_switches_of_two_graphs_are_apart(
    store: Store, target: Target, graph_name: str
) -> None:
    other = Target(graph=f"{graph_name}-other")
    load(store, f"{graph_name}-other", [], [Triple("e0", "r", "e1")], source="t")
    write(store, f"a-{graph_name}", target, 1)
    told = write(store, f"b-{graph_name}", other, 2)
    assert told["replaced"] is None
    assert (told["written"], told["missing"]) == (2, 38)
    assert active(store, target) == [f"a-{graph_name}/graph"]
    assert active(store, other) == [f"b-{graph_name}/graph"]
    undo(store, f"a-{graph_name}")
    assert active(store, other) == [f"b-{graph_name}/graph"]
    assert set(stored(store, other, set_of_run(f"b-{graph_name}").property)) == {"e0", "e1"}


def test_a_run_is_not_written_to_a_second_graph(
    store: Store, target: Target, graph_name: str, digest: Digest
) -> None:
    load(store, f"{graph_name}-other", [], [Triple("e0", "r", "e1")], source="t")
    run = f"a-{graph_name}"
    write(store, run, target, 1)
    before = digest(store)
    with pytest.raises(InputError, match=graph_name) as refused:
        write(store, run, Target(graph=f"{graph_name}-other"), 1)
    assert f"kgp undo {run}" in refused.value.hint
    assert digest(store) == before


def test_two_writers_at_once_leave_one_set_active(
    store: Store, settings: Settings, target: Target, graph_name: str, digest: Digest
) -> None:
    before = digest(store)
    runs = [f"{letter}-{graph_name}" for letter in "abcd"]
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(runs))

    def work(run: str) -> None:
        try:
            assert settings.neo4j_uri is not None
            assert settings.neo4j_password is not None
            password = settings.neo4j_password.get_secret_value()
            with connect(settings.neo4j_uri, "neo4j", password) as own:
                barrier.wait(60)
                write(own, run, target, ord(run[0]))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures, failures
    (name,) = active(store, target)
    # Undoing the active one uncovers another, until all have had their turn.
    turns = []
    while name:
        turns.append(name.removesuffix("/graph"))
        name = undo(store, turns[-1])["restored"]
    assert sorted(turns) == runs
    assert digest(store) == before


def test_undo_leaves_the_database_as_it_was(
    store: Store, target: Target, graph_name: str, digest: Digest
) -> None:
    links = [Link("e0", "next", f"e{i}", float(i), 0.5) for i in range(1, 9)]
    before = digest(store)
    run = f"a-{graph_name}"
    write(store, run, target, 1)
    write_links(store, run, {"model": "test"}, target, links)
    written = digest(store)
    assert written != before
    assert planned_undo(store, run) == {"vectors": 40, "predicted": 7, "answers": 0}
    assert digest(store) == written
    assert undo(store, run) == {
        "vectors": 40,
        "predicted": 7,
        "answers": 0,
        "restored": None,
    }
    assert digest(store) == before
    with pytest.raises(InputError, match="nothing"):
        undo(store, run)


def test_undo_takes_the_links_of_its_run_alone(
    store: Store, target: Target, graph_name: str, digest: Digest
) -> None:
    a, b = f"a-{graph_name}", f"b-{graph_name}"
    write_links(store, a, {}, target, [Link("e0", "next", "e5", 1.0, 0.5)])
    with_a = digest(store)
    write_links(store, b, {}, target, [Link("e0", "next", "e5", 2.0, 0.6)])
    write(store, b, target, 1)
    undo(store, b)
    assert digest(store) == with_a


def test_writing_again_changes_nothing(
    store: Store, target: Target, graph_name: str, digest: Digest
) -> None:
    first = write(store, f"a-{graph_name}", target, 1)
    before = digest(store)
    assert write(store, f"a-{graph_name}", target, 1) == first
    assert digest(store) == before


def spoiled(value: float) -> np.ndarray:
    vectors = vectors_of(1)
    vectors[20, 3] = value
    return vectors


def with_zero() -> np.ndarray:
    vectors = vectors_of(1)
    vectors[20] = 0
    return vectors


@pytest.mark.parametrize(
    ("vectors", "word"),
    [
        (spoiled(np.nan), "'e20'"),
        (spoiled(np.inf), "'e20'"),
        (spoiled(-np.inf), "'e20'"),
        (with_zero(), "'e20'"),
        (vectors_of(1, number=39), "shape"),
        (vectors_of(1).ravel(), "shape"),
        (vectors_of(1)[:, :, None], "shape"),
        (vectors_of(1)[:, :0], "dimension 0"),
        (vectors_of(1, dimension=4097), "dimension 4097"),
    ],
)
def test_vectors_that_would_spoil_a_search_are_refused_before_writing(
    store: Store, target: Target, graph_name: str, vectors: np.ndarray, word: str, digest: Digest
) -> None:
    before = digest(store)
    with pytest.raises(InputError, match=word):
        write_vectors(store, f"a-{graph_name}", {}, target, KEYS, vectors)
    assert digest(store) == before


def test_missing_nodes_are_counted(store: Store, target: Target, graph_name: str) -> None:
    store.run(
        "MATCH (e:Entity {graph: $g}) WHERE e.id IN ['e0', 'e7'] DETACH DELETE e", g=graph_name
    )
    told = write(store, f"a-{graph_name}", target, 1)
    assert (told["written"], told["missing"]) == (38, 2)
    found = stored(store, target, told["property"])
    assert np.array_equal(found["e8"].astype(np.float32), vectors_of(1)[8])
    with pytest.raises(InputError, match="none of the run's 2 entities"):
        check_target(store, target, ["e0", "e7"])
    with pytest.raises(InputError, match="no-such-graph"):
        check_target(store, Target(graph="no-such-graph"), KEYS)


def test_nodes_that_go_meanwhile_do_not_pass_unseen(
    store: Store, target: Target, graph_name: str, monkeypatch: pytest.MonkeyPatch, digest: Digest
) -> None:
    monkeypatch.setattr(writeback, "VECTORS_A_BATCH", 10)
    before = write(store, f"a-{graph_name}", target, 1)

    def remove(stage: str, done: int, total: int | None) -> None:
        if done == 20:
            store.run("MATCH (e:Entity {graph: $g, id: 'e35'}) DETACH DELETE e", g=graph_name)

    with pytest.raises(StoreError, match="39 of 40") as refused:
        write_vectors(store, f"b-{graph_name}", {}, target, KEYS, vectors_of(2), remove)
    assert f"kgp undo b-{graph_name}" in refused.value.hint
    assert active(store, target) == [f"a-{graph_name}/graph"]
    undo(store, f"b-{graph_name}")
    assert active(store, target) == [f"a-{graph_name}/graph"]
    assert before["replaced"] is None


class CutError(Exception):
    """The writer broke off."""


@pytest.mark.parametrize("after", [10, 20, 40])
def test_a_cut_write_leaves_the_old_set_and_goes_on(
    store: Store,
    target: Target,
    graph_name: str,
    after: int,
    digest: Digest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writeback, "VECTORS_A_BATCH", 10)
    write(store, f"a-{graph_name}", target, 1)
    write(store, f"b-{graph_name}", target, 2)
    undisturbed = digest(store)
    undo(store, f"b-{graph_name}")

    steps: list[int] = []

    def cut(stage: str, done: int, total: int | None) -> None:
        steps.append(done)
        if done == after:
            raise CutError

    with pytest.raises(CutError):
        write_vectors(store, f"b-{graph_name}", {"model": "test"}, target, KEYS, vectors_of(2), cut)
    assert active(store, target) == [f"a-{graph_name}/graph"]
    assert [h.id for h in similar(store, graph_name, "e0", 5)] == nearest(vectors_of(1), 0, 5)
    steps.clear()
    after = 0
    write_vectors(store, f"b-{graph_name}", {"model": "test"}, target, KEYS, vectors_of(2), cut)
    assert steps == list(range(50 - len(steps) * 10, 50, 10))
    assert digest(store) == undisturbed


@pytest.fixture
def people(store: Store, graph_name: str) -> str:
    """Forty nodes of a user's own label, with whole numbers as keys and no constraint."""
    label = f"Per`son {graph_name}"
    store.run(
        "UNWIND range(1, 40) AS i CREATE (p:$($label) {number: i, name: 'p' + i}) "
        "CREATE (:Person {number: i})",
        label=label,
    )
    return label


def test_a_label_without_its_constraint_is_refused_with_the_remedy(
    store: Store, people: str, graph_name: str, digest: Digest
) -> None:
    own = Target(label=people, key="number", graph=None, integer_keys=True)
    keys = [str(i) for i in range(1, 41)]
    run = f"a-{graph_name}"
    before = digest(store)
    with pytest.raises(SchemaError, match="number") as refused:
        write_vectors(store, run, {}, own, keys, vectors_of(1))
    with pytest.raises(SchemaError):
        write_links(store, run, {}, own, [Link("1", "r", "2", 1.0, 0.5)])
    assert digest(store) == before
    prefix, _, remedy = refused.value.hint.partition("run: ")
    assert not prefix
    store.command(remedy)
    before = digest(store)
    told = write_vectors(store, run, {}, own, [*keys, "99"], vectors_of(1, number=41))
    assert (told["written"], told["missing"]) == (40, 1)
    rows = store.rows(
        "MATCH (p:$($label)) RETURN p.number AS number, p[$property] AS vector",
        label=people,
        property=told["property"],
    )
    for row in rows:
        wanted = vectors_of(1, number=41)[row["number"] - 1]
        assert np.array_equal(np.array(row["vector"], dtype=np.float32), wanted)
    (hit, *_) = store.rows(
        "CALL db.index.vector.queryNodes($index, 1, $vector) YIELD node "
        "RETURN node.number AS number",
        index=told["index"],
        vector=vectors_of(1, number=41)[6].tolist(),
    )
    assert hit["number"] == 7
    counts = write_links(
        store, run, {}, own, [Link("1", "KNOWS", "2", 1.0, 0.5), Link("1", "KNOWS", "77", 1.0, 0.5)]
    )
    assert counts == {"written": 1, "known": 0, "missing": 1}
    undo(store, run)
    assert digest(store) == before


def test_texts_do_not_name_nodes_with_numbers(store: Store, people: str) -> None:
    store.command(f"CREATE CONSTRAINT FOR (n:{quote(people)}) REQUIRE n.number IS UNIQUE")
    own = Target(label=people, key="number", graph=None)
    with pytest.raises(InputError, match="none"):
        check_target(store, own, ["1", "2"])
    assert check_target(store, replace(own, integer_keys=True), ["1", "2", "77"]) == 2


def predicted(store: Store, graph: str) -> set[tuple[str, str, str, float, float, str]]:
    rows = store.rows(
        "MATCH (h:Entity {graph: $graph})-[p:PREDICTED]->(t) RETURN h.id AS head, "
        "p.relation AS relation, t.id AS tail, p.score AS score, p.confidence AS confidence, "
        "p.run AS run",
        graph=graph,
    )
    return {tuple(row.values()) for row in rows}


def test_predicted_links_never_repeat_an_asserted_one(
    store: Store, target: Target, graph_name: str, digest: Digest
) -> None:
    run = f"a-{graph_name}"
    links: Sequence[Link] = [
        Link("e0", "next", "e1", 9.0, 0.9),
        Link("e1", "next", "e0", 8.0, 0.8),
        Link("e0", "other", "e1", 7.0, 0.7),
        Link("e0", "`x` MATCH (n) //", "e2", 6.0, 0.6),
        Link("e0", "next", "nobody", 5.0, 0.5),
        Link("nobody", "next", "e0", 4.0, 0.4),
    ]
    assert write_links(store, run, {}, target, links) == {"written": 3, "known": 1, "missing": 2}
    assert predicted(store, graph_name) == {
        ("e1", "next", "e0", 8.0, 0.8, run),
        ("e0", "other", "e1", 7.0, 0.7, run),
        ("e0", "`x` MATCH (n) //", "e2", 6.0, 0.6, run),
    }
    once = digest(store)
    assert write_links(store, run, {}, target, links)["written"] == 3
    assert digest(store) == once


def test_many_links_go_in_batches(
    store: Store, target: Target, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links_module, "LINKS_A_BATCH", 10)
    links = [Link(f"e{i}", "next", f"e{(i + 2) % 40}", 1.0, 0.5) for i in range(40)]
    links += [Link(f"e{i}", "next", f"e{(i + 1) % 40}", 1.0, 0.5) for i in range(15)]
    counts = write_links(store, f"a-{graph_name}", {}, target, links)
    assert counts == {"written": 40, "known": 15, "missing": 0}
    assert len(predicted(store, graph_name)) == 40


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_links_without_a_finite_score_are_refused(
    store: Store, target: Target, graph_name: str, value: float, digest: Digest
) -> None:
    before = digest(store)
    for link in (Link("e0", "next", "e3", value, 0.5), Link("e0", "next", "e3", 1.0, value)):
        with pytest.raises(InputError, match="e3"):
            write_links(store, f"a-{graph_name}", {}, target, [link])
    assert digest(store) == before
