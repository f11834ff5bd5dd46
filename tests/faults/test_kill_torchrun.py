"""Two processes of torchrun, killed again and again: resumed, they end as two that were not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from campaign import LONG, counted, drawn
from run_files import run_files
from torchrun import children_of, torchrun
from writing_commands import facts

from kgplatform.graph.snapshot import from_triples
from kgplatform.graph.snapshot_folder import save_snapshot
from kgplatform.triples import Triple

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LONG, reason="of the long campaign"),
]

EPOCHS = 150
SETTINGS: dict[str, object] = {
    "epochs": EPOCHS,
    "evaluate_every": 5,
    "patience": 0,
    "embedding_dim": 16,
    "batch_size": 32,
    "candidates": "sampled",
    "negatives": 7,
    "dropout": 0.1,
    "device": "cpu",
}
KILLS = 3
"""Of one training, one after the other."""

SECONDS = 300
TRAININGS: dict[str, dict[str, object]] = {
    "adagrad": {},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "table in shards": {"shard_entities": True},
}


@pytest.mark.parametrize("name", TRAININGS)
def test_two_processes_that_were_killed_end_as_two_that_were_not(name: str, tmp_path: Path) -> None:
    rows = (line.split("\t") for line in facts(1).splitlines())
    triples = [Triple(head, relation, tail) for head, relation, tail in rows]
    snapshot = save_snapshot(from_triples(triples), tmp_path, source={"graph": "g"}).path
    given = {**SETTINGS, **TRAININGS[name]}
    words = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    words = ["--snapshot", str(snapshot), *words]
    ended, printed = _ended(_training(tmp_path / "whole", words))
    assert ended == 0, printed

    generator, runs = drawn(f"torchrun {name}"), tmp_path / "killed"
    came = 0
    for epoch in sorted(generator.sample(range(EPOCHS - 10), KILLS)):
        came += _killed(_training(runs, words), runs, epoch, generator)
    ended, printed = _ended(_training(runs, words))
    assert ended == 0, printed
    files, whole = run_files(runs), run_files(tmp_path / "whole")
    other = sorted(f for f in {*files, *whole} if files.get(f) != whole.get(f))
    what = f"one or all of two processes killed, three times a training: {name}"
    counted("kills", what, came, survived=came * (not other), after_its_end=KILLS - came)
    assert not other, other


def _training(runs: Path, words: list[str]) -> subprocess.Popen[str]:
    """Begin it, or go on with what there is."""
    begun = list(runs.glob("*/run.json"))
    given = ["--resume", "latest"] if begun else words
    return torchrun("-m", "kgplatform", "train", "distmult", *given, KGP_RUNS=str(runs))


def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, printed = process.communicate(timeout=SECONDS)
    return process.returncode, printed


def _killed(
    process: subprocess.Popen[str], runs: Path, epoch: int, generator: random.Random
) -> bool:
    """Kill the first process, the second, or all, soon after an epoch; whether they were there."""
    workers: list[int] = []
    while process.poll() is None and not (workers and _epochs(runs) > epoch):
        time.sleep(0.002)
        with suppress(psutil.NoSuchProcess):
            both = children_of(process.pid)
            workers = both if len(both) == 2 else []
    time.sleep(generator.random() * 0.05)
    who = generator.choice(("first", "second", "all"))
    victims = {"first": workers[:1], "second": workers[1:], "all": [process.pid, *workers]}[who]
    if process.poll() is not None:
        return False
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    return _ended(process)[0] != 0


def _epochs(runs: Path) -> int:
    return sum(file.read_text().count("\n") for file in runs.glob("*/metrics.jsonl"))
