"""The scores of a structure and of texts together.

Both are logits of a softmax over all answers, so their weighted sum is a product of experts: an
answer must suit the graph and the text (Hinton 2002, "Training Products of Experts by Minimizing
Contrastive Divergence"). What is constant for a question changes no rank, so nothing need be
known of all answers at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.progress import Progress, silent
from kgplatform.training.combination import (
    WEIGHTS,
    Combination,
    Group,
    best_weights,
    refuse_no_validation,
)
from kgplatform.training.known import Side, known_of_snapshot
from kgplatform.training.ranks import Scorer, rank

SCORES_AT_ONCE = 1 << 24
"""Scores held at a time while weights are learned, 64 MB of each kind."""

SIDES: tuple[Side, ...] = ("tail", "head")


@dataclass(frozen=True, eq=False)
class Fused:
    """Two scorers as one; ranked as each of them (``kgplatform.training.ranks.Scorer``).

    Attributes:
        structure: Scores by what was learnt of the entities.
        text: Scores by texts.
        scales: What the scores of either are divided by.
        weights: Of the text by relation, for tails and heads, float32 [2, R].
    """

    structure: Scorer
    text: Scorer
    scales: tuple[float, float]
    weights: Tensor

    @property
    def num_entities(self) -> int:
        """Entities that are ranked."""
        return self.structure.num_entities

    def score_tails(
        self, head: Tensor, relation: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (h, r, e) for all entities, or for ``candidates`` [N'], as [B, N]."""
        return self._mixed(
            self.structure.score_tails(head, relation, candidates),
            self.text.score_tails(head, relation, candidates),
            self.weights[0, relation],
        )

    def score_heads(
        self, relation: Tensor, tail: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        """Score (e, r, t) for all entities, or for ``candidates`` [N'], as [B, N]."""
        return self._mixed(
            self.structure.score_heads(relation, tail, candidates),
            self.text.score_heads(relation, tail, candidates),
            self.weights[1, relation],
        )

    def _mixed(self, structure: Tensor, text: Tensor, weight: Tensor) -> Tensor:
        weight = weight.unsqueeze(1)
        return mixed(structure / self.scales[0], text / self.scales[1], weight)


def mixed(structure: Tensor, text: Tensor, weight: Tensor | float) -> Tensor:
    """Scores [B, N] of either as one, by the weight of the text."""
    return (1 - weight) * structure + weight * text


@torch.no_grad()
def learn_fusion(
    structure: Scorer, text: Scorer, snapshot: KGSnapshot, progress: Progress = silent
) -> tuple[Fused, Combination]:
    """Weights of the text for each relation and side, by the ranks of validation facts.

    Args:
        structure: Of the snapshot's entities and relations, on the CPU.
        text: Likewise.
        snapshot: With validation facts.
        progress: Told of ranks done.

    Raises:
        TrainingError: There are no validation facts.
    """
    refuse_no_validation(snapshot)
    facts = snapshot.triples("valid")
    known = known_of_snapshot(snapshot, torch.device("cpu"))
    scales = _spread(structure, facts), _spread(text, facts)
    total: dict[Group, np.ndarray] = {}
    count: dict[Group, int] = {}
    done = 0
    for group, questions in _questions(facts, SCORES_AT_ONCE // snapshot.num_entities):
        first = _scores(structure, group[1], questions) / scales[0]
        second = _scores(text, group[1], questions) / scales[1]
        anchor, relation, target = questions.unbind(1)
        answers = known.tails if group[1] == "tail" else known.heads
        hidden = answers.of(anchor, relation)
        sums = [
            float(rank(mixed(first, second, weight), target, hidden).reciprocal().sum())
            for weight in WEIGHTS
        ]
        total[group] = total.get(group, np.zeros(len(WEIGHTS))) + np.array(sums)
        count[group] = count.get(group, 0) + len(questions)
        done += len(questions)
        progress("weighing text and structure", done, 2 * len(facts))
    learned = best_weights(total, count)
    return fused(structure, text, scales, learned, snapshot.num_relations), learned


def fused(
    structure: Scorer,
    text: Scorer,
    scales: tuple[float, float],
    learned: Combination,
    num_relations: int,
) -> Fused:
    """Two scorers with the weights that were learned."""
    weights = [
        [learned.weight(relation, side) for relation in range(num_relations)] for side in SIDES
    ]
    return Fused(structure, text, scales, torch.tensor(weights))


def _questions(facts: Tensor, size: int) -> Iterator[tuple[Group, Tensor]]:
    """Both questions of facts by relation and side, some at a time.

    Yields:
        The group, and anchor, relation and answer of each, int64 [B, 3].
    """
    for relation in torch.unique(facts[:, 1]).tolist():
        for rows in torch.split(facts[facts[:, 1] == relation], max(1, size)):
            yield (relation, "tail"), rows
            yield (relation, "head"), rows.flip(1)


def _scores(scorer: Scorer, side: Side, questions: Tensor) -> Tensor:
    """Of all entities as answers, [B, N]."""
    anchor, relation, _ = questions.unbind(1)
    if side == "tail":
        return scorer.score_tails(anchor, relation)
    return scorer.score_heads(relation, anchor)


def _spread(scorer: Scorer, facts: Tensor) -> float:
    """How far the scores of a question lie apart, so that weights mean the same of any model."""
    head, relation, _ = facts[:: max(1, len(facts) // 64)].unbind(1)
    return max(float(scorer.score_tails(head, relation).std(dim=1).mean()), 1e-12)


def fusion_data(
    scales: tuple[float, float], learned: Combination, names: Sequence[str]
) -> dict[str, Any]:
    """What a run keeps of a fusion."""
    return {
        "scales": list(scales),
        "common": learned.common,
        "of": [
            {"relation": names[relation], "side": side, "weight": weight}
            for (relation, side), weight in sorted(learned.of.items())
        ],
    }
