"""Rules and a model together: a weight for each relation and side, learned on validation.

After Meilicke et al. 2021, "Why a Naive Way to Combine Symbolic and Latent Knowledge Base
Completion Works Surprisingly Well": the model's scores of a query are brought to [0, 1] by their
least and greatest, and mixed with the confidence of the best rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.progress import Progress, silent
from kgplatform.rules.apply import Applier, best_confidence
from kgplatform.rules.evaluate import (
    SIDES,
    QueryBatch,
    known_of,
    metrics_of_sides,
    query_batches,
    ranked,
)
from kgplatform.training.combination import (
    WEIGHTS,
    Combination,
    Group,
    best_weights,
    refuse_no_validation,
)
from kgplatform.training.evaluate import EVALUATED
from kgplatform.training.known import Side, known_of_snapshot
from kgplatform.training.ranks import Scorer, rank
from kgplatform.triples import Split

TIE = 1e-6
"""How much the further rules of an answer count: less than any difference of confidence that
matters, more than none."""


def normalised(scores: Tensor, keys: np.ndarray, confidence: np.ndarray) -> tuple[Tensor, Tensor]:
    """What a model and rules say of answers, each in [0, 1], to be mixed by a weight.

    Args:
        scores: The model's, [B, N].
        keys: What the rules say, [B, N].
        confidence: Of the best rule of each answer, [B, N].

    Returns:
        The model's and the rules', float64 [B, N] each.
    """
    scores = scores.double()
    least = scores.amin(1, keepdim=True)
    model = (scores - least) / (scores.amax(1, keepdim=True) - least).clamp_min(1e-12)
    order = ranked(keys)
    return model, torch.from_numpy(confidence) + TIE * order / (order.max() + 1)


def learn_combination(
    model: Scorer, applier: Applier, snapshot: KGSnapshot, progress: Progress = silent
) -> Combination:
    """The weights of the rules that give validation facts the highest mean reciprocal rank.

    Raises:
        TrainingError: There are no validation facts.
    """
    refuse_no_validation(snapshot)
    total: dict[Group, np.ndarray] = {}
    count: dict[Group, int] = {}
    for batch, ranks in _ranks(model, applier, snapshot, "valid", WEIGHTS, progress):
        group = (batch.relation, batch.side)
        total[group] = total.get(group, np.zeros(len(WEIGHTS))) + (1 / ranks).sum(1).numpy()
        count[group] = count.get(group, 0) + ranks.shape[1]
    return best_weights(total, count)


def evaluate_combined(
    model: Scorer,
    applier: Applier,
    snapshot: KGSnapshot,
    combination: Combination,
    progress: Progress = silent,
) -> dict[str, dict[str, Any]]:
    """Metrics of ``rules``, ``model`` and ``both``, each of ``valid`` and ``test``.

    The weights were chosen on the facts of ``valid``, so what is gained there is no evidence.
    """
    found: dict[str, dict[str, Any]] = {"rules": {}, "model": {}, "both": {}}
    for split in EVALUATED:
        if not len(snapshot.triples(split)):
            continue
        ranks: dict[tuple[str, Side], list[Tensor]] = {}
        for batch, three in _ranks(model, applier, snapshot, split, combination, progress):
            for name, row in zip(found, three, strict=True):
                ranks.setdefault((name, batch.side), []).append(row)
        for name in found:
            by_side = {side: torch.cat(ranks[name, side]) for side in SIDES}
            found[name][split] = metrics_of_sides(by_side).to_json()
    return found


@torch.no_grad()
def _ranks(
    model: Scorer,
    applier: Applier,
    snapshot: KGSnapshot,
    split: Split,
    weights: tuple[float, ...] | Combination,
    progress: Progress,
) -> Iterator[tuple[QueryBatch, Tensor]]:
    """Ranks of a split's facts at each weight, [W, B]; with a combination, of rules,

    model and both.
    """
    facts = snapshot.triples(split)
    known = known_of_snapshot(snapshot, torch.device("cpu"))
    done = 0
    for batch in query_batches(applier, facts):
        relation = torch.full_like(batch.anchor, batch.relation)
        if batch.side == "tail":
            scores = model.score_tails(batch.anchor, relation)
        else:
            scores = model.score_heads(relation, batch.anchor)
        confidence = best_confidence(applier, batch.relation, batch.keys)
        hidden = known_of(known, batch)
        tried = weights
        if isinstance(tried, Combination):
            tried = (1.0, 0.0, tried.weight(batch.relation, batch.side))
        by_model, by_rules = normalised(scores, batch.keys, confidence)
        rows = [
            rank((1 - weight) * by_model + weight * by_rules, batch.answer, hidden)
            for weight in tried
        ]
        done += len(batch.answer)
        progress(f"rules and model on {split}", done, 2 * len(facts))
        yield batch, torch.stack(rows)
