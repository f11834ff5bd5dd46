"""Why a joint classifier gives a text its class: what each modality is worth, and similar texts.

Kept with the run when it is saved, as neither texts nor graph are needed then to be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from kgplatform.errors import RunError
from kgplatform.joint.classifier import JointClassifier
from kgplatform.joint.fit import Fit, Task, read_texts
from kgplatform.training.artifacts import TRAIN_AGAIN, write_atomically
from kgplatform.triples import SPLITS

FILE = "reasons.arrow"
NEAREST = 5
LONGEST_TEXT = 400
TEXT, GRAPH = "text", "graph"
AT_ONCE = 2_048


@dataclass(frozen=True, slots=True)
class Worth:
    """What a modality is worth to one text.

    Attributes:
        modality: ``text``, ``graph`` or a modality of entities.
        without: Probability of the text's class when it is taken away.
        label: The class that would be told then.
    """

    modality: str
    without: float
    label: str


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a text has its class.

    Attributes:
        row: The text's place.
        text: Its beginning.
        entities: entity_ids that it names.
        label: Its class, if it is known.
        split: ``train``, ``valid`` or ``test``; empty where it has no class.
        told: The class that the model gives it.
        probability: Of that class.
        weight_text: The text's share in the fused vector.
        weight_graph: The graph's.
        worth: Of each modality.
        nearest: Training texts with the most similar fused vectors: place and cosine.
    """

    row: int
    text: str
    entities: tuple[str, ...]
    label: str
    split: str
    told: str
    probability: float
    weight_text: float
    weight_graph: float
    worth: tuple[Worth, ...]
    nearest: tuple[tuple[int, float], ...]


def save_reasons(fitted: Fit, task: Task, entities: Sequence[str], folder: Path) -> None:
    """Write the reasons of all texts into a run's folder.

    Args:
        fitted: The trained model.
        task: Its texts.
        entities: entity_ids by index.
        folder: The run's.
    """
    dataset, model = task.dataset, fitted.model
    rows = torch.arange(len(dataset))
    logits, vectors, weights = read_texts(model, task, rows)
    shares = logits.softmax(1)
    sure, told = shares.max(1)
    worth = {name: read.softmax(1) for name, read in _without_each(model, task, rows)}
    nearest = _nearest(vectors, dataset.rows("train"))
    names = dataset.classes
    found = []
    for row in rows.tolist():
        first, last = dataset.offsets[row : row + 2].tolist()
        label, split = int(dataset.labels[row]), int(dataset.split[row])
        found.append(
            {
                "row": row,
                "text": " ".join(dataset.texts[row].split())[:LONGEST_TEXT],
                "entities": [entities[at] for at in dataset.entity_index[first:last].tolist()],
                "label": names[label] if label >= 0 else "",
                "split": SPLITS[split] if split >= 0 else "",
                "told": names[int(told[row])],
                "probability": float(sure[row]),
                "weight_text": float(weights[row, 0]),
                "weight_graph": float(weights[row, 1]),
                "worth": [
                    {
                        "modality": name,
                        "without": float(read[row, told[row]]),
                        "label": names[int(read[row].argmax())],
                    }
                    for name, read in worth.items()
                ],
                "nearest": [{"row": other, "cosine": cosine} for other, cosine in nearest[row]],
            }
        )
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pylist(found)
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    write_atomically(folder / FILE, sink.getvalue().to_pybytes())


def load_reasons(folder: Path) -> list[Reasons]:
    """The reasons of all texts of a run.

    Raises:
        RunError: The run has none, or the file is damaged.
    """
    path = folder / FILE
    try:
        with pa.ipc.open_file(pa.BufferReader(path.read_bytes())) as reader:
            return [_reasons(row) for row in reader.read_all().to_pylist()]
    except FileNotFoundError:
        raise RunError(
            f"run {folder.name} keeps no reasons: it is of an earlier version, or no classifier",
            hint=TRAIN_AGAIN,
        ) from None
    except (OSError, pa.ArrowException, KeyError, TypeError) as error:
        detail = " ".join(str(error).split())
        raise RunError(f"{path} cannot be read: {detail}", hint=TRAIN_AGAIN) from None


def _reasons(row: dict[str, Any]) -> Reasons:
    return Reasons(
        **row
        | {
            "entities": tuple(row["entities"]),
            "worth": tuple(Worth(**each) for each in row["worth"]),
            "nearest": tuple((each["row"], each["cosine"]) for each in row["nearest"]),
        }
    )


def _without_each(model: JointClassifier, task: Task, rows: Tensor) -> list[tuple[str, Tensor]]:
    """Logits of all texts without text, without graph, and without each part of the graph's side.

    The null vectors stand in their place, which training has shown the model where texts or
    entities were missing; a model that never missed any may be at a loss.
    """
    found = []
    for name in (TEXT, GRAPH):
        attribute = f"sees_{name}"
        if getattr(model, attribute):
            setattr(model, attribute, False)
            found.append((name, read_texts(model, task, rows)[0]))
            setattr(model, attribute, True)
    names = model.nodes.names if model.sees_graph else []
    for name in names if len(names) > 1 else []:
        with model.nodes.without(name):
            found.append((name, read_texts(model, task, rows)[0]))
    return found


def _nearest(vectors: Tensor, train: Tensor) -> list[list[tuple[int, float]]]:
    """Of each text the training texts with the nearest vectors, itself left out."""
    units = torch.nn.functional.normalize(vectors, dim=1)
    found: list[list[tuple[int, float]]] = []
    for part in torch.split(torch.arange(len(vectors)), AT_ONCE):
        cosines = units[part] @ units[train].T
        cosines[part.unsqueeze(1) == train] = -2.0
        best = cosines.topk(min(NEAREST, len(train)), dim=1)
        found += [
            [
                (int(train[at]), value)
                for at, value in zip(places, values, strict=True)
                if value > -2
            ]
            for places, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
    return found
