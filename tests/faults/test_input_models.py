"""Hostile runs, snapshots, vectors, settings, schemas and answers of language models.

Whole files are mutated and opened; nothing but an error with a reason may come of it. What reads
binary files does so in a forked child, so that a crash of a library is seen as one.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from campaign import counted, drawn, points
from hostile import NAMES, Touched, in_time, mutated, touched
from pydantic import BaseModel

from kgplatform.cli.train import from_file
from kgplatform.errors import KGPlatformError
from kgplatform.graph.interchange import torchkge, vector_tables
from kgplatform.graph.interchange.vectors import Opening, open_tensors
from kgplatform.graph.snapshot import from_triples
from kgplatform.graph.snapshot_folder import open_snapshot, save_snapshot, verify_snapshot
from kgplatform.settings import load_settings
from kgplatform.text.extract.schema_file import parse_schema
from kgplatform.text.llm.protocol import Answer, Request
from kgplatform.text.llm.structured import ask_list
from kgplatform.training.artifacts import entity_vectors, list_runs, load_run
from kgplatform.training.config import TrainingConfig, config_from_json, resolve_config
from kgplatform.training.loop import train
from kgplatform.triples import Triple

MEMORY = 6 << 30
"""Bytes of addresses that a child may have: torch alone takes most of them."""

TRIPLES = [Triple(f"e{i}", "next", f"e{(i + 1) % 30}", "train") for i in range(30)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a run, a snapshot and vectors, all of them sound."""
    folder = tmp_path_factory.mktemp("whole")
    snapshot = from_triples(TRIPLES)
    given = {"epochs": 1, "embedding_dim": 8, "valid_share": 0.1, "test_share": 0.1}
    config = resolve_config("distmult", snapshot, given | {"device": "cpu"})
    train(snapshot, config, folder / "run", source={"graph": "default"})
    save_snapshot(snapshot, folder, source={"graph": "g"}, path=folder / "snapshot")
    tables, names = folder / "tables", [f"e{i}" for i in range(5)]
    tables.mkdir()
    for end in ("parquet", "safetensors", "npy"):
        vector_tables.write(tables / f"a.{end}", names, np.ones((5, 4), np.float32))
    (tables / "a.vec").write_text("2 3\na 1 2 3\nb c 4 5 6\n")
    kge = folder / "kge"
    kge.mkdir()
    torch.save({"ent_emb.weight": torch.ones(2, 3)}, kge / "a.pt")
    (kge / "ent2ix.json").write_text('{"a": 0, "b": 1}')
    return folder


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Touched:
    return touched(tmp_path_factory.mktemp("models"))


def in_child(work: Callable[[], Iterable[str]]) -> list[str]:
    """What the work yields, in a forked process with bounded memory; the last line says a fault."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w", errors="backslashreplace") as told:
            try:
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                for line in work():
                    told.write(f"{line}\n")
                    told.flush()
            except BaseException:
                told.write("FAULT " + " | ".join(traceback.format_exc().splitlines()[-12:]) + "\n")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as heard:
        lines = heard.read().splitlines()
    _, status = os.waitpid(child, 0)
    if status:
        lines.append(f"FAULT the process ended by {status}")
    return lines


def opened_run(folder: Path) -> None:
    list_runs(folder.parent)
    run = load_run(folder, allow_incomplete=True)
    json.dumps(run.to_json())
    entity_vectors(run)


def opened_snapshot(folder: Path) -> None:
    snapshot = open_snapshot(folder)
    list(snapshot.entities)
    list(snapshot.relations)
    verify_snapshot(folder)


def opened_tables(folder: Path) -> None:
    failed = 0
    for file in sorted(folder.iterdir()):
        if file.suffix != ".txt":
            try:
                vector_tables.read(file, Opening())
            except KGPlatformError:
                failed += 1
    if failed:
        raise KGPlatformError("some")


def opened_kge(folder: Path) -> None:
    torchkge.read(folder, Opening())


FOLDERS: dict[str, Callable[[Path], None]] = {
    "run": opened_run,
    "snapshot": opened_snapshot,
    "tables": opened_tables,
    "kge": opened_kge,
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_tampered_folders_are_refused_by_a_reason(
    kind: str, whole: Path, watched: Touched, tmp_path: Path
) -> None:
    opening = FOLDERS[kind]
    opening(whole / kind)
    draw = drawn(f"tampered {kind}")
    files = sorted(p.relative_to(whole) for p in (whole / kind).rglob("*") if p.is_file())
    others = [(whole / file).read_bytes() for file in files]
    tried = points(40, 800)
    watched.folder = str(tmp_path)

    def attempts() -> Iterable[str]:
        for _ in range(tried):
            shutil.rmtree(tmp_path / kind, ignore_errors=True)
            shutil.copytree(whole / kind, tmp_path / kind)
            file = tmp_path / draw.choice(files)
            file.write_bytes(mutated(draw, file.read_bytes(), others))
            yield f"# {file.name} {file.read_bytes()[:300]!r}"
            with watched.watching(), in_time():
                try:
                    opening(tmp_path / kind)
                except KGPlatformError:
                    yield "refused"
                else:
                    yield "opened"
        yield from (f"FAULT touched {each}" for each in watched.outside)

    lines = in_child(attempts)
    assert not any(line.startswith("FAULT") for line in lines), lines[-2:]
    outcomes = Counter(line for line in lines if not line.startswith("#"))
    assert outcomes.total() == tried
    assert outcomes["refused"] > tried // 4
    counted("input", f"tampered folders: {kind}", tried, **outcomes)
