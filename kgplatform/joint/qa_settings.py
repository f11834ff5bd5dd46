"""The settings of question answering."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from kgplatform.errors import UnknownNameError, UsageError
from kgplatform.joint.qa_questions import SplitBy
from kgplatform.models import DECODERS

Strategy = Literal["gnn", "embedding"]


@dataclass(frozen=True)
class QASettings:
    """Everything that decides what a training computes, beside graph and questions.

    Attributes:
        strategy: ``gnn`` walks from the topic, reading relations' names; ``embedding`` asks a
            score function with the question as the relation.
        hops: Most steps from topic to answer (gnn).
        distances: Whether entities' distances from the topic are read (gnn).
        paths: Weight of the loss of gold paths, where questions have them; 0: answers alone (gnn).
        model: Score function of the entities' vectors (embedding).
        graph_dim: Length of entities' vectors (embedding).
        graph_epochs: Most epochs of their training on the graph (embedding).
        hidden: Length of the question reader's states, a direction.
        dropout: Share of numbers set to zero in training.
        epochs: Most rounds over the questions.
        batch_size: Questions in a step.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW.
        patience: Epochs without improvement on validation before the training stops.
        split: How questions are split (:data:`kgplatform.joint.qa_questions.SplitBy`).
        valid_share: Share of questions for validation.
        test_share: Share of questions for testing.
        seed: Of every random choice.
    """

    strategy: Strategy = "gnn"
    hops: int = 3
    distances: bool = True
    paths: float = 0.0
    model: str = "complex"
    graph_dim: int = 200
    graph_epochs: int = 100
    hidden: int = 64
    dropout: float = 0.3
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 0.003
    weight_decay: float = 0.01
    patience: int = 5
    split: SplitBy = "auto"
    valid_share: float = 0.1
    test_share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("strategy", Strategy), ("split", SplitBy)):
            if getattr(self, name) not in get_args(known):
                raise UnknownNameError(name, getattr(self, name), get_args(known))
        if self.model not in DECODERS:
            raise UnknownNameError("score function", self.model, DECODERS)
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise UsageError(f"the setting {name} is {getattr(self, name)}", hint="above 0")
        for name in ("dropout", "valid_share", "test_share"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"the setting {name} is {getattr(self, name)}", hint="0 to 1")
        if self.hops > 6:
            raise UsageError("walks of more than 6 hops reach everything", hint="set hops=3")
        if self.paths < 0 or self.weight_decay < 0:
            raise UsageError("weights of losses are not negative", hint="0 leaves one out")
        if not 0 < self.valid_share + self.test_share < 1:
            raise UsageError("nothing is left to train on", hint="lower valid_share or test_share")


_POSITIVE = (
    "hops",
    "graph_dim",
    "graph_epochs",
    "hidden",
    "epochs",
    "batch_size",
    "learning_rate",
    "patience",
    "valid_share",
)


def settings_of(given: Mapping[str, Any]) -> QASettings:
    """Settings from texts, as a command gets them.

    Raises:
        UsageError: One is unknown, or its value cannot be.
    """
    kinds = {field.name: type(field.default) for field in dataclasses.fields(QASettings)}
    values = {}
    for name, text in given.items():
        if name not in kinds:
            raise UnknownNameError("setting", name, kinds)
        values[name] = _value(name, text, kinds[name])
    return QASettings(**values)


def _value(name: str, given: Any, kind: type) -> Any:
    if kind is bool:
        known = {"true": True, "1": True, "false": False, "0": False}
        if (text := str(given).lower()) in known:
            return known[text]
        raise UsageError(f"the setting {name} is {given!r}", hint="true or false")
    try:
        return kind(given)
    except (TypeError, ValueError):
        raise UsageError(
            f"the setting {name} is {given!r}, which is no {kind.__name__}", hint=f"{name}=…"
        ) from None
