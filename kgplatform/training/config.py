"""The settings of one training, resolved and checked before it starts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

import torch

from kgplatform.errors import TrainingError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.split import SplitBy
from kgplatform.models import DECODERS, ENCODERS, MODELS, SPECS, EncoderSpec, ModelSpec
from kgplatform.models.compgcn import Composition
from kgplatform.models.rgcn import Decomposition
from kgplatform.training.given import (
    ABOVE_0,
    AT_LEAST_0,
    BELOW_1,
    Range,
    at_least,
    check_choices,
    check_ranges,
    coerced,
    wrong_setting,
)

Loss = Literal["cross_entropy", "binary", "margin", "self_adversarial"]
Task = Literal["links", "classify"]
Candidates = Literal["all", "answers", "sampled"]
NegativesFrom = Literal["uniform", "batch", "typed"]
Inputs = Literal["table", "features", "both"]
Optimizer = Literal["adagrad", "adam"]
Schedule = Literal["plateau", "constant", "linear", "cosine"]
Penalty = Literal["n3", "l2"]
Norm = Literal[1, 2]
Precision = Literal["float32", "bfloat16"]

MOST_ENTITIES_FOR_ONE_VS_ALL = 20_000
"""Above this, a batch is scored with shared negatives instead of with every entity."""


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a training computes, beside the snapshot.

    Attributes:
        model: Name in ``kgplatform.models.MODELS``.
        task: Whether ``links`` are predicted or an encoder's head is to ``classify`` entities.
        embedding_dim: Length of entity and relation vectors.
        decoder: Score function over an encoder's vectors, in ``kgplatform.models.DECODERS``.
        layers: Rounds of an encoder's messages.
        decomposition: What R-GCN's matrices are made of.
        composition: How CompGCN composes entity and relation.
        inputs: What entity vectors are made of: a learnt ``table``, a projection of their
            ``features``, or ``both`` added.
        loss: See :mod:`kgplatform.training.losses`.
        candidates: What an answer is compared with: ``all`` entities (1-vs-all); ``all`` again,
            but with all ``answers`` of a question at once (k-vs-all); or ``sampled`` entities.
        negatives: Entities drawn for each batch, shared by all its questions.
        negatives_from: ``uniform``; the ``batch`` itself, as often as an entity has facts; or
            ``typed``, those that the relation has on that side.
        filter_negatives: Whether training facts are kept out of the negatives.
        rejected_weight: How many negatives a fact counts for that people have rejected, where the
            training is given some.
        bernoulli: Whether the side that has fewer true answers weighs more (Wang et al. 2014).
        margin: γ of the losses ``margin`` and ``self_adversarial``.
        temperature: α of the loss ``self_adversarial``.
        label_smoothing: Share of the truth that is spread over all candidates.
        epochs: Most rounds over the training edges.
        batch_size: Training edges in a step.
        learning_rate: Of the optimizer, at the start.
        learning_rate_decay: Factor on it after each evaluation that brings no improvement, with
            the schedule ``plateau``.
        schedule: How it changes: ``plateau``, ``constant``, ``linear`` or ``cosine``.
        warmup: Epochs in which it rises from almost nothing.
        optimizer: ``adagrad`` or ``adam``.
        norm: p of the distance of TransE and RotatE.
        reciprocal: Whether (?, r, t) is asked as (t, r⁻¹, ?) with a relation of its own.
        dropout: Share of a query's coordinates that is set to zero in training.
        input_dropout: The same of the vectors that a query is made of.
        penalty: ``n3`` (Lacroix et al. 2018) or ``l2``.
        regularization: Its weight.
        edge_drop: Share of edges taken out of an encoder's messages while they are scored.
        patience: Evaluations without improvement before the training stops; 0: never.
        evaluate_every: Epochs between evaluations on the validation split.
        split: How edges are set aside (:func:`kgplatform.graph.split.ensure_split`): ``auto``,
            ``given``, ``random``, ``relation`` or ``time``.
        valid_share: Share of edges set aside for validation where no split is given.
        test_share: Share of edges set aside for testing where no split is given.
        seed: Of every random choice: split, initial weights, order, negatives, dropout.
        shard_entities: Whether each of several processes has a part of the entity table instead of
            a copy; for ``sampled`` candidates, without an encoder.
        precision: Of the products in a step: ``bfloat16`` is faster where the processor has it, and
            keeps eight bits of a score; weights and sums stay float32.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    """

    model: str
    task: Task = "links"
    embedding_dim: int = 128
    decoder: str = "distmult"
    layers: int = 2
    decomposition: Decomposition = "basis"
    composition: Composition = "multiply"
    inputs: Inputs = "table"
    loss: Loss = "cross_entropy"
    candidates: Candidates = "all"
    negatives: int = 1024
    negatives_from: NegativesFrom = "uniform"
    filter_negatives: bool = False
    rejected_weight: float = 10.0
    bernoulli: bool = False
    margin: float = 9.0
    temperature: float = 1.0
    label_smoothing: float = 0.0
    epochs: int = 300
    batch_size: int = 512
    learning_rate: float = 0.1
    learning_rate_decay: float = 0.95
    schedule: Schedule = "plateau"
    warmup: int = 0
    optimizer: Optimizer = "adagrad"
    norm: Norm = 2
    reciprocal: bool = True
    dropout: float = 0.0
    input_dropout: float = 0.0
    penalty: Penalty = "n3"
    regularization: float = 0.0
    edge_drop: float = 0.5
    patience: int = 10
    evaluate_every: int = 5
    split: SplitBy = "auto"
    valid_share: float = 0.1
    test_share: float = 0.1
    seed: int = 0
    shard_entities: bool = False
    precision: Precision = "float32"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.model not in SPECS:
            raise UnknownNameError("model", self.model, MODELS)
        if self.decoder not in DECODERS:
            raise UnknownNameError("decoder", self.decoder, DECODERS)
        check_choices(self, _types())
        check_numbers(self)
        check_combinations(self)
        if self.device != "auto":
            try:
                torch.device(self.device)
            except RuntimeError:
                raise wrong_setting(
                    "device", self.device, "auto, cpu, cuda, cuda:N or mps"
                ) from None

    def to_json(self) -> dict[str, Any]:
        """The settings as plain values."""
        return dataclasses.asdict(self)

    @property
    def score(self) -> ModelSpec:
        """The score function: the model's own, or the decoder of an encoder."""
        spec = SPECS[self.model]
        return DECODERS[self.decoder] if isinstance(spec, EncoderSpec) else spec

    @property
    def encoder(self) -> EncoderSpec | None:
        """The encoder, if the model is one."""
        spec = SPECS[self.model]
        return spec if isinstance(spec, EncoderSpec) else None


def config_from_json(values: Mapping[str, Any]) -> TrainingConfig:
    """What :meth:`TrainingConfig.to_json` gave, in this version or an earlier one."""
    values = dict(values)
    if values.get("loss") == "sampled":
        # One setting said both once, what is compared and how.
        values |= {"loss": "cross_entropy", "candidates": "sampled"}
    return TrainingConfig(**values)


def check_numbers(config: TrainingConfig) -> None:
    """Refuse numbers out of their range.

    Raises:
        UsageError: Naming the first one.
    """
    check_ranges(config, _RANGES)
    if config.valid_share + config.test_share >= 1:
        raise wrong_setting("test_share", config.test_share, "below 1 together with valid_share")
    if config.warmup >= config.epochs:
        raise wrong_setting("warmup", config.warmup, "below epochs")
    multiple = config.score.multiple_of
    if config.embedding_dim % multiple:
        raise wrong_setting(
            "embedding_dim", config.embedding_dim, f"a multiple of {multiple} for {config.model}"
        )


def check_combinations(config: TrainingConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        UsageError: Naming both.
    """
    if config.split == "inductive" and config.inputs != "features":
        raise UsageError(
            f"{config.model} cannot be trained with the setting split=inductive: it learns a "
            "vector an entity, and entities that are held out get none",
            hint="set inputs=features, on a projection with features",
        )
    check_shards(config)
    spec = SPECS[config.model]
    if config.task == "classify" and not isinstance(spec, EncoderSpec):
        raise UsageError(
            f"{config.model} cannot classify entities: it passes no messages between them",
            hint=f"train an encoder: {', '.join(ENCODERS)}",
        )
    needs = config.score.model.needs_reciprocal
    if isinstance(spec, EncoderSpec):
        needs = needs or spec.encoder.needs_reciprocal
    if not config.reciprocal and (needs or config.candidates == "answers"):
        what = config.model if needs else "candidates=answers"
        raise UsageError(
            f"{what} asks for heads by relations of their own, but reciprocal is false",
            hint="set reciprocal=true",
        )
    if config.candidates == "answers" and isinstance(spec, EncoderSpec):
        raise UsageError(
            f"{config.model} cannot be trained with candidates=answers: the answers of a "
            "question would be among the edges that messages pass over",
            hint="set candidates=all or sampled",
        )
    if config.candidates == "answers" and config.loss not in ("cross_entropy", "binary"):
        raise UsageError(
            f"the loss {config.loss} compares one answer with others, not all answers at once",
            hint="set candidates=all or sampled, or loss=cross_entropy or binary",
        )


def check_shards(config: TrainingConfig) -> None:
    """Refuse a table in shards where a step needs all of it.

    Raises:
        UsageError: Naming what needs it.
    """
    needs = {
        f"candidates={config.candidates} compares with all entities": config.candidates
        != "sampled",
        f"{config.model} passes messages between all entities": config.encoder is not None,
        "inputs=features has no table": config.inputs == "features",
    }
    for reason, applies in needs.items():
        if config.shard_entities and applies:
            raise UsageError(
                f"the entity table cannot be in shards (shard_entities=true): {reason}",
                hint="set shard_entities=false, or candidates=sampled with a model that has no "
                "encoder",
            )


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
    kinds = {name: kind for name, kind in _types().items() if name != "model"}
    given = coerced(kinds, overrides)
    spec = MODELS[model]
    large = spec.large if snapshot.num_entities > MOST_ENTITIES_FOR_ONE_VS_ALL else {}
    return TrainingConfig(
        model=model, **{**_for_size(model, snapshot), **spec.defaults, **large, **given}
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
        settings["candidates"] = "sampled"
    if snapshot.num_edges > 50_000:
        # Many steps an epoch: fewer epochs, and an evaluation costs a smaller part of one.
        settings |= {"epochs": 60, "batch_size": 1024, "evaluate_every": 3, "patience": 5}
    if snapshot.num_entities > MOST_ENTITIES_FOR_ONE_VS_ALL and snapshot.num_edges < 1_000_000:
        # A step with shared negatives is cheap, and few facts need many steps.
        settings["batch_size"] = 256
    if model in ENCODERS:
        # Each step encodes the whole graph, so a large one gets few, large steps.
        settings["batch_size"] = max(1024, snapshot.num_edges // 20)
    return settings


_RANGES: tuple[Range, ...] = (
    (("rejected_weight",), lambda value: 1 <= value < float("inf"), "a finite number, at least 1"),
    (
        ("embedding_dim", "layers", "negatives", "epochs", "batch_size", "evaluate_every"),
        at_least(1),
        "at least 1",
    ),
    (("patience", "warmup", "regularization", "seed", "margin"), *AT_LEAST_0),
    (("dropout", "input_dropout", "label_smoothing", "valid_share", "test_share"), *BELOW_1),
    (("learning_rate", "temperature"), *ABOVE_0),
    (("learning_rate_decay",), lambda value: 0 < value <= 1, "above 0, at most 1"),
    (("edge_drop",), lambda value: 0 < value <= 0.5, "above 0, at most 0.5"),
)
"""Numeric settings, what they may be, and how to say so."""


def _types() -> dict[str, Any]:
    return get_type_hints(TrainingConfig)
