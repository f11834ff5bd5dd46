"""Trackers hold what metrics.jsonl holds, and what a person sees while a training runs."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kgplatform.cli.training_view import duration, training_view
from kgplatform.errors import UnknownNameError, UsageError
from kgplatform.graph.snapshot import from_triples
from kgplatform.training.artifacts import Run
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import resume, train
from kgplatform.training.trackers import Tracked, check_tracker
from kgplatform.training.watch import Moment
from kgplatform.triples import SPLITS, Triple

GRAPH = from_triples(
    [
        Triple(f"e{i}", relation, f"e{(i + step) % 15}", SPLITS[max(0, (i + step) % 6 - 3)])
        for i in range(15)
        for relation, step in (("next", 1), ("skip", 2))
    ]
)
CONFIG = resolve_config(
    "distmult",
    GRAPH,
    {"epochs": 4, "evaluate_every": 2, "embedding_dim": 4, "device": "cpu", "patience": 0},
)


def lines_of(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]


def test_tensorboard_has_every_line(tmp_path: Path) -> None:
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="needs the extra track"
    )
    with Tracked(["tensorboard"], tmp_path / "run", CONFIG) as tracked:
        run = train(GRAPH, CONFIG, tmp_path / "run", source={}, watch=tracked.watch)
        tracked.finish(run)
    read = events.EventAccumulator(str(run.folder / "tensorboard"))
    read.Reload()
    losses = {event.step: event.value for event in read.Scalars("training/loss")}
    assert losses == pytest.approx({line["epoch"]: line["loss"] for line in lines_of(run)})
    assert [event.step for event in read.Scalars("valid/mrr")] == [2, 4]
    best = read.Scalars("test of the best weights/mrr")[0]
    assert best.value == pytest.approx(run.metrics["test"]["mrr"])


def test_mlflow_has_every_line_and_a_resumed_training_goes_on_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra track")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "tracked").as_uri()
    mlflow.set_tracking_uri(uri)

    with Tracked(["mlflow"], tmp_path / "run", CONFIG) as tracked:

        def cut(moment: Moment) -> None:
            tracked.watch(moment)
            if moment.epoch == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train(GRAPH, CONFIG, tmp_path / "run", source={}, watch=cut)
    with Tracked(["mlflow"], tmp_path / "run", CONFIG) as tracked:
        run = resume(tmp_path / "run", GRAPH, watch=tracked.watch)
        tracked.finish(run)
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("kgplatform")
    (kept,) = client.search_runs([experiment.experiment_id])
    assert kept.info.run_name == "run"
    assert kept.info.status == "FINISHED"
    assert kept.data.params["embedding_dim"] == "4"
    assert kept.data.metrics["best_test_mrr"] == pytest.approx(run.metrics["test"]["mrr"])
    steps = {
        point.step: point.value for point in client.get_metric_history(kept.info.run_id, "loss")
    }
    assert steps == pytest.approx({line["epoch"]: line["loss"] for line in lines_of(run)})


def test_a_training_that_is_refused_opens_no_tracker(tmp_path: Path) -> None:
    with Tracked(["tensorboard"], tmp_path / "run", CONFIG):
        pass
    assert not (tmp_path / "run").exists()


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match="--track mlflow needs") as caught:
        check_tracker("mlflow")
    assert "kgplatform[track]" in caught.value.hint
    with pytest.raises(UnknownNameError, match="tracker"):
        check_tracker("tensorbord")


def test_lines_tell_loss_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("kgplatform.cli.training_view.time.monotonic", lambda: now)
    with training_view() as (progress, watch):
        for epoch in range(1, 13):
            now += 1.0
            line = {"valid_mrr": 0.25} if epoch == 3 else {}
            watch(Moment(epoch, 12, 1.5, 81_234.5, 187.0 * (epoch < 12), line))
            progress("training", epoch, 12)
        progress("evaluating on test", 5, 5)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 5 of 12: loss 1.5, valid mrr 0.250, 81,234 triples/s, at most 3:07 min left",
        "epoch 10 of 12: loss 1.5, valid mrr 0.250, 81,234 triples/s, at most 3:07 min left",
        "epoch 12 of 12: loss 1.5, valid mrr 0.250, 81,234 triples/s, at most 0 s left",
        "evaluating on test: 5 of 5",
    ]
    assert [duration(s) for s in (12.4, 187, 8100)] == ["12 s", "3:07 min", "2:15 h"]


def test_on_a_terminal_it_stands_beside_the_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "160")
    with training_view() as (progress, watch):
        progress("training", 0, 12)
        watch(Moment(1, 12, 1.5, 81_234.5, 187.0, {"valid_mrr": 0.25}))
        progress("training", 1, 12)
    assert "loss 1.5, valid mrr 0.250, 81,234 triples/s" in capsys.readouterr().err
