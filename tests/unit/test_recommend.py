"""Recommenders: metrics against slow loops, models against formulas, splits, runs."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import ndcg_score

from kgplatform.errors import InputError, RunError, TrainingError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_columns
from kgplatform.recommend.assess import train_recommender
from kgplatform.recommend.baselines import item_knn, popularity
from kgplatform.recommend.confidence import Confidence, calibration_error, standardised
from kgplatform.recommend.evaluate import figures, means
from kgplatform.recommend.likes import Likes, likes_of
from kgplatform.recommend.run import load_recommender, save_recommender
from kgplatform.recommend.settings import RecommendSettings, settings_of
from kgplatform.recommend.train import fit
from kgplatform.recommend.vectors import GraphAware, LightGCN, Vectors, smoothing

TASTES, EACH, FILMS = 3, 8, 12


def graph(*, time: bool = True, cold: bool = False) -> KGSnapshot:
    """Users of three tastes like films of the genre of theirs, nearly all; films have genres."""
    draw = np.random.default_rng(0)
    rows: list[tuple[str, str, str, int]] = []
    for taste in range(TASTES):
        for number in range(FILMS):
            rows.append((f"film-{taste}-{number:02}", "IN_GENRE", f"genre-{taste}", 0))
        for number in range(EACH):
            liked = draw.permutation(FILMS - 2 if cold else FILMS)[:8]
            for at, film in enumerate(liked):
                rows.append((f"user-{taste}-{number}", "LIKES", f"film-{taste}-{film:02}", at))
    names = sorted({row[0] for row in rows} | {row[2] for row in rows})
    relations = ["IN_GENRE", "LIKES"]
    place = {name: row for row, name in enumerate(names)}
    columns = np.array([(place[h], relations.index(r), place[t], s) for h, r, t, s in rows]).T
    return from_columns(
        names,
        relations,
        columns[0],
        columns[1],
        columns[2],
        np.full(len(rows), -1),
        time=columns[3] if time else None,
    )


def small(**given: Any) -> RecommendSettings:
    plain = {"embedding_dim": 8, "epochs": 12, "batch_size": 64, "negatives": 32}
    return settings_of({**plain, **given})


def likes(**given: Any) -> Likes:
    return likes_of(graph(), "LIKES", small(**given))


def slow(scores: np.ndarray, seen: set[int], wanted: set[int], k: int) -> tuple[float, float]:
    """Recall and NDCG by a loop over a ranked list; scores without ties."""
    ranked = sorted((i for i in range(len(scores)) if i not in seen), key=lambda i: -scores[i])
    hits = [item in wanted for item in ranked[:k]]
    gain = sum(1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit)
    best = sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted))))
    return sum(hits) / len(wanted), gain / best


def test_metrics_are_those_of_a_slow_loop_and_of_sklearn() -> None:
    data = likes()
    scores = torch.randn(len(data.users), len(data.items), generator=torch.Generator())
    found = figures(lambda users: scores[users], data, "test")
    seen, wanted = data.matrix("train", "valid"), data.matrix("test")
    for at, user in enumerate(found["user"].tolist()):
        before, after = set(seen[[user]].indices), set(wanted[[user]].indices)
        for k in (10, 20):
            recall, ndcg = slow(scores[user].numpy(), before, after, k)
            assert found[f"recall_at_{k}"][at] == pytest.approx(recall)
            assert found[f"ndcg_at_{k}"][at] == pytest.approx(ndcg)
        left = sorted(set(range(len(data.items))) - before)
        truth = [[item in after for item in left]]
        theirs = ndcg_score(truth, [scores[user].numpy()[left]], k=10)
        assert found["ndcg_at_10"][at] == pytest.approx(theirs)
    assert means(found)["users"] == len(data.users)


def test_ties_gain_nothing_and_nan_is_refused() -> None:
    data = likes()
    flat = means(figures(lambda users: torch.zeros(len(users), len(data.items)), data, "test"))
    # Each of about thirty items has the same middle rank, which is beyond ten.
    assert flat["recall_at_10"] == 0
    assert flat["sampled_recall_at_20"] == 0

    def broken(users: torch.Tensor) -> torch.Tensor:
        return torch.full((len(users), len(data.items)), torch.nan)

    with pytest.raises(TrainingError, match="NaN"):
        figures(broken, data, "test")


def test_drawn_items_are_none_that_the_user_likes() -> None:
    data = likes()
    every = torch.from_numpy(data.matrix("train", "valid", "test").toarray())
    # All that is liked stands above all else: among drawn items each like must be the first.
    found = means(figures(lambda users: every[users], data, "test"))
    assert found["sampled_recall_at_10"] == 1
    assert found["sampled_ndcg_at_10"] == pytest.approx(1)


def test_of_each_user_the_last_likes_are_set_aside_and_validation_comes_before_the_test() -> None:
    data = likes()
    snapshot = graph()
    assert snapshot.time is not None
    ends = [tuple(pair) for pair in snapshot.edge_index.T.tolist()]
    times = dict(zip(ends, snapshot.time.tolist(), strict=True))
    liked = [
        (user, times[int(data.users[user]), int(data.items[item])], code)
        for (user, item), code in zip(data.pairs.tolist(), data.split.tolist(), strict=True)
    ]
    for user in range(len(data.users)):
        by_time = [code for who, _, code in sorted(liked) if who == user]
        assert by_time == [0] * 5 + [1] + [2] * 2
    assert torch.equal(data.split, likes().split)
    assert not torch.equal(data.split, likes(split="random").split)


def test_mistakes_are_named() -> None:
    with pytest.raises(UnknownNameError, match="LIKE"):
        likes_of(graph(), "LIKE", small())
    with pytest.raises(InputError, match="needs times"):
        likes_of(graph(time=False), "LIKES", small(split="time"))
    with pytest.raises(InputError, match="marked valid or test"):
        likes_of(graph(), "LIKES", small(split="given"))
    with pytest.raises(InputError, match="least_weight"):
        likes_of(graph(), "LIKES", small(least_weight=4))
    with pytest.raises(InputError, match="is left as a like"):
        likes_of(graph(), "LIKES", small(least_likes=100))
    with pytest.raises(UsageError, match="model"):
        settings_of({"model": "magic"})
    with pytest.raises(UnknownNameError, match="layer"):
        settings_of({"layer": 2})
    with pytest.raises(UsageError, match="test_share"):
        settings_of({"test_share": "0.95"})


def test_item_knn_and_popularity_are_what_they_say() -> None:
    data = likes()
    train = data.matrix("train").toarray()
    norms = np.linalg.norm(train, axis=0)
    cosine = train.T @ train / np.maximum(np.outer(norms, norms), 1e-9)
    np.fill_diagonal(cosine, 0)
    users = torch.arange(len(data.users))
    knn = item_knn(data, neighbours=len(data.items))
    np.testing.assert_allclose(knn.scores(users).numpy(), train @ cosine, rtol=1e-4, atol=1e-5)
    liked = torch.from_numpy(np.flatnonzero(train[3]))
    np.testing.assert_allclose(knn.fold_in(liked), knn.scores(users)[3], rtol=1e-4, atol=1e-5)
    # With one neighbour each item gives to its nearest alone.
    assert (np.diff(item_knn(data, 1).near.tocsc().T.tocsr().indptr) >= 0).all()
    assert item_knn(data, 1).near.nnz <= len(data.items)
    assert torch.equal(popularity(data).scores(users)[0], torch.from_numpy(train.sum(axis=0)))


def test_lightgcn_is_the_formula_and_pygs_layer() -> None:
    from torch_geometric.nn.models import LightGCN as Theirs

    data = likes()
    torch.manual_seed(0)
    model = LightGCN(data, small(layers=3))
    size = len(data.users) + len(data.items)
    train = data.matrix("train").toarray()
    adjacency = np.zeros((size, size))
    adjacency[: len(data.users), len(data.users) :] = train
    adjacency += adjacency.T
    scale = 1 / np.sqrt(np.maximum(adjacency.sum(axis=1), 1))
    smooth = scale[:, None] * adjacency * scale
    table = model.table.detach().numpy()
    wanted = sum(np.linalg.matrix_power(smooth, k) @ table for k in range(4)) / 4
    user, item, _ = model()
    ours = torch.cat((user, item)).detach()
    np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-6)
    theirs = Theirs(size, 8, 3)
    theirs.embedding.weight.data.copy_(model.table.detach())
    edges = torch.from_numpy(np.stack(np.nonzero(adjacency)))
    np.testing.assert_allclose(ours, theirs.get_embedding(edges).detach(), rtol=1e-4, atol=1e-6)


def test_gradients_go_through_sparse_products() -> None:
    matrix = smoothing(likes())
    dense = torch.eye(len(matrix.forth.start))
    whole = matrix @ dense
    vectors = torch.randn(len(dense), 4, requires_grad=True)
    (matrix @ vectors).square().sum().backward()  # type: ignore[no-untyped-call]
    (wanted,) = torch.autograd.grad((whole @ vectors).square().sum(), vectors)
    assert vectors.grad is not None
    torch.testing.assert_close(vectors.grad, wanted)


def test_without_facts_and_texts_the_graph_aware_model_is_lightgcn() -> None:
    data = likes()
    torch.manual_seed(0)
    aware = GraphAware(data, small(side="false", alone=0.0)).eval()
    plain = LightGCN(data, small())
    plain.table.data.copy_(aware.table.detach())
    assert bool((data.liked() > 0).all())
    for ours, theirs in zip(aware(), plain(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_fact_beside_reaches_the_items_that_share_it() -> None:
    data = likes()
    torch.manual_seed(0)
    model = GraphAware(data, small(alone=0.0, layers=0)).eval()
    _, before, _ = model()
    genre = list(data.entities).index("genre-1")
    model.others.data[genre] += 1
    _, after, _ = model()
    moved = (after - before).abs().sum(dim=1) > 1e-6
    names = [data.entities[row] for row in data.items.tolist()]
    assert [name.startswith("film-1") for name in names] == moved.tolist()
    torch.testing.assert_close(after[moved] - before[moved], torch.ones(int(moved.sum()), 8))


@pytest.mark.parametrize("loss", ["softmax", "bpr"])
@pytest.mark.parametrize("model", ["graph", "lightgcn", "bpr"])
def test_tastes_are_learned(model: str, loss: str) -> None:
    data = likes()
    settings = small(model=model, loss=loss, epochs=60, learning_rate=0.03, patience=30)
    fitted = fit(data, settings)
    found = means(figures(fitted.ranker.scores, data, "test"))
    # A user likes eight films of twelve: six are left of the right genre, of thirty others.
    assert found["recall_at_10"] > 0.8
    again = fit(data, settings)
    assert isinstance(fitted.ranker, Vectors)
    assert isinstance(again.ranker, Vectors)
    assert torch.equal(fitted.ranker.item, again.ranker.item)


def test_items_that_nobody_likes_yet_are_told_by_their_facts() -> None:
    snapshot = graph(cold=True)
    settings = small(epochs=60, learning_rate=0.03, patience=30, alone=0.5)
    also = [name for name in snapshot.entities if name.startswith("film")]
    data = likes_of(snapshot, "LIKES", settings, also)
    unliked = data.liked() == 0
    assert int(unliked.sum()) >= 6
    ranker = fit(data, settings).ranker
    names = [data.entities[row] for row in data.items.tolist()]
    scores = ranker.scores(torch.arange(len(data.users))).masked_fill(~unliked, -torch.inf)
    right = [
        names[int(row.argmax())].split("-")[1] == data.entities[user].split("-")[1]
        for row, user in zip(scores, data.users.tolist(), strict=True)
    ]
    assert np.mean(right) > 0.9


def test_a_probability_falls_with_the_place_and_holds_on_the_test() -> None:
    data = likes()
    assessed = train_recommender(data, small(model="item_knn"))
    confidence = assessed.trained.confidence["run"]
    told = confidence.of(np.arange(1, 11), np.zeros(10))
    assert ((told > 0) & (told < 1)).all()
    assert np.diff(told).max() <= 0 or confidence.place > 0
    error = calibration_error(assessed.fitted.ranker.scores, data, confidence)
    assert error is not None
    assert error < 0.2
    even = Confidence(0.0, 0.0, 0.0)
    assert even.of(np.array([1, 5]), np.zeros(2)).tolist() == [0.5, 0.5]
    far = standardised(torch.tensor([1.0, 2.0, 3.0, -torch.inf]))
    assert far[:3].tolist() == pytest.approx([-1.2247, 0, 1.2247], abs=1e-3)


@pytest.mark.parametrize("model", ["graph", "item_knn", "popularity"])
def test_a_run_recommends_as_what_was_trained(model: str, tmp_path: Path) -> None:
    data = likes()
    assessed = train_recommender(data, small(model=model, epochs=4))
    assert {"valid", "test"} == set(assessed.metrics)
    test = assessed.metrics["test"]
    assert set(test["baselines"]) == {"popularity", "item_knn"} - {model}
    assert test["fold_in"]["users"] == test["users"]
    run = save_recommender(
        tmp_path / "20260101-000000-recommend-0000", assessed.trained, {"graph": "g"}, "", {}, 1.0
    )
    loaded = load_recommender(run)
    users = torch.arange(len(data.users))
    torch.testing.assert_close(loaded.ranker.scores(users), assessed.fitted.ranker.scores(users))
    liked = torch.tensor([0, 1])
    torch.testing.assert_close(loaded.ranker.fold_in(liked), assessed.fitted.ranker.fold_in(liked))
    assert loaded.users == assessed.trained.users
    assert loaded.confidence == assessed.trained.confidence
    other = dataclasses.replace(run, source={**run.source, "task": "walker"})
    with pytest.raises(RunError, match="recommends nothing"):
        load_recommender(other)
    (run.folder / "recommend.safetensors").write_bytes(b"torn")
    with pytest.raises(RunError, match="cannot be read"):
        load_recommender(run)
