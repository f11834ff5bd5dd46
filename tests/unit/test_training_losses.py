"""Losses against their definitions, and the random choices they are fed with."""

import pytest
import torch

from kgplatform.models import DistMult
from kgplatform.training.config import TrainingConfig
from kgplatform.training.losses import batch_loss, n3, sampled_cross_entropy
from kgplatform.training.negatives import batches, drop_coordinates, folds

N, R, D = 9, 2, 4


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def model(generator: torch.Generator) -> DistMult:
    return DistMult(N, R, D, generator=generator)


@pytest.fixture
def triples(generator: torch.Generator) -> torch.Tensor:
    columns = [torch.randint(m, (13,), generator=generator) for m in (N, R, N)]
    return torch.stack(columns, dim=1)


def test_cross_entropy_is_the_mean_of_both_questions(
    model: DistMult, triples: torch.Tensor, generator: torch.Generator
) -> None:
    config = TrainingConfig("distmult")
    loss = batch_loss(model, model.entity_vectors(), triples, config, generator)
    slow = torch.zeros(())
    for triple in triples:
        head, relation, tail = triple.unsqueeze(1)
        slow -= model.score_tails(head, relation).log_softmax(1)[0, tail[0]]
        slow -= model.score_heads(relation, tail).log_softmax(1)[0, head[0]]
    torch.testing.assert_close(loss, slow / (2 * len(triples)))


def test_sampled_loss_over_all_entities_is_cross_entropy(
    model: DistMult, triples: torch.Tensor
) -> None:
    # With every entity once as a negative, masking the hit leaves exactly the softmax.
    head, relation, tail = triples.unbind(1)
    entities = model.entity_vectors()
    queries = model.tail_queries(entities[head], relation)
    sampled = sampled_cross_entropy(model, queries, entities, tail, torch.arange(N))
    full = torch.nn.functional.cross_entropy(model.score_tails(head, relation), tail)
    torch.testing.assert_close(sampled, full)


def test_sampled_loss_with_nothing_but_hits_is_zero(model: DistMult) -> None:
    entities = model.entity_vectors()
    target = torch.tensor([3, 3])
    loss = sampled_cross_entropy(model, entities[:2], entities, target, torch.tensor([3, 3, 3]))
    assert loss.item() == 0.0


def test_regularization_adds_the_n3_of_what_was_scored(
    model: DistMult, triples: torch.Tensor, generator: torch.Generator
) -> None:
    entities = model.entity_vectors()
    plain, penalized = (
        batch_loss(
            model, entities, triples, TrainingConfig("distmult", regularization=w), generator
        )
        for w in (0.0, 0.1)
    )
    head, relation, tail = triples.unbind(1)
    cubes = sum(
        float(part.abs().pow(3).sum().detach())
        for part in (
            entities[head],
            entities[tail],
            model.relation[relation],
            model.relation[relation + R],
        )
    )
    assert (penalized - plain).item() == pytest.approx(0.1 * cubes / len(triples) / 2, rel=1e-4)


def test_n3_by_hand() -> None:
    assert n3(torch.tensor([1.0, -2.0]), torch.tensor([3.0])).item() == 36.0


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
