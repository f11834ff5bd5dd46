"""The settings of a walker."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

from kgplatform.errors import UnknownNameError, UsageError
from kgplatform.models import DECODERS
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

Algorithm = Literal["reinforce", "dqn"]
Baseline = Literal["leave_one_out", "moving"]
Objective = Literal["log", "expected"]
SplitBy = Literal["auto", "given", "pair", "path", "random"]

MOST_STEPS = 6
"""Walks of more steps reach everything, and explain nothing."""

NO_TEACHER = "none"
OWN_TEACHER = "train"

NOBODY = "none"
TEMPLATE = "template"


@dataclass(frozen=True)
class WalkerSettings:
    """Everything that decides what a training computes, beside graph and questions.

    Attributes:
        algorithm: ``reinforce`` (Williams 1992) or ``dqn`` (masked double Q-learning).
        steps: Of a walk; one that has arrived stays. 0: two where two reach nearly what three do,
            else three.
        max_actions: Most actions of an entity, by PageRank of their targets.
        both_sides: Whether heads are asked for, too, by inverse relations.
        embedding_dim: Length of the vectors of entities and relations.
        hidden: Length of what a walk remembers.
        dropout: Share of numbers set to zero in training.
        clone_epochs: Epochs at the start in which shortest ways are imitated.
        epochs: Most epochs, those among them.
        batch_size: Questions in a step.
        learning_rate: Of Adam, at the start.
        learning_rate_end: What is left of it at the last epoch, as a share; it falls evenly.
        rollouts: Walks of each question in training.
        objective: What is maximised (reinforce): the ``expected`` reward, or the mean over
            questions of its ``log``, for which a question counts as much if it is seldom answered.
        baseline: What a reward is compared with (reinforce): the mean of the question's other
            walks, or a moving mean of all.
        entropy: Weight of the entropy that is added to the reward, at the start (reinforce).
        entropy_end: What is left of it at the end, as a share.
        action_dropout: Share of actions taken away before one is drawn (reinforce).
        teacher: What shapes the reward: ``train`` trains an embedding model on the training facts
            first, ``none`` leaves the reward at hits, else the id of a run. Questions in words
            have none.
        teacher_model: The score function of a teacher that is trained.
        exploration: Share of random actions at the start (dqn); it falls to a tenth.
        return_steps: n of n-step returns (dqn).
        replay: Walks that are remembered (dqn).
        hindsight: Share of replayed walks that missed which are taken as answers to a question
            that they do answer, if there is one (dqn).
        target_every: Training steps between copies into the network that targets are made by (dqn).
        temperature: What action values are divided by to be probabilities (dqn).
        beam_size: Ways that search keeps.
        evaluate_every: Epochs between evaluations on validation.
        patience: Evaluations without improvement before the training stops; 0: never.
        split: How questions in words are split, as with ``kgp train joint-qa``.
        valid_share: Share of questions in words, or of facts without a split, for validation.
        test_share: The same for testing.
        writer: Who says the answer to a question in words when a walk has stopped, and by whose
            text the walk is then rewarded: ``template``, a causal language model, or ``none``.
        judge: Another language model, frozen, that judges fluency; ``none``: it counts nothing.
        exact_match: What it counts in the reward that a text names right answers and no wrong one.
        entity_f1: F1 of the answers that it names.
        grounding: That what it names lies on the path.
        fluency: Its language, if the answer is right.
        seed: Of every random choice.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
    """

    algorithm: Algorithm = "reinforce"
    steps: int = 0
    max_actions: int = 256
    both_sides: bool = True
    embedding_dim: int = 64
    hidden: int = 64
    dropout: float = 0.1
    clone_epochs: int = 8
    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 0.003
    learning_rate_end: float = 0.1
    rollouts: int = 10
    objective: Objective = "log"
    baseline: Baseline = "leave_one_out"
    entropy: float = 0.05
    entropy_end: float = 0.1
    action_dropout: float = 0.3
    teacher: str = OWN_TEACHER
    teacher_model: str = "complex"
    exploration: float = 0.3
    return_steps: int = 3
    replay: int = 100_000
    hindsight: float = 0.5
    target_every: int = 100
    temperature: float = 0.1
    beam_size: int = 128
    evaluate_every: int = 5
    patience: int = 5
    split: SplitBy = "auto"
    valid_share: float = 0.1
    test_share: float = 0.1
    writer: str = NOBODY
    judge: str = NOBODY
    exact_match: float = 1.0
    entity_f1: float = 0.5
    grounding: float = 0.25
    fluency: float = 0.25
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        check_choices(self, get_type_hints(WalkerSettings))
        if self.teacher_model not in DECODERS:
            raise UnknownNameError("score function", self.teacher_model, DECODERS)
        check_ranges(self, _RANGES)
        if self.steps > MOST_STEPS:
            raise wrong_setting("steps", self.steps, f"at most {MOST_STEPS}")
        if self.max_actions < 2:
            raise wrong_setting("max_actions", self.max_actions, "at least 2")
        if self.algorithm == "reinforce" and self.baseline == "leave_one_out" and self.rollouts < 2:
            raise UsageError(
                "leave_one_out compares a walk with others of its question, and rollouts is 1",
                hint="set rollouts to 2 or more, or baseline=moving",
            )
        if self.judge != NOBODY and self.judge == self.writer:
            raise UsageError(
                "a model that judges itself learns to please itself", hint="name another judge"
            )
        if self.valid_share + self.test_share >= 1:
            raise wrong_setting("test_share", self.test_share, "below 1 together with valid_share")

    @property
    def probability_temperature(self) -> float:
        """What scores are divided by to be probabilities: a policy's own need nothing."""
        return self.temperature if self.algorithm == "dqn" else 1.0

    def to_json(self) -> dict[str, Any]:
        """The settings as plain values."""
        return dataclasses.asdict(self)


_RANGES: tuple[Range, ...] = (
    (
        (
            "embedding_dim",
            "hidden",
            "epochs",
            "batch_size",
            "rollouts",
            "return_steps",
            "replay",
            "target_every",
            "beam_size",
            "evaluate_every",
        ),
        at_least(1),
        "at least 1",
    ),
    (("steps", "clone_epochs", "entropy", "patience", "seed"), *AT_LEAST_0),
    (("exact_match", "entity_f1", "grounding", "fluency"), *AT_LEAST_0),
    (("dropout", "action_dropout", "valid_share", "test_share"), *BELOW_1),
    (
        ("learning_rate_end", "entropy_end", "exploration", "hindsight"),
        lambda value: 0 <= value <= 1,
        "between 0 and 1",
    ),
    (("learning_rate", "temperature"), *ABOVE_0),
)


def settings_of(given: Mapping[str, object]) -> WalkerSettings:
    """Settings by name; values may be the strings of a command line.

    Raises:
        UnknownNameError: There is no such setting.
        UsageError: A value is of the wrong type or out of range.
    """
    return WalkerSettings(**coerced(get_type_hints(WalkerSettings), given))
