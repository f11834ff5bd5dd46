"""The settings of a recommender."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

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

Model = Literal["graph", "lightgcn", "bpr", "item_knn", "popularity"]
Loss = Literal["softmax", "bpr"]
SplitBy = Literal["auto", "given", "time", "random"]

MODELS: dict[str, str] = {
    "graph": "LightGCN over vectors that side facts and texts have entered",
    "lightgcn": "vectors smoothed over the graph of who likes what",
    "bpr": "a vector a user and an item, learned from pairs in the right order",
    "item_knn": "items liked by the same users as those that a user likes",
    "popularity": "what most users like, the same for all",
}
"""What is trained, by the setting ``model``."""

TRAINED = ("graph", "lightgcn", "bpr")
"""Those that learn vectors; the others count."""


@dataclass(frozen=True)
class RecommendSettings:
    """Everything that decides what a training computes, beside graph and texts.

    Attributes:
        model: One of :data:`MODELS`.
        loss: ``softmax`` of a liked item among drawn ones (Wu et al. 2022, "On the Effectiveness
            of Sampled Softmax Loss for Item Recommendation") or ``bpr`` (Rendle et al. 2009,
            "BPR: Bayesian Personalized Ranking from Implicit Feedback").
        embedding_dim: Length of vectors.
        layers: Rounds of smoothing over who likes what.
        side: Whether facts of other relations enter the vectors (``graph``).
        side_layers: How many facts away they may be.
        alone: Share of items whose own vector is left out in a step, so that those of which nobody
            has liked one yet are told by facts and texts (Volkovs et al. 2017, "DropoutNet").
        dropout: Share of the numbers that texts add to vectors that is set to zero in training.
        temperature: What scores are divided by in the softmax.
        negatives: Items drawn for each batch (softmax); for each like (bpr) it is one.
        neighbours: Items that an item is near to (``item_knn``).
        epochs: Most rounds over the likes.
        batch_size: Likes in a step.
        learning_rate: Of Adam.
        regularization: Weight of the squared vectors of a batch.
        patience: Evaluations without a better NDCG@20 on validation before training stops.
        evaluate_every: Epochs between them.
        least_weight: Relationships of less weight are no likes; 0: all are.
        least_likes: Users of fewer likes are left out.
        split: ``time``: of each user the last likes are the test, those before them validation;
            ``random``: of each user any; ``given``: as the graph says; ``auto``: as it says, else
            by time if there are times, else at random.
        valid_share: Of a user's likes.
        test_share: Of a user's likes.
        seed: Of every random choice.
    """

    model: Model = "graph"
    loss: Loss = "softmax"
    embedding_dim: int = 64
    layers: int = 2
    side: bool = True
    side_layers: int = 1
    alone: float = 0.2
    dropout: float = 0.2
    temperature: float = 1.0
    negatives: int = 1024
    neighbours: int = 100
    epochs: int = 200
    batch_size: int = 4096
    learning_rate: float = 0.005
    regularization: float = 0.01
    patience: int = 5
    evaluate_every: int = 2
    least_weight: float = 0.0
    least_likes: int = 1
    split: SplitBy = "auto"
    valid_share: float = 0.1
    test_share: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        check_choices(self, get_type_hints(RecommendSettings))
        check_ranges(self, _RANGES)
        if self.valid_share + self.test_share >= 1:
            raise wrong_setting("test_share", self.test_share, "below 1 together with valid_share")

    def to_json(self) -> dict[str, Any]:
        """The settings as plain values."""
        return dataclasses.asdict(self)


_RANGES: tuple[Range, ...] = (
    (
        (
            "embedding_dim",
            "negatives",
            "neighbours",
            "epochs",
            "batch_size",
            "patience",
            "evaluate_every",
            "least_likes",
        ),
        at_least(1),
        "at least 1",
    ),
    (("layers", "side_layers", "regularization", "least_weight", "seed"), *AT_LEAST_0),
    (("alone", "dropout", "valid_share", "test_share"), *BELOW_1),
    (("learning_rate", "temperature"), *ABOVE_0),
)


def settings_of(given: Mapping[str, object]) -> RecommendSettings:
    """Settings by name; values may be the strings of a command line.

    Raises:
        UnknownNameError: There is no such setting.
        UsageError: A value is of the wrong type or out of range.
    """
    return RecommendSettings(**coerced(get_type_hints(RecommendSettings), given))
