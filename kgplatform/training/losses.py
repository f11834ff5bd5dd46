"""Cross-entropy over all entities or over shared negatives, and the N3 penalty."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kgplatform.models import LinkModel
from kgplatform.training.config import TrainingConfig
from kgplatform.training.negatives import drop_coordinates, shared_negatives


def batch_loss(
    model: LinkModel,
    entities: Tensor,
    batch: Tensor,
    config: TrainingConfig,
    generator: torch.Generator,
) -> Tensor:
    """Mean loss of both questions that each triple answers, (h, r, ?) and (?, r, t).

    Args:
        model: Makes the queries and matches them.
        entities: All entity vectors, [N, d].
        batch: Triples, [B, 3].
        config: Chooses the loss, the dropout and the penalty's weight.
        generator: Source of negatives and dropout, on the batch's device.

    Returns:
        A scalar.
    """
    head, relation, tail = batch.unbind(1)
    tail_queries = model.tail_queries(entities[head], relation)
    head_queries = model.head_queries(relation, entities[tail])
    total = torch.zeros((), device=batch.device)
    for queries, target in ((tail_queries, tail), (head_queries, head)):
        queries = drop_coordinates(queries, config.dropout, generator)
        if config.loss == "cross_entropy":
            total = total + cross_entropy(model.match(queries, entities), target)
        else:
            negatives = shared_negatives(
                model.num_entities, config.negatives, generator, batch.device
            )
            total = total + sampled_cross_entropy(model, queries, entities, target, negatives)
    if config.regularization:
        rows = relation
        if model.reciprocal:
            rows = torch.cat((relation, relation + model.num_relations))
        penalty = n3(entities[head], entities[tail], model.relation[rows]) / len(batch)
        total = total + config.regularization * penalty
    return total / 2


def sampled_cross_entropy(
    model: LinkModel, queries: Tensor, entities: Tensor, target: Tensor, negatives: Tensor
) -> Tensor:
    """Cross-entropy of the true entity among itself and the shared negatives.

    Args:
        model: Matches queries with entities.
        queries: [B, d].
        entities: All entity vectors, [N, d].
        target: The true entity of each query, [B].
        negatives: Entities compared with every query, [K].

    Returns:
        A scalar, the mean over the batch.
    """
    true = model.match_rows(queries, entities[target]).unsqueeze(1)
    other = model.match(queries, entities[negatives])
    # A negative that happens to be the answer must not be pushed away from it.
    other = other.masked_fill(negatives == target.unsqueeze(1), float("-inf"))
    first = torch.zeros_like(target)
    return cross_entropy(torch.cat((true, other), dim=1), first)


def n3(*factors: Tensor) -> Tensor:
    """Sum of |x|³ over all coordinates, the nuclear 3-norm penalty (Lacroix et al. 2018)."""
    return torch.stack([factor.abs().pow(3).sum() for factor in factors]).sum()
