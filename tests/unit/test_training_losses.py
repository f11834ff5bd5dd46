"""Losses against their definitions, and the random choices they are fed with."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from kgplatform.graph.rows import EdgeRows
from kgplatform.models import DistMult
from kgplatform.training.config import TrainingConfig
from kgplatform.training.losses import LOSSES, answers_loss, l2, n3
from kgplatform.training.negatives import (
    batches,
    bernoulli_shares,
    drop_coordinates,
    folds,
    no_negatives,
    shared_negatives,
    training_facts,
)
from kgplatform.training.optimizers import OPTIMIZERS, RowAdagrad
from kgplatform.training.step import Trainer, batch_loss

N, R, D = 9, 2, 4


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def triples(generator: torch.Generator) -> Tensor:
    columns = [torch.randint(m, (13,), generator=generator) for m in (N, R, N)]
    return torch.stack(columns, dim=1)


def trainer_of(triples: Tensor, **settings: Any) -> Trainer:
    config = TrainingConfig("distmult", **settings)
    generator = torch.Generator().manual_seed(1)
    model = DistMult(N, R, D, generator=generator, reciprocal=config.reciprocal)
    rows = EdgeRows(triples[:, ::2].T, triples[:, 1])
    facts = training_facts(rows, N, R, config)
    return Trainer(config, model, RowAdagrad(model.parameters(), 0.1), rows, facts, generator)


@pytest.mark.parametrize("reciprocal", [True, False])
def test_cross_entropy_is_the_mean_of_both_questions(triples: Tensor, reciprocal: bool) -> None:
    trainer = trainer_of(triples, reciprocal=reciprocal)
    loss = batch_loss(trainer, triples)
    slow = torch.zeros(())
    for triple in triples:
        head, relation, tail = triple.unsqueeze(1)
        slow -= trainer.model.score_tails(head, relation).log_softmax(1)[0, tail[0]]
        slow -= trainer.model.score_heads(relation, tail).log_softmax(1)[0, head[0]]
    torch.testing.assert_close(loss, slow / (2 * len(triples)))


def test_sampled_loss_over_all_entities_is_cross_entropy(
    triples: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgplatform.training.step.shared_negatives", lambda *_: torch.arange(N))
    sampled = trainer_of(triples, candidates="sampled")
    torch.testing.assert_close(
        batch_loss(sampled, triples), batch_loss(trainer_of(triples), triples)
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_a_sampled_step_touches_only_its_rows(loss: str, triples: Tensor) -> None:
    trainer = trainer_of(triples, candidates="sampled", negatives=2, loss=loss)
    batch = triples[:2]
    batch_loss(trainer, batch).backward()  # type: ignore[no-untyped-call]
    gradient = trainer.model.entity.grad
    assert gradient is not None
    assert gradient.is_sparse
    assert len(gradient._indices()[0]) <= 2 * len(batch) + 2 < N


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_torchs(name: str, generator: torch.Generator) -> None:
    start = torch.randn(5, 3, generator=generator)
    ours, peer = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizers = (
        OPTIMIZERS[name]([ours], 0.1),
        {"adagrad": torch.optim.Adagrad, "adam": torch.optim.Adam}[name]([peer], 0.1),
    )
    for _ in range(4):
        grad = torch.randn(5, 3, generator=generator)
        for parameter, optimizer in zip((ours, peer), optimizers, strict=True):
            parameter.grad = grad.clone()
            optimizer.step()
    torch.testing.assert_close(ours, peer)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_sparse_gradients_step_as_torch_steps_by_them(
    name: str, generator: torch.Generator
) -> None:
    start = torch.randn(6, 3, generator=generator)
    ours, peer = (torch.nn.Parameter(start.clone()) for _ in range(2))
    optimizers = (
        OPTIMIZERS[name]([ours], 0.1),
        {"adagrad": torch.optim.Adagrad, "adam": torch.optim.SparseAdam}[name]([peer], 0.1),
    )
    for _ in range(4):
        rows = torch.randperm(6, generator=generator)[:3]
        values = torch.randn(3, 3, generator=generator)
        for parameter, optimizer in zip((ours, peer), optimizers, strict=True):
            parameter.grad = torch.sparse_coo_tensor(
                rows.unsqueeze(0), values, (6, 3), check_invariants=True
            )
            optimizer.step()
    torch.testing.assert_close(ours, peer)


SCORES = torch.tensor([[1.0, -2.0, 0.5, -torch.inf], [0.0, 3.0, 1.0, 2.0]])
TARGET = torch.tensor([2, 1])


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_losses_by_hand() -> None:
    config = TrainingConfig("distmult", margin=1.0, temperature=2.0)
    softmax = math.log(math.exp(0.5 - 0.5) + math.exp(1 - 0.5) + math.exp(-2 - 0.5))
    assert LOSSES["cross_entropy"](SCORES, TARGET, config)[0].item() == pytest.approx(softmax)
    binary = -math.log(sigmoid(0.5)) - math.log(sigmoid(-1)) - math.log(sigmoid(2))
    assert LOSSES["binary"](SCORES, TARGET, config)[0].item() == pytest.approx(binary)
    # Masked and true candidates count as margins that are kept.
    margins = LOSSES["margin"](SCORES, TARGET, config)
    assert margins.tolist() == pytest.approx([(1 + 1 - 0.5) / 4, 0.0])
    weights = [math.exp(2 * 1.0), math.exp(2 * -2.0)]
    others = [-math.log(sigmoid(-1 - 1.0)), -math.log(sigmoid(-1 + 2.0))]
    adversarial = -math.log(sigmoid(1 + 0.5)) + sum(
        w / sum(weights) * o for w, o in zip(weights, others, strict=True)
    )
    found = LOSSES["self_adversarial"](SCORES, TARGET, config)[0].item()
    assert found == pytest.approx(adversarial, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_masked_candidates_have_no_gradient(loss: str) -> None:
    scores = torch.tensor([[1.0, -2.0, 0.5]], requires_grad=True)
    mask = torch.tensor([[False, True, False]])
    target = torch.tensor([0])
    masked = scores.masked_fill(mask, -torch.inf)
    LOSSES[loss](masked, target, TrainingConfig("distmult")).sum().backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert scores.grad[0, 1] == 0


@pytest.mark.parametrize("loss", ["cross_entropy", "binary"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_all_answers_at_once_are_labels(
    loss: Any, smoothing: float, generator: torch.Generator
) -> None:
    scores = torch.randn(3, 5, generator=generator)
    labels = torch.tensor([[1.0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [1, 1, 1, 0, 0]])
    row, answer = labels.nonzero().unbind(1)
    config = TrainingConfig("distmult", loss=loss, label_smoothing=smoothing)
    found = answers_loss(scores, row, answer, config)
    if loss == "binary":
        smooth = (1 - smoothing) * labels + smoothing / 5
        slow = torch.nn.functional.binary_cross_entropy_with_logits(
            scores, smooth, reduction="none"
        ).sum(1)
    else:
        shares = labels / labels.sum(1, keepdim=True)
        slow = torch.nn.functional.cross_entropy(
            scores, shares, reduction="none", label_smoothing=smoothing
        )
    torch.testing.assert_close(found, slow)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary"])
def test_questions_have_their_training_answers(loss: Any, triples: Tensor) -> None:
    trainer = trainer_of(triples, candidates="answers", loss=loss)
    questions = trainer.facts.queries
    assert questions is not None
    slow = []
    for anchor, relation in questions.tolist():
        labels = torch.zeros(N)
        for head, kind, tail in triples.tolist():
            if (head, kind) == (anchor, relation):
                labels[tail] = 1
            if (tail, kind + R) == (anchor, relation):
                labels[head] = 1
        scores = trainer.model.score_tails(torch.tensor([anchor]), torch.tensor([relation]))[0]
        if loss == "binary":
            slow.append(
                torch.nn.functional.binary_cross_entropy_with_logits(
                    scores, labels, reduction="sum"
                )
            )
        else:
            slow.append(-(scores.log_softmax(0) * labels / labels.sum()).sum())
    torch.testing.assert_close(batch_loss(trainer, questions), torch.stack(slow).mean())


@pytest.mark.parametrize("penalty", ["n3", "l2"])
def test_a_penalty_is_of_what_was_scored(penalty: Any, triples: Tensor) -> None:
    plain, penalized = (
        batch_loss(trainer_of(triples, regularization=w, penalty=penalty), triples)
        for w in (0.0, 0.1)
    )
    model = trainer_of(triples).model
    head, relation, tail = triples.unbind(1)
    power = 3 if penalty == "n3" else 2
    total = sum(
        float(part.abs().pow(power).sum().detach())
        for part in (
            model.entity[head],
            model.entity[tail],
            model.relation[relation],
            model.relation[relation + R],
        )
    )
    assert (penalized - plain).item() == pytest.approx(0.1 * total / len(triples) / 2, rel=1e-4)


def test_penalties_by_hand() -> None:
    assert n3(torch.tensor([1.0, 2.0]), torch.tensor([3.0])).item() == 36.0
    assert l2(torch.tensor([1.0, 2.0]), torch.tensor([3.0])).item() == 14.0


def test_negatives_that_are_answers_are_none(triples: Tensor) -> None:
    trainer = trainer_of(triples, candidates="sampled", filter_negatives=True)
    negatives = torch.arange(0, N, 2)
    mask = no_negatives(negatives, triples, trainer.facts, N, trainer.config)
    rows = {tuple(row) for row in triples.tolist()}
    for at, (head, relation, tail) in enumerate(triples.tolist()):
        for column, entity in enumerate(negatives.tolist()):
            assert mask[at, column] == ((head, relation, entity) in rows)
            assert mask[at + len(triples), column] == ((entity, relation, tail) in rows)


def test_typed_negatives_are_of_the_relation(triples: Tensor) -> None:
    trainer = trainer_of(triples, candidates="sampled", negatives_from="typed")
    negatives = torch.arange(N)
    mask = no_negatives(negatives, triples, trainer.facts, N, trainer.config)
    for at, (head, relation, tail) in enumerate(triples.tolist()):
        of_relation = triples[triples[:, 1] == relation]
        for entity in range(N):
            is_tail, is_head = (entity in of_relation[:, side] for side in (2, 0))
            assert mask[at, entity] == (not is_tail or entity == tail)
            assert mask[at + len(triples), entity] == (not is_head or entity == head)


def test_negatives_of_a_batch_come_from_it(generator: torch.Generator) -> None:
    batch = torch.tensor([[3, 0, 5], [3, 1, 7]])
    config = TrainingConfig("distmult", negatives=50, negatives_from="batch")
    drawn = shared_negatives(batch, 100, config, generator)
    assert set(drawn.tolist()) == {3, 5, 7}


def test_negatives_are_distinct_and_sorted(generator: torch.Generator) -> None:
    config = TrainingConfig("distmult", negatives=50)
    drawn = shared_negatives(torch.tensor([[0, 0, 1]]), 30, config, generator)
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    assert len(drawn) <= 30


def test_bernoulli_replaces_the_side_with_fewer_answers() -> None:
    # Relation 0: one head of three tails; relation 1: one of each.
    triples = torch.tensor([[0, 0, 1], [0, 0, 2], [0, 0, 3], [4, 1, 5]])
    assert bernoulli_shares(triples, 6, 3).tolist() == [0.75, 0.5, 0.5]


def test_bernoulli_weighs_the_two_sides(triples: Tensor) -> None:
    trainer = trainer_of(triples, bernoulli=True)
    tails, heads = torch.zeros(()), torch.zeros(())
    for triple in triples:
        head, relation, tail = triple.unsqueeze(1)
        share = trainer.facts.head_share[relation[0]]
        lost = trainer.model.score_tails(head, relation).log_softmax(1)[0, tail[0]]
        tails -= (1 - share) * lost
        heads -= share * trainer.model.score_heads(relation, tail).log_softmax(1)[0, head[0]]
    torch.testing.assert_close(batch_loss(trainer, triples), (tails + heads) / len(triples))


def test_dropout_keeps_the_mean(generator: torch.Generator) -> None:
    dropped = drop_coordinates(torch.ones(200, 200), 0.4, generator)
    kept = dropped != 0
    torch.testing.assert_close(dropped[kept], torch.full_like(dropped[kept], 1 / 0.6))
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)
    values = torch.rand(3, 3)
    assert drop_coordinates(values, 0.0, generator) is values


def test_batches_hold_each_triple_once(generator: torch.Generator) -> None:
    triples = torch.arange(30).reshape(10, 3)
    parts = list(batches(triples, 4, generator))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert sorted(map(tuple, torch.cat(parts).tolist())) == sorted(map(tuple, triples.tolist()))


@pytest.mark.parametrize(("share", "count"), [(0.5, 2), (0.25, 4)])
def test_folds_score_each_triple_once_and_never_pass_over_it(
    share: float, count: int, generator: torch.Generator
) -> None:
    triples = torch.arange(30).reshape(10, 3)
    rows = set(map(tuple, triples.tolist()))
    scored = []
    parts = list(folds(triples, share, generator))
    assert len(parts) == count
    for score, passed in parts:
        here = set(map(tuple, score.tolist()))
        assert here | set(map(tuple, passed.tolist())) == rows
        assert len(score) + len(passed) == len(rows)
        scored += sorted(here)
    assert sorted(scored) == sorted(rows)


def test_a_single_triple_still_folds(generator: torch.Generator) -> None:
    ((scored, passed),) = folds(torch.tensor([[0, 0, 1]]), 0.5, generator)
    assert (len(scored), len(passed)) == (1, 0)
