"""Node classification: a linear head on an encoder tells the class of every entity.

Full batch and transductive, as Kipf and Welling (2017, "Semi-Supervised Classification with
Graph Convolutional Networks") train it: messages pass over all facts, the loss is that of the
entities whose label is in train, and those in valid say when to stop. The run's folder is that of
any other run, with the head beside the encoder's weights, so that `kgp write` takes its vectors.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from kgplatform.errors import RunError, TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import Edges, LinkModel
from kgplatform.parsed import parsed_json
from kgplatform.progress import Progress, silent
from kgplatform.training.artifacts import (
    CARD_FILE,
    METRICS_FILE,
    TRAIN_AGAIN,
    WEIGHTS_FILE,
    Run,
    build_model,
    git_commit,
    load_model,
    load_vocabulary,
    save_run,
    save_tensors,
    save_vocabulary,
    versions,
    write_atomically,
)
from kgplatform.training.calibrate import expected_calibration_error
from kgplatform.training.config import TrainingConfig, resolve_device
from kgplatform.training.loop import entity_features
from kgplatform.training.negatives import drop_coordinates
from kgplatform.training.optimizers import OPTIMIZERS
from kgplatform.triples import SPLITS

HEAD_FILE = "head.safetensors"
CLASSES_FILE = "classes.json"


@dataclass(frozen=True)
class NodeLabels:
    """Classes of entities and which of them are for what.

    Attributes:
        classes: Names.
        of: Class of each entity, -1 where none is known; int64 [N].
        split: As ``KGSnapshot.split``, -1 where there is no label; int8 [N].
    """

    classes: tuple[str, ...]
    of: Tensor
    split: Tensor


@dataclass(frozen=True)
class PredictedLabel:
    """What a run says an entity is.

    Attributes:
        entity: entity_id.
        label: The likeliest class.
        probability: Its softmax, as calibrated as ``calibration_error`` of the run says.
    """

    entity: str
    label: str
    probability: float


def labels_of(snapshot: KGSnapshot, config: TrainingConfig) -> NodeLabels:
    """A snapshot's labels in their split, or in one drawn by the config's seed and shares.

    A split is drawn class by class, so that each is in train.

    Raises:
        TrainingError: There are no labels, one class alone, or none in train.
    """
    if snapshot.labels is None:
        raise TrainingError(
            "the entities have no labels to learn",
            hint="train on a projection with labels: kgp project NAME --labels …",
        )
    of, present = snapshot.labels.values, snapshot.labels.present
    split = snapshot.label_split
    if split is None or not bool((split[present] >= 0).any()):
        split = _drawn(of, present, config)
    split = torch.where(present, split, -1).to(torch.int8)
    trained = of[split == SPLITS.index("train")]
    if len(torch.unique(trained)) < 2:
        raise TrainingError(
            f"{len(trained)} labels in train, of fewer than two classes",
            hint="check the projection's labels and their split",
        )
    return NodeLabels(tuple(snapshot.labels.texts), torch.where(present, of, -1), split)


def _drawn(of: Tensor, present: Tensor, config: TrainingConfig) -> Tensor:
    generator = torch.Generator().manual_seed(config.seed)
    split = torch.full((len(of),), -1, dtype=torch.int8)
    for each in torch.unique(of[present]).tolist():
        rows = (of == each).nonzero().squeeze(1)
        rows = rows[torch.randperm(len(rows), generator=generator)]
        valid = int(config.valid_share * len(rows))
        test = int(config.test_share * len(rows))
        split[rows] = 0
        split[rows[:valid]] = 1
        split[rows[valid : valid + test]] = 2
    return split


def train_classifier(
    snapshot: KGSnapshot,
    config: TrainingConfig,
    folder: Path,
    *,
    source: Mapping[str, object],
    progress: Progress = silent,
) -> Run:
    """Train an encoder and a head into a new run folder.

    Unlike a training on links it has no checkpoint: a folder becomes a run when it is complete.

    Args:
        snapshot: With labels.
        config: With ``task=classify`` and an encoder.
        folder: The run's folder.
        source: Where the facts came from.
        progress: Told of epochs.

    Raises:
        TrainingError: There is nothing to learn, or the loss is not a number.
        RunError: The folder holds a run already.
    """
    if (folder / "run.json").exists():
        raise RunError(f"{folder} holds a run already", hint="train into another folder")
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    labels = labels_of(snapshot, config)
    folder.mkdir(parents=True, exist_ok=True)
    save_vocabulary(folder, snapshot.entities, snapshot.relations)
    classes = json.dumps(labels.classes, ensure_ascii=False)
    write_atomically(folder / CLASSES_FILE, classes + "\n")
    begun = time.monotonic()
    best_epoch, epochs = _fit(snapshot, config, labels, folder, progress)
    run = Run(
        id=folder.name,
        folder=folder,
        config=config,
        source=dict(source),
        snapshot_digest=snapshot.digest,
        created=started,
        versions=versions(),
        commit=git_commit(),
        best_epoch=best_epoch,
        epochs=epochs,
        seconds=round(time.monotonic() - begun, 3),
        complete=True,
    )
    run = _with_metrics(run, labels)
    write_atomically(folder / CARD_FILE, _card(run, snapshot, labels))
    save_run(run)
    return run


def _fit(
    snapshot: KGSnapshot,
    config: TrainingConfig,
    labels: NodeLabels,
    folder: Path,
    progress: Progress,
) -> tuple[int, int]:
    """Train until validation stops improving; the best epoch and how many there were."""
    device = resolve_device(config.device)
    features = entity_features(snapshot) if config.inputs != "table" else None
    model = build_model(
        config,
        snapshot.num_entities,
        snapshot.num_relations,
        edges=Edges(snapshot.edge_index, snapshot.edge_type),
        features=features,
    ).to(device)
    generator = torch.Generator(device).manual_seed(config.seed)
    width = model.inputs().shape[1]
    weight = torch.nn.Parameter(torch.zeros(len(labels.classes), width, device=device))
    bias = torch.nn.Parameter(torch.zeros(len(labels.classes), device=device))
    parameters = [*model.parameters(), weight, bias]
    optimizer = OPTIMIZERS[config.optimizer](parameters, config.learning_rate)
    trained = (labels.split == SPLITS.index("train")).nonzero().squeeze(1).to(device)
    watched = labels.split == SPLITS.index("valid")
    truth = labels.of.to(device)
    best, best_epoch, waited, epoch = -1.0, 0, 0, 0
    while epoch < config.epochs and not 0 < config.patience <= waited:
        epoch += 1
        model.train()
        hidden = drop_coordinates(model.vectors().entity, config.dropout, generator)
        loss = cross_entropy(
            linear(hidden[trained], weight, bias),
            truth[trained],
            label_smoothing=config.label_smoothing,
        )
        if not bool(torch.isfinite(loss)):
            raise TrainingError(
                f"the loss of epoch {epoch} is {float(loss)}", hint="lower learning_rate"
            )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        line = {"epoch": epoch, "loss": float(loss.detach())}
        if epoch == config.epochs or epoch % config.evaluate_every == 0:
            found = _probabilities(model, weight, bias)
            right = found.argmax(1) == labels.of
            value = float(right[watched].double().mean()) if watched.any() else float(epoch)
            line |= {"valid_accuracy": value} if watched.any() else {}
            waited += 1
            if value > best:
                best, best_epoch, waited = value, epoch, 0
                save_tensors(folder / WEIGHTS_FILE, model.state_dict())
                save_tensors(folder / HEAD_FILE, {"weight": weight, "bias": bias})
        with (folder / METRICS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        progress("training", epoch, config.epochs)
    return best_epoch, epoch


@torch.no_grad()
def _probabilities(model: LinkModel, weight: Tensor, bias: Tensor) -> Tensor:
    """Of each class, on the CPU, [N, C]."""
    model.eval()
    return linear(model.entity_vectors(), weight, bias).softmax(1).cpu()


def class_probabilities(run: Run) -> tuple[tuple[str, ...], Tensor]:
    """Classes, and the probability of each for every entity of a run, [N, C].

    Raises:
        RunError: The run is no node classification, or its files are damaged.
    """
    if run.config.task != "classify":
        raise RunError(
            f"run {run.id} predicts links, not labels",
            hint="train with --set task=classify for labels",
        )
    try:
        classes = tuple(parsed_json((run.folder / CLASSES_FILE).read_text("utf-8")))
        head = load_file(run.folder / HEAD_FILE)
        found = _probabilities(load_model(run), head["weight"], head["bias"])
    except (OSError, ValueError, SafetensorError, KeyError, RuntimeError) as error:
        detail = " ".join(str(error).split())
        raise RunError(
            f"the head of {run.folder} cannot be read: {detail}", hint=TRAIN_AGAIN
        ) from None
    return classes, found


def predict_labels(run: Run, entities: tuple[str, ...] | None = None) -> list[PredictedLabel]:
    """The likeliest class of entities, by falling probability.

    Args:
        run: A node classification.
        entities: Which; None for all.
    """
    names, _ = load_vocabulary(run)
    classes, found = class_probabilities(run)
    best = found.max(1)
    wanted = None if entities is None else set(entities)
    rows = [
        PredictedLabel(name, classes[label], probability)
        for name, label, probability in zip(
            names, best.indices.tolist(), best.values.tolist(), strict=True
        )
        if wanted is None or name in wanted
    ]
    return sorted(rows, key=lambda row: -row.probability)


def evaluate_labels(run: Run, labels: NodeLabels) -> dict[str, dict[str, Any]]:
    """By split: ``accuracy``, ``macro_f1``, ``count``, ``calibration_error`` of the probabilities,

    and ``baseline``, the accuracy of the class that train has most often.
    """
    from sklearn.metrics import f1_score

    _, found = class_probabilities(run)
    probability, told = (each.numpy() for each in found.max(1))
    truth, split = labels.of.numpy(), labels.split.numpy()
    commonest = np.bincount(truth[split == 0]).argmax()
    results: dict[str, dict[str, Any]] = {}
    for code, name in enumerate(SPLITS):
        here = split == code
        if here.any():
            right = told[here] == truth[here]
            results[name] = {
                "accuracy": float(right.mean()),
                "macro_f1": float(f1_score(truth[here], told[here], average="macro")),
                "count": int(here.sum()),
                "calibration_error": expected_calibration_error(probability[here], right),
                "baseline": {"accuracy": float((truth[here] == commonest).mean())},
            }
    return results


def _with_metrics(run: Run, labels: NodeLabels) -> Run:
    return dataclasses.replace(run, metrics=evaluate_labels(run, labels))


def _card(run: Run, snapshot: KGSnapshot, labels: NodeLabels) -> str:
    lines = [
        f"# {run.id}",
        "",
        f"**{run.config.model}** with a linear head for {len(labels.classes)} classes.",
        "",
        f"Trained {run.created} on {snapshot.num_entities:,} entities and "
        f"{snapshot.num_edges:,} facts; best of {run.epochs} epochs: {run.best_epoch}; "
        f"{run.seconds:.0f} s.",
        "",
        "| split | entities | accuracy | macro F1 | calibration error | commonest class |",
        "|---|---|---|---|---|---|",
    ]
    for split, values in run.metrics.items():
        lines.append(
            f"| {split} | {values['count']:,} | {values['accuracy']:.3f} | "
            f"{values['macro_f1']:.3f} | {values['calibration_error']:.3f} | "
            f"{values['baseline']['accuracy']:.3f} |"
        )
    settings = json.dumps(run.config.to_json())
    return "\n".join([*lines, "", f"Settings: `{settings}`", ""])
