"""Vectors out of the database: exact, in order, from lists and bytes, and nothing else taken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kgplatform import queries
from kgplatform.errors import InputError, StoreError
from kgplatform.store import stream_vectors, writeback
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.store.stream_vectors import active_set, read_set, read_vectors
from kgplatform.store.undo import undo
from kgplatform.store.writeback import Target, marks_of_set, set_of_run, write_vectors
from kgplatform.triples import Triple

Digest = Callable[..., str]
Kgp = Callable[..., Any]
KEYS = [f"e{i}" for i in range(40)]


def vectors_of(seed: int, number: int = 40, dimension: int = 8) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(number, dimension))
    return drawn.astype(np.float32)


def write(store: Store, run: str, target: Target, *, keep_bytes: bool = False) -> dict[str, Any]:
    return write_vectors(store, run, {}, target, KEYS, vectors_of(1), keep_bytes=keep_bytes)


def set_property(store: Store, graph: str, entity: str, name: str, value: Any) -> None:
    store.run(
        "MATCH (e:Entity {graph: $graph, id: $id}) SET e[$name] = $value",
        graph=graph,
        id=entity,
        name=name,
        value=value,
    )


@pytest.mark.parametrize("keep_bytes", [False, True])
@pytest.mark.parametrize("numbers", [8, 56, 32_000])
def test_vectors_come_back_exactly(
    store: Store,
    target: Target,
    graph_name: str,
    keep_bytes: bool,
    numbers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_vectors, "NUMBERS_A_BLOCK", numbers)
    monkeypatch.setattr(stream_vectors, "BYTES_A_BLOCK", numbers * 4)
    monkeypatch.setattr(stream_vectors, "NODES_A_BLOCK", 13)
    monkeypatch.setattr(stream_vectors, "NODES_A_QUERY", 11)
    run = f"a-{graph_name}"
    write(store, run, target, keep_bytes=keep_bytes)
    name = active_set(store, target)
    assert name == f"{run}/graph"
    steps: list[int] = []
    read = read_set(store, name, progress=lambda _, done, total: steps.append(done))
    assert steps[-1] == 40
    assert read.source == ("bytes" if keep_bytes else "lists")
    assert read.values.dtype == np.float32
    assert read.ids == KEYS
    assert np.array_equal(read.values, vectors_of(1))
    wanted = ["e7", "nobody", "e39", "e0"]
    some = read_set(store, name, wanted)
    assert some.ids == wanted
    assert some.present.tolist() == [True, False, True, True]
    assert np.array_equal(some.values[[0, 2, 3]], vectors_of(1)[[7, 39, 0]])
    assert not some.values[1].any()


def test_a_property_of_ones_own_nodes(store: Store, graph_name: str) -> None:
    label = f"Per`son {graph_name}"
    store.run(
        "UNWIND range(1, 40) AS i CREATE (p:$($label) {number: i}) "
        "FOREACH (x IN CASE WHEN i % 2 = 0 THEN [i] ELSE [] END | SET p.`v ec` = [x, 0.5, -x]) "
        "CREATE (:Other {number: i, `v ec`: [1.0]})",
        label=label,
    )
    read = read_vectors(store, Target(label, "number", None), "v ec")
    assert sorted(read.ids, key=int) == [str(i) for i in range(2, 41, 2)]
    for name, vector in zip(read.ids, read.values.tolist(), strict=True):
        assert vector == [float(name), 0.5, -float(name)]
    with pytest.raises(InputError, match="no 'email'"):
        read_vectors(store, Target(label, "email", None), "v ec")
    store.run("MATCH (p:$($label)) SET p.number = 7", label=label)
    with pytest.raises(InputError, match="several nodes with a vector have the number '7'"):
        read_vectors(store, Target(label, "number", None), "v ec")


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ([1.0] * 7, "7 numbers, others have 8"),
        ([1.0] * 9, "9 numbers, others have 8"),
        ([1.0] * 7 + [float("nan")], "NaN"),
        ([1.0] * 7 + [float("inf")], "infinity"),
        ([1.0] * 7 + [1e300], "beyond 32 bits"),
        (["a"] * 8, "no numbers"),
        ([True] * 8, "no numbers"),
        ("a text of", "a str"),
        (b"12345678", "a bytes"),
        (1.5, "a float"),
    ],
)
def test_what_is_no_vector_is_named(
    store: Store, target: Target, graph_name: str, value: Any, word: str
) -> None:
    write(store, f"a-{graph_name}", target)
    name = set_of_run(f"a-{graph_name}").property
    set_property(store, graph_name, "e23", name, value)
    with pytest.raises(InputError, match=word) as refused:
        read_vectors(store, target, name)
    assert "'e23'" in str(refused.value)


def test_wrong_questions_are_refused(store: Store, target: Target, graph_name: str) -> None:
    with pytest.raises(InputError, match="no graph"):
        read_vectors(store, Target(graph="no-such-graph"), "x")
    with pytest.raises(InputError, match="nothing in graph"):
        read_vectors(store, target, "x")
    with pytest.raises(InputError, match="no set"):
        read_set(store, "no/set")
    write(store, f"a-{graph_name}", target)
    with pytest.raises(InputError, match="twice"):
        read_set(store, f"a-{graph_name}/graph", ["e1", "e1"])
    with pytest.raises(InputError, match="none of the 1 ids"):
        read_set(store, f"a-{graph_name}/graph", ["nobody"])


@pytest.mark.parametrize("what", ["vectors", "vector", "record"])
def test_a_change_while_reading_is_noticed(
    store: Store,
    target: Target,
    graph_name: str,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One statement a few nodes, so that the server cannot have read all before the change.
    monkeypatch.setattr(stream_vectors, "NODES_A_QUERY", 4)
    run = f"a-{graph_name}"
    write(store, run, target)
    name = set_of_run(run).property

    def change(stage: str, done: int, total: int | None) -> None:
        if done != 8:
            return
        if what == "vectors":
            marks = marks_of_set("Entity", name)
            store.command(queries.fill("write/remove_vectors", **marks), rows=100)
        elif what == "vector":
            set_property(store, graph_name, "e39", name, None)
        else:
            # What an undo does first; its DROP INDEX then waits for the reader.
            writeback.switch(store, "write/retire_set", f"{run}/graph")

    with pytest.raises(StoreError, match="changed while it was read"):
        read_set(store, f"{run}/graph", progress=change)


def test_a_set_that_was_cut_is_no_set_to_read(
    store: Store, target: Target, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writeback, "VECTORS_A_BATCH", 10)
    run = f"a-{graph_name}"

    class CutError(Exception):
        pass

    def cut(stage: str, done: int, total: int | None) -> None:
        if done == 20:
            raise CutError

    with pytest.raises(CutError):
        write_vectors(store, run, {}, target, KEYS, vectors_of(1), cut)
    with pytest.raises(InputError, match="not whole"):
        read_set(store, f"{run}/graph")
    # Bytes wanted at last: the batches that are in have none, so all are written anew.
    steps: list[int] = []
    write_vectors(
        store,
        run,
        {},
        target,
        KEYS,
        vectors_of(1),
        lambda _, done, total: steps.append(done),
        keep_bytes=True,
    )
    assert steps == [10, 20, 30, 40]
    read = read_set(store, f"{run}/graph")
    assert (read.source, read.stale) == ("bytes", ())
    assert np.array_equal(read.values, vectors_of(1))


def test_bytes_stay_when_a_write_is_repeated_and_go_with_undo(
    store: Store, target: Target, graph_name: str, digest: Digest
) -> None:
    before = digest(store)
    run = f"a-{graph_name}"
    told = write(store, run, target)
    assert told["bytes_property"] is None
    told = write(store, run, target, keep_bytes=True)
    assert told["bytes_property"] == f"{told['property']}_bytes"
    once = digest(store)
    assert write(store, run, target) == told
    assert digest(store) == once
    rows = store.rows(
        "MATCH (e:Entity {graph: $graph}) RETURN e.id AS id, e[$name] AS kept",
        graph=graph_name,
        name=told["bytes_property"],
    )
    for row in rows:
        assert row["kept"] == vectors_of(1)[KEYS.index(row["id"])].astype("<f4").tobytes()
    undo(store, run)
    assert digest(store) == before


@pytest.mark.parametrize("value", [None, [9.0] * 8, b"12"])
def test_bytes_that_disagree_are_not_believed(
    store: Store, target: Target, graph_name: str, value: Any
) -> None:
    told = write(store, f"a-{graph_name}", target, keep_bytes=True)
    name = told["property"] if isinstance(value, list) else told["bytes_property"]
    set_property(store, graph_name, "e0", name, value)
    read = read_set(store, f"a-{graph_name}/graph")
    assert (read.source, read.stale) == ("lists", ("e0",))
    expected = vectors_of(1)
    if isinstance(value, list):
        expected[0] = 9.0
    assert np.array_equal(read.values, expected)


def test_bytes_missing_where_none_were_compared(
    store: Store, target: Target, graph_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_vectors, "COMPARED", 2)
    told = write(store, f"a-{graph_name}", target, keep_bytes=True)
    set_property(store, graph_name, "e20", told["bytes_property"], None)
    with pytest.raises(StoreError, match="changed"):
        read_set(store, f"a-{graph_name}/graph")


@pytest.mark.parametrize("ending", ["npy", "parquet", "safetensors"])
def test_what_is_exported_is_imported(
    kgp: Kgp, store: Store, target: Target, graph_name: str, ending: str
) -> None:
    told = write(store, f"a-{graph_name}", target, keep_bytes=True)
    path = Path(f"out.{ending}")
    done = kgp("export-embeddings", "--graph", graph_name, "--to", path, "--json").json
    assert (done["from"], done["read"]) == (f"a-{graph_name}/graph", "bytes")
    assert (done["entities"], done["dimension"], done["stale"]) == (40, 8, [])
    assert all(Path(file).exists() for file in done["files"])
    assert kgp("export-embeddings", "--graph", graph_name, "--to", path).code == 2
    again = kgp("export-embeddings", f"a-{graph_name}", "--to", path, "--force", "--json").json
    assert again == done
    run = kgp("import-embeddings", path, "--from", "table", "--graph", graph_name, "--json").json[
        "run"
    ]
    kgp("write", run, "--bytes")
    read = read_set(store, f"{run}/graph")
    assert read.ids == KEYS
    assert np.array_equal(read.values, vectors_of(1))
    dry = kgp(
        "export-embeddings",
        "--graph",
        graph_name,
        "--property",
        told["property"],
        "--to",
        f"p.{ending}",
        "--json",
    ).json
    assert (dry["read"], dry["entities"]) == ("lists", 40)
    assert not list(Path().glob(".*.tmp*"))


def test_an_export_that_cannot_be_leaves_nothing(
    kgp: Kgp, store: Store, target: Target, graph_name: str
) -> None:
    assert kgp("export-embeddings", "--graph", graph_name, "--to", "v.npy").code == 1
    assert kgp("export-embeddings", "--graph", graph_name, "--to", "v.csv").code == 2
    assert kgp("export-embeddings", "--to", "v.npy", "--label", "L", "--graph", "g").code == 2
    assert kgp("export-embeddings", "--to", "v.npy", "--label", "L", "--property", "p").code == 2
    load(store, graph_name, [], [Triple("a\nb", "r", "e0")], source="more")
    write_vectors(store, f"a-{graph_name}", {}, target, ["a\nb"], vectors_of(1, 1))
    refused = kgp("export-embeddings", "--graph", graph_name, "--to", "v.npy")
    assert refused.code == 1
    assert "a\\nb" in refused.err
    assert not list(Path().glob("*.npy")) + list(Path().glob("*.txt")) + list(Path().glob(".*.tmp"))


def test_a_graph_that_is_being_loaded_is_not_read(
    store: Store, target: Target, graph_name: str
) -> None:
    write(store, f"a-{graph_name}", target)
    name = active_set(store, target)
    assert name is not None
    store.run(queries.get("load/begin_load"), graph=graph_name, source="cut", owner="", lanes=0)
    with pytest.raises(StoreError, match="a load of cut into graph"):
        read_set(store, name)
    store.run(queries.get("load/end_load"), graph=graph_name, source="cut", owner="")
    assert read_set(store, name).ids == KEYS
