"""Random choices of a training, all from one generator that is not torch's global one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kgplatform.graph.rows import EdgeRows
from kgplatform.training.config import TrainingConfig
from kgplatform.training.distributed import Part
from kgplatform.training.known import Known, KnownAnswers, known_of_triples


@dataclass(frozen=True)
class TrainingFacts:
    """What choosing negatives needs to know of the training edges.

    Attributes:
        known: The training facts on both sides; None where no setting asks for them.
        typed: Which entities a relation has in training, as heads and as tails, bool [R, N]
            each; None where no setting asks for them.
        queries: Every question (anchor, relation) that a training fact answers, [Q, 2]; of
            (?, r, t) the relation is r + R. None where no setting asks for them.
        head_share: How often the head of a relation's triple is replaced rather than its tail,
            [R]; 0.5 unless ``bernoulli``.
        rejected: Facts that people have rejected, which count for several negatives; or None.
    """

    known: Known | None
    typed: tuple[Tensor, Tensor] | None
    queries: Tensor | None
    head_share: Tensor
    rejected: Known | None = None


def training_facts(
    triples: EdgeRows,
    num_entities: int,
    num_relations: int,
    config: TrainingConfig,
    rejected: Known | None = None,
) -> TrainingFacts:
    """Facts of the training edges, as far as the settings ask for them, and rejected ones."""
    device = triples.device
    asks_answers = config.candidates == "answers"
    asks_known = asks_answers or config.filter_negatives
    asks_types = config.negatives_from == "typed"
    known, typed, queries = None, None, None
    share = torch.full((num_relations,), 0.5, device=device)
    if asks_known or asks_types or config.bernoulli:
        rows = triples[torch.arange(len(triples), device=device)]
        head, relation, tail = rows.unbind(1)
        if asks_known:
            # A fact that holds at several times is one answer.
            known = known_of_triples(torch.unique(rows, dim=0), num_entities)
        if asks_answers:
            forth = torch.stack((head, relation), dim=1)
            back = torch.stack((tail, relation + num_relations), dim=1)
            queries = torch.unique(torch.cat((forth, back)), dim=0)
        if asks_types:
            none = torch.zeros(num_relations, num_entities, dtype=torch.bool, device=device)
            typed = none.clone(), none
            typed[0][relation, head] = True
            typed[1][relation, tail] = True
        if config.bernoulli:
            share = bernoulli_shares(rows, num_entities, num_relations)
    return TrainingFacts(known, typed, queries, share, rejected)


def bernoulli_shares(triples: Tensor, num_entities: int, num_relations: int) -> Tensor:
    """tph / (tph + hpt) of each relation: how often to replace the head (Wang et al. 2014).

    tph is the mean number of tails a head has, hpt the mean number of heads a tail has: in a
    relation of one to many, a replaced tail is too often true.

    Args:
        triples: Training edges, [E, 3].
        num_entities: N.
        num_relations: R.

    Returns:
        float32 [R]; 0.5 for a relation without a triple.
    """
    head, relation, tail = triples.unbind(1)
    heads = torch.unique(relation * num_entities + head) // num_entities
    tails = torch.unique(relation * num_entities + tail) // num_entities
    distinct_heads = torch.bincount(heads, minlength=num_relations).to(torch.float32)
    distinct_tails = torch.bincount(tails, minlength=num_relations).to(torch.float32)
    # tph = E_r / heads, hpt = E_r / tails: the number of triples cancels.
    share = distinct_tails / (distinct_heads + distinct_tails)
    return share.nan_to_num(0.5)


def shared_negatives(
    batch: Tensor, num_entities: int, config: TrainingConfig, generator: torch.Generator
) -> Tensor:
    """Entities that all queries of a batch are compared with, at most ``negatives``, distinct.

    ``batch`` draws from the entities of the batch itself, which come as often as their degree
    (as in-batch negatives do); the other ways draw uniformly.

    Args:
        batch: Triples, [B, 3].
        num_entities: N.
        config: Says how many, and from where.
        generator: Source of the choice, on the batch's device.
    """
    count = min(config.negatives, num_entities)
    if config.negatives_from == "batch":
        ends = batch[:, ::2].reshape(-1)
        drawn = ends[torch.randint(len(ends), (count,), generator=generator, device=ends.device)]
    else:
        drawn = torch.randint(num_entities, (count,), generator=generator, device=batch.device)
    distinct: Tensor = torch.unique(drawn)
    return distinct


def no_negatives(
    negatives: Tensor,
    batch: Tensor,
    facts: TrainingFacts,
    num_entities: int,
    config: TrainingConfig,
) -> Tensor:
    """Which of the shared negatives are none for each of 2B queries, bool [2B, K].

    Always the answer itself; with ``filter_negatives`` every training answer; of ``typed``
    negatives all that the relation never has on that side.

    Args:
        negatives: Distinct entities, sorted, [K].
        batch: Triples, [B, 3]; rows 0 to B of the result are (h, r, ?), the rest (?, r, t).
        facts: Of the training edges.
        num_entities: N.
        config: Chooses the rules.
    """
    head, relation, tail = batch.unbind(1)
    mask = negatives == torch.cat((tail, head)).unsqueeze(1)
    if config.filter_negatives:
        assert facts.known is not None
        place = torch.full((num_entities,), -1, device=batch.device)
        place[negatives] = torch.arange(len(negatives), device=batch.device)
        for shift, answers, anchor in (
            (0, facts.known.tails, head),
            (len(batch), facts.known.heads, tail),
        ):
            row, answer = _placed(answers, anchor, relation, place)
            mask[row + shift, answer] = True
    if config.negatives_from == "typed":
        assert facts.typed is not None
        heads, tails = (allowed[:, negatives] for allowed in facts.typed)
        mask |= ~torch.cat((tails[relation], heads[relation]))
    return mask


def _placed(
    answers: KnownAnswers, anchor: Tensor, relation: Tensor, place: Tensor
) -> tuple[Tensor, Tensor]:
    """Row and column of known answers that are among the negatives."""
    row, answer = answers.of(anchor, relation)
    column = place[answer]
    inside = column >= 0
    return row[inside], column[inside]


def drop_coordinates(
    values: Tensor, share: float, generator: torch.Generator, part: Part | None = None
) -> Tensor:
    """Inverted dropout (Srivastava et al. 2014) with a generator of its own, same shape.

    Args:
        values: Vectors, [k·b, d].
        share: How many of their coordinates become zero.
        generator: Source of the choice.
        part: Which b of a batch's rows they stand for, k times over; all by default. What is
            drawn is the choice for the whole batch, so that it does not depend on its parts.
    """
    if share == 0:
        return values
    part = part or Part(slice(0, len(values)), len(values))
    shape = (len(values) // part.count, part.batch, *values.shape[1:])
    drawn = torch.rand(shape, generator=generator, device=values.device)
    keep = drawn[:, part.rows].reshape(values.shape) >= share
    return values * keep / (1 - share)


def batches(triples: EdgeRows | Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """All rows of ``triples`` [E, 3] in random order, ``size`` at a time."""
    order = torch.randperm(len(triples), generator=generator, device=triples.device)
    for rows in torch.split(order, size):
        yield triples[rows]


def folds(
    triples: EdgeRows | Tensor, share: float, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Cut ``triples`` at random into 1/share parts; yield each with what remains without it.

    Each edge is scored once an epoch, and never while messages pass over it: an encoder that
    sees the edge it has to predict learns to copy it (Schlichtkrull et al. 2018, §5).

    Args:
        triples: Training edges, [E, 3].
        share: Size of a part, 0 < share ≤ 0.5.
        generator: Source of the order.

    Yields:
        Edges to score, and edges to pass messages over, as rows [·, 3].
    """
    count = max(2, round(1 / share))
    order = torch.randperm(len(triples), generator=generator, device=triples.device)
    part = torch.arange(len(triples), device=triples.device) % count
    for fold in range(count):
        scored = triples[order[part == fold]]
        if len(scored):
            yield scored, triples[order[part != fold]]
