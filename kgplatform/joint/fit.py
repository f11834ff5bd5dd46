"""Training of a joint classifier: AdamW, stopped by the macro-F1 of validation texts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.classifier import Batch, JointClassifier
from kgplatform.joint.dataset import LinkedTexts
from kgplatform.joint.evidence import macro_f1_of
from kgplatform.joint.relations import LinkedRelations, relations_between
from kgplatform.joint.settings import JointSettings
from kgplatform.joint.subgraph import Between, with_neighbours
from kgplatform.joint.text_side import TunedTokens
from kgplatform.progress import Progress, silent

STAGE = "training text and graph"
TEXTS_AT_ONCE = 1024
TEXTS_A_STEP = 256
TEXTS_TUNED = 32
SHARE_TOLD = 0.5

ExtraLoss = Callable[[], Tensor]
"""What is added to the task's loss at each step, with its weight."""


@dataclass(frozen=True, eq=False)
class Task:
    """Texts, their graph, and batches of both.

    Attributes:
        dataset: Texts with the entities that they name.
        around: The same texts with neighbours of their entities behind these.
        between: Looks up edges; None where the fusion does not ask for them.
        relations: Of each text; None where they are not read.
    """

    dataset: LinkedTexts
    around: LinkedTexts
    between: Between | None
    num_entities: int
    relations: LinkedRelations | None = None

    def batch(self, rows: Tensor) -> Batch:
        """Some texts."""
        entities, mask = self.around.padded(rows)
        own = self.dataset.offsets.diff()[rows].unsqueeze(1)
        linked = mask & (torch.arange(mask.shape[1]) < own)
        between = None if self.between is None else self.between(entities)
        relations = None if self.relations is None else self.relations.padded(rows)
        return Batch(rows, entities, mask, linked, between, relations)

    def classes(self, rows: Tensor) -> Tensor:
        """Of each class, the share among those of ``rows`` that name an entity; [N, C]."""
        text, entity = self.dataset.links()
        told = torch.zeros(len(self.dataset), dtype=torch.bool)
        told[rows] = True
        chosen = told[text]
        label, entity = self.dataset.labels[text[chosen]], entity[chosen]
        found = torch.zeros(self.num_entities, len(self.dataset.classes))
        found.index_put_((entity, label), torch.ones(len(label)), accumulate=True)
        return found / found.sum(1, keepdim=True).clamp_min(1)


def task_of(dataset: LinkedTexts, snapshot: KGSnapshot, settings: JointSettings) -> Task:
    """What a training with these settings takes its batches from."""
    around = with_neighbours(dataset, snapshot, settings.neighbours)
    return Task(
        dataset,
        around,
        Between(snapshot) if settings.fusion == "deep" else None,
        snapshot.num_entities,
        relations_between(dataset, around, snapshot) if settings.relations else None,
    )


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained classifier and how it went.

    Attributes:
        model: With its best weights.
        valid_macro_f1: What they reached.
        best_epoch: Theirs.
        epochs: How many there were.
        cpu_seconds: Of the processor.
        curve: A line an epoch.
    """

    model: JointClassifier
    valid_macro_f1: float
    best_epoch: int
    epochs: int
    cpu_seconds: float
    curve: list[dict[str, Any]] = field(default_factory=list)


def fit(
    model: JointClassifier,
    task: Task,
    settings: JointSettings,
    extra: ExtraLoss | None = None,
    progress: Progress = silent,
) -> Fit:
    """Train a classifier; its initial weights are the caller's.

    Raises:
        TrainingError: There are no texts to learn from or to stop by, or the loss is no number.
    """
    begun = time.process_time()
    train, valid = task.dataset.rows("train"), task.dataset.rows("valid")
    if not len(train) or not len(valid):
        raise TrainingError(
            f"{len(train)} texts to learn from and {len(valid)} to stop by",
            hint="give labels to more texts, or a split with train and valid",
        )
    optimizer = torch.optim.AdamW(
        _groups(model, settings), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    best, best_epoch, epoch, curve = -1.0, 0, 0, []
    weights: dict[str, Tensor] = {}
    truth = task.dataset.labels[valid].numpy()
    while epoch < settings.epochs and epoch - best_epoch < settings.patience:
        epoch += 1
        loss = _one_epoch(model, task, settings, optimizer, train, extra)
        if not np.isfinite(loss):
            raise TrainingError(f"the loss of epoch {epoch} is {loss}", hint="lower learning_rate")
        told = probabilities(model, task, valid).argmax(1)
        value = macro_f1_of(truth, told.numpy(), len(task.dataset.classes))
        curve.append({"epoch": epoch, "loss": loss, "valid_macro_f1": value})
        if value > best:
            best, best_epoch = value, epoch
            weights = {name: each.clone() for name, each in model.state_dict().items()}
        progress(STAGE, epoch, settings.epochs)
    progress(STAGE, settings.epochs, settings.epochs)
    model.load_state_dict(weights)
    return Fit(model.eval(), best, best_epoch, epoch, time.process_time() - begun, curve)


def _groups(model: JointClassifier, settings: JointSettings) -> list[dict[str, Any]]:
    """Parameters with their learning rate: those of a tuned encoder have a small one."""
    if not isinstance(model.text, TunedTokens):
        return [{"params": list(model.parameters())}]
    tuned = {id(each) for each in model.text.parameters()}
    others = [each for each in model.parameters() if id(each) not in tuned]
    return [
        {"params": others},
        {"params": list(model.text.parameters()), "lr": settings.text_learning_rate},
    ]


def _one_epoch(
    model: JointClassifier,
    task: Task,
    settings: JointSettings,
    optimizer: torch.optim.Optimizer,
    train: Tensor,
    extra: ExtraLoss | None,
) -> float:
    model.train()
    total, count = 0.0, 0
    for rows, told in _steps(model, settings, train):
        classes = task.classes(told) if model.nodes.told is not None else None
        loss = cross_entropy(
            model(task.batch(rows), classes),
            task.dataset.labels[rows],
            label_smoothing=settings.label_smoothing,
        )
        if extra is not None:
            loss = loss + settings.link_weight * extra()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total, count = total + float(loss.detach()) * len(rows), count + len(rows)
    return total / max(1, count)


def _steps(
    model: JointClassifier, settings: JointSettings, train: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Texts to learn, and those whose classes the graph is told meanwhile: never the same.

    A model that were told a text's class by the entity that it names would learn to copy it.
    """
    order = train[torch.randperm(len(train))]
    if model.nodes.told is not None:
        # In turn each half is told and asked.
        cut = int(SHARE_TOLD * len(order))
        halves = [(order[:cut], order[cut:]), (order[cut:], order[:cut])]
    else:
        halves = [(order, order[:0])]
    size = settings.batch_size or _texts_a_step(model, settings, len(order))
    for asked, told in halves:
        for rows in torch.split(asked, size):
            yield rows, told


def _texts_a_step(model: JointClassifier, settings: JointSettings, texts: int) -> int:
    """All where each step encodes the whole graph, few where it reads them by a large encoder."""
    if settings.text == "tuned":
        return TEXTS_TUNED
    return max(1, texts) if model.sees_graph and model.nodes.encoder is not None else TEXTS_A_STEP


@torch.no_grad()
def read_texts(model: JointClassifier, task: Task, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [B, C], fused vectors [B, H] and weights [B, 2] of texts.

    The classes of all training texts are told, but of no other ones.
    """
    model.eval()
    told = task.classes(task.dataset.rows("train")) if model.nodes.told is not None else None
    encoded = model.encode(told)
    found = [model.fused(task.batch(part), encoded) for part in torch.split(rows, TEXTS_AT_ONCE)]
    return (
        torch.cat([model.logits(each) for each in found]),
        torch.cat([each.vector for each in found]),
        torch.cat([each.weights for each in found]),
    )


def probabilities(model: JointClassifier, task: Task, rows: Tensor) -> Tensor:
    """Of each class, [B, C]."""
    return read_texts(model, task, rows)[0].softmax(1)
