"""The settings of a joint classification, checked before it starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

from kgplatform.errors import UnknownNameError, UsageError
from kgplatform.joint.nodes import HOPS
from kgplatform.models import DECODERS, ENCODERS
from kgplatform.training.given import coerced, wrong_setting

Strategy = Literal["embedding", "gnn"]
FusionName = Literal["concat", "sum", "gate", "cross_attention", "deep"]
TextKind = Literal["pooled", "tokens", "tuned", "lstm"]


@dataclass(frozen=True)
class JointSettings:
    """Everything that decides what is trained, beside texts and graph.

    Attributes:
        strategy: ``embedding``: vectors of a link prediction model; ``gnn``: a graph network over
            text vectors of the entities.
        fusion: How text and graph become one vector.
        text: ``pooled``: a frozen vector a text; ``tokens``: a frozen vector a token; ``tuned``:
            the same, trained along; ``lstm``: learned words.
        encoder: Graph network, in ``kgplatform.models.ENCODERS``; or ``sgc``: means of neighbours
            over ``layers`` hops, which are not trained (:func:`kgplatform.joint.nodes.hop_means`).
        embedding: Link prediction model, in ``kgplatform.models.DECODERS``.
        width: Length of the fused vectors, a multiple of 4.
        layers: Of the graph network, and of ``deep``.
        neighbours: Neighbours of its entities that a text sees beside them.
        tell_classes: Whether the graph network is told the classes of entities of other training
            texts (Shi et al. 2021, "Masked Label Prediction", UniMP).
        link_weight: λ of ``task loss + λ · embedding loss``; 0: the embeddings are trained first
            and stay as they are.
        link_epochs: Of the link prediction model that is trained first, at most; 0: as many as
            its defaults say.
        relations: Whether the strategy ``embedding`` also reads the vectors of the relations
            between the entities of a text; of its ``neighbours`` too, where it sees some.
        dropout: Of the entities' vectors and of the fused vector.
        text_dropout: Of the states of the text.
        entity_dropout: Share of a text's entities that training takes away.
        learning_rate: Of AdamW.
        text_learning_rate: For ``tuned`` encoders.
        weight_decay: Of AdamW.
        label_smoothing: Of the cross-entropy.
        epochs: At most.
        patience: Epochs without a better validation macro-F1 before the training stops.
        batch_size: Texts a step; 0: all where each step encodes the whole graph, 32 for
            ``tuned`` texts, else 256.
        seed: Of initial weights, order and dropout.
    """

    strategy: Strategy = "gnn"
    fusion: FusionName = "concat"
    text: TextKind = "pooled"
    encoder: str = "sage"
    embedding: str = "distmult"
    width: int = 128
    layers: int = 2
    neighbours: int = 0
    tell_classes: bool = False
    link_weight: float = 0.0
    link_epochs: int = 0
    relations: bool = False
    dropout: float = 0.5
    text_dropout: float = 0.2
    entity_dropout: float = 0.1
    learning_rate: float = 0.005
    text_learning_rate: float = 5e-5
    weight_decay: float = 1e-3
    label_smoothing: float = 0.0
    epochs: int = 200
    patience: int = 30
    batch_size: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(JointSettings).items():
            if (allowed := get_args(kind)) and getattr(self, name) not in allowed:
                raise wrong_setting(name, getattr(self, name), f"one of {', '.join(allowed)}")
        if self.encoder not in (HOPS, *ENCODERS):
            raise UnknownNameError("encoder", self.encoder, (HOPS, *ENCODERS))
        if self.embedding not in DECODERS:
            raise UnknownNameError("model", self.embedding, DECODERS)
        for name in ("width", "layers", "epochs", "patience"):
            if getattr(self, name) < 1:
                raise wrong_setting(name, getattr(self, name), "at least 1")
        for name in (
            "neighbours",
            "batch_size",
            "seed",
            "link_weight",
            "link_epochs",
            "weight_decay",
        ):
            if not 0 <= getattr(self, name) < float("inf"):
                raise wrong_setting(name, getattr(self, name), "a finite number, at least 0")
        for name in ("dropout", "text_dropout", "entity_dropout", "label_smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise wrong_setting(name, getattr(self, name), "at least 0 and below 1")
        for name in ("learning_rate", "text_learning_rate"):
            if not 0 < getattr(self, name) < float("inf"):
                raise wrong_setting(name, getattr(self, name), "a finite number above 0")
        if self.width % 4:
            raise wrong_setting("width", self.width, "a multiple of 4, the heads of attention")
        for name in ("link_weight", "link_epochs", "relations"):
            if getattr(self, name) and self.strategy != "embedding":
                raise UsageError(
                    f"{name} is of the strategy embedding, whose vectors are trained on links",
                    hint=f"leave {name}, or give --strategy embedding",
                )
        if self.relations and self.fusion == "deep":
            raise UsageError(
                "relations=true does not go with fusion=deep, whose messages are of entities",
                hint="give --fusion concat, sum, gate or cross_attention",
            )

    def to_json(self) -> dict[str, Any]:
        """The settings as plain values."""
        return dataclasses.asdict(self)


def settings_from(given: Mapping[str, str | object]) -> JointSettings:
    """Settings by name; values may be the strings of a command line.

    Raises:
        UnknownNameError: There is no such setting.
        UsageError: A value is of the wrong type or out of range.
    """
    return JointSettings(**coerced(get_type_hints(JointSettings), given))
