"""Disks that are full, or may not be written to, under what is written to files, for real.

The database's own disk is in test_disk.py; the rejects file's and the fetched jars' with theirs.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from campaign import counted

from kgplatform.cli import main
from kgplatform.graph.interchange import vector_tables
from kgplatform.graph.snapshot import from_triples
from kgplatform.graph.snapshot_folder import save_snapshot
from kgplatform.text.vector_cache import _keep, _known
from kgplatform.training.artifacts import save_tensors, write_atomically
from kgplatform.triples import Triple

ROOM, MORE = 2, 60
"""MiB of the disk while it is too small, and when there is room."""

SMALL, LARGE = 50, 40_000
"""Rows of what fits, and of what does not."""


def _vectors(rows: int) -> np.ndarray:
    return np.random.default_rng(rows).normal(size=(rows, 32)).astype(np.float32)


def _keys(rows: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in range(rows)]


def _snapshot(rows: int) -> Any:
    return from_triples([Triple(f"e{i}", "next", f"e{i + 1}", "train") for i in range(rows)])


def _table(ending: str) -> Callable[[Path, int], object]:
    def write(folder: Path, rows: int) -> object:
        names = [f"e{row}" for row in range(rows)]
        return vector_tables.write(folder / f"vectors{ending}", names, _vectors(rows))

    return write


WRITERS: dict[str, Callable[[Path, int], object]] = {
    "a checkpoint": lambda folder, rows: save_tensors(
        folder / "state.safetensors", {"a": torch.from_numpy(_vectors(rows))}
    ),
    "a description": lambda folder, rows: write_atomically(
        folder / "run.json", _vectors(rows).tobytes()
    ),
    "a table .npy": _table(".npy"),
    "a table .safetensors": _table(".safetensors"),
    "a table .parquet": _table(".parquet"),
    "vectors of texts": lambda folder, rows: _keep(folder, _keys(rows), _vectors(rows)),
    "a snapshot": lambda folder, rows: save_snapshot(_snapshot(rows * 2), folder, source={}),
}


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory, disk_at: Any) -> Iterator[Any]:
    with disk_at(tmp_path_factory.mktemp("small") / "disk", ROOM) as disk:
        yield disk


@pytest.mark.parametrize("what", WRITERS)
def test_what_is_written_to_a_full_disk_is_told_and_old_files_stay(disk: Any, what: str) -> None:
    folder = disk.path / what.replace(" ", "-")
    folder.mkdir()
    WRITERS[what](folder, SMALL)
    before = _files(folder)
    assert before
    with pytest.raises(OSError, match="No space left on device") as full:
        WRITERS[what](folder, LARGE)
    assert full.value.errno == errno.ENOSPC
    assert str(folder) in str(full.value.filename)
    assert _files(folder) == before
    disk.read_only()
    try:
        with pytest.raises(OSError, match="Read-only file system") as refused:
            WRITERS[what](folder, LARGE)
        assert refused.value.errno == errno.EROFS
        assert str(disk.path) in str(refused.value.filename)
        assert _files(folder) == before
    finally:
        disk.resize(MORE)
    WRITERS[what](folder, LARGE)
    assert len(_files(folder)) >= len(before)
    assert _files(folder) != before
    for path in folder.rglob("*"):
        assert not path.name.endswith((".tmp", ".part")), path
        if path.is_file():
            path.unlink()
    disk.resize(ROOM)
    counted("limits", "writes to a disk that is full or read-only", 2, told=2, spoilt=0)


def test_vectors_of_texts_that_changed_are_not_taken(tmp_path: Path) -> None:
    _keep(tmp_path, _keys(SMALL), _vectors(SMALL))
    (part,) = tmp_path.iterdir()
    whole = part.read_bytes()
    assert len(_known(tmp_path, 32, set(_keys(SMALL)))) == SMALL
    # Anywhere in the vectors, which no parser looks at.
    for at in (len(whole) - 1, len(whole) - 4_000, len(whole) // 2):
        part.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert _known(tmp_path, 32, set(_keys(SMALL))) == {}


def test_a_training_on_a_full_disk_says_so_and_is_done_with_room(
    tmp_path: Path, disk: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_snapshot(_snapshot(6_000), tmp_path / "snapshots", source={}).path
    monkeypatch.setenv("KGP_RUNS", str(disk.path / "runs"))
    monkeypatch.setenv("KGP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    train = ["train", "distmult", "--snapshot", str(folder), "--set", "epochs=2"]
    train += ["--set", "embedding_dim=64", "--set", "device=cpu"]
    for state, words in (("full", "the disk is full"), ("read-only", "to be read only")):
        if state == "read-only":
            disk.read_only()
        with pytest.raises(SystemExit) as ended:
            main(train)
        said = capsys.readouterr().err
        assert ended.value.code == 1
        assert words in said
        assert str(disk.path / "runs") in said
        assert "Traceback" not in said
    disk.resize(MORE)
    with pytest.raises(SystemExit) as ended:
        main(train)
    assert ended.value.code == 0, capsys.readouterr().err
