"""A run from vectors that another toolkit has trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgplatform.graph.interchange import Vectors
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.split import ensure_split
from kgplatform.models import DECODERS, IMPORTED
from kgplatform.progress import Progress, silent
from kgplatform.training.artifacts import (
    CARD_FILE,
    WEIGHTS_FILE,
    Run,
    git_commit,
    load_model,
    save_run,
    save_tensors,
    save_vocabulary,
    versions,
    write_atomically,
)
from kgplatform.training.card import model_card
from kgplatform.training.evaluate import evaluate_splits
from kgplatform.training.vector_run import save_vector_run, vector_config


def save_vectors(
    vectors: Vectors, keep: np.ndarray, folder: Path, source: Mapping[str, Any]
) -> Run:
    """A run of entity vectors alone, which can be written and searched, not scored.

    Args:
        vectors: What was read.
        keep: Rows of the entities that are in the database, int64 [M].
        folder: The run's folder to make.
        source: Where the entities are, and what the vectors came from.
    """
    entities = [vectors.entities[row] for row in keep.tolist()]
    return save_vector_run(folder, IMPORTED, entities, vectors.values[keep], source)


def save_model(
    vectors: Vectors,
    snapshot: KGSnapshot,
    folder: Path,
    source: Mapping[str, Any],
    progress: Progress = silent,
) -> Run:
    """A run whose model scores as the toolkit does, evaluated on the graph's own split.

    Args:
        vectors: What was read; ``why_no_scores`` must have nothing against it.
        snapshot: The graph as it is now.
        folder: The run's folder to make; what a killed import has left in it is made anew.
        source: Where the facts came from.
        progress: Told of the evaluation.
    """
    assert vectors.score is not None
    assert vectors.relation_values is not None
    score = vectors.score
    entity_at = {name: row for row, name in enumerate(vectors.entities)}
    relation_at = {name: row for row, name in enumerate(vectors.relations)}
    relations = [relation_at[name] for name in snapshot.relations]
    if score.reciprocal:
        relations += [row + len(vectors.relations) for row in relations]
    tensors = {
        "entity": torch.from_numpy(vectors.values[[entity_at[n] for n in snapshot.entities]]),
        "relation": torch.from_numpy(vectors.relation_values[relations]),
    }
    dimension = int(vectors.values.shape[1])
    config = vector_config(score.model, dimension, reciprocal=score.reciprocal)
    config = dataclasses.replace(config, norm=score.norm)
    folder.mkdir(parents=True, exist_ok=True)
    save_vocabulary(folder, tuple(snapshot.entities), snapshot.relations)
    save_tensors(folder / WEIGHTS_FILE, tensors)
    run = Run(
        id=folder.name,
        folder=folder,
        config=config,
        source=source,
        snapshot_digest=snapshot.digest,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        versions=versions(),
        commit=git_commit(),
        complete=True,
    )
    # Shares of 0: only a split that the graph itself has was kept from the toolkit's training.
    split = ensure_split(snapshot, seed=config.seed, valid_share=0, test_share=0)
    run = dataclasses.replace(
        run, metrics=evaluate_splits(load_model(run), split, progress=progress)
    )
    write_atomically(folder / CARD_FILE, model_card(run, split))
    # Last: a folder is a run as soon as it has this file, and then whole.
    save_run(run)
    return run


def why_no_scores(vectors: Vectors, snapshot: KGSnapshot | None) -> str | None:
    """Why a run of these vectors cannot predict and be evaluated here; None if it can."""
    if vectors.score is None or vectors.relation_values is None:
        named = vectors.model or "what the files hold"
        return f"no model of kgplatform is known to score as {named} of {vectors.tool} does"
    if snapshot is None:
        return "the graph has no facts to score"
    width = DECODERS[vectors.score.model].model.relation_width(vectors.values.shape[1])
    if width != vectors.relation_values.shape[1]:
        return "its relations have vectors of another length than such a model has"
    for kind, names, known in (
        ("entities", snapshot.entities, vectors.entities),
        ("relations", snapshot.relations, vectors.relations),
    ):
        if missing := sorted(set(names) - set(known)):
            return f"{len(missing):,} {kind} of the graph have no vector, such as {missing[0]!r}"
    return None
