"""Evaluating a finished run again."""

from __future__ import annotations

from typing import Any

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.split import ensure_split
from kgplatform.progress import Progress, silent
from kgplatform.training.artifacts import Run, load_model
from kgplatform.training.classify_nodes import evaluate_labels, labels_of
from kgplatform.training.evaluate import evaluate_splits
from kgplatform.training.loop import check_snapshot


def evaluate_run(
    run: Run, snapshot: KGSnapshot, progress: Progress = silent
) -> dict[str, dict[str, Any]]:
    """Metrics of a run's best weights on the snapshot that it was trained on.

    Raises:
        RunError: The snapshot is another one, or the run's files are damaged.
        TrainingError: The model gives scores that are not numbers.
    """
    check_snapshot(run, snapshot)
    if run.config.task == "classify":
        return evaluate_labels(run, labels_of(snapshot, run.config))
    split = ensure_split(
        snapshot,
        seed=run.config.seed,
        valid_share=run.config.valid_share,
        test_share=run.config.test_share,
        by=run.config.split,
    )
    return evaluate_splits(load_model(run), split, progress=progress)
