"""Training: the run folder, determinism, resuming bit for bit, and what is refused."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from kgplatform.errors import RunError, TrainingError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.models import MODELS, DistMult
from kgplatform.training import artifacts, loop
from kgplatform.training.artifacts import load_run
from kgplatform.training.checkpoint import CHECKPOINT_FILE
from kgplatform.training.config import TrainingConfig, resolve_config
from kgplatform.training.diverged import Losses
from kgplatform.training.loop import resume, train
from kgplatform.training.schedule import scheduled_rate
from kgplatform.training.watch import Moment
from kgplatform.triples import SPLITS, Split, Triple

SETTINGS = {
    "epochs": 6,
    "evaluate_every": 2,
    "embedding_dim": 32,
    "batch_size": 16,
    "device": "cpu",
}


def ring(size: int = 20) -> KGSnapshot:
    """A ring that is walked both ways; every tenth edge for valid, every tenth for test."""
    triples: list[Triple] = []
    for i in range(size):
        for relation, tail in (("next", i + 1), ("skip", i + 2), ("back", i - 1)):
            at = len(triples) % 10
            split: Split = SPLITS[at - 7] if at > 7 else "train"
            triples.append(Triple(f"e{i:02}", relation, f"e{tail % size:02}", split))
    return from_triples(triples)


def config_of(model: str, **overrides: object) -> TrainingConfig:
    return resolve_config(model, ring(), SETTINGS | overrides)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "weights.safetensors")


def assert_same_run(first: Path, second: Path) -> None:
    """Same weights to the last bit, same metrics, same lines but for what a clock says."""
    left, right = weights(first), weights(second)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert load_run(first).metrics == load_run(second).metrics
    assert lines_of(first) == lines_of(second)
    final = [load_file(folder / CHECKPOINT_FILE) for folder in (first, second)]
    assert final[0].keys() == final[1].keys()
    assert all(torch.equal(final[0][name], final[1][name]) for name in final[0])


CLOCKED = {"seconds", "triples_per_second"}


def lines_of(folder: Path) -> list[dict[str, float]]:
    text = (folder / "metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    return [{k: v for k, v in line.items() if k not in CLOCKED} for line in lines]


@pytest.mark.parametrize("model", MODELS)
def test_a_run_folder_is_whole(model: str, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    run = train(
        ring(),
        config_of(model),
        tmp_path / "run",
        source={"graph": "ring"},
        progress=lambda *step: seen.append(step),
    )
    assert run.complete
    assert load_run(run.folder) == run
    assert run.id == "run"
    assert dict(run.source) == {"graph": "ring"}
    assert run.snapshot_digest == ring().digest
    assert run.versions["torch"] == torch.__version__
    assert {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*.*")} == {
        "run.json",
        "metrics.jsonl",
        "weights.safetensors",
        "entities.arrow",
        "relations.arrow",
        "card.md",
        "checkpoint/state.safetensors",
        "plots/learning_curve.png",
    }
    for split in ("valid", "test"):
        for values in (run.metrics[split], *(run.metrics[split][s] for s in ("head", "tail"))):
            assert 0 < values["mrr"] <= 1
            assert 0 <= values["hits_at_1"] <= values["hits_at_3"] <= values["hits_at_10"] <= 1
            assert 1 <= values["mean_rank"] <= 20
    lines = lines_of(run.folder)
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["epoch"] for line in lines if "valid_mrr" in line] == [2, 4, 6]
    best = max(line.get("valid_mrr", 0) for line in lines)
    assert run.metrics["valid"]["mrr"] == pytest.approx(best)
    assert ("training", 6, 6) in seen
    assert model in (run.folder / "card.md").read_text()


@pytest.mark.parametrize("candidates", ["all", "sampled"])
@pytest.mark.parametrize("model", MODELS)
def test_a_seed_repeats_to_the_last_bit(model: str, candidates: str, tmp_path: Path) -> None:
    config = config_of(model, candidates=candidates, negatives=7, dropout=0.2)
    for name, noise in (("a", 1), ("b", 2)):
        # The global generator must not matter.
        torch.manual_seed(noise)
        train(ring(), config, tmp_path / name, source={})
    assert_same_run(tmp_path / "a", tmp_path / "b")
    train(ring(), dataclasses.replace(config, seed=1), tmp_path / "c", source={})
    assert not torch.equal(weights(tmp_path / "a")["entity"], weights(tmp_path / "c")["entity"])


@pytest.mark.parametrize("optimizer", ["adagrad", "adam"])
@pytest.mark.parametrize("model", MODELS)
def test_an_interrupted_training_resumes_bit_for_bit(
    model: str, optimizer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(model, optimizer=optimizer, dropout=0.2, learning_rate_decay=0.5)
    train(ring(), config, tmp_path / "whole", source={})

    real, calls = loop._one_epoch, 0

    def interrupted(*args: Any) -> float:
        nonlocal calls
        calls += 1
        if calls == 4:  # after epoch 3; the last checkpoint is of epoch 2
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(loop, "_one_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(ring(), config, tmp_path / "cut", source={"graph": "ring"})
    monkeypatch.undo()
    assert len(lines_of(tmp_path / "cut")) == 3
    with pytest.raises(RunError, match="incomplete") as caught:
        load_run(tmp_path / "cut")
    assert "--resume cut" in caught.value.hint
    run = resume(tmp_path / "cut", ring())
    assert run.source == {"graph": "ring"}
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_training_loop as here
from kgplatform.training.loop import train
config = here.config_of("distmult", epochs=150, patience=0)
train(here.ring(), config, Path(sys.argv[2]), source={})
"""


def test_a_killed_training_resumes_bit_for_bit(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(folder)]
    )
    deadline = time.monotonic() + 120
    metrics = folder / "metrics.jsonl"
    while not metrics.exists() or metrics.read_text().count("\n") < 20:
        assert process.poll() is None, "the trainer ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # What a kill in the middle of a write leaves behind.
    with metrics.open("a") as file:
        file.write('{"epoch": 4')
    resume(folder, ring())
    config = config_of("distmult", epochs=150, patience=0)
    train(ring(), config, tmp_path / "whole", source={})
    assert_same_run(tmp_path / "whole", folder)


def test_resuming_at_once_is_training_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_one_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(ring(), config_of("gcn"), tmp_path / "cut", source={})
    monkeypatch.undo()
    resume(tmp_path / "cut", ring())
    train(ring(), config_of("gcn"), tmp_path / "whole", source={})
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_what_cannot_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    train(ring(), config_of("distmult"), folder, source={})
    with pytest.raises(RunError, match="complete"):
        resume(folder, ring())
    values = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(values | {"complete": False}))
    with pytest.raises(RunError, match="graph has changed"):
        resume(folder, ring(21))
    checkpoint = folder / CHECKPOINT_FILE
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(RunError, match="checkpoint"):
        resume(folder, ring())
    checkpoint.unlink()
    with pytest.raises(RunError, match="checkpoint"):
        resume(folder, ring())


def test_a_folder_is_not_trained_into_twice(tmp_path: Path) -> None:
    train(ring(), config_of("distmult"), tmp_path, source={})
    with pytest.raises(RunError, match="holds a run already"):
        train(ring(), config_of("distmult"), tmp_path, source={})


def test_training_stops_when_validation_does_not_improve(tmp_path: Path) -> None:
    config = config_of("distmult", epochs=500, evaluate_every=1, patience=3)
    run = train(ring(), config, tmp_path / "run", source={})
    assert run.epochs == run.best_epoch + 3 < 500
    lines = lines_of(run.folder)
    assert lines[run.best_epoch - 1]["valid_mrr"] == max(line["valid_mrr"] for line in lines)
    assert lines[-1]["learning_rate"] < lines[0]["learning_rate"]


def test_edges_without_a_split_are_split_by_the_seed(tmp_path: Path) -> None:
    unsplit = dataclasses.replace(ring(), split=torch.full_like(ring().split, -1))
    run = train(unsplit, config_of("distmult"), tmp_path / "run", source={})
    assert run.metrics["valid"]["count"] == run.metrics["test"]["count"] == 12
    assert run.snapshot_digest == unsplit.digest


def test_without_validation_all_epochs_are_trained(tmp_path: Path) -> None:
    all_train = dataclasses.replace(ring(), split=torch.zeros_like(ring().split))
    config = config_of("distmult", patience=1, evaluate_every=1)
    run = train(all_train, config, tmp_path / "run", source={})
    assert dict(run.metrics) == {}
    assert run.epochs == run.best_epoch == 6
    assert "valid_mrr" not in lines_of(run.folder)[0]
    assert "none set aside" in (run.folder / "card.md").read_text()


@pytest.mark.parametrize(
    ("triples", "message"),
    [
        ([], "nothing to train on"),
        ([Triple("a", "r", "b", "test")], "nothing to train on"),
        ([Triple("a", "r", "a", "train")], "one entity"),
    ],
)
def test_a_graph_too_small_is_refused(triples: list[Triple], message: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=message):
        train(from_triples(triples), config_of("distmult"), tmp_path / "run", source={})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("model", MODELS)
def test_the_smallest_graph_trains(model: str, tmp_path: Path) -> None:
    snapshot = from_triples([Triple("a", "r", "b", "train")])
    assert train(snapshot, config_of(model), tmp_path / "run", source={}).complete


def test_a_loss_that_is_no_number_names_epoch_batch_and_remedy(tmp_path: Path) -> None:
    config = config_of("distmult", learning_rate=1e30, optimizer="adam", regularization=1.0)
    text = r"the loss is (nan|inf|\d.*e\+\d+).* in batch 2 of epoch 1; .*\(e\d+, \w+, e\d+\)"
    with pytest.raises(TrainingError, match=text) as caught:
        train(ring(), config, tmp_path / "run", source={})
    assert "learning_rate" in caught.value.hint


@pytest.mark.parametrize("model", ["distmult", "rgcn"])
def test_the_triple_that_spoils_a_batch_is_named(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = artifacts.build_model

    def spoiled(*args: Any, **options: Any) -> Any:
        made = real(*args, **options)
        with torch.no_grad():
            made.relation[1] = float("nan")  # "next"
        return made

    monkeypatch.setattr(loop, "build_model", spoiled)
    config = config_of(model, batch_size=4)
    with pytest.raises(TrainingError, match=r"the loss is nan.* in batch \d+ of epoch 1") as caught:
        train(ring(), config, tmp_path / "run", source={})
    if model == "distmult":  # R-GCN spreads it over all entities
        assert ", next, " in str(caught.value)


def test_a_leap_of_the_loss_is_told() -> None:
    snapshot = ring()
    batch = snapshot.triples("train")[:5]
    model = DistMult(20, 3, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.relation[batch[3, 1]] *= 1e6
    for usual, leap in ((None, 7001.0), (0.001, 1001.0), (40.0, 40_001.0)):
        losses = Losses(model, snapshot, 2, usual)
        losses.add(torch.tensor(7.0), batch)
        losses.add(torch.tensor(leap - 2), batch)
        relation = snapshot.relations[int(batch[3, 1])]
        with pytest.raises(
            TrainingError, match=f"is usual, in batch 3 of epoch 2; .*, {relation}, "
        ):
            losses.add(torch.tensor(leap), batch)


def test_on_a_gpu_batches_are_looked_at_together_and_still_told_apart() -> None:
    snapshot = ring()
    model = DistMult(20, 3, 4)
    losses = Losses(model, snapshot, 7, None)
    losses._every = 64
    batch = snapshot.triples("train")[:5]
    for value in (1.0, 2.0, float("nan"), 4.0):
        losses.add(torch.tensor(value), batch)
    with pytest.raises(
        TrainingError, match=r"the loss is nan, where 1 is usual, in batch 3 of epoch 7"
    ):
        losses.mean()


def test_a_watcher_hears_of_every_epoch_and_of_what_is_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgplatform.training.watch.SECONDS_BETWEEN_LOOKS", 0.0)
    seen: list[Moment] = []
    config = config_of("distmult", batch_size=16)
    run = train(ring(), config, tmp_path / "run", source={}, watch=seen.append)
    ends = [moment for moment in seen if moment.line is not None]
    assert [moment.epoch for moment in ends] == [1, 2, 3, 4, 5, 6]
    assert [moment.line for moment in ends] == [
        json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()
    ]
    assert len(seen) == 6 * (1 + 3)  # three batches of 42 triples in train
    assert all(moment.rate > 0 and moment.epochs == 6 for moment in seen)
    assert ends[-1].seconds_left == 0
    assert ends[0].seconds_left > 0


def test_what_a_watcher_raises_ends_a_training_that_can_be_resumed(tmp_path: Path) -> None:
    def stop(moment: Moment) -> None:
        if moment.epoch == 3:
            raise KeyboardInterrupt

    config = config_of("distmult")
    with pytest.raises(KeyboardInterrupt):
        train(ring(), config, tmp_path / "cut", source={}, watch=stop)
    resume(tmp_path / "cut", ring())
    train(ring(), config, tmp_path / "whole", source={})
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_only_what_is_asked_for_is_evaluated(tmp_path: Path) -> None:
    run = train(ring(), config_of("distmult"), tmp_path / "run", source={}, splits=("valid",))
    assert list(run.metrics) == ["valid"]


CUT_WITHIN_AN_EPOCH = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_training_loop as here
from kgplatform.training import artifacts, loop
real, steps = loop.epoch_steps, 0
def killed(trainer):
    global steps
    for step in real(trainer):
        yield step
        steps += 1
        if steps == 3 * 4 + 2:  # in the fifth epoch, after its second batch
            os.kill(os.getpid(), signal.SIGKILL)
loop.epoch_steps = killed
loop.train(here.ring(), here.scheduled(sys.argv[3]), Path(sys.argv[2]), source={})
"""


def scheduled(schedule: str) -> TrainingConfig:
    return config_of(
        "complex",
        epochs=9,
        dropout=0.2,
        candidates="sampled",
        negatives=7,
        optimizer="adam",
        learning_rate=0.01,
        schedule=schedule,
        warmup=3,
        evaluate_every=1,
        patience=0,
    )


@pytest.mark.parametrize("schedule", ["plateau", "cosine"])
def test_a_training_killed_within_an_epoch_resumes_bit_for_bit(
    schedule: str, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    here = str(Path(__file__).parent)
    ended = subprocess.run(
        [sys.executable, "-c", CUT_WITHIN_AN_EPOCH, here, str(folder), schedule], check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert [line["epoch"] for line in lines_of(folder)] == [1, 2, 3, 4]
    resume(folder, ring())
    train(ring(), scheduled(schedule), tmp_path / "whole", source={})
    assert_same_run(tmp_path / "whole", folder)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0, 4])
def test_learning_rates_equal_those_of_torch(schedule: str, warmup: int) -> None:
    config = config_of("distmult", epochs=10, schedule=schedule, warmup=warmup, learning_rate=0.2)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    after = 10 - warmup
    peers: dict[str, Any] = {
        "constant": lambda: torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        "linear": lambda: torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, after),
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, after),
    }
    peer = peers[schedule]()
    for epoch in range(warmup, 10):
        assert scheduled_rate(config, epoch) == pytest.approx(peer.get_last_lr()[0])
        optimizer.step()
        peer.step()
    for epoch in range(warmup):
        assert scheduled_rate(config, epoch + 0.5) == pytest.approx(0.2 * (epoch + 0.5) / warmup)


def test_a_plateau_is_left_to_validation_once_the_warm_up_is_over(tmp_path: Path) -> None:
    config = config_of("distmult", epochs=40, warmup=2, evaluate_every=1, learning_rate_decay=0.5)
    assert [scheduled_rate(config, at) for at in (2, 2.1, 3)] == [0.1, None, None]
    lines = lines_of(train(ring(), config, tmp_path / "run", source={}).folder)
    assert lines[0]["learning_rate"] < 0.1
    assert lines[2]["learning_rate"] == 0.1
    assert lines[-1]["learning_rate"] < 0.1
    with pytest.raises(UsageError, match="warmup"):
        config_of("distmult", warmup=6)


@pytest.mark.parametrize("model", ["distmult", "transe", "rotate", "conve", "rgcn", "gat"])
def test_half_the_bits_train_to_about_the_same(model: str, tmp_path: Path) -> None:
    losses = []
    for precision in ("float32", "bfloat16"):
        config = config_of(model, precision=precision, epochs=3)
        train(ring(), config, tmp_path / precision, source={})
        losses.append([line["loss"] for line in lines_of(tmp_path / precision)])
        kept = weights(tmp_path / precision)
        assert all(kept[name].dtype == torch.float32 for name in ("entity", "relation"))
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    # TransE's and RotatE's distances are taken with all bits, and nothing else is a product.
    assert (losses[0] == losses[1]) is (model in ("transe", "rotate"))
