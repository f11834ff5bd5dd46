"""The settings of one training, resolved and checked before it starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

import torch

from kgplatform.errors import TrainingError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.split import SplitBy
from kgplatform.models import MODELS, SPECS

Loss = Literal["cross_entropy", "sampled"]
Optimizer = Literal["adagrad", "adam"]
Norm = Literal[1, 2]

MOST_ENTITIES_FOR_ONE_VS_ALL = 20_000
"""Above this, a batch is scored with shared negatives instead of with every entity."""


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a training computes, beside the snapshot.

    Attributes:
        model: Name in ``kgplatform.models.MODELS``.
        embedding_dim: Length of entity and relation vectors.
        loss: ``cross_entropy`` against all entities, or against ``sampled`` shared negatives.
        negatives: Entities drawn for each batch and side by the ``sampled`` loss.
        epochs: Most rounds over the training edges.
        batch_size: Training edges in a step.
        learning_rate: Of the optimizer, at the start.
        learning_rate_decay: Factor on it after each evaluation that brings no improvement.
        optimizer: ``adagrad`` or ``adam``.
        norm: p of TransE's distance.
        reciprocal: Whether (?, r, t) is asked as (t, r⁻¹, ?) with a relation of its own.
        dropout: Share of a query's coordinates that is set to zero in training.
        regularization: Weight of the N3 penalty (Lacroix et al. 2018).
        edge_drop: Share of edges taken out of a GCN's messages while they are scored.
        patience: Evaluations without improvement before the training stops; 0: never.
        evaluate_every: Epochs between evaluations on the validation split.
        split: How edges are set aside (:func:`kgplatform.graph.split.ensure_split`): ``auto``,
            ``given``, ``random``, ``relation`` or ``time``.
        valid_share: Share of edges set aside for validation where no split is given.
        test_share: Share of edges set aside for testing where no split is given.
        seed: Of every random choice: split, initial weights, order, negatives, dropout.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    """

    model: str
    embedding_dim: int = 128
    loss: Loss = "cross_entropy"
    negatives: int = 1024
    epochs: int = 300
    batch_size: int = 512
    learning_rate: float = 0.1
    learning_rate_decay: float = 0.95
    optimizer: Optimizer = "adagrad"
    norm: Norm = 2
    reciprocal: bool = True
    dropout: float = 0.0
    regularization: float = 0.0
    edge_drop: float = 0.5
    patience: int = 10
    evaluate_every: int = 5
    split: SplitBy = "auto"
    valid_share: float = 0.1
    test_share: float = 0.1
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.model not in SPECS:
            raise UnknownNameError("model", self.model, MODELS)
        for name in ("loss", "optimizer", "norm", "split"):
            allowed = _choices(_types()[name])
            if getattr(self, name) not in allowed:
                raise _wrong(name, getattr(self, name), f"one of {_listed(allowed)}")
        if self.split == "inductive":
            raise UsageError(
                f"{self.model} cannot be trained with the setting split=inductive: it learns a "
                "vector an entity, and entities that are held out get none",
                hint="`kgp split --by inductive` marks the facts for a model of features",
            )
        for name in ("embedding_dim", "negatives", "epochs", "batch_size", "evaluate_every"):
            if getattr(self, name) < 1:
                raise _wrong(name, getattr(self, name), "at least 1")
        for name in ("patience", "regularization", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise _wrong(name, getattr(self, name), "a finite number, at least 0")
        for name in ("dropout", "valid_share", "test_share"):
            if not 0 <= getattr(self, name) < 1:
                raise _wrong(name, getattr(self, name), "at least 0 and below 1")
        if not 0 < self.learning_rate < float("inf"):
            raise _wrong("learning_rate", self.learning_rate, "a finite number above 0")
        if not 0 < self.learning_rate_decay <= 1:
            raise _wrong("learning_rate_decay", self.learning_rate_decay, "above 0, at most 1")
        if not 0 < self.edge_drop <= 0.5:
            raise _wrong("edge_drop", self.edge_drop, "above 0, at most 0.5")
        if self.valid_share + self.test_share >= 1:
            raise _wrong("test_share", self.test_share, "below 1 together with valid_share")
        if self.device != "auto":
            try:
                torch.device(self.device)
            except RuntimeError:
                raise _wrong("device", self.device, "auto, cpu, cuda, cuda:N or mps") from None

    def to_json(self) -> dict[str, Any]:
        """The settings as plain values."""
        return dataclasses.asdict(self)


def resolve_config(
    model: str, snapshot: KGSnapshot, overrides: Mapping[str, str | object]
) -> TrainingConfig:
    """Settings for a model on a graph: the user's, else the model's, else those for its size.

    Args:
        model: Name in ``MODELS``.
        snapshot: The graph to train on; its size decides loss, batches and epochs.
        overrides: Settings by name; values may be the strings of a command line.

    Raises:
        UnknownNameError: There is no such model or setting.
        UsageError: A value is of the wrong type or out of range.
    """
    if model not in MODELS:
        raise UnknownNameError("model", model, MODELS)
    given = {}
    for name, value in overrides.items():
        if name == "model" or name not in _types():
            raise UnknownNameError("setting", name, _types().keys() - {"model"})
        given[name] = _coerced(name, value)
    return TrainingConfig(
        model=model, **{**_for_size(model, snapshot), **MODELS[model].defaults, **given}
    )


def resolve_device(name: str) -> torch.device:
    """The device to train on.

    Raises:
        TrainingError: This machine does not have it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        # What torch raises differs by the device and by what it was built with; a build
        # without CUDA asserts.
        raise TrainingError(
            f"device {name} cannot be used on this machine",
            hint="leave the setting device at auto, or give cpu",
        ) from None
    return device


def _for_size(model: str, snapshot: KGSnapshot) -> dict[str, Any]:
    """Settings that follow from how large the graph is."""
    settings: dict[str, Any] = {}
    if snapshot.num_entities > MOST_ENTITIES_FOR_ONE_VS_ALL:
        settings["loss"] = "sampled"
    if snapshot.num_edges > 50_000:
        # Many steps an epoch: fewer epochs, and an evaluation costs a smaller part of one.
        settings |= {"epochs": 60, "batch_size": 1024, "evaluate_every": 3, "patience": 5}
    if MODELS[model].passes_messages:
        # Each step encodes the whole graph, so a large one gets few, large steps.
        settings["batch_size"] = max(1024, snapshot.num_edges // 20)
    return settings


def _types() -> dict[str, Any]:
    return get_type_hints(TrainingConfig)


def _choices(kind: Any) -> tuple[object, ...]:
    """What a setting may be, of one Literal or of several; empty if it has no list."""
    found: list[object] = []
    for part in get_args(kind):
        found += get_args(part) or (part,)
    return tuple(found)


def _coerced(name: str, value: object) -> Any:
    """The value as the setting's type, from that type or from a string."""
    kind = _types()[name]
    choices = _choices(kind)
    if choices:
        matching = [choice for choice in choices if str(choice) == str(value)]
        if not matching:
            raise _wrong(name, value, f"one of {_listed(choices)}")
        return matching[0]
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if str(value).lower() not in words:
            raise _wrong(name, value, "true or false")
        return words[str(value).lower()]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(name, value, _KINDS[kind])
    if kind is int and isinstance(value, float):
        raise _wrong(name, value, _KINDS[kind])
    try:
        return kind(value)
    except ValueError:
        raise _wrong(name, value, _KINDS[kind]) from None


_KINDS = {int: "a whole number", float: "a number", str: "a word"}


def _listed(choices: tuple[object, ...]) -> str:
    return ", ".join(str(choice) for choice in choices)


def _wrong(name: str, value: object, wanted: str) -> UsageError:
    return UsageError(f"setting {name} cannot be {value!r}", hint=f"{name} must be {wanted}")
