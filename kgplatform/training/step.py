"""One step of a training: the questions of a batch, their scores, their loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import embedding

from kgplatform.graph.rows import EdgeRows
from kgplatform.models import Edges, LinkModel, Vectors
from kgplatform.models.base import Drop
from kgplatform.training.config import TrainingConfig
from kgplatform.training.distributed import ALONE, Group, Part
from kgplatform.training.losses import LOSSES, PENALTIES, answers_loss
from kgplatform.training.negatives import (
    TrainingFacts,
    batches,
    drop_coordinates,
    folds,
    no_negatives,
    shared_negatives,
)
from kgplatform.training.rejected import rejected_answers, weighed
from kgplatform.training.sharded import Shard


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
        group: The processes that train together; all have equal generators.
        shard: This process's rows of the entity table, if each has some.
    """

    config: TrainingConfig
    model: LinkModel
    optimizer: torch.optim.Optimizer
    train: EdgeRows
    facts: TrainingFacts
    generator: torch.Generator
    group: Group = ALONE
    shard: Shard | None = None

    @property
    def rows_an_epoch(self) -> int:
        """Triples of an epoch, or questions with ``candidates=answers``."""
        return len(self.train if self.facts.queries is None else self.facts.queries)

    def precision(self) -> torch.autocast:
        """Where products are computed as the settings say."""
        low = self.config.precision == "bfloat16"
        return torch.autocast(self.generator.device.type, torch.bfloat16, enabled=low)

    def drop(self, share: float, part: Part) -> Drop:
        """Dropout of vectors that stand for a part of a batch."""
        return partial(drop_coordinates, share=share, generator=self.generator, part=part)

    def statistics(self) -> Iterator[Tensor]:
        """What batch normalisation has counted."""
        for module in self.model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                yield from module.buffers(recurse=False)

    def table_rows(self, rows: Tensor) -> Tensor | None:
        """Rows [U] of the entity table, which get a sparse gradient; None without a table."""
        if self.shard is not None:
            return self.shard.lookup(rows)
        table = self.model.entity
        return embedding(rows, table, sparse=True) if len(table) else None


def epoch_steps(trainer: Trainer) -> Iterator[tuple[Tensor, Tensor]]:
    """Take the steps of an epoch; before each, its mean loss and its batch, [B, 3] or [B, 2].

    The weights change when the next one is asked for: whoever sees that a loss is no number can
    stop before they do.
    """
    for batch, edges in _batches(trainer):
        with trainer.precision():
            loss = batch_loss(trainer, batch, edges)
        yield trainer.group.sum(loss.detach().clone()), batch
        trainer.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        trainer.group.sum_gradients(trainer.model.parameters())
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

    Of several processes each gives its part of the mean: the losses of all add up to it.

    Args:
        trainer: The settings, the model, the facts.
        batch: Triples, [B, 3], or questions, [B, 2].
        edges: What messages pass over.

    Returns:
        A scalar.
    """
    config, model = trainer.config, trainer.model
    part = trainer.group.part(len(batch))
    if config.candidates == "answers":
        return _answers_step(trainer, batch[part.rows], part)
    if config.candidates == "all":
        vectors, batch = model.vectors(edges), batch[part.rows]
        queries = _queries(trainer, vectors, batch, part)
        scores, target = model.match(queries, vectors.entity), torch.cat((batch[:, 2], batch[:, 0]))
        if (rejected := trainer.facts.rejected) is not None:
            scores = weighed(scores, *rejected_answers(rejected, batch), config.rejected_weight)
    else:
        negatives = shared_negatives(batch, model.num_entities, config, trainer.generator)
        if (rejected := trainer.facts.rejected) is not None:
            # Of the whole batch, so that all processes have the same negatives.
            negatives = torch.unique(torch.cat((negatives, rejected_answers(rejected, batch)[1])))
        rows, shared = batch[part.rows], negatives
        mask = no_negatives(negatives, rows, trainer.facts, model.num_entities, config)
        vectors, batch, negatives = _touched(trainer, batch, negatives, edges)
        batch = batch[part.rows]
        queries = _queries(trainer, vectors, batch, part)
        answer = vectors.entity[torch.cat((batch[:, 2], batch[:, 0]))]
        others = model.match(queries, vectors.entity[negatives]).masked_fill(mask, -torch.inf)
        if config.loss == "cross_entropy" and config.negatives_from == "uniform":
            # Each stands for as many entities as were not drawn (Bengio and Senécal 2008).
            drawn = (~mask).sum(1, keepdim=True).clamp_min(1)
            others = others + torch.log((model.num_entities - 1) / drawn)
        if rejected is not None:
            row, entity = rejected_answers(rejected, rows)
            column = torch.searchsorted(shared, entity)
            others = weighed(others, row, column, config.rejected_weight)
        scores = torch.cat((model.match_rows(queries, answer).unsqueeze(1), others), dim=1)
        target = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
    losses = LOSSES[config.loss](scores, target, config)
    if config.bernoulli:
        share = trainer.facts.head_share[batch[:, 1]]
        # As many steps on either side as if a side were drawn for each triple.
        losses = losses * torch.cat((1 - share, share)) * 2
    return (losses.sum() + _penalty(trainer, vectors, batch)) / (2 * part.scored)


def _queries(trainer: Trainer, vectors: Vectors, batch: Tensor, part: Part) -> Tensor:
    """Queries (h, r, ?) of all triples, then (?, r, t) of all, [2B, q]."""
    model, config = trainer.model, trainer.config
    drop = trainer.drop(config.input_dropout, part)
    head, relation, tail = batch.unbind(1)
    if model.reciprocal:
        anchor = torch.cat((head, tail))
        both = torch.cat((relation, relation + model.num_relations))
        queries = model.tail_queries(vectors, anchor, both, drop)
    else:
        tails = model.tail_queries(vectors, head, relation, drop)
        heads = model.head_queries(vectors, relation, tail, drop)
        queries = torch.cat((tails, heads))
    return trainer.drop(config.dropout, part)(queries)


def _touched(
    trainer: Trainer, batch: Tensor, negatives: Tensor, edges: Edges | None
) -> tuple[Vectors, Tensor, Tensor]:
    """The vectors that a step needs, and its batch and negatives as rows of them.

    Without an encoder only these rows are read and get a gradient, a sparse one, so that a step
    costs the same however many entities there are. All processes take the rows of the whole batch,
    so that their gradients have the same rows.
    """
    model = trainer.model
    if model.encoder is not None:
        return model.vectors(edges), batch, negatives
    parts = torch.cat((batch[:, 0], batch[:, 2], negatives))
    rows, place = torch.unique(parts, return_inverse=True)
    head, tail, others = place.split((len(batch), len(batch), len(negatives)))
    vectors = Vectors(model.inputs(rows, trainer.table_rows(rows)), model.relation)
    return vectors, torch.stack((head, batch[:, 1], tail), dim=1), others


def _answers_step(trainer: Trainer, questions: Tensor, part: Part) -> Tensor:
    """Mean loss of questions with all their answers in training (k-vs-all)."""
    config, model, known = trainer.config, trainer.model, trainer.facts.known
    assert known is not None
    anchor, relation = questions.unbind(1)
    vectors = model.vectors()
    drop = trainer.drop(config.input_dropout, part)
    queries = model.tail_queries(vectors, anchor, relation, drop)
    queries = trainer.drop(config.dropout, part)(queries)
    scores = model.match(queries, vectors.entity)
    back = relation >= model.num_relations
    rows, answers = [], []
    for side, of in ((~back, known.tails), (back, known.heads)):
        where = side.nonzero().squeeze(1)
        row, answer = of.of(anchor[where], relation[where] % model.num_relations)
        rows.append(where[row])
        answers.append(answer)
    losses = answers_loss(scores, torch.cat(rows), torch.cat(answers), config)
    total = losses.sum()
    if config.regularization:
        moduli = model.moduli(vectors.entity[anchor]), model.moduli(vectors.relation[relation])
        total = total + config.regularization * PENALTIES[config.penalty](*moduli)
    return total / part.scored


def _penalty(trainer: Trainer, vectors: Vectors, batch: Tensor) -> Tensor:
    """The weighted penalty on the vectors of some triples, added up."""
    config, model = trainer.config, trainer.model
    if not config.regularization:
        return torch.zeros((), device=batch.device)
    head, relation, tail = batch.unbind(1)
    rows = torch.cat((relation, relation + model.num_relations)) if model.reciprocal else relation
    parts = vectors.entity[head], vectors.entity[tail], vectors.relation[rows]
    total = PENALTIES[config.penalty](*(model.moduli(part) for part in parts))
    return config.regularization * total
