"""Rejected facts as hard negatives: against a loss with each of them w times over."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from kgplatform.errors import InputError, TrainingError
from kgplatform.graph.snapshot import from_triples
from kgplatform.training.artifacts import load_model, load_run
from kgplatform.training.config import resolve_config
from kgplatform.training.known import known_of_triples
from kgplatform.training.loop import train
from kgplatform.training.rejected import (
    REJECTED_FILE,
    known_rejected,
    read_rejected,
    rejected_answers,
    weighed,
)
from kgplatform.triples import Triple

CPU = torch.device("cpu")
RING = [Triple(f"e{i}", "next", f"e{(i + 1) % 12}", "train") for i in range(12)]
REJECTED = [("e0", "next", "e5"), ("e3", "next", "e9")]


def test_a_rejected_answer_counts_as_if_it_stood_there_w_times() -> None:
    torch.manual_seed(0)
    scores = torch.randn(4, 6)
    batch = torch.tensor([[0, 0, 1], [2, 0, 3]])
    rejected = known_of_triples(torch.tensor([[0, 0, 4], [0, 0, 5], [5, 0, 3]]), 6)
    row, entity = rejected_answers(rejected, batch)
    assert sorted(zip(row.tolist(), entity.tolist(), strict=True)) == [(0, 4), (0, 5), (3, 5)]
    target = torch.tensor([1, 3, 0, 2])
    found = cross_entropy(weighed(scores, row, entity, 3.0), target, reduction="none")
    for question in range(4):
        columns = list(range(6))
        for r, e in zip(row.tolist(), entity.tolist(), strict=True):
            columns += [e, e] if r == question else []
        repeated = scores[question, columns].unsqueeze(0)
        assert torch.isclose(
            found[question], cross_entropy(repeated, target[question : question + 1])
        )


def test_only_facts_between_known_entities_that_nobody_asserts_are_used() -> None:
    snapshot = from_triples(RING)
    config = resolve_config("distmult", snapshot, {})
    given = [*REJECTED, ("e0", "next", "e1"), ("e0", "next", "unknown"), ("e0", "other", "e2")]
    known = known_rejected(given, snapshot, config, CPU)
    assert known is not None
    entities = {name: row for row, name in enumerate(snapshot.entities)}
    anchor = torch.tensor([entities["e0"]])
    _, answers = known.tails.of(anchor, torch.tensor([0]))
    assert [snapshot.entities[row] for row in answers.tolist()] == ["e5"]
    assert known_rejected([("x", "y", "z")], snapshot, config, CPU) is None
    margin = resolve_config("distmult", snapshot, {"loss": "margin"})
    with pytest.raises(TrainingError, match="cross-entropy"):
        known_rejected(REJECTED, snapshot, margin, CPU)


@pytest.mark.parametrize("candidates", ["all", "sampled"])
def test_rejected_facts_score_lower_after_a_training_with_them(
    tmp_path: Path, candidates: str
) -> None:
    snapshot = from_triples(RING)
    settings = {"epochs": 40, "embedding_dim": 16, "device": "cpu", "valid_share": 0.0}
    settings |= {"test_share": 0.0, "candidates": candidates, "negatives": 6}
    config = resolve_config("complex", snapshot, {**settings, "rejected_weight": 1000.0})
    means = {}
    for name, rejected in (("without", []), ("with", REJECTED)):
        train(snapshot, config, tmp_path / name, source={}, rejected=rejected)
        model = load_model(load_run(tmp_path / name))
        entity = {each: row for row, each in enumerate(snapshot.entities)}
        rows = torch.tensor([[entity[h], entity[t]] for h, _, t in REJECTED])
        with torch.no_grad():
            vectors = model.vectors(None)
            queries = model.tail_queries(
                vectors, rows[:, 0], torch.zeros(2, dtype=torch.int64), lambda values: values
            )
            likely = model.match(queries, vectors.entity).log_softmax(1)
        means[name] = float(likely[torch.arange(2), rows[:, 1]].mean())
    assert means["with"] < means["without"] - 1
    assert read_rejected(tmp_path / "with" / REJECTED_FILE) == REJECTED
    assert not (tmp_path / "without" / REJECTED_FILE).exists()


def test_a_file_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rejected.tsv"
    path.write_text("a\tb\tc\n\na\tb\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 3: 2 columns"):
        read_rejected(path)
