"""A frozen embedding model that says how likely an end is where a walk missed the answer.

Reward shaping of Lin et al. 2018: hit + (1 - hit) · p. There p is the logistic function of the
model's score, which is a probability only if the model was trained to give one; a model trained by
cross-entropy tells only the entities of one question apart. So p comes from Platt's curve over the
logarithm of the entity's share in its question's softmax, the answers that training knows left out:
they take nearly all of it, and no walk ends at them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import LinkModel
from kgplatform.triples import Split
from kgplatform.walk.env import Asked
from kgplatform.walk.queries import fact_queries, known_ends

FITTED_ON = 1_000
"""Questions that the curve is fitted on."""

ROUNDS = 200
MOST_SCORES = 1 << 22


@dataclass(frozen=True, eq=False)
class Teacher:
    """A model with the curve of its probabilities.

    Attributes:
        model: Frozen.
        slope: Of Platt's curve over the logarithm of the softmax's share.
        intercept: Its log-odds at a share of one.
    """

    model: LinkModel
    slope: float
    intercept: float

    @torch.no_grad()
    def likely(self, asked: Asked, end: Tensor) -> Tensor:
        """How likely ends [B, k] are as answers of questions by relation [B] → [B, k].

        Of a question in words, whose relation is -1, it is without meaning.
        """
        relation = asked.relation.clamp_min(0)
        shares = log_shares(self.model, asked.start, relation, asked.hidden | asked.answers)
        return torch.sigmoid(self.slope * shares.gather(1, end) + self.intercept)


def log_shares(model: LinkModel, start: Tensor, relation: Tensor, known: Tensor) -> Tensor:
    """Log-softmax of scores over the entities that are not ``known`` [B, N], -inf at those."""
    scores = directed_scores(model, start, relation).masked_fill(known, -torch.inf)
    shares = torch.log_softmax(scores, dim=1)
    # NaN where every entity is known.
    return shares.masked_fill(known, -torch.inf)


def directed_scores(model: LinkModel, start: Tensor, relation: Tensor) -> Tensor:
    """Scores of all entities as answers; relation q + R asks for heads; [B] each → [B, N]."""
    count = model.num_relations
    if model.reciprocal:
        return model.score_tails(start, relation)
    tails = relation < count
    scores = torch.empty(len(start), model.num_entities, device=start.device)
    scores[tails] = model.score_tails(start[tails], relation[tails])
    scores[~tails] = model.score_heads(relation[~tails] - count, start[~tails])
    return scores


def teacher_of(model: LinkModel, snapshot: KGSnapshot, seed: int) -> Teacher:
    """Fit the curve of a frozen model: two numbers, on facts that it was not trained on.

    Of facts that a model has learnt by heart it is too sure. Where there is no validation, that
    cannot be helped.

    Args:
        model: Frozen, on the CPU.
        snapshot: With validation facts, if there are any.
        seed: Which of them, if they are many.
    """
    model.eval()
    held_out = len(snapshot.rows("valid")) > 0
    split: Split = "valid" if held_out else "train"
    queries = fact_queries(snapshot.triples(split), snapshot.num_relations)
    most = max(1, min(FITTED_ON, MOST_SCORES // model.num_entities))
    generator = torch.Generator().manual_seed(seed)
    some = queries[torch.randperm(len(queries), generator=generator)[:most]]
    known = torch.zeros(len(some), model.num_entities, dtype=torch.bool)
    truth = torch.zeros_like(known)
    truth[known_ends(snapshot, split).of(some.start, some.relation)] = True
    if held_out:
        known[known_ends(snapshot).of(some.start, some.relation)] = True
    with torch.no_grad():
        shares = log_shares(model, some.start, some.relation, known)
    # Platt's targets, short of 0 and 1, so that the curve stays one where the model is perfect.
    there = torch.isfinite(shares)
    right = float((truth & there).sum())
    wrong = float((~truth & there).sum())
    goal = torch.where(truth, (right + 1) / (right + 2), 1 / (wrong + 2))
    slope, intercept = _platt(shares[there].double(), goal[there].double())
    return Teacher(model, slope, intercept)


def _platt(feature: Tensor, truth: Tensor) -> tuple[float, float]:
    """Slope, at least 0, and intercept of the logistic regression of a truth on one feature."""
    parameters = torch.zeros(2, dtype=torch.float64, device=feature.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([parameters], max_iter=ROUNDS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = parameters[0] * feature + parameters[1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    slope, intercept = parameters.detach().tolist()
    return max(0.0, slope), intercept
