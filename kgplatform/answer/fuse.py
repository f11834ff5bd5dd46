"""Several rankings made one: by their ranks alone, or with weights learned from examples."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import rankdata

from kgplatform.errors import InputError
from kgplatform.parsed import parsed_json
from kgplatform.store.find import Key

CHANNELS = ("name", "fulltext", "text", "graph", "facts")
"""Names like the text's words; its words anywhere; vectors of texts; vectors of the graph; facts
with what the text names."""

K = 60.0
"""The constant of reciprocal rank fusion, as its authors have it."""

USUAL_K = 10.0
"""What was best on validation queries (docs/decisions/0083): with 60, to be found by many channels
outweighs to be first in one."""

PENALTY = 0.01
"""Of the squares of learned weights, a query."""

FORMAT = "kgplatform search weights 1"

Ranking = Sequence[tuple[Key, float]]
"""What one channel found, the best first, each with the channel's own score."""


@dataclass(frozen=True)
class Weights:
    """What a channel's ranks and scores count for.

    A candidate has the sum over the channels c that found it of ``rank[c] · (k + 1) / (k + r)``, r
    its rank from 1, the mean one of a tie, and ``score[c] · s``, s its score with the channel's
    best as 1 and its worst as 0.

    Attributes:
        rank: By channel; a channel that is not there counts nothing.
        score: Likewise.
        k: How little the first ranks stand out.
        learned: From what they were learned; empty where they were not.
    """

    rank: Mapping[str, float]
    score: Mapping[str, float] = field(default_factory=dict)
    k: float = K
    learned: Mapping[str, Any] = field(default_factory=dict)


RECIPROCAL = Weights(dict.fromkeys(CHANNELS, 1.0))
"""Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009): by ranks, every channel the same."""

USUAL = Weights({"name": 1.0, "fulltext": 1.0, "text": 3.0, "graph": 0.25, "facts": 1.0}, k=USUAL_K)
"""The same with weights, for whoever has none of their own (docs/decisions/0083)."""


def fuse(rankings: Mapping[str, Ranking], weights: Weights = USUAL) -> list[tuple[Key, float]]:
    """All candidates, the best first, with scores of at most 1, had by what is first everywhere."""
    keys, features = _features(rankings, weights.k)
    if not keys:
        return []
    used = _as_vector(weights)
    found = [channel for channel, ranking in rankings.items() if ranking]
    most = sum(weights.rank.get(each, 0.0) + weights.score.get(each, 0.0) for each in found)
    scores = features @ used / (most or 1.0)
    return sorted(zip(keys, scores.tolist(), strict=True), key=lambda each: (-each[1], each[0]))


def learn(
    examples: Sequence[tuple[Mapping[str, Ranking], Key]], learned: Mapping[str, Any] | None = None
) -> Weights:
    """Weights under which the right candidates of examples come first.

    The log likelihood of the right one in a softmax over the candidates of its query (ListNet's
    top-one probability, Cao et al. 2007), with weights that are not negative and a small penalty.
    It is convex, so that the same examples give the same weights.

    Args:
        examples: What the channels found for a query, and which is right. One that no channel
            found teaches nothing.
        learned: What is kept with the weights of where they come from.

    Raises:
        InputError: None of the right ones was found.
    """
    tables: list[tuple[np.ndarray, int]] = []
    for rankings, right in examples:
        keys, features = _features(rankings, USUAL_K)
        if right in keys and len(keys) > 1:
            tables.append((features, keys.index(right)))
    if not tables:
        raise InputError(
            f"none of {len(examples)} right answers was among the candidates",
            hint="check their ids, or write vectors: `kgp encode --write`",
        )

    def loss(given: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = 0.0, np.zeros_like(given)
        for features, right in tables:
            scores = features @ given
            share = np.exp(scores - (whole := logsumexp(scores)))
            value += float(whole - scores[right])
            slope += share @ features - features[right]
        count = len(tables)
        return (
            value / count + PENALTY * float(given @ given),
            slope / count + 2 * PENALTY * given,
        )

    start = np.ones(2 * len(CHANNELS))
    bounds = [(0.0, None)] * len(start)
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
    cut = len(CHANNELS)
    return Weights(
        dict(zip(CHANNELS, fitted[:cut], strict=True)),
        dict(zip(CHANNELS, fitted[cut:], strict=True)),
        USUAL_K,
        {"examples": len(examples), "found": len(tables), **(learned or {})},
    )


def reciprocal_rank(fused: Sequence[tuple[Key, float]], right: Key) -> float:
    """1 / rank of the right one; 0 where it was not found."""
    ranks = (place for place, (key, _) in enumerate(fused, 1) if key == right)
    return 1 / next(ranks, math.inf)


def save_weights(weights: Weights, path: Path) -> None:
    """Keep weights as a file that people can read."""
    content = {
        "format": FORMAT,
        "rank": dict(weights.rank),
        "score": dict(weights.score),
        "k": weights.k,
        "learned": dict(weights.learned),
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_weights(path: Path) -> Weights:
    """Weights from a file.

    Raises:
        InputError: It cannot be read, or is none of these.
    """
    hint = "`kgp tune search EXAMPLES --to FILE` makes one"
    try:
        content = parsed_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"weights {path} cannot be read: {error}", hint=hint) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{path} holds no weights of search", hint=hint)
    parts = [_checked(content.get(name), path, hint) for name in ("rank", "score")]
    if not any(value > 0 for part in parts for value in part.values()):
        raise InputError(f"{path}: no weight is above 0", hint=hint)
    k = content.get("k")
    if not isinstance(k, int | float) or not 0 < k < math.inf:
        raise InputError(f"{path}: k is no number above 0", hint=hint)
    return Weights(parts[0], parts[1], float(k), dict(content.get("learned") or {}))


def _checked(given: Any, path: Path, hint: str) -> dict[str, float]:
    if not isinstance(given, dict) or set(given) - set(CHANNELS):
        raise InputError(f"{path}: weights are of {', '.join(CHANNELS)}", hint=hint)
    found = {}
    for name, value in given.items():
        if not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise InputError(f"{path}: the weight of {name} is no number from 0 on", hint=hint)
        found[name] = float(value)
    return found


def _as_vector(weights: Weights) -> np.ndarray:
    parts = (weights.rank, weights.score)
    return np.array([part.get(channel, 0.0) for part in parts for channel in CHANNELS])


def _features(rankings: Mapping[str, Ranking], k: float) -> tuple[list[Key], np.ndarray]:
    """Candidates, and of each its rank's and score's share by channel, [n, 2 channels]."""
    place = {key: at for at, key in enumerate(_distinct(rankings))}
    features = np.zeros((len(place), 2 * len(CHANNELS)))
    for column, channel in enumerate(CHANNELS):
        ranking = rankings.get(channel, ())
        if not ranking:
            continue
        scores = np.array([score for _, score in ranking])
        rows = [place[key] for key, _ in ranking]
        features[rows, column] = (k + 1) / (k + rankdata(-scores))
        best, worst = scores.max(), scores.min()
        shares = (scores - worst) / (best - worst) if best > worst else 1.0
        features[rows, len(CHANNELS) + column] = shares
    return list(place), features


def _distinct(rankings: Mapping[str, Ranking]) -> dict[Key, None]:
    return {key: None for ranking in rankings.values() for key, _ in ranking}
