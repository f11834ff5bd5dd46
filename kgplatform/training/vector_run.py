"""A run of entity vectors alone, which can be written and searched, but scores no links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgplatform.training.artifacts import (
    WEIGHTS_FILE,
    Run,
    git_commit,
    save_run,
    save_tensors,
    save_vocabulary,
    versions,
)
from kgplatform.training.config import TrainingConfig


def save_vector_run(
    folder: Path,
    model: str,
    entities: Sequence[str],
    table: np.ndarray,
    source: Mapping[str, Any],
    *,
    snapshot_digest: str = "",
    metrics: Mapping[str, Any] | None = None,
    seconds: float = 0.0,
) -> Run:
    """Make a folder a run of vectors; what else belongs to it must be in the folder already.

    Args:
        folder: The run's folder; made if need be.
        model: A name in ``kgplatform.models.VECTORS_ONLY``.
        entities: entity_ids, [N].
        table: Their vectors, float32 [N, d].
        source: Where the entities are, and what the vectors were made of.
        snapshot_digest: Of the graph that they were made of, if they were made of one.
        metrics: What the run reached, by split.
        seconds: Time that it took.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = torch.from_numpy(table)
    save_vocabulary(folder, tuple(entities), ())
    no_relations = torch.empty(0, values.shape[1])
    save_tensors(folder / WEIGHTS_FILE, {"entity": values, "relation": no_relations})
    run = Run(
        id=folder.name,
        folder=folder,
        config=vector_config(model, int(values.shape[1]), reciprocal=False),
        source=source,
        snapshot_digest=snapshot_digest,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        versions=versions(),
        commit=git_commit(),
        metrics=dict(metrics or {}),
        seconds=seconds,
        complete=True,
    )
    # Last: a folder is a run as soon as it has this file.
    save_run(run)
    return run


def vector_config(model: str, dimension: int, *, reciprocal: bool) -> TrainingConfig:
    """The settings of a run that was not trained by ``kgplatform.training.loop``."""
    return TrainingConfig(
        model=model,
        embedding_dim=dimension,
        reciprocal=reciprocal,
        valid_share=0.0,
        test_share=0.0,
    )
