"""Trackers: the lines of ``metrics.jsonl`` in TensorBoard or MLflow, as they are written."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, Self

from kgplatform.errors import UnknownNameError
from kgplatform.training.artifacts import Run, write_atomically
from kgplatform.training.config import TrainingConfig
from kgplatform.training.extras import missing
from kgplatform.training.watch import Moment

EXPERIMENT = "kgplatform"

MLFLOW_RUN_FILE = "mlflow_run_id.txt"
"""In the run's folder: the run that a resumed training goes on with."""


class Tracker(Protocol):
    """Takes a training down elsewhere."""

    def epoch(self, line: Mapping[str, Any]) -> None:
        """Take down an epoch."""

    def finish(self, run: Run) -> None:
        """Take down the results of a complete run."""


@contextlib.contextmanager
def tensorboard(folder: Path, config: TrainingConfig) -> Iterator[Tracker]:
    """Write ``tensorboard/`` in the run's folder; `tensorboard --logdir runs` shows all runs.

    Args:
        folder: The run's.
        config: Its settings, which become a text.
    """
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / "tensorboard")) as writer:
        rows = "".join(f"| {name} | {value} |\n" for name, value in config.to_json().items())
        writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}")
        yield _TensorBoard(writer)


@contextlib.contextmanager
def mlflow(folder: Path, config: TrainingConfig) -> Iterator[Tracker]:
    """Track in MLflow, where ``MLFLOW_TRACKING_URI`` says, else in its own default place.

    A resumed training goes on with the same MLflow run. The experiment is ``kgplatform`` unless
    ``MLFLOW_EXPERIMENT_NAME`` says otherwise.

    Args:
        folder: The run's; its name becomes the MLflow run's.
        config: Its settings, which become parameters.
    """
    import mlflow as client

    client.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT))
    known = folder / MLFLOW_RUN_FILE
    run_id = known.read_text("utf-8").strip() if known.exists() else None
    with client.start_run(run_id=run_id, run_name=None if run_id else folder.name) as run:
        if run_id is None:
            write_atomically(known, run.info.run_id + "\n")
            client.log_params(config.to_json())
        yield _MLflow(client)


TRACKERS: dict[str, Callable[[Path, TrainingConfig], AbstractContextManager[Tracker]]] = {
    "tensorboard": tensorboard,
    "mlflow": mlflow,
}

PACKAGES = {"tensorboard": ("torch.utils.tensorboard",), "mlflow": ("mlflow",)}
"""What each needs."""


def check_tracker(name: str) -> None:
    """Make sure that a tracker's packages are there, before long work begins.

    Raises:
        UnknownNameError: There is no such tracker.
        UsageError: Its packages are not installed.
    """
    if name not in TRACKERS:
        raise UnknownNameError("tracker", name, TRACKERS)
    for module in PACKAGES[name]:
        try:
            importlib.import_module(module)
        except ImportError:
            raise missing("track", f"--track {name}") from None


class Tracked:
    """Gives trackers the epochs and the result of one training.

    They are opened at the first epoch, so that a training that is refused leaves nothing.

    Args:
        names: Which of ``TRACKERS``.
        folder: The run's.
        config: Its settings.
    """

    def __init__(self, names: Sequence[str], folder: Path, config: TrainingConfig) -> None:
        self._names, self._folder, self._config = names, folder, config
        self._open = contextlib.ExitStack()
        self._trackers: list[Tracker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self._open.__exit__(*raised)

    def watch(self, moment: Moment) -> None:
        """Take the end of an epoch; moments within one are for people."""
        if moment.line is not None:
            for tracker in self._opened():
                tracker.epoch(moment.line)

    def finish(self, run: Run) -> None:
        """Take the results of the complete run."""
        for tracker in self._opened():
            tracker.finish(run)

    def _opened(self) -> list[Tracker]:
        if not self._trackers:
            entered = (TRACKERS[name](self._folder, self._config) for name in self._names)
            self._trackers = [self._open.enter_context(tracker) for tracker in entered]
        return self._trackers


class _TensorBoard:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def epoch(self, line: Mapping[str, Any]) -> None:
        for name, value in numbers(line).items():
            # A folder for what is said of validation, as TensorBoard groups its pictures.
            part = "valid" if name.startswith("valid_") else "training"
            self._writer.add_scalar(f"{part}/{name.removeprefix('valid_')}", value, line["epoch"])
        self._writer.flush()

    def finish(self, run: Run) -> None:
        for name, value in results(run).items():
            split, metric = name.split("_", 1)
            self._writer.add_scalar(f"{split} of the best weights/{metric}", value, run.best_epoch)


class _MLflow:
    def __init__(self, client: Any) -> None:
        self._client = client

    def epoch(self, line: Mapping[str, Any]) -> None:
        self._client.log_metrics(numbers(line), step=line["epoch"])

    def finish(self, run: Run) -> None:
        self._client.log_metrics({f"best_{k}": v for k, v in results(run).items()})
        self._client.set_tags({"run": run.id, "snapshot": run.snapshot_digest})


def numbers(line: Mapping[str, Any]) -> dict[str, float]:
    """What of a line is a figure."""
    return {name: float(value) for name, value in line.items() if name != "epoch"}


def results(run: Run) -> dict[str, float]:
    """A run's figures under plain names, as ``test_mrr``."""
    return {
        f"{split}_{name}": float(values[name])
        for split, values in run.metrics.items()
        for name in ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank")
    }
