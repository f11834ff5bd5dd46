"""Node classification: an encoder's head beats the commonest class, and its run is a run."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from kgplatform.errors import RunError, TrainingError, UsageError
from kgplatform.graph.features import feature
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.training.artifacts import Run, entity_vectors, load_run
from kgplatform.training.classify_nodes import (
    class_probabilities,
    labels_of,
    predict_labels,
    train_classifier,
)
from kgplatform.training.config import TrainingConfig
from kgplatform.training.loop import train
from kgplatform.training.reevaluate import evaluate_run
from kgplatform.triples import Triple

PAPERS = 120
FIELDS = ("art", "law", "law", "physics")


def papers(labelled: bool = True) -> KGSnapshot:
    """Papers mostly cite those of their field; a feature tells it of one in three. Half are law."""
    rng = np.random.default_rng(0)
    field = np.arange(PAPERS) % len(FIELDS)
    names = [f"paper{i:03}" for i in range(PAPERS)]
    triples = []
    for paper in range(PAPERS):
        kind = FIELDS[field[paper]]
        same = [i for i in range(PAPERS) if FIELDS[field[i]] == kind and i != paper]
        for cited in rng.choice(same, 3, replace=False):
            triples.append(Triple(names[paper], "cites", names[cited]))
        triples.append(Triple(names[paper], "cites", names[rng.integers(PAPERS - 1) - 1]))
    graph = from_triples([t for t in triples if t.head != t.tail])
    rows = np.arange(PAPERS)
    kinds = sorted(set(FIELDS))
    hot = [
        [float(FIELDS[field[i]] == kind and rng.random() < 0.34) for kind in kinds] for i in rows
    ]
    graph = dataclasses.replace(graph, features=(feature("words", rows, hot, PAPERS),))
    if not labelled:
        return graph
    labels = feature("label", rows[:-6], [FIELDS[field[i]] for i in rows[:-6]], PAPERS)
    return dataclasses.replace(graph, labels=labels)


CONFIG = TrainingConfig(
    "sage",
    task="classify",
    embedding_dim=16,
    inputs="features",
    epochs=60,
    optimizer="adam",
    learning_rate=0.02,
    dropout=0.2,
    valid_share=0.2,
    test_share=0.3,
    device="cpu",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_classifier(
        papers(), CONFIG, tmp_path_factory.mktemp("runs") / "run", source={"graph": "papers"}
    )


def test_it_beats_the_commonest_class(run: Run) -> None:
    test = run.metrics["test"]
    assert test["baseline"]["accuracy"] == pytest.approx(0.5, abs=0.1)
    assert test["accuracy"] > test["baseline"]["accuracy"] + 0.2
    assert 0 < test["macro_f1"] <= 1
    assert 0 <= test["calibration_error"] <= 1
    assert sum(values["count"] for values in run.metrics.values()) == PAPERS - 6


def test_the_folder_is_a_runs(run: Run) -> None:
    again = load_run(run.folder)
    assert again.config == CONFIG
    assert again.metrics == json.loads(json.dumps(run.metrics))
    assert "macro F1" in (run.folder / "card.md").read_text("utf-8")
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").open()]
    assert [line["epoch"] for line in lines] == list(range(1, run.epochs + 1))
    names, vectors = entity_vectors(again)
    assert vectors.shape == (len(names), 16)
    assert evaluate_run(again, papers()) == run.metrics


def test_entities_without_a_label_are_told_theirs(run: Run) -> None:
    graph = papers()
    assert graph.labels is not None
    unlabelled = tuple(
        name for name, here in zip(graph.entities, graph.labels.present, strict=True) if not here
    )
    found = predict_labels(run, unlabelled)
    assert {each.entity for each in found} == set(unlabelled)
    right = [FIELDS[int(each.entity[5:]) % 4] == each.label for each in found]
    assert sum(right) >= 4
    everything = predict_labels(run)
    assert len(everything) == PAPERS
    probability = [each.probability for each in everything]
    assert probability == sorted(probability, reverse=True)
    classes, every = class_probabilities(run)
    assert classes == ("art", "law", "physics")
    torch.testing.assert_close(every.sum(1), torch.ones(PAPERS))


def test_the_same_seed_gives_the_same_weights(run: Run, tmp_path: Path) -> None:
    again = train_classifier(papers(), CONFIG, tmp_path / "again", source={})
    assert class_probabilities(again)[1].tolist() == class_probabilities(run)[1].tolist()


def test_labels_keep_the_split_that_they_have() -> None:
    graph = papers()
    split = torch.zeros(PAPERS, dtype=torch.int8)
    split[::5] = 2
    found = labels_of(dataclasses.replace(graph, label_split=split), CONFIG)
    assert found.split[:5].tolist() == [2, 0, 0, 0, 0]
    assert (found.split[-6:] == -1).all()
    drawn = labels_of(graph, CONFIG)
    assert {code: int((drawn.split == code).sum()) for code in (1, 2)} == {1: 21, 2: 33}


def test_what_cannot_be_trained_says_why(run: Run, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no labels"):
        train_classifier(papers(labelled=False), CONFIG, tmp_path / "a", source={})
    with pytest.raises(UsageError, match="passes no messages"):
        TrainingConfig("distmult", task="classify")
    with pytest.raises(TrainingError, match="not one of links"):
        train(papers(), CONFIG, tmp_path / "b", source={})
    with pytest.raises(RunError, match="holds a run already"):
        train_classifier(papers(), CONFIG, run.folder, source={})
    other = dataclasses.replace(run, config=dataclasses.replace(CONFIG, task="links"))
    with pytest.raises(RunError, match="not labels"):
        class_probabilities(other)
