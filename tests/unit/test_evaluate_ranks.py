"""Filtered, realistic ranks: by hand, by a slow loop, and by PyKEEN's evaluator."""

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pykeen.evaluation import RankBasedEvaluator
from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.models import DistMult, LinkModel, RotatE
from kgplatform.training import ranks
from kgplatform.training.evaluate import evaluate
from kgplatform.training.known import Known, Side, answers_of_triples, known_of_triples
from kgplatform.training.metrics import metrics_of_ranks
from kgplatform.training.ranks import (
    LONGEST_TILE,
    QUERIES_AT_ONCE,
    SCORES_AT_ONCE_CPU,
    rank_triples,
    tiles_of,
)


def rank(scores: Tensor, target: Tensor, known: list[tuple[int, int]]) -> list[float]:
    """Ranks of tails: query i is (i, 0, ?) with the scores of row i."""
    rows, n = scores.shape
    tails = torch.zeros(max(rows, n), 1, n)
    tails[:rows, 0] = scores
    facts = torch.tensor([(row, 0, answer) for row, answer in known], dtype=torch.int64)
    facts = facts.reshape(-1, 3)
    triples = torch.stack((torch.arange(rows), torch.zeros_like(target), target), dim=1)
    table = Table(tails, torch.zeros(1, max(rows, n), n))
    nothing = known_of_triples(torch.empty(0, 3, dtype=torch.int64), max(rows, n)).heads
    known_answers = Known(answers_of_triples(facts, max(rows, n), "tail"), nothing)
    return rank_triples(table, triples, known_answers).tail.tolist()


def test_ranks_by_hand() -> None:
    scores = torch.tensor(
        [
            [5.0, 4.0, 3.0, 2.0],  # the best
            [5.0, 4.0, 3.0, 2.0],  # third, second without known entity 0
            [1.0, 1.0, 1.0, 1.0],  # four equal: the middle of 1 to 4
            [2.0, 2.0, 1.0, 3.0],  # second and third equal
        ]
    )
    target = torch.tensor([0, 2, 1, 1])
    known = [(1, 0), (1, 2), (3, 1)]
    assert rank(scores, target, known) == [1.0, 2.0, 2.5, 2.5]


def test_metrics_by_hand() -> None:
    metrics = metrics_of_ranks(torch.tensor([1.0, 2.0, 4.0, 12.5], dtype=torch.float64))
    assert metrics.mrr == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 12.5) / 4)
    assert (metrics.hits_at_1, metrics.hits_at_3, metrics.hits_at_10) == (0.25, 0.5, 0.75)
    assert metrics.mean_rank == pytest.approx(19.5 / 4)
    assert metrics.count == 4


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_scores_that_are_not_numbers_are_refused(bad: float) -> None:
    scores = torch.zeros(2, 3)
    scores[1, 2] = bad
    with pytest.raises(TrainingError, match="NaN or infinite") as caught:
        rank(scores, torch.tensor([0, 0]), [])
    assert "learning_rate" in caught.value.hint


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=12),
    st.data(),
)
def test_ranks_equal_a_slow_loop(values: list[int], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(values) - 1))
    hidden = data.draw(st.sets(st.integers(0, len(values) - 1)))
    rivals = [v for i, v in enumerate(values) if i != target and i not in hidden]
    optimistic = 1 + sum(v > values[target] for v in rivals)
    pessimistic = 1 + sum(v >= values[target] for v in rivals)
    scores = torch.tensor([values], dtype=torch.float32)
    found = rank(scores, torch.tensor([target]), [(0, entity) for entity in hidden])
    assert found == [(optimistic + pessimistic) / 2]


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=30, unique=True))
def test_known_answers_equal_a_slow_loop(facts: list[tuple[int, int, int]]) -> None:
    triples = torch.tensor(facts)
    sides: tuple[tuple[Side, int, int], ...] = (("tail", 0, 2), ("head", 2, 0))
    for side, anchor_at, answer_at in sides:
        known = answers_of_triples(triples, 4, side)
        anchor, relation = (torch.arange(16) // 4), (torch.arange(16) % 4)
        row, answer = known.of(anchor, relation)
        expected = {
            (q, fact[answer_at])
            for q in range(16)
            for fact in facts
            if (fact[anchor_at], fact[1]) == (q // 4, q % 4)
        }
        assert set(zip(row.tolist(), answer.tolist(), strict=True)) == expected


class Table(LinkModel):
    """Scores from two tables, so that ties can be made at will."""

    def __init__(self, tails: Tensor, heads: Tensor) -> None:
        super().__init__(tails.shape[-1], tails.shape[1], 1, reciprocal=False)
        self.tails, self.heads = tails, heads

    def score_tails(
        self, head: Tensor, relation: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        scores = self.tails[head, relation]
        return scores.clone() if candidates is None else scores[:, candidates]

    def score_heads(
        self, relation: Tensor, tail: Tensor, candidates: Tensor | None = None
    ) -> Tensor:
        scores = self.heads[relation, tail]
        return scores.clone() if candidates is None else scores[:, candidates]

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        raise NotImplementedError

    def head_query(self, relation: Tensor, tail: Tensor) -> Tensor:
        raise NotImplementedError

    def match(self, queries: Tensor, entities: Tensor) -> Tensor:
        raise NotImplementedError

    def match_rows(self, queries: Tensor, entities: Tensor) -> Tensor:
        raise NotImplementedError


@pytest.mark.parametrize("scores_at_once", [None, 7, 600])
def test_metrics_equal_pykeen_on_the_same_scores_with_ties(scores_at_once: int | None) -> None:
    rng = np.random.default_rng(5)
    n, r = 30, 4
    # Few distinct values, hence many ties.
    tails = torch.from_numpy(rng.integers(0, 6, (n, r, n))).float()
    heads = torch.from_numpy(rng.integers(0, 6, (r, n, n))).float()
    codes = rng.choice(n * r * n, 600, replace=False)
    known = torch.from_numpy(np.stack(np.unravel_index(codes, (n, r, n)), axis=1))
    triples = known[:200]
    ours = evaluate(
        Table(tails, heads), triples, known_of_triples(known, n), scores_at_once=scores_at_once
    )

    oracle = RankBasedEvaluator(filtered=True)
    for triple in triples:
        head, relation, tail = triple.tolist()
        rivals: dict[Literal["head", "tail"], Tensor] = {
            "tail": known[(known[:, 0] == head) & (known[:, 1] == relation)][:, 2],
            "head": known[(known[:, 2] == tail) & (known[:, 1] == relation)][:, 0],
        }
        answers = {
            "tail": (tails[head, relation].clone(), tail),
            "head": (heads[relation, tail].clone(), head),
        }
        for side, rival in rivals.items():
            scores, target = answers[side]
            true = scores[target].clone().reshape(1, 1)
            scores[rival] = float("nan")  # PyKEEN marks what is filtered by NaN
            scores[target] = true
            oracle.process_scores_(triple.unsqueeze(0), side, scores.unsqueeze(0), true)
    theirs = oracle.finalize()
    for name_of_side, metrics in {"both": ours, **ours.sides}.items():
        for mine, name in (
            (metrics.mrr, "inverse_harmonic_mean_rank"),
            (metrics.mean_rank, "arithmetic_mean_rank"),
            (metrics.hits_at_1, "hits_at_1"),
            (metrics.hits_at_3, "hits_at_3"),
            (metrics.hits_at_10, "hits_at_10"),
        ):
            expected = theirs.get_metric(f"{name_of_side}.realistic.{name}")
            assert mine == pytest.approx(expected, abs=1e-6), (name_of_side, name)


def test_chunks_do_not_change_the_result() -> None:
    model = DistMult(20, 2, 4)
    generator = torch.Generator().manual_seed(0)
    triples = torch.stack(
        [torch.randint(m, (50,), generator=generator) for m in (20, 2, 20)], dim=1
    )
    known = known_of_triples(triples, 20)
    whole = evaluate(model, triples, known)
    for scores in (1, 45, 60, 700):
        assert evaluate(model, triples, known, scores_at_once=scores) == whole
    assert whole.count == 100
    assert whole.sides["head"].count == whole.sides["tail"].count == 50


@pytest.mark.parametrize("scores_at_once", [None, 4, 40])
def test_a_model_that_knows_nothing_ranks_in_the_middle(scores_at_once: int | None) -> None:
    model = DistMult(21, 1, 4)
    # All alike, at a value whose sums round: a target must not win by its last bit.
    torch.nn.init.constant_(model.entity, 0.1)
    triples = torch.tensor([[0, 0, 1]])
    known = known_of_triples(triples, 21)
    assert evaluate(model, triples, known, scores_at_once=scores_at_once).mean_rank == 11.0


class Small(DistMult):
    """Has memory for some scores at a time."""

    room: int = 100
    refused: int = 0
    error: Exception

    def match(self, queries: Tensor, entities: Tensor) -> Tensor:
        if len(queries) * len(entities) > self.room:
            self.refused += 1
            raise self.error
        return super().match(queries, entities)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_where_memory_runs_out_less_is_scored_at_a_time(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ranks, "QUERIES_AT_ONCE", 16)
    model = Small(60, 2, 4, generator=torch.Generator().manual_seed(0))
    model.error = error
    generator = torch.Generator().manual_seed(1)
    triples = torch.stack(
        [torch.randint(m, (50,), generator=generator) for m in (60, 2, 60)], dim=1
    )
    known = known_of_triples(triples, 60)
    found = evaluate(model, triples, known, scores_at_once=400)
    assert model.refused == 2  # 400 and 200 do not fit, 100 does
    assert "out of memory" in caplog.text
    whole = DistMult(60, 2, 4, generator=torch.Generator().manual_seed(0))
    assert found == evaluate(whole, triples, known)
    model.room = 1
    with pytest.raises(TrainingError, match="memory does not even suffice"):
        evaluate(model, triples, known)


def test_another_failure_of_the_model_is_not_taken_for_memory() -> None:
    model = Small(60, 2, 4)
    model.error = RuntimeError("shapes cannot be multiplied")
    triples = torch.tensor([[0, 0, 1], [2, 0, 1], [3, 1, 4]])
    with pytest.raises(RuntimeError, match="shapes"):
        evaluate(model, triples, known_of_triples(triples, 60))


@pytest.mark.parametrize("entities", [1, 2, 135, 40_943, 5_000_000, 100_000_000])
@pytest.mark.parametrize("budget", [256, 1 << 20, 1 << 24])
@pytest.mark.parametrize("asked", [1, 3134, 1_000_000])
def test_a_tile_holds_no_more_than_it_may(entities: int, budget: int, asked: int) -> None:
    tiles = tiles_of(entities, asked, budget)
    assert tiles.length * tiles.queries <= budget
    assert tiles.length <= LONGEST_TILE
    assert (tiles.count - 1) * tiles.length < entities <= tiles.count * tiles.length
    # As many queries as a tile takes come to it, or it is as long as it may be.
    come = asked * tiles.length / entities
    assert tiles.queries <= max(QUERIES_AT_ONCE, 2 * come + 1) or tiles.count == 1


def test_nothing_to_evaluate_is_an_error() -> None:
    nothing = torch.empty(0, 3, dtype=torch.int64)
    with pytest.raises(TrainingError, match="no triple"):
        evaluate(DistMult(3, 1, 2), nothing, known_of_triples(nothing, 3))


@pytest.mark.parametrize("norm", [1, 2])
def test_no_more_is_held_at_a_time_however_many_the_entities(
    norm: Literal[1, 2], monkeypatch: pytest.MonkeyPatch
) -> None:
    n, dim, seen = 90_000, 8, []
    model = RotatE(n, 2, dim, norm=norm, generator=torch.Generator().manual_seed(0))
    real = RotatE.match

    def match(self: RotatE, queries: Tensor, entities: Tensor) -> Tensor:
        seen.append(len(queries) * len(entities))
        return real(self, queries, entities)

    monkeypatch.setattr(RotatE, "match", match)
    generator = torch.Generator().manual_seed(1)
    triples = torch.stack([torch.randint(m, (40,), generator=generator) for m in (n, 2, n)], dim=1)
    known = known_of_triples(triples, n)
    found = evaluate(model, triples, known)
    # With norm 1 a score holds four moduli while it is made.
    assert max(seen) <= SCORES_AT_ONCE_CPU // (dim // 2 if norm == 1 else 1)
    assert len(seen) > 2
    assert evaluate(model, triples, known, scores_at_once=40 * n * dim).mrr == pytest.approx(
        found.mrr
    )
