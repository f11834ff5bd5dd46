"""From likes to a run: train, judge beside what needs no training, say how sure a list is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kgplatform.progress import Progress, silent
from kgplatform.recommend.baselines import Popularity, item_knn, popularity
from kgplatform.recommend.confidence import (
    Confidence,
    calibration_error,
    fit_confidence,
    folded_in,
)
from kgplatform.recommend.evaluate import Scores, figures, means
from kgplatform.recommend.likes import Likes
from kgplatform.recommend.run import FOLD_IN, KNOWN_USER, POPULAR, Trained, trained_of
from kgplatform.recommend.settings import RecommendSettings
from kgplatform.recommend.train import Epoch, Fitted, fit
from kgplatform.triples import Split

JUDGED: tuple[Split, ...] = ("valid", "test")


@dataclass(frozen=True, eq=False)
class Assessed:
    """A recommender and how well it does.

    Attributes:
        trained: What the run keeps.
        fitted: With its curve.
        metrics: ``valid`` and ``test``, each with the model's figures, ``baselines`` that need no
            training, those of users as if they were new (``fold_in``), and of items that nobody
            likes in train ranked among themselves (``cold``).
    """

    trained: Trained
    fitted: Fitted
    metrics: dict[str, dict[str, Any]]


def train_recommender(
    likes: Likes,
    settings: RecommendSettings,
    texts: Tensor | None = None,
    progress: Progress = silent,
    watch: Callable[[Epoch], None] = lambda _: None,
) -> Assessed:
    """Train what the settings name and judge it.

    Args:
        likes: The data, split.
        settings: How.
        texts: Vectors of all entities' texts, float32 [N, D], or None.
        progress: Told of epochs.
        watch: Told of each epoch.

    Raises:
        TrainingError: A loss or a score is not finite.
    """
    fitted = fit(likes, settings, texts, progress, watch)
    ranker, plain = fitted.ranker, popularity(likes)
    metrics: dict[str, dict[str, Any]] = {}
    rivals = {POPULAR: plain.scores, "item_knn": item_knn(likes, settings.neighbours).scores}
    cold = likes.liked() == 0
    for split in JUDGED:
        found: dict[str, Any] = dict(means(figures(ranker.scores, likes, split)))
        if not found:
            continue
        found["baselines"] = {
            name: means(figures(scores, likes, split))
            for name, scores in rivals.items()
            if name != settings.model
        }
        new = folded_in(ranker.fold_in, likes, test=split == "test")
        found[FOLD_IN] = means(figures(new, likes, split))
        if among_cold := means(figures(ranker.scores, likes, split, among=cold)):
            found["cold"] = {**among_cold, "items": int(cold.sum())}
        metrics[split] = found
    confidence = _confidence(fitted, plain, likes)
    if "test" in metrics and KNOWN_USER in confidence:
        error = calibration_error(ranker.scores, likes, confidence[KNOWN_USER])
        if error is not None:
            metrics["test"]["calibration_error"] = error
    trained = trained_of(ranker, likes, settings, plain, confidence)
    return Assessed(trained, fitted, metrics)


def _confidence(fitted: Fitted, plain: Popularity, likes: Likes) -> dict[str, Confidence]:
    """How probabilities are told, for each way in which items may be ranked."""
    ways: dict[str, Scores] = {
        KNOWN_USER: fitted.ranker.scores,
        FOLD_IN: folded_in(fitted.ranker.fold_in, likes),
        POPULAR: plain.scores,
    }
    found = {by: fit_confidence(scores, likes) for by, scores in ways.items()}
    return {by: each for by, each in found.items() if each is not None}
