"""How probable it is that a user likes what is recommended, told by validation.

A score orders items and says no more. Of the first places of each user's list on validation it is
known which hold what the user went on to like; a logistic regression on the place and on how far
the score stands out gives the probability (Platt 1999, "Probabilistic Outputs for Support Vector
Machines"). Items that a user would like and never met count as misses, so it is a lower bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgplatform.recommend.evaluate import USERS_AT_ONCE, Scores
from kgplatform.recommend.likes import Likes
from kgplatform.triples import Split

PLACES = 50
"""Places of a list that are looked at."""

BINS = 10


@dataclass(frozen=True)
class Confidence:
    """A probability from a place and a score.

    Attributes:
        place: Weight of the logarithm of the place.
        score: Weight of the score's distance from the user's mean, in standard deviations.
        constant: What is added.
    """

    place: float
    score: float
    constant: float

    def of(self, places: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Probabilities of items by place, from 1, and standardised score, [M] each."""
        log_odds = self.place * np.log(places) + self.score * scores + self.constant
        probable: np.ndarray = 1 / (1 + np.exp(-log_odds))
        return probable


def standardised(scores: Tensor) -> Tensor:
    """Scores of a list of items [..., I] as distances from their mean, in standard deviations."""
    finite = torch.where(torch.isfinite(scores), scores, torch.nan)
    mean = finite.nanmean(dim=-1, keepdim=True)
    spread = (finite - mean).square().nanmean(dim=-1, keepdim=True).sqrt()
    return (scores - mean) / spread.clamp(min=1e-9)


def fit_confidence(scores: Scores, likes: Likes) -> Confidence | None:
    """Fit on validation; None where it has no users, no hit or nothing but hits."""
    from sklearn.linear_model import LogisticRegression

    place, score, hit = _listed(scores, likes, "valid")
    if not hit.any() or hit.all():
        return None
    features = np.stack((np.log(place), score), axis=1)
    fitted = LogisticRegression(C=1e3).fit(features, hit)
    (weights,), (constant,) = fitted.coef_, fitted.intercept_
    return Confidence(float(weights[0]), float(weights[1]), float(constant))


def calibration_error(scores: Scores, likes: Likes, confidence: Confidence) -> float | None:
    """Expected calibration error on the test, by ten bins of as many places each."""
    place, score, hit = _listed(scores, likes, "test")
    if not hit.size:
        return None
    told = confidence.of(place, score)
    bins = np.array_split(np.argsort(told, kind="stable"), BINS)
    gaps = [abs(told[rows].mean() - hit[rows].mean()) * rows.size for rows in bins if rows.size]
    return float(sum(gaps) / hit.size)


def _listed(scores: Scores, likes: Likes, split: Split) -> tuple[np.ndarray, ...]:
    """Place, standardised score and hit of the first places of all users with something to find."""
    wanted = likes.matrix(split)
    seen = likes.matrix("train") if split == "valid" else likes.matrix("train", "valid")
    users = np.flatnonzero(np.diff(wanted.indptr))
    parts: list[tuple[np.ndarray, ...]] = [(np.empty(0), np.empty(0), np.empty(0, dtype=bool))]
    for start in range(0, len(users), USERS_AT_ONCE):
        rows = users[start : start + USERS_AT_ONCE]
        hidden = torch.from_numpy(seen[rows].toarray() > 0)
        found = scores(torch.from_numpy(rows)).float().masked_fill(hidden, -torch.inf)
        # Never more places than items that are left for everybody.
        most = min(PLACES, int((~hidden).sum(dim=1).min()))
        best = standardised(found).topk(most, dim=1)
        hit = torch.from_numpy(wanted[rows].toarray() > 0).gather(1, best.indices)
        place = torch.arange(1, most + 1).expand_as(hit)
        parts.append(tuple(each.reshape(-1).numpy() for each in (place, best.values, hit)))
    return tuple(np.concatenate(each) for each in zip(*parts, strict=True))


def folded_in(fold_in: Callable[[Tensor], Tensor], likes: Likes, *, test: bool = False) -> Scores:
    """Scores of users as if they were unknown: by what they like in train alone.

    Args:
        fold_in: A ranker's.
        likes: The data.
        test: Whether what they like in validation counts, too.
    """
    train = likes.matrix("train", "valid") if test else likes.matrix("train")

    def scores(users: Tensor) -> Tensor:
        rows = [
            fold_in(torch.from_numpy(train[[user]].indices.astype(np.int64)))
            for user in users.tolist()
        ]
        return torch.stack(rows)

    return scores
