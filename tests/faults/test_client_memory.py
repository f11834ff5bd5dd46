"""A client with less memory than what it exports: ten times as much goes through it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import small_memory
import torch
from campaign import LONG, counted, points

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.snapshot_folder import save_snapshot

ENTITIES, NAME = 1_000, 1_000
"""Few entities of long names: small in memory, and two kilobytes a fact in a file."""

FACTS = points(130_000, 1_000_000)

ROOM = points(24, 200)
"""MiB that an export may ask for."""

WHOLE = ("graphml", "pykeen")
"""Formats that write the names with each fact, and of which that was measured."""


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of many facts between a few entities."""
    at = np.arange(FACTS)
    made = KGSnapshot(
        entities=tuple(f"e{number:0{NAME}}" for number in range(ENTITIES)),
        relations=("r",),
        edge_index=torch.from_numpy(np.stack([at // ENTITIES, at % ENTITIES])),
        edge_type=torch.zeros(FACTS, dtype=torch.int64),
        split=torch.full((FACTS,), -1, dtype=torch.int8),
    )
    return save_snapshot(made, tmp_path_factory.mktemp("snapshots"), source={}).path


@pytest.mark.slow
@pytest.mark.parametrize("form", WHOLE if LONG else WHOLE[1:])
def test_an_export_ten_times_as_large_as_the_memory(
    snapshot: Path, tmp_path: Path, form: str
) -> None:
    to = tmp_path / "exported"
    words = [sys.executable, small_memory.__file__, str(snapshot), form, str(to), str(ROOM)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    came = json.loads(ended.stdout)
    shutil.rmtree(to, ignore_errors=True)
    assert came["facts"] == FACTS
    assert came["bytes"] >= 10 * ROOM << 20
    counted("limits", f"{came['bytes'] >> 20} MiB as {form} with {ROOM} MiB", 1, exported=1)
