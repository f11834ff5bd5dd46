"""A frozen embedding model that says how likely an end is where a walk missed the answer.

Reward shaping of Lin et al. 2018: hit + (1 - hit) · p. There p is the logistic function of the
model's score, which is a probability only if the model was trained to give one; a model trained by
cross-entropy tells only the entities of one question apart. So p comes from Platt's curve over the
logarithm of the entity's share in its question's softmax.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.models import LinkModel

FITTED_ON = 1_000
"""Facts that the curve is fitted on."""

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
    def log_shares(self, start: Tensor, relation: Tensor) -> Tensor:
        """Log-softmax of the scores of all entities as answers, [B, N]; relations are directed."""
        return torch.log_softmax(directed_scores(self.model, start, relation), dim=1)

    @torch.no_grad()
    def likely(self, start: Tensor, relation: Tensor, end: Tensor) -> Tensor:
        """How likely ends are as answers of questions, [B], [B], [B, k] → [B, k]."""
        shares = self.log_shares(start, relation).gather(1, end)
        return torch.sigmoid(self.slope * shares + self.intercept)


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


def teacher_of(model: LinkModel, facts: Tensor, seed: int) -> Teacher:
    """Fit the curve of a frozen model.

    Two numbers are fitted, on facts that the model was not trained on where there are such: of
    facts that it has learnt by heart it is too sure.

    Args:
        model: Frozen.
        facts: Of validation, or of training, int64 [n, 3].
        seed: Which of them, if they are many.
    """
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    most = max(1, min(FITTED_ON, MOST_SCORES // model.num_entities))
    some = facts[torch.randperm(len(facts), generator=generator)[:most]].to(model.device)
    head, relation, tail = some.unbind(1)
    with torch.no_grad():
        scores = directed_scores(model, head, relation)
        shares = torch.log_softmax(scores, dim=1).double()
    # Platt's targets, short of 0 and 1, so that the curve stays one where the model is perfect.
    truth = torch.full_like(shares, 1 / (shares.numel() - len(some) + 2))
    truth[torch.arange(len(some)), tail] = (len(some) + 1) / (len(some) + 2)
    slope, intercept = _platt(shares.flatten(), truth.flatten())
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
