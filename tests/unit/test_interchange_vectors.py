"""Vectors of other toolkits: read by name, checked, and refused where they do not fit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import torch

from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.graph.interchange import Opening, Vectors, read_vectors
from kgplatform.graph.interchange.vectors import Score

VALUES = np.array([[0.5, -1.0], [2.0, 3.0], [1e-3, 4.0]], dtype=np.float32)
NAMES = ("Ada", "Ł b", "c")
NONE = Opening()


def dglke(folder: Path, **config: Any) -> Path:
    """The folder that ``dglke_train`` leaves, by its documentation."""
    folder.mkdir()
    np.save(folder / "mine_TransE_l1_entity.npy", VALUES)
    np.save(folder / "mine_TransE_l1_relation.npy", VALUES[:1])
    (folder / "entities.tsv").write_text("1\tŁ b\n0\tAda\n2\tc\n", encoding="utf-8")
    (folder / "relations.tsv").write_text("0\tknows\n")
    settings = {"model_name": "TransE_l1", "emp_file": "entities.tsv", **config}
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def test_dglke_by_its_own_mapping(tmp_path: Path) -> None:
    vectors = read_vectors("dglke", dglke(tmp_path / "a"), NONE)
    assert vectors.entities == NAMES
    assert np.array_equal(vectors.values, VALUES)
    assert (vectors.relations, vectors.score) == (("knows",), Score("transe", norm=1))
    # What 0.1.2 writes; its documentation has another key.
    moved = dglke(tmp_path / "c", emp_file=None, emap_file="people.tsv")
    (moved / "entities.tsv").rename(moved / "people.tsv")
    assert read_vectors("dglke", moved, NONE).entities == NAMES
    elsewhere = dglke(tmp_path / "b", emp_file="/gone/entities.tsv", model_name="RotatE")
    assert read_vectors("dglke", elsewhere, NONE).score is None
    (elsewhere / "entities.tsv").write_text("0\tAda\n2\tc\n")
    with pytest.raises(InputError, match="ids are not 0 to 1"):
        read_vectors("dglke", elsewhere, NONE)


@pytest.mark.parametrize("ending", ["ckpt", "json"])
def test_openke_checkpoints(tmp_path: Path, ending: str) -> None:
    (tmp_path / "entity2id.txt").write_text("3\nŁ b\t1\nAda\t0\nc\t2\n", encoding="utf-8")
    real, imaginary = torch.from_numpy(VALUES), torch.from_numpy(VALUES) * 2
    state = {"ent_re_embeddings.weight": real, "ent_im_embeddings.weight": imaginary}
    if ending == "json":
        listed = {name: value.tolist() for name, value in state.items()}
        (tmp_path / "complex.json").write_text(json.dumps(listed))
    else:
        torch.save(state, tmp_path / "complex.ckpt")
    vectors = read_vectors("openke", tmp_path, NONE)
    assert vectors.entities == NAMES
    assert np.array_equal(vectors.values, np.concatenate((VALUES, VALUES * 2), axis=1))
    assert vectors.score is None


def test_torchkge_state_and_mapping(tmp_path: Path) -> None:
    torch.save({"ent_emb.weight": torch.from_numpy(VALUES)}, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"ent2ix\.json"):
        read_vectors("torchkge", tmp_path, NONE)
    (tmp_path / "ent2ix.json").write_text(json.dumps({"c": 2, "Ada": 0, "Ł b": 1}))
    vectors = read_vectors("torchkge", tmp_path / "model.pt", NONE)
    assert (vectors.entities, vectors.values.tolist()) == (NAMES, VALUES.tolist())


def test_torchkge_itself(tmp_path: Path) -> None:
    models = pytest.importorskip("torchkge.models", reason="TorchKGE is not installed")
    for model in (models.TransEModel(4, 3, 2), models.ComplExModel(4, 3, 2)):
        torch.save(model.state_dict(), tmp_path / "model.pt")
        (tmp_path / "ent2ix.json").write_text(json.dumps({"c": 2, "Ada": 0, "Ł b": 1}))
        values = read_vectors("torchkge", tmp_path, NONE).values
        given = model.get_embeddings()[0]
        parts = given if isinstance(given, tuple) else (given,)
        if model.__class__.__name__ == "ComplExModel":
            parts = model.get_embeddings()[:2]
        assert np.array_equal(values, torch.cat([p.detach() for p in parts], 1).numpy())


def test_a_checkpoint_that_is_more_than_tensors_is_not_opened(tmp_path: Path) -> None:
    opened = tmp_path / "opened"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (opened,))

    torch.save({"ent_emb.weight": Evil()}, tmp_path / "model.pt")
    (tmp_path / "ent2ix.json").write_text('{"a": 0}')
    with pytest.raises(InputError, match="more than tensors"):
        read_vectors("torchkge", tmp_path, NONE)
    (tmp_path / "training_triples").mkdir()
    torch.save(Evil(), tmp_path / "trained_model.pkl")
    with pytest.raises(UsageError, match="pickle") as caught:
        read_vectors("pykeen", tmp_path, NONE)
    assert "--trust-pickle" in caught.value.hint
    with pytest.raises(UsageError, match="pickle"):
        read_vectors("ampligraph", tmp_path, NONE)
    assert not opened.exists()


def test_tables_of_vectors(tmp_path: Path) -> None:
    table = pa.table({"vector": VALUES.tolist(), "id": NAMES, "note": ["", "", ""]})
    pyarrow.parquet.write_table(table, tmp_path / "v.parquet")
    np.save(tmp_path / "v.npy", VALUES)
    (tmp_path / "v.txt").write_text("Ada\nŁ b\nc\n", encoding="utf-8")
    (tmp_path / "w.vec").write_text("3 2\nAda 0.5 -1\nŁ b 2 3\nc 0.001 4\n", encoding="utf-8")
    for name in ("v.parquet", "v.npy", "w.vec"):
        vectors = read_vectors("table", tmp_path / name, NONE)
        assert (vectors.entities, vectors.values.tolist()) == (NAMES, VALUES.tolist()), name
    (tmp_path / "w.vec").write_text("4 2\nAda 0.5 -1\n")
    with pytest.raises(InputError, match="first line says 4"):
        read_vectors("table", tmp_path / "w.vec", NONE)


def test_vectors_that_do_not_fit_are_refused() -> None:
    wrong = VALUES.copy()
    wrong[1, 1] = np.nan
    with pytest.raises(InputError, match=r"1 entity vectors hold NaN or infinity.*'Ł b'"):
        Vectors("t", "", NAMES, wrong)
    with pytest.raises(InputError, match=r"2 names of entity vectors.*\(3, 2\)"):
        Vectors("t", "", NAMES[:2], VALUES)
    with pytest.raises(InputError, match="'Ada' has more than one vector"):
        Vectors("t", "", ("Ada", "b", "Ada"), VALUES)
    with pytest.raises(UnknownNameError, match="pyken"):
        read_vectors("pyken", Path(), NONE)
    with pytest.raises(InputError, match="there is no"):
        read_vectors("table", Path("gone.npy"), NONE)
