"""Triple classification: is a triple true or false, judged by a model's scores.

Two judges, both fitted on validation facts and on validation negatives of a stated kind alone:

- :func:`fit_thresholds`: a triple is true from a threshold of its score on, one a relation, as
  the field reports it (Socher et al. 2013, "Reasoning With Neural Tensor Networks").
- :func:`fit_classifier`: a logistic regression on what the model and the training facts say of a
  triple from both sides. All relations share its weights; each has a correction that is
  shrunk towards zero, so that a relation with few facts is judged as the others are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import LinkModel
from kgplatform.training.calibrate import expected_calibration_error
from kgplatform.training.known import KnownAnswers, known_of_triples
from kgplatform.training.ranks import SCORES_AT_ONCE
from kgplatform.triples import Split

LEAST_FACTS = 10
"""A relation with fewer labelled triples has the threshold of all relations together."""

FOLDS = 5
"""Parts of the validation triples, each judged by what is fitted on the others."""

STRENGTHS = (0.1, 0.3, 1.0, 3.0)
"""Inverse penalties that cross-validation chooses from."""

CORRECTION = 0.5
"""Scale of a relation's own columns: the smaller, the more it is judged as the others are."""

FEATURES = (
    "score",
    "score_as_head",
    "tail_share",
    "head_share",
    "tail_rank",
    "head_rank",
    "tail_degree",
    "head_degree",
)
"""What :func:`triple_features` returns, in order."""


@dataclass(frozen=True)
class Labelled:
    """Triples that are known to be true or false.

    Attributes:
        triples: int64 [n, 3].
        label: Whether each is true, bool [n].
    """

    triples: Tensor
    label: np.ndarray

    @property
    def relation(self) -> np.ndarray:
        """Relation of each triple, [n]."""
        return np.asarray(self.triples[:, 1].numpy())


def labelled(positive: Tensor, negative: Tensor) -> Labelled:
    """True triples, [p, 3], and false ones, [n, 3], together.

    Raises:
        TrainingError: One of them is empty.
    """
    if not len(positive) or not len(negative):
        raise TrainingError(
            f"{len(positive)} true and {len(negative)} false triples cannot be told apart",
            hint="give facts and negatives of the same split",
        )
    label = np.arange(len(positive) + len(negative)) < len(positive)
    return Labelled(torch.cat((positive, negative)), label)


@dataclass(frozen=True)
class Thresholds:
    """A triple is true if its score is at least its relation's threshold.

    Attributes:
        common: For relations with few labelled triples.
        of: By relation index.
    """

    common: float
    of: Mapping[int, float]

    def judge(self, score: np.ndarray, relation: np.ndarray) -> np.ndarray:
        """Whether each is true, [n], [n] → bool [n]."""
        least = np.array([self.of.get(int(each), self.common) for each in relation])
        return np.asarray(score >= least)


def fit_thresholds(score: np.ndarray, relation: np.ndarray, label: np.ndarray) -> Thresholds:
    """The thresholds of the highest accuracy on labelled triples, [n] each."""
    of = {}
    for each in np.unique(relation).tolist():
        here = relation == each
        if here.sum() >= LEAST_FACTS:
            of[each] = best_threshold(score[here], label[here])
    return Thresholds(best_threshold(score, label), of)


def best_threshold(score: np.ndarray, label: np.ndarray) -> float:
    """The threshold of the highest accuracy, in the middle between two scores; [n] each.

    Of several that are as good, the lowest. All false is a threshold above every score.
    """
    order = np.argsort(score, kind="stable")
    ordered = score[order].astype(np.float64)
    is_true = label[order]
    # With the threshold before place i: right are the false ones before it, the true ones after.
    right = np.append(0, np.cumsum(~is_true)) + np.append(np.cumsum(is_true[::-1])[::-1], 0)
    allowed = np.append(True, np.append(ordered[1:] > ordered[:-1], True))
    place = int(np.argmax(np.where(allowed, right, -1)))
    low = ordered[place - 1] if place > 0 else ordered[0] - 2
    high = ordered[place] if place < len(ordered) else ordered[-1] + 2
    return float((low + high) / 2)


@torch.no_grad()
def triple_features(model: LinkModel, triples: Tensor, train: Tensor) -> np.ndarray:
    """What a model and the training facts say of triples, float64 [n, 8].

    Of either side, the triple (h, r, t) as an answer of (h, r, ?) and of (?, r, t): its score;
    the logarithm of its part in the softmax, and of its rank, among entities that are no
    answer in training; and how many training facts its answer has in this place of the relation.

    Args:
        model: On the CPU.
        triples: int64 [n, 3].
        train: Training facts, int64 [E, 3].
    """
    model.eval()
    known = known_of_triples(train, model.num_entities)
    columns: dict[str, list[Tensor]] = {name: [] for name in FEATURES}
    for part in torch.split(triples, max(1, SCORES_AT_ONCE // model.num_entities)):
        head, relation, tail = part.unbind(1)
        tails = _standing(model.score_tails(head, relation), known.tails, head, relation, tail)
        heads = _standing(model.score_heads(relation, tail), known.heads, tail, relation, head)
        names = (("score", "tail_share", "tail_rank"), ("score_as_head", "head_share", "head_rank"))
        for side, values in zip(names, (tails, heads), strict=True):
            for name, value in zip(side, values, strict=True):
                columns[name].append(value)
    for name, column in (("tail_degree", 2), ("head_degree", 0)):
        place = train[:, 1] * model.num_entities + train[:, column]
        asked = triples[:, 1] * model.num_entities + triples[:, column]
        ordered = torch.sort(place).values
        count = torch.searchsorted(ordered, asked, right=True) - torch.searchsorted(ordered, asked)
        columns[name].append(count.double().log1p())
    return np.stack([torch.cat(columns[name]).double().numpy() for name in FEATURES], axis=1)


def _standing(
    scores: Tensor, known: KnownAnswers, anchor: Tensor, relation: Tensor, answer: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Score, log share and log rank of each row's answer among entities unknown in training."""
    own = scores.gather(1, answer.unsqueeze(1))
    row, other = known.of(anchor, relation)
    scores = scores.index_put((row, other), torch.tensor(-torch.inf))
    scores = scores.scatter(1, answer.unsqueeze(1), own)
    share = own.squeeze(1) - scores.logsumexp(1)
    # Realistic among ties, the answer itself counted once.
    rank = (scores > own).sum(1) + ((scores == own).sum(1) + 1) / 2
    return own.squeeze(1), share, rank.log()


@dataclass(frozen=True)
class TripleClassifier:
    """P(true) = σ(w · x + w_r · x + b + b_r), x standardised.

    Attributes:
        mean: Of each feature, [F].
        spread: Of each feature, [F].
        weights: w and b, [F + 1].
        corrections: w_r and b_r, [R, F + 1]; zero for a relation that was never seen.
        strength: The inverse penalty that cross-validation chose.
        accuracy: Of held-out folds at that strength.
    """

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    corrections: np.ndarray
    strength: float
    accuracy: float

    def probability(self, features: np.ndarray, relation: np.ndarray) -> np.ndarray:
        """That each triple is true, [n, F], [n] → [n]."""
        values = (features - self.mean) / self.spread
        values = np.append(values, np.ones((len(values), 1)), axis=1)
        odds = (values * (self.weights + self.corrections[relation])).sum(1)
        return np.asarray(0.5 * (1 + np.tanh(odds / 2)))


def fit_classifier(
    features: np.ndarray, relation: np.ndarray, label: np.ndarray, num_relations: int
) -> TripleClassifier:
    """Fit on labelled triples; the penalty is chosen by cross-validation among them.

    Args:
        features: From :func:`triple_features`, [n, F].
        relation: [n].
        label: bool [n].
        num_relations: R.
    """
    mean = features.mean(0)
    spread = np.where(features.std(0) > 0, features.std(0), 1.0)
    columns = _columns((features - mean) / spread, relation, num_relations)
    strength, accuracy = _best_strength(columns, label, STRENGTHS)
    fitted = _logistic(strength).fit(columns, label)
    width = features.shape[1] + 1
    coefficients = fitted.coef_[0]
    weights = coefficients[:width].copy()
    weights[-1] += fitted.intercept_[0]
    corrections = CORRECTION * coefficients[width:].reshape(num_relations, width)
    return TripleClassifier(mean, spread, weights, corrections, strength, accuracy)


def _columns(values: np.ndarray, relation: np.ndarray, num_relations: int) -> np.ndarray:
    """Shared columns beside those of each relation, [n, (1 + R)(F + 1)]."""
    shared = np.append(values, np.ones((len(values), 1)), axis=1)
    own = np.zeros((len(values), num_relations, shared.shape[1]))
    # The penalty on a coefficient is that on a correction, divided by CORRECTION squared.
    own[np.arange(len(values)), relation] = CORRECTION * shared
    return np.concatenate((shared, own.reshape(len(values), -1)), axis=1)


def _best_strength(
    columns: np.ndarray, label: np.ndarray, strengths: Sequence[float]
) -> tuple[float, float]:
    """The strength of the lowest log loss on held-out folds, and the accuracy there."""
    from sklearn.model_selection import StratifiedKFold

    folds = min(FOLDS, int(label.sum()), int((~label).sum()))
    if folds < 2:
        return strengths[0], float("nan")
    splits = list(StratifiedKFold(folds, shuffle=True, random_state=0).split(columns, label))
    found = []
    for strength in strengths:
        held_out = np.empty(len(label))
        for fitted, judged in splits:
            model = _logistic(strength).fit(columns[fitted], label[fitted])
            held_out[judged] = model.decision_function(columns[judged])
        loss = np.logaddexp(0, np.where(label, -held_out, held_out)).mean()
        found.append((float(loss), strength, float(((held_out > 0) == label).mean())))
    _, strength, accuracy = min(found)
    return strength, accuracy


def _logistic(strength: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=1_000)


@dataclass(frozen=True)
class Judged:
    """How well triples are told apart.

    Attributes:
        accuracy: Share of right judgements.
        f1: Of the true triples.
        precision: Share of true ones among those judged true.
        recall: Share of the true ones that are judged true.
        count: How many triples.
    """

    accuracy: float
    f1: float
    precision: float
    recall: float
    count: int


def judged(found: np.ndarray, label: np.ndarray) -> Judged:
    """Compare judgements with the truth, bool [n] each."""
    both = int((found & label).sum())
    precision = both / max(1, int(found.sum()))
    recall = both / max(1, int(label.sum()))
    f1 = 2 * both / max(1, int(found.sum()) + int(label.sum()))
    return Judged(float((found == label).mean()), f1, precision, recall, len(label))


def triple_classification(
    models: Sequence[LinkModel], snapshot: KGSnapshot, negatives: Mapping[Split, Tensor]
) -> dict[str, Any]:
    """Both judges, fitted on valid and its negatives, on each split that has negatives.

    Of several models each feature is standardised on valid and the mean of them is judged.

    Args:
        models: Trained on the snapshot's training facts, on the CPU; at least one.
        snapshot: With its split.
        negatives: False triples of ``valid`` and ``test``, [n, 3] each.

    Returns:
        By judge (``thresholds``, ``classifier``) and split what :class:`Judged` has; those of
        ``valid`` are of what was fitted on, so ``cross_validated`` has the classifier's accuracy
        on held-out folds; for the classifier also ``calibration_error``.

    Raises:
        TrainingError: There are no validation facts, or no negatives of them.
    """
    train = snapshot.triples("train")
    facts = {split: labelled(snapshot.triples(split), each) for split, each in negatives.items()}
    if "valid" not in facts:
        raise TrainingError(
            "triples cannot be classified without validation negatives",
            hint="give false triples of the validation split, too",
        )
    known = _mean_features(models, {split: each.triples for split, each in facts.items()}, train)
    valid, x = facts["valid"], known["valid"]
    thresholds = fit_thresholds(x[:, 0], valid.relation, valid.label)
    classifier = fit_classifier(x, valid.relation, valid.label, snapshot.num_relations)
    results: dict[str, Any] = {"thresholds": {}, "classifier": {}}
    for split, each in facts.items():
        by_score = thresholds.judge(known[split][:, 0], each.relation)
        results["thresholds"][split] = asdict(judged(by_score, each.label))
        probability = classifier.probability(known[split], each.relation)
        results["classifier"][split] = {
            **asdict(judged(probability >= 0.5, each.label)),
            "calibration_error": expected_calibration_error(probability, each.label),
        }
    results["classifier"]["cross_validated"] = classifier.accuracy
    return results


def _mean_features(
    models: Sequence[LinkModel], triples: Mapping[Split, Tensor], train: Tensor
) -> dict[Split, np.ndarray]:
    """The mean of several models' features, each standardised on ``valid``, [n, F] a split."""
    total: dict[Split, np.ndarray] = {}
    for model in models:
        of = {split: triple_features(model, each, train) for split, each in triples.items()}
        mean, spread = of["valid"].mean(0), of["valid"].std(0)
        for split, values in of.items():
            standard = (values - mean) / np.where(spread > 0, spread, 1.0) / len(models)
            total[split] = total.get(split, np.zeros_like(standard)) + standard
    return total
