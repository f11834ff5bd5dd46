"""A joint classification from start to end: training, controls, run folder, report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from kgplatform.errors import InputError, RunError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.build import STRUCTURE, Joint, structure_of, train_joint
from kgplatform.joint.classifier import Batch
from kgplatform.joint.controls import (
    majority,
    permuted,
    random_vectors,
    shuffled,
    tfidf,
)
from kgplatform.joint.evidence import (
    FUSED,
    GRAPH_ONLY,
    PERMUTED,
    RANDOM,
    SHUFFLED,
    TEXT_ONLY,
    Difference,
    differences,
    helped,
    macro_f1_of,
    verdict,
)
from kgplatform.joint.fit import TEXTS_AT_ONCE, Fit, Task, probabilities, read_texts
from kgplatform.joint.nodes import Modality
from kgplatform.joint.reasons import save_reasons
from kgplatform.joint.settings import JointSettings
from kgplatform.progress import Progress, silent
from kgplatform.training.artifacts import TRAIN_AGAIN, Run, save_tensors, write_atomically
from kgplatform.training.vector_run import save_vector_run

JOINT_FILE = "joint.json"
WEIGHTS_FILE = "joint.safetensors"
MODALITIES_FILE = "modality_weights.safetensors"

Variant = tuple[Callable[[Joint, int], Joint], bool, bool]
"""What is done to texts and graph by a seed, whether the model sees the text, and the graph."""


def _same(joint: Joint, _: int) -> Joint:
    return joint


VARIANTS: dict[str, Variant] = {
    TEXT_ONLY: (_same, True, False),
    GRAPH_ONLY: (_same, False, True),
    PERMUTED: (permuted, True, True),
    SHUFFLED: (shuffled, True, True),
    RANDOM: (_same, True, True),  # its vectors are drawn when all of them are there
}
"""The controls, trained like the model itself."""


@dataclass(frozen=True, eq=False)
class Result:
    """What a classification reached.

    Attributes:
        fit: The model of the first seed.
        task: Its batches.
        scores: Macro-F1 on test texts, by model and seed.
        differences: The fused model beside the others.
        helped: Whether the graph did; None where no controls were run.
        verdict: The same in words.
    """

    fit: Fit
    task: Task
    scores: dict[str, list[float]]
    differences: dict[str, Difference]
    helped: bool | None
    verdict: str


def with_structure(joint: Joint, settings: JointSettings, progress: Progress = silent) -> Joint:
    """The same with vectors of a link prediction model, where the settings ask for them."""
    if settings.strategy != "embedding" or settings.link_weight:
        return joint
    found = structure_of(joint, settings, progress)
    present = torch.ones(len(found.entity), dtype=torch.bool)
    modalities = {**joint.modalities, STRUCTURE: Modality(found.entity, present)}
    return dataclasses.replace(joint, modalities=modalities, relation_vectors=found.relation)


def train_variant(
    joint: Joint, settings: JointSettings, name: str, progress: Progress = silent
) -> tuple[Fit, Task]:
    """Train the fused model or one of its controls, by its name."""
    change, sees_text, sees_graph = VARIANTS.get(name, (_same, True, True))
    changed = change(joint, settings.seed)
    if name == RANDOM:
        # Vectors that are trained along on links would not stay random.
        settings = dataclasses.replace(settings, link_weight=0.0)
    if sees_graph:
        changed = with_structure(changed, settings, progress)
        if name == RANDOM:
            changed = random_vectors(changed, settings.seed)
    return train_joint(changed, settings, progress, sees_text=sees_text, sees_graph=sees_graph)


def classify(
    joint: Joint,
    settings: JointSettings,
    *,
    seeds: int = 1,
    controls: bool = False,
    progress: Progress = silent,
) -> Result:
    """Train a joint classifier and what it is to be compared with.

    Text only is trained always; the other controls if they are asked for. All have the same
    settings, seeds and validation texts.

    Args:
        joint: Texts and graph.
        settings: Of all trainings; their seed is the first.
        seeds: How many.
        controls: Whether graph only, permuted, shuffled, random vectors, the commonest class and
            TF-IDF are tried, too.
        progress: Told of epochs.

    Raises:
        InputError: There are no test texts.
        TrainingError: There is nothing to learn.
    """
    test = joint.dataset.rows("test")
    if not len(test):
        raise InputError(
            "there are no texts to test on", hint="give a split, or a share for testing"
        )
    truth = joint.dataset.labels[test].numpy()
    wanted = (FUSED, *(VARIANTS if controls else (TEXT_ONLY,)))
    answers: dict[str, list[np.ndarray]] = {}
    first: tuple[Fit, Task] | None = None
    for name in wanted:
        for at in range(seeds):
            own = dataclasses.replace(settings, seed=settings.seed + at)
            fitted = train_variant(joint, own, name, progress)
            first = first or fitted
            told = probabilities(fitted[0].model, fitted[1], test).argmax(1).numpy()
            answers.setdefault(name, []).append(told)
    assert first is not None
    if controls:
        answers["majority"] = [majority(joint.dataset)]
        answers["TF-IDF"] = [tfidf(joint.dataset)]
    classes = len(joint.dataset.classes)
    scores = {
        name: [macro_f1_of(truth, told, classes) for told in found]
        for name, found in answers.items()
    }
    found = differences(truth, {name: np.stack(each) for name, each in answers.items()}, classes)
    return Result(*first, scores, found, helped(found, seeds), verdict(found, scores))


@torch.no_grad()
def fused_entities(fitted: Fit, task: Task) -> tuple[Tensor, Tensor]:
    """The vector of each entity, [N, H], and the weights of text and graph in it, [N, 2].

    An entity that texts name has the mean of what these texts became together with it; another
    one what the fusion makes of it without a text, so that its weight of text is that of the null
    vector, and is given as 0.
    """
    model, dataset = fitted.model, task.dataset
    rows = torch.arange(len(dataset))
    _, vectors, weights = read_texts(model, task, rows)
    text, entity = dataset.links()
    count = torch.bincount(entity, minlength=task.num_entities).clamp_min(1).unsqueeze(1)
    table = torch.zeros(task.num_entities, vectors.shape[1]).index_add_(0, entity, vectors[text])
    shares = torch.zeros(task.num_entities, 2).index_add_(0, entity, weights[text])
    table, shares = table / count, shares / count
    named = torch.zeros(task.num_entities, dtype=torch.bool)
    named[entity] = True
    model.sees_text = False
    told = task.classes(dataset.rows("train")) if model.nodes.told is not None else None
    encoded = model.encode(told)
    for part in torch.split((~named).nonzero().squeeze(1), TEXTS_AT_ONCE):
        one = torch.ones(len(part), 1, dtype=torch.bool)
        alone = torch.zeros(len(part), 1, 1, dtype=torch.bool) if task.between else None
        batch = Batch(torch.zeros_like(part), part.unsqueeze(1), one, one, alone)
        table[part] = model.fused(batch, encoded).vector
        shares[part] = torch.tensor([0.0, 1.0])
    model.sees_text = True
    return table, shares


def _each_once(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without those that are another one by another name.

    Vectors that are trained along belong to the link prediction model and to the graph's side.
    """
    found: dict[int, tuple[str, Tensor]] = {}
    for name, each in weights.items():
        found.setdefault(each.data_ptr() or id(each), (name, each))
    return dict(found.values())


def save_joint(
    result: Result,
    settings: JointSettings,
    snapshot: KGSnapshot,
    folder: Path,
    source: Mapping[str, Any],
    seconds: float,
) -> Run:
    """Make a folder a run: the fused vectors of entities, the classifier, and what it reached.

    Raises:
        RunError: The folder holds a run already.
    """
    if (folder / "run.json").exists():
        raise RunError(f"{folder} holds a run already", hint="train into another folder")
    folder.mkdir(parents=True, exist_ok=True)
    table, shares = fused_entities(result.fit, result.task)
    metrics = {
        "valid": {"macro_f1": result.fit.valid_macro_f1},
        "test": {"macro_f1": result.scores[FUSED][0]},
    }
    save_tensors(folder / WEIGHTS_FILE, _each_once(result.fit.model.state_dict()))
    save_tensors(folder / MODALITIES_FILE, {"text": shares[:, 0], "graph": shares[:, 1]})
    save_reasons(result.fit, result.task, snapshot.entities, folder)
    write_atomically(
        folder / JOINT_FILE,
        json.dumps(
            {
                "settings": settings.to_json(),
                "classes": result.task.dataset.classes,
                "modalities": result.fit.model.nodes.names,
                "best_epoch": result.fit.best_epoch,
                "epochs": result.fit.epochs,
                **report(result),
            },
            ensure_ascii=False,
            indent=1,
        ),
    )
    return save_vector_run(
        folder,
        "joint",
        snapshot.entities,
        table.numpy().astype(np.float32),
        source,
        snapshot_digest=snapshot.digest,
        metrics=metrics,
        seconds=round(seconds, 3),
    )


def modality_weights(folder: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """The shares of text and graph in each entity's vector, float32 [N] each.

    None where a run is not of text and graph.

    Raises:
        RunError: The file is damaged.
    """
    path = folder / MODALITIES_FILE
    if not path.exists():
        return None
    try:
        kept = load_file(path)
        return kept["text"].numpy(), kept["graph"].numpy()
    except (OSError, SafetensorError, KeyError) as error:
        raise RunError(f"{path} cannot be read: {error}", hint=TRAIN_AGAIN) from None


def report(result: Result) -> dict[str, Any]:
    """What a classification reached, as plain values."""
    return {
        "macro_f1": {
            name: {
                "mean": float(np.mean(each)),
                "sd": float(np.std(each, ddof=len(each) > 1)),
                "seeds": each,
            }
            for name, each in result.scores.items()
        },
        "differences": {
            name: dataclasses.asdict(each) for name, each in result.differences.items()
        },
        "graph_helped": result.helped,
        "verdict": result.verdict,
    }
