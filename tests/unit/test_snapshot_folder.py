"""Snapshots on disk: everything is kept, nothing is read, and damage is noticed."""

import dataclasses
import json
import multiprocessing
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgplatform.errors import InputError, UsageError
from kgplatform.graph.features import feature
from kgplatform.graph.lazy_names import open_names, write_names
from kgplatform.graph.snapshot import KGSnapshot, from_columns, from_triples
from kgplatform.graph.snapshot_folder import (
    describe_snapshot,
    open_snapshot,
    save_snapshot,
    verify_snapshot,
)
from kgplatform.training.config import resolve_config
from kgplatform.training.known import Side, answers_of_snapshot, answers_of_triples
from kgplatform.training.loop import train
from kgplatform.triples import Triple


def small(seed: int = 0) -> KGSnapshot:
    """All that a snapshot can have, its names beyond ASCII."""
    rng = np.random.default_rng(seed)
    heads, relations, tails = rng.integers(0, [[9], [3], [9]], (3, 40))
    names = ["", "a", "b", "ä", "\uffff", "𝄞", "z z", "10", "9"]
    plain = from_columns(
        names,
        ["r", "s", "t"],
        heads,
        relations,
        tails,
        np.full(40, 0),
        weight=(heads + relations + tails) / 7,
        time=rng.integers(0, 3, 40),
    )
    rows, edges = np.arange(9), np.arange(plain.num_edges)
    return dataclasses.replace(
        plain,
        split=torch.from_numpy(rng.integers(-1, 3, plain.num_edges).astype(np.int8)),
        features=(
            feature("age", rows, [1, None, 3.5, 4, 5, 6, 7, 8, 9], 9),
            feature("word", rows, [f"w{i}" for i in rows], 9),
        ),
        labels=feature("class", rows, ["x", "y", None] * 3, 9),
        label_split=torch.zeros(9, dtype=torch.int8),
        edge_features=(feature("sure", edges, [i % 2 == 0 for i in edges.tolist()], edges.size),),
    )


def assert_same(left: KGSnapshot, right: KGSnapshot) -> None:
    for one in dataclasses.fields(KGSnapshot):
        a, b = getattr(left, one.name), getattr(right, one.name)
        if isinstance(a, torch.Tensor):
            assert a.dtype == b.dtype, one.name
            assert torch.equal(a, b), one.name
        elif one.name in ("entities", "relations"):
            assert a == b
            assert b == a
            assert list(a) == list(b)
    assert dataclasses.replace(left).digest == dataclasses.replace(right).digest


@pytest.mark.parametrize(
    "snapshot", [small(), from_triples([]), from_triples([Triple("a", "r", "b")])]
)
def test_a_snapshot_comes_back_as_it_was(snapshot: KGSnapshot, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved = save_snapshot(snapshot, tmp_path, source={"graph": "g"}, state={"bookmarks": ["b"]})
        opened = open_snapshot(saved.path)
    assert saved.path.name == snapshot.digest[:16]
    assert opened.digest == snapshot.digest
    assert_same(opened, snapshot)
    assert describe_snapshot(saved.path) == saved
    assert verify_snapshot(saved.path) == saved
    assert saved.size == sum(f.stat().st_size for f in saved.path.iterdir()) - (
        (saved.path / "snapshot.json").stat().st_size
    )
    assert [path.name for path in tmp_path.iterdir()] == [saved.path.name]


def test_writing_into_a_tensor_changes_neither_file_nor_other_readers(tmp_path: Path) -> None:
    path = save_snapshot(small(), tmp_path, source={}).path
    first, second = open_snapshot(path), open_snapshot(path)
    first.edge_index.zero_()
    assert torch.equal(second.edge_index, small().edge_index)
    verify_snapshot(path)


def test_processes_share_a_folder(tmp_path: Path) -> None:
    path = save_snapshot(small(), tmp_path, source={}).path
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_content_digest, [path, path]) == [small().digest] * 2


def _content_digest(path: Path) -> str:
    return dataclasses.replace(open_snapshot(path)).digest


def test_the_same_content_is_one_folder_with_its_last_source(tmp_path: Path) -> None:
    first = save_snapshot(small(), tmp_path, source={"graph": "a"})
    inode = (first.path / "edge_index.npy").stat().st_ino
    second = save_snapshot(small(), tmp_path, source={"graph": "b"})
    assert second.path == first.path
    assert (first.path / "edge_index.npy").stat().st_ino == inode
    assert describe_snapshot(first.path).source == {"graph": "b"}
    with pytest.raises(UsageError, match="another snapshot"):
        save_snapshot(small(1), tmp_path, source={}, path=first.path)


def test_a_cut_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_snapshot(small(), tmp_path, source={})
    assert list(tmp_path.iterdir()) == []


def test_damage_is_noticed(tmp_path: Path) -> None:
    path = save_snapshot(small(), tmp_path, source={}).path
    description = json.loads((path / "snapshot.json").read_text())

    def refused(match: str) -> None:
        with pytest.raises(InputError, match=match):
            open_snapshot(path)

    (path / "snapshot.json").write_text(json.dumps(description | {"format": 2}))
    refused("newer")
    (path / "snapshot.json").write_text(json.dumps(description | {"edges": 1}))
    refused("damaged")
    (path / "snapshot.json").write_text("{")
    refused("damaged")
    (path / "snapshot.json").unlink()
    refused("no snapshot")
    (path / "snapshot.json").write_text(json.dumps(description))
    content = (path / "edge_type.npy").read_bytes()
    (path / "edge_type.npy").write_bytes(content[:-8])
    refused("bytes instead of")
    (path / "edge_type.npy").write_bytes(bytes(len(content)))
    refused("damaged")
    (path / "edge_type.npy").unlink()
    refused("lacks edge_type.npy")
    with pytest.raises(InputError, match="no snapshot"):
        open_snapshot(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["edge_type", "by_tail", "feature-0-values"])
def test_verifying_reads_the_content(name: str, tmp_path: Path) -> None:
    path = save_snapshot(small(), tmp_path, source={}).path
    content = bytearray((path / f"{name}.npy").read_bytes())
    content[-8] ^= 1
    (path / f"{name}.npy").write_bytes(content)
    open_snapshot(path)
    with pytest.raises(InputError, match="damaged"):
        verify_snapshot(path)


@given(st.sets(st.text(st.characters(codec="utf-8"), max_size=4), max_size=12), st.data())
@settings(max_examples=50, deadline=None)
def test_lazy_names_are_a_sequence(
    tmp_path_factory: pytest.TempPathFactory, given_names: set[str], data: st.DataObject
) -> None:
    names = tuple(sorted(given_names))
    path = tmp_path_factory.mktemp("names") / "names.arrow"
    write_names(path, names)
    lazy = open_names(path)
    assert len(lazy) == len(names)
    assert lazy == names
    assert list(reversed(lazy)) == list(reversed(names))
    part = data.draw(st.slices(len(names)))
    assert lazy[part] == names[part]
    for at in range(-len(names), len(names)):
        assert lazy[at] == names[at]
    for at, name in enumerate(names):
        assert lazy.index(name) == at
    other = data.draw(st.text(max_size=3))
    assert (other in lazy) == (other in given_names)
    assert lazy != (*names, "more")
    with pytest.raises(IndexError):
        lazy[len(names)]
    with pytest.raises(ValueError, match="not among"):
        lazy.index("more than four")


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=30))
@settings(deadline=None)
def test_answers_of_a_snapshot_are_those_of_its_triples(facts: list[tuple[int, int, int]]) -> None:
    columns = np.array(facts, dtype=np.int64).T
    names = ["a", "b", "c", "d"]
    head, kind, tail = columns
    snapshot = from_columns(names, names, head, kind, tail, np.zeros(len(facts), dtype=np.int64))
    anchor, relation = (torch.arange(16) // 4), (torch.arange(16) % 4)
    sides: tuple[Side, ...] = ("tail", "head")
    for side in sides:
        found = [
            sorted(zip(*(part.tolist() for part in known.of(anchor, relation)), strict=True))
            for known in (
                answers_of_snapshot(snapshot, side, torch.device("cpu")),
                answers_of_triples(snapshot.triples(), 4, side),
            )
        ]
        assert found[0] == found[1]
        assert len(found[0]) == snapshot.num_edges


def test_training_on_a_folder_is_training_on_the_snapshot(tmp_path: Path) -> None:
    snapshot = small()
    opened = open_snapshot(save_snapshot(snapshot, tmp_path, source={}).path)
    options = {"epochs": 3, "embedding_dim": 4, "batch_size": 4, "device": "cpu"}
    runs = [
        train(graph, resolve_config("distmult", graph, options), tmp_path / name, source={})
        for name, graph in (("memory", snapshot), ("folder", opened))
    ]
    assert runs[0].metrics == runs[1].metrics
    weights = [(run.folder / "weights.safetensors").read_bytes() for run in runs]
    assert weights[0] == weights[1]
    assert runs[1].snapshot_digest == snapshot.digest
