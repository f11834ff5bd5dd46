"""Triple classification: thresholds against a loop, features against a loop, and both judges."""

import numpy as np
import pytest
import torch

from kgplatform.errors import TrainingError
from kgplatform.graph.snapshot import from_triples
from kgplatform.models import DistMult
from kgplatform.training.classify_triples import (
    FEATURES,
    best_threshold,
    fit_classifier,
    fit_thresholds,
    judged,
    triple_classification,
    triple_features,
)
from kgplatform.triples import Triple


@pytest.mark.parametrize("seed", range(20))
def test_the_best_threshold_is_the_best_of_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 5, 12).astype(np.float32)
    label = rng.random(12) < rng.random()
    places = np.concatenate(([-1], np.unique(score) + 0.5))
    best = max(((score >= place) == label).mean() for place in places)
    assert ((score >= best_threshold(score, label)) == label).mean() == best


def test_a_relation_with_few_triples_has_the_common_threshold() -> None:
    score = np.array([*np.linspace(0, 1, 20), *np.linspace(5, 6, 20), 0.9])
    relation = np.array([0] * 20 + [1] * 20 + [2])
    label = np.concatenate((score[:20] > 0.5, score[20:40] > 5.5, [True]))
    found = fit_thresholds(score, relation, label)
    assert set(found.of) == {0, 1}
    assert found.judge(score[:40], relation[:40]).tolist() == label[:40].tolist()
    assert found.judge(np.array([99.0]), np.array([2])).tolist() == [True]


def test_features_are_those_of_a_loop() -> None:
    model = DistMult(6, 2, 4, generator=torch.Generator().manual_seed(0))
    train = torch.tensor([[0, 0, 1], [0, 0, 2], [3, 1, 4], [5, 0, 1]])
    found = triple_features(model, torch.tensor([[0, 0, 3]]), train)[0]
    values = dict(zip(FEATURES, found, strict=True))
    scores = model.score_tails(torch.tensor([0]), torch.tensor([0]))[0].detach()
    unknown = torch.tensor([0, 3, 4, 5])  # 1 and 2 are answers in training.
    assert values["score"] == pytest.approx(float(scores[3]))
    share = scores[3] - scores[unknown].logsumexp(0)
    assert values["tail_share"] == pytest.approx(float(share), abs=1e-6)
    rank = 1 + int((scores[unknown] > scores[3]).sum())
    assert values["tail_rank"] == pytest.approx(np.log(rank), abs=1e-6)
    assert values["tail_degree"] == 0
    assert values["head_degree"] == pytest.approx(np.log(3))


def test_the_classifier_learns_what_thresholds_cannot() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 2))
    label = features.sum(1) > 0
    relation = rng.integers(0, 3, 400)
    found = fit_classifier(features, relation, label, 4)
    probability = found.probability(features, relation)
    assert ((probability >= 0.5) == label).mean() > 0.95
    assert found.accuracy > 0.9
    by_one = fit_thresholds(features[:, 0], relation, label)
    assert (by_one.judge(features[:, 0], relation) == label).mean() < 0.9
    # A relation without labelled triples is judged by what all share.
    unseen = found.probability(features, np.full(400, 3))
    assert ((unseen >= 0.5) == label).mean() > 0.95
    assert not found.corrections[3].any()


def test_figures() -> None:
    found = judged(np.array([True, True, False, False]), np.array([True, False, True, False]))
    assert (found.accuracy, found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5, 0.5)


def test_without_validation_negatives_nothing_is_judged() -> None:
    graph = from_triples(
        [Triple("a", "r", "b", "train"), Triple("b", "r", "c", "test"), Triple("c", "r", "a")]
    )
    model = DistMult(3, 1, 4)
    with pytest.raises(TrainingError, match="validation negatives"):
        triple_classification([model], graph, {"test": torch.tensor([[0, 0, 0]])})
    with pytest.raises(TrainingError, match="0 true"):
        triple_classification([model], graph, {"valid": torch.tensor([[0, 0, 0]])})


def test_twice_the_same_model_is_that_model() -> None:
    rng = np.random.default_rng(0)
    triples = [Triple(f"e{h}", "r", f"e{t}") for h, t in rng.integers(0, 12, (60, 2))]
    splits = rng.choice(["train", "valid", "test"], len(triples), p=[0.4, 0.3, 0.3])
    of = {(t.head, t.tail): split for t, split in zip(triples, splits, strict=True)}
    graph = from_triples([Triple(h, "r", t, split) for (h, t), split in of.items()])
    model = DistMult(12, 1, 4, generator=torch.Generator().manual_seed(0))
    false = torch.stack(
        (torch.arange(12), torch.zeros(12, dtype=torch.int64), torch.arange(12).flip(0)), dim=1
    )
    once = triple_classification([model], graph, {"valid": false, "test": false})
    twice = triple_classification([model, model], graph, {"valid": false, "test": false})
    assert once["thresholds"] == twice["thresholds"]
    assert once["classifier"]["test"]["accuracy"] == twice["classifier"]["test"]["accuracy"]
    assert once["classifier"]["test"]["count"] == 12 + len(graph.triples("test"))
