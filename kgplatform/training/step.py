"""One step of a training: the questions of a batch, their scores, their loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding

from kgplatform.graph.rows import EdgeRows
from kgplatform.models import Edges, LinkModel, Vectors
from kgplatform.training.config import TrainingConfig
from kgplatform.training.losses import LOSSES, PENALTIES, answers_loss
from kgplatform.training.negatives import (
    TrainingFacts,
    batches,
    drop_coordinates,
    folds,
    no_negatives,
    shared_negatives,
)


@dataclass(frozen=True)
class Trainer:
    """What every step of a training needs.

    Attributes:
        config: The settings.
        model: What is trained.
        optimizer: Of the model's parameters.
        train: Training edges as rows.
        facts: What is known of them beside.
        generator: Source of all random choices, on the edges' device.
    """

    config: TrainingConfig
    model: LinkModel
    optimizer: torch.optim.Optimizer
    train: EdgeRows
    facts: TrainingFacts
    generator: torch.Generator

    @property
    def rows_an_epoch(self) -> int:
        """Triples of an epoch, or questions with ``candidates=answers``."""
        return len(self.train if self.facts.queries is None else self.facts.queries)

    def drop(self, values: Tensor) -> Tensor:
        """Dropout of the vectors that are asked with."""
        return drop_coordinates(values, self.config.input_dropout, self.generator)


def epoch_steps(trainer: Trainer) -> Iterator[tuple[Tensor, Tensor]]:
    """Take the steps of an epoch; before each, its mean loss and its batch, [B, 3] or [B, 2].

    The weights change when the next one is asked for: whoever sees that a loss is no number can
    stop before they do.
    """
    for batch, edges in _batches(trainer):
        loss = batch_loss(trainer, batch, edges)
        yield loss.detach(), batch
        trainer.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        trainer.optimizer.step()


def _batches(trainer: Trainer) -> Iterator[tuple[Tensor, Edges | None]]:
    """Batches, and the edges that messages pass over while each is scored."""
    config = trainer.config
    if trainer.model.encoder is not None:
        for scored, passed in folds(trainer.train, config.edge_drop, trainer.generator):
            edges = Edges(passed[:, ::2].T, passed[:, 1])
            for batch in torch.split(scored, config.batch_size):
                yield batch, edges
        return
    asked: EdgeRows | Tensor = trainer.train
    if config.candidates == "answers":
        assert trainer.facts.queries is not None
        asked = trainer.facts.queries
    for batch in batches(asked, config.batch_size, trainer.generator):
        yield batch, None


def batch_loss(trainer: Trainer, batch: Tensor, edges: Edges | None = None) -> Tensor:
    """Mean loss of both questions that each triple answers, (h, r, ?) and (?, r, t).

    With ``candidates=answers`` a row of the batch is a question (anchor, relation) itself, with
    all its answers in training at once.

    Args:
        trainer: The settings, the model, the facts.
        batch: Triples, [B, 3], or questions, [B, 2].
        edges: What messages pass over.

    Returns:
        A scalar.
    """
    config, model = trainer.config, trainer.model
    if config.candidates == "answers":
        return _answers_step(trainer, batch)
    if config.candidates == "all":
        vectors = model.vectors(edges)
        queries = _queries(trainer, vectors, batch)
        scores, target = model.match(queries, vectors.entity), torch.cat((batch[:, 2], batch[:, 0]))
    else:
        negatives = shared_negatives(batch, model.num_entities, config, trainer.generator)
        mask = no_negatives(negatives, batch, trainer.facts, model.num_entities, config)
        vectors, batch, negatives = _touched(model, batch, negatives, edges)
        queries = _queries(trainer, vectors, batch)
        answer = vectors.entity[torch.cat((batch[:, 2], batch[:, 0]))]
        others = model.match(queries, vectors.entity[negatives]).masked_fill(mask, -torch.inf)
        scores = torch.cat((model.match_rows(queries, answer).unsqueeze(1), others), dim=1)
        target = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
    losses = LOSSES[config.loss](scores, target, config)
    if config.bernoulli:
        share = trainer.facts.head_share[batch[:, 1]]
        # As many steps on either side as if a side were drawn for each triple.
        losses = losses * torch.cat((1 - share, share)) * 2
    return losses.mean() + _penalty(trainer, vectors, batch)


def _queries(trainer: Trainer, vectors: Vectors, batch: Tensor) -> Tensor:
    """Queries (h, r, ?) of all triples, then (?, r, t) of all, [2B, q]."""
    model = trainer.model
    head, relation, tail = batch.unbind(1)
    if model.reciprocal:
        anchor = torch.cat((head, tail))
        both = torch.cat((relation, relation + model.num_relations))
        queries = model.tail_queries(vectors, anchor, both, trainer.drop)
    else:
        tails = model.tail_queries(vectors, head, relation, trainer.drop)
        heads = model.head_queries(vectors, relation, tail, trainer.drop)
        queries = torch.cat((tails, heads))
    return drop_coordinates(queries, trainer.config.dropout, trainer.generator)


def _touched(
    model: LinkModel, batch: Tensor, negatives: Tensor, edges: Edges | None
) -> tuple[Vectors, Tensor, Tensor]:
    """The vectors that a step needs, and its batch and negatives as rows of them.

    Without an encoder only these rows are read and get a gradient, a sparse one, so that a step
    costs the same however many entities there are.
    """
    if model.encoder is not None:
        return model.vectors(edges), batch, negatives
    parts = torch.cat((batch[:, 0], batch[:, 2], negatives))
    rows, place = torch.unique(parts, return_inverse=True)
    table = embedding(rows, model.entity, sparse=True) if len(model.entity) else None
    head, tail, others = place.split((len(batch), len(batch), len(negatives)))
    vectors = Vectors(model.inputs(rows, table), model.relation)
    return vectors, torch.stack((head, batch[:, 1], tail), dim=1), others


def _answers_step(trainer: Trainer, questions: Tensor) -> Tensor:
    """Mean loss of questions with all their answers in training (k-vs-all)."""
    config, model, known = trainer.config, trainer.model, trainer.facts.known
    assert known is not None
    anchor, relation = questions.unbind(1)
    vectors = model.vectors()
    queries = model.tail_queries(vectors, anchor, relation, trainer.drop)
    queries = drop_coordinates(queries, config.dropout, trainer.generator)
    scores = model.match(queries, vectors.entity)
    back = relation >= model.num_relations
    rows, answers = [], []
    for side, of in ((~back, known.tails), (back, known.heads)):
        where = side.nonzero().squeeze(1)
        row, answer = of.of(anchor[where], relation[where] % model.num_relations)
        rows.append(where[row])
        answers.append(answer)
    losses = answers_loss(scores, torch.cat(rows), torch.cat(answers), config)
    if not config.regularization:
        return losses.mean()
    moduli = model.moduli(vectors.entity[anchor]), model.moduli(vectors.relation[relation])
    penalty = PENALTIES[config.penalty](*moduli) / len(questions)
    return losses.mean() + config.regularization * penalty


def _penalty(trainer: Trainer, vectors: Vectors, batch: Tensor) -> Tensor:
    """The weighted penalty on the vectors of a batch, a triple's mean over its two questions."""
    config, model = trainer.config, trainer.model
    if not config.regularization:
        return torch.zeros((), device=batch.device)
    head, relation, tail = batch.unbind(1)
    rows = torch.cat((relation, relation + model.num_relations)) if model.reciprocal else relation
    parts = vectors.entity[head], vectors.entity[tail], vectors.relation[rows]
    total = PENALTIES[config.penalty](*(model.moduli(part) for part in parts))
    return config.regularization * total / (2 * len(batch))
