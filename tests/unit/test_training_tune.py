"""Searching settings: resumable, pruned, never looking at test, and useful to kgp train."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from kgplatform.cli import cli
from kgplatform.errors import RunError, TrainingError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.models import MODELS
from kgplatform.training import evaluate as evaluation
from kgplatform.training import loop
from kgplatform.training.config import resolve_config
from kgplatform.training.search_space import (
    Range,
    default_space,
    parsed,
    space_from_json,
    space_to_json,
)
from kgplatform.training.tune import (
    Plan,
    find_study,
    load_plan,
    outcome,
    save_plan,
    trial_rows,
    tune,
)
from kgplatform.training.watch import Moment
from kgplatform.triples import SPLITS, Split, Triple

FIXED = {"epochs": "6", "evaluate_every": "1", "device": "cpu", "patience": "0", "batch_size": "16"}


def ring(size: int = 24) -> KGSnapshot:
    triples: list[Triple] = []
    for i in range(size):
        for relation, step in (("next", 1), ("skip", 2), ("back", -1)):
            at = len(triples) % 10
            split: Split = SPLITS[at - 7] if at > 7 else "train"
            triples.append(Triple(f"e{i:02}", relation, f"e{(i + step) % size:02}", split))
    return from_triples(triples)


def plan_of(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "model": "distmult",
        "space": {"learning_rate": Range(0.001, 1.0, log=True), "embedding_dim": ("4", "8")},
        "fixed": FIXED,
        "source": {"graph": "ring"},
        "snapshot_digest": ring().digest,
    }
    return Plan(**values | changes)


def begun(folder: Path, **changes: Any) -> Plan:
    plan = plan_of(**changes)
    save_plan(folder, plan)
    return plan


def test_the_best_trial_is_what_kgp_train_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranked: list[str] = []
    real = evaluation.ranks_of

    def seen(*args: Any, **options: Any) -> Any:
        ranked.append(options.get("stage", ""))
        return real(*args, **options)

    monkeypatch.setattr(evaluation, "ranks_of", seen)
    plan = begun(tmp_path)
    assert load_plan(tmp_path) == plan
    found = tune(tmp_path, plan, ring(), 8)
    assert found.complete + found.pruned + found.failed == 8
    assert found.complete >= 4
    assert ranked
    assert not any("test" in stage for stage in ranked)
    rows = trial_rows(tmp_path, plan)
    complete = [row for row in rows if row["state"] == "complete"]
    assert found.mrr == pytest.approx(max(row["mrr"] for row in complete))
    assert {row["settings"]["embedding_dim"] for row in rows} == {"4", "8"}
    for row in complete:
        run = json.loads(
            (tmp_path / "trials" / f"trial-{row['number']:04}" / "run.json").read_text()
        )
        assert list(run["metrics"]) == ["valid"]
    settings = yaml.safe_load((tmp_path / "best.yaml").read_text())
    assert settings == found.settings
    # The same settings give the same run.
    again = loop.train(
        ring(), resolve_config("distmult", ring(), settings), tmp_path / "x", source={}
    )
    assert again.metrics["valid"]["mrr"] == found.mrr
    assert "test" in again.metrics


def test_trials_that_are_behind_are_given_up(tmp_path: Path) -> None:
    # Trials without learning are behind those with it.
    space = {"learning_rate": ("0.3", "0.25", "0.2", "0.0000001")}
    fixed = FIXED | {"epochs": "8", "embedding_dim": "16"}
    plan = begun(tmp_path, space=space, fixed=fixed, seed=1)
    found = tune(tmp_path, plan, ring(), 12)
    assert found.settings["learning_rate"] != "0.0000001"
    pruned = [row for row in trial_rows(tmp_path, plan) if row["state"] == "pruned"]
    assert found.pruned == len(pruned) > 0
    assert all(1 <= row["epochs"] < 8 for row in pruned)
    assert not any((tmp_path / "trials" / f"trial-{row['number']:04}").exists() for row in pruned)


def test_more_trials_are_added_to_a_study(tmp_path: Path) -> None:
    plan = begun(tmp_path)
    tune(tmp_path, plan, ring(), 2)
    first = trial_rows(tmp_path, plan)
    assert tune(tmp_path, plan, ring(), 2).complete == 2
    tune(tmp_path, plan, ring(), 4)
    rows = trial_rows(tmp_path, plan)
    assert rows[:2] == first
    assert [row["number"] for row in rows] == [0, 1, 2, 3]
    assert len({row["settings"]["learning_rate"] for row in rows}) == 4


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_training_tune as here
from kgplatform.training.tune import tune
plan = here.begun(Path(sys.argv[2]), fixed=here.FIXED | {"epochs": "30"})
tune(Path(sys.argv[2]), plan, here.ring(), 50)
"""


def test_a_killed_study_goes_on_within_its_trial(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    process = subprocess.Popen([sys.executable, "-c", KILLED, here, str(tmp_path)])
    second = tmp_path / "trials" / "trial-0001" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not second.exists() or second.read_text().count("\n") < 10:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    plan = load_plan(tmp_path)
    cut = trial_rows(tmp_path, plan)
    at = next(row["number"] for row in cut if row["state"] == "running")
    epochs: list[int] = []

    def seen(moment: Moment) -> None:
        epochs.append(moment.epoch)

    found = tune(tmp_path, plan, ring(), at + 1, watch=seen)
    rows = trial_rows(tmp_path, plan)
    assert [row["number"] for row in rows] == list(range(at + 1))
    assert rows[at]["settings"] == cut[at]["settings"]
    assert rows[at]["state"] in ("complete", "pruned")
    assert epochs[0] > 1  # not from the start
    assert found.complete + found.pruned == at + 1


def test_trials_that_cannot_be_trained_are_counted_and_told(tmp_path: Path) -> None:
    space = {"dropout": Range(0.0, 0.5)}
    plan = plan_of(model="complex", space=space, fixed=FIXED | {"learning_rate": "1e30"})
    folder = tmp_path / "all fail"
    save_plan(folder, plan)
    with pytest.raises(
        TrainingError, match=r"no trial of all fail could be trained; .*loss"
    ) as caught:
        tune(folder, plan, ring(), 2)
    assert caught.value.hint
    with pytest.raises(TrainingError, match="no trial"):
        outcome(folder, plan)


def test_what_cannot_be_searched_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"space": {"learnin_rate": Range(0.1, 1.0)}}, "no such setting"),
        ({"space": {"dropout": Range(0.1, 2.0)}}, "dropout"),
        ({"space": {"optimizer": ("adam", "sgd")}}, "optimizer"),
        ({"space": {"batch_size": ("16", "32")}}, "both searched and fixed"),
    )
    for number, (changes, message) in enumerate(wrong):
        plan = begun(tmp_path / str(number), **changes)
        with pytest.raises(UsageError, match=message):
            tune(tmp_path / str(number), plan, ring(), 1)
        assert not (tmp_path / str(number) / "trials").exists()


def test_another_graph_or_no_validation_is_refused(tmp_path: Path) -> None:
    plan = begun(tmp_path / "a")
    with pytest.raises(RunError, match="graph has changed"):
        tune(tmp_path / "a", plan, ring(25), 1)
    alone = from_triples([Triple("a", "r", "b", "train"), Triple("b", "r", "c", "train")])
    plan = begun(tmp_path / "b", snapshot_digest=alone.digest)
    with pytest.raises(TrainingError, match="no validation facts"):
        tune(tmp_path / "b", plan, alone, 1)
    with pytest.raises(RunError, match="holds a study already"):
        save_plan(tmp_path / "b", plan)
    with pytest.raises(RunError, match="no study"):
        load_plan(tmp_path)


def test_studies_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("2026-tune-a", "2027-tune-b"):
        begun(tmp_path / name)
    assert find_study(tmp_path, "2027") == tmp_path / "2027-tune-b"
    for wrong in ("20", "x", ""):
        with pytest.raises(UnknownNameError, match="study"):
            find_study(tmp_path, wrong)


def test_without_optuna_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="kgp tune needs") as caught:
        tune(tmp_path, begun(tmp_path), ring(), 1)
    assert "kgplatform[tune]" in caught.value.hint


def test_ways_to_write_what_is_searched() -> None:
    assert parsed("x", "1..8") == Range(1, 8)
    assert parsed("x", "0.5..8:log") == Range(0.5, 8, log=True)
    assert parsed("x", "1e-4..1") == Range(1e-4, 1)
    assert parsed("x", "64, 128") == ("64", "128")
    assert parsed("x", "adam") == ("adam",)
    for wrong in ("", ",", "1..", "a..b", "1..2:lin", "2..1", "0..1:log", "1..inf", "nan..1"):
        with pytest.raises(UsageError, match="cannot be searched") as caught:
            parsed("x", wrong)
        assert caught.value.hint


@pytest.mark.parametrize("model", MODELS)
def test_what_is_searched_by_default_are_settings_of_the_model(model: str) -> None:
    space = default_space(model)
    assert space_from_json(json.loads(json.dumps(space_to_json(space)))) == space
    for name, among in space.items():
        ends = (among.low, among.high) if isinstance(among, Range) else among
        for value in ends:
            resolve_config(model, ring(), {name: value})


def test_a_study_under_torchrun_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1"}
    for name, value in {**told, "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="searched by one process"):
        cli.main(["tune", "distmult", "--graph", "g"], standalone_mode=False)
