"""Two processes of torchrun train what one trains; a dead one ends the other, resumably."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torchrun import children_of, torchrun

from kgplatform.cli import main
from kgplatform.errors import TrainingError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.graph.snapshot_folder import save_snapshot
from kgplatform.training.artifacts import load_run
from kgplatform.training.checkpoint import CHECKPOINT_FILE
from kgplatform.training.config import TrainingConfig, resolve_config
from kgplatform.training.distributed import Group
from kgplatform.training.loop import resume, train
from kgplatform.training.negatives import drop_coordinates
from kgplatform.triples import SPLITS, Triple

SAMPLED = {"candidates": "sampled", "negatives": 7, "filter_negatives": True}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "all-adagrad": ("distmult", {"input_dropout": 0.1}),
    "all-adam": ("distmult", {"optimizer": "adam", "learning_rate": 0.01, "bernoulli": True}),
    "sampled-adagrad": ("distmult", {**SAMPLED, "loss": "binary"}),
    "sampled-adam": ("distmult", {**SAMPLED, "optimizer": "adam", "learning_rate": 0.01}),
    "one-sided": ("transe", {**SAMPLED, "reciprocal": False, "input_dropout": 0.2}),
    "n3": ("complex", {"regularization": 0.01}),
    "answers": ("complex", {"candidates": "answers", "regularization": 0.01}),
    "encoder": ("rgcn", {"batch_size": 9, "dropout": 0.2}),
    "shards-adagrad": ("distmult", {**SAMPLED, "shard_entities": True}),
    "shards-adam": (
        "complex",
        {**SAMPLED, "optimizer": "adam", "regularization": 0.01, "shard_entities": True},
    ),
}
"""Settings of trainings whose result must not depend on how many processes there are."""

NORMALISED: tuple[str, dict[str, Any]] = ("tucker", {"embedding_dim": 8})
"""One whose does, as each process normalises over its part of a batch."""


def ring(size: int = 21) -> KGSnapshot:
    """A ring that is walked both ways; 45 edges in train, which leaves a batch of one."""
    triples: list[Triple] = []
    for i in range(size):
        for relation, tail in (("next", i + 1), ("skip", i + 2), ("back", i - 1)):
            at = len(triples) % 7
            split = SPLITS[max(0, at - 4)]
            triples.append(Triple(f"e{i:02}", relation, f"e{tail % size:02}", split))
    return from_triples(triples)


def config_of(case: str) -> TrainingConfig:
    model, settings = CASES.get(case, NORMALISED)
    common = {"epochs": 4, "evaluate_every": 2, "embedding_dim": 8, "device": "cpu"}
    return resolve_config(model, ring(), {**common, "batch_size": 11, **settings})


TOGETHER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_training_distributed as here
from kgplatform.errors import TrainingError
from kgplatform.training import loop
from kgplatform.training.distributed import launched_group
def tell(line):  # At once: both processes write into one pipe.
    sys.stderr.write(line + "\\n")
started, seen = loop._start, []
loop._start = lambda *a: seen.append(started(*a)) or seen[-1]
with launched_group() as group:
    for case in (*here.CASES, "normalised"):
        folder = Path(sys.argv[2]) / case
        loop.train(here.ring(), here.config_of(case), folder, source={}, splits=(), group=group)
        trainer = seen[-1].trainer
        shard = trainer.shard
        rows = trainer.optimizer.param_groups[0]["params"][0].shape[0]
        shape = tuple(trainer.model.entity.shape)
        tell(f"{case} {group.rank} {rows} {shape} {shard and shard.here}")
    statistics = [tensor.tolist() for tensor in trainer.statistics()]
    group.require_same("statistics", statistics)
    try:
        group.require_same("a number", group.rank)
    except TrainingError as error:
        tell(f"{group.rank} {error}")
"""


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the runs that two processes made of all cases, and what they printed."""
    for last in (False, True):
        folder = tmp_path_factory.mktemp("together")
        script = folder / "script.py"
        script.write_text(TOGETHER)
        process = torchrun(str(script), str(Path(__file__).parent), str(folder))
        _, printed = process.communicate(timeout=240)
        # Once in many, torch aborts as it takes its own threads down, when all is done and told.
        if last or "terminate called without an active exception" not in printed:
            break
    assert process.returncode == 0, printed
    return folder, printed


def assert_alike(left: Path, right: Path) -> None:
    """Weights, optimizer, generator and figures are the same but for the order of additions."""
    for name in (Path("weights.safetensors"), CHECKPOINT_FILE):
        first, second = load_file(left / name), load_file(right / name)
        assert first.keys() == second.keys()
        for key in first:
            torch.testing.assert_close(first[key], second[key], rtol=1e-3, atol=1e-5, msg=key)
    for one, other in zip(lines_of(left), lines_of(right), strict=True):
        assert one.keys() == other.keys()
        for key in one.keys() - {"seconds", "triples_per_second"}:
            assert one[key] == pytest.approx(other[key], rel=1e-4)


def lines_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_what_one_trains(
    case: str, together: tuple[Path, str], tmp_path: Path
) -> None:
    train(ring(), config_of(case), tmp_path / "run", source={}, splits=())
    folder = together[0] / case
    assert load_run(folder).epochs == 4
    assert_alike(tmp_path / "run", folder)


def test_each_process_holds_half_of_a_table_in_shards(together: tuple[Path, str]) -> None:
    lines = sorted(line for line in together[1].splitlines() if line.startswith("shards-adam"))
    assert lines == [
        "shards-adam 0 11 (21, 8) slice(0, 11, None)",
        "shards-adam 1 10 (21, 8) slice(11, 21, None)",
    ]


def test_all_hear_that_they_were_given_different_things(together: tuple[Path, str]) -> None:
    for rank in range(2):
        assert f"{rank} process 1 of 2 has a number other than process 0" in together[1]


def test_batch_normalisation_is_over_a_part_of_the_batch(
    together: tuple[Path, str], tmp_path: Path
) -> None:
    train(ring(), config_of("normalised"), tmp_path / "run", source={}, splits=())
    one, two = load_file(tmp_path / "run" / CHECKPOINT_FILE), together[0] / "normalised"
    both = load_file(two / CHECKPOINT_FILE)
    assert torch.equal(one["generator"], both["generator"])
    assert all(values.isfinite().all() for values in both.values())
    assert lines_of(two)[-1]["loss"] == pytest.approx(
        lines_of(tmp_path / "run")[-1]["loss"], rel=0.2
    )


def test_a_killed_process_ends_the_other_and_the_run_goes_on(tmp_path: Path) -> None:
    snapshot = save_snapshot(ring(), tmp_path, source={"graph": "ring"}).path
    settings = {**SAMPLED, "batch_size": 11, "embedding_dim": 8, "epochs": 150, "patience": 0}
    settings |= {"evaluate_every": 5, "device": "cpu", "shard_entities": True, "dropout": 0.1}
    given = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    process = torchrun(
        *("-m", "kgplatform", "train", "distmult", "--snapshot", str(snapshot), *given),
        KGP_RUNS=str(tmp_path / "runs"),
    )
    run = wait_for_run(process, tmp_path / "runs")
    victim = children_of(process.pid)[1]
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 1
    assert time.monotonic() - killed < 30
    assert "another process of this training is gone" in printed
    assert "--resume RUN" in printed
    assert not load_run(run, allow_incomplete=True).complete
    # The run of another number of processes goes on just as well.
    resume(run, ring(), splits=())
    config = resolve_config("distmult", ring(), settings)
    train(ring(), config, tmp_path / "whole", source={}, splits=())
    assert_alike(tmp_path / "whole", run)


def wait_for_run(process: subprocess.Popen[str], runs: Path) -> Path:
    """The folder of a run that has trained some epochs."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        for file in runs.glob("*/metrics.jsonl"):
            if file.read_text().count("\n") > 12:
                return file.parent
        time.sleep(0.01)
    raise AssertionError("the training did not begin")


def test_parts_cover_a_batch_and_one_that_is_too_small_is_scored_by_all() -> None:
    groups = [Group(rank, 3) for rank in range(3)]
    for rows in (6, 7, 8, 100):
        parts = [group.part(rows) for group in groups]
        covered = [row for part in parts for row in range(rows)[part.rows]]
        assert covered == list(range(rows))
        assert all(part.count >= 2 and part.scored == rows for part in parts)
    for rows in (1, 5):
        assert all(group.part(rows).count == rows for group in groups)
        assert groups[0].part(rows).scored == 3 * rows


def test_processes_do_not_share_a_gpu() -> None:
    assert Group().device("cuda:1") == "cuda:1"
    assert Group(1, 2, 1).device("cpu") == "cpu"
    with pytest.raises(TrainingError, match="cannot all train on device cuda:1"):
        Group(1, 2, 1).device("cuda:1")


def test_parts_are_dropped_from_as_the_whole_is() -> None:
    values = torch.rand(2 * 10, 5)
    whole = drop_coordinates(values, 0.3, torch.Generator().manual_seed(0)).reshape(2, 10, 5)
    for rank in range(3):
        part = Group(rank, 3).part(10)
        mine = values.reshape(2, 10, 5)[:, part.rows].reshape(-1, 5)
        dropped = drop_coordinates(mine, 0.3, torch.Generator().manual_seed(0), part)
        assert torch.equal(dropped, whole[:, part.rows].reshape(-1, 5))


@pytest.mark.parametrize(
    ("model", "settings", "reason"),
    [
        ("distmult", {"candidates": "all"}, "compares with all entities"),
        ("gcn", {"candidates": "sampled"}, "passes messages"),
        ("distmult", {"candidates": "sampled", "inputs": "features"}, "has no table"),
    ],
)
def test_where_a_table_cannot_be_in_shards(
    model: str, settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        resolve_config(model, ring(), {**settings, "shard_entities": True})


def test_several_processes_need_a_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    two = contextlib.nullcontext(Group(0, 2))
    monkeypatch.setattr("kgplatform.training.distributed.launched_group", lambda: two)
    with pytest.raises(SystemExit) as ended:
        main(["train", "distmult", "--graph", "default"])
    assert ended.value.code == 2
    assert "several processes train on a snapshot's folder" in capsys.readouterr().err
