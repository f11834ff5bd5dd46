"""Run folders: found, listed, read back, and refused where they are broken."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from safetensors.torch import load_file, save_file

from kgplatform.errors import RunError, UnknownNameError
from kgplatform.graph.snapshot import from_triples
from kgplatform.models import MODELS
from kgplatform.training.artifacts import (
    Run,
    entity_vectors,
    find_run,
    list_runs,
    load_model,
    load_run,
    load_vocabulary,
    new_run_id,
    write_atomically,
)
from kgplatform.training.config import TrainingConfig
from kgplatform.training.evaluate import evaluate_splits
from kgplatform.training.loop import train
from kgplatform.training.plots import plot_learning_curve
from kgplatform.triples import Triple

GRAPH = from_triples(
    [
        Triple("a", "p", "b", "train"),
        Triple("b", "p", "c\u0000́é", "train"),
        Triple("a", "q r", "c\u0000́é", "train"),
        Triple("a", "p", "c\u0000́é", "valid"),
        Triple("b", "p", "a", "test"),
    ]
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = TrainingConfig("gcn", embedding_dim=4, epochs=2, evaluate_every=1, device="cpu")
    return train(GRAPH, config, tmp_path / new_run_id("gcn", tmp_path), source={"graph": "g"})


def test_run_ids_are_safe_names(tmp_path: Path) -> None:
    ids = {new_run_id("transe", tmp_path) for _ in range(20)}
    assert len(ids) == 20
    for run_id in ids:
        assert re.fullmatch(r"\d{8}-\d{6}-transe-[0-9a-f]{4}", run_id)
        assert re.fullmatch(r"\w+", run_id.replace("-", "_"))


def test_vocabulary_and_vectors_come_back(run: Run) -> None:
    assert load_vocabulary(run) == (GRAPH.entities, GRAPH.relations)
    entities, vectors = entity_vectors(run)
    assert entities == GRAPH.entities
    assert vectors.shape == (3, 4)
    assert vectors.dtype == np.float32
    encoded = load_model(run).entity_vectors().numpy()
    np.testing.assert_array_equal(vectors, encoded)


def test_a_loaded_model_evaluates_as_the_run_did(run: Run) -> None:
    assert evaluate_splits(load_model(run), GRAPH) == run.metrics


def test_a_folder_can_be_moved(run: Run, tmp_path: Path) -> None:
    moved = run.folder.rename(tmp_path / "elsewhere")
    again = load_run(moved)
    assert (again.id, again.folder) == (run.id, moved)
    assert load_vocabulary(again)[0] == GRAPH.entities


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_vectors_that_are_not_finite_are_refused_by_row(run: Run, bad: float) -> None:
    tensors = load_file(run.folder / "weights.safetensors")
    # The weights of all entities but one are kept; the self loops alone would spread it.
    tensors["edge_index"] = torch.empty(2, 0, dtype=torch.int64)
    tensors["entity"][1, 2] = bad
    save_file(tensors, run.folder / "weights.safetensors")
    with pytest.raises(RunError, match=r"entity 'b' \(row 1\) is not finite; 1 of 3"):
        entity_vectors(run)


def test_runs_are_found_by_id_prefix_and_latest(tmp_path: Path, run: Run) -> None:
    values = (run.folder / "run.json").read_text()
    for name in ("20200101-000000-transe-aaaa", "20200101-000000-transe-aabb", "20990101-x"):
        write_atomically(tmp_path / name / "run.json", values)
    assert find_run(tmp_path, run.id) == run.folder
    assert find_run(tmp_path, "20200101-000000-transe-aaa").name.endswith("aaaa")
    assert find_run(tmp_path, "latest").name == "20990101-x"
    assert [found.folder.name for found in list_runs(tmp_path)][-1] == "20990101-x"
    for name in ("2020", "nothing", "", "../" + run.id):
        with pytest.raises(UnknownNameError, match="no such run"):
            find_run(tmp_path, name)


def test_no_runs_at_all(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "missing") == []
    with pytest.raises(UnknownNameError, match="no such run: 'latest'") as caught:
        find_run(tmp_path / "missing", "latest")
    assert "there is no run yet" in caught.value.hint


def test_corrupt_runs_are_refused_and_not_listed(tmp_path: Path, run: Run) -> None:
    with pytest.raises(RunError, match="is no run"):
        load_run(tmp_path / "missing")
    good = json.loads((run.folder / "run.json").read_text())
    broken = ["", "[]", "{}", "{", json.dumps(good | {"config": {"model": "nope"}})]
    for number, text in enumerate(broken):
        folder = tmp_path / f"broken{number}"
        write_atomically(folder / "run.json", text)
        with pytest.raises(RunError, match="cannot be read") as caught:
            load_run(folder)
        assert caught.value.hint
    assert [found.id for found in list_runs(tmp_path)] == [run.id]


def test_incomplete_runs_are_listed(tmp_path: Path, run: Run) -> None:
    values = json.loads((run.folder / "run.json").read_text())
    write_atomically(run.folder / "run.json", json.dumps(values | {"complete": False}))
    assert [found.complete for found in list_runs(tmp_path)] == [False]
    with pytest.raises(RunError, match="incomplete"):
        load_run(run.folder)


@pytest.mark.parametrize("name", ["weights.safetensors", "entities.arrow", "relations.arrow"])
def test_broken_files_are_named(name: str, run: Run) -> None:
    path = run.folder / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(RunError, match=re.escape(name)):
        load_model(run)
    path.unlink()
    with pytest.raises(RunError, match=re.escape(name)):
        load_model(run)


def test_weights_of_another_shape_are_refused(run: Run) -> None:
    tensors = load_file(run.folder / "weights.safetensors")
    save_file(tensors | {"entity": torch.zeros(9, 4)}, run.folder / "weights.safetensors")
    with pytest.raises(RunError, match=r"weights\.safetensors cannot be read"):
        load_model(run)


def test_no_file_of_a_run_is_a_pickle(run: Run) -> None:
    for path in run.folder.rglob("*"):
        if path.is_file():
            assert path.read_bytes()[:2] not in (b"PK", b"\x80\x02", b"\x80\x04", b"\x80\x05")


def test_the_learning_curve_is_a_picture(run: Run, tmp_path: Path) -> None:
    image = imread(run.folder / "plots" / "learning_curve.png")
    assert image.shape[1] > image.shape[0] > 400
    assert image[..., :3].std() > 0.05
    empty = tmp_path / "metrics.jsonl"
    with pytest.raises(RunError, match="cannot be read"):
        plot_learning_curve(empty, tmp_path / "x.png")
    empty.touch()
    with pytest.raises(RunError, match="no epoch"):
        plot_learning_curve(empty, tmp_path / "x.png")


def test_every_model_has_a_summary() -> None:
    assert all(spec.summary for spec in MODELS.values())
