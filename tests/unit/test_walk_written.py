"""Walks that end in a text: what is said of a path, and training by what it is worth."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from kgplatform.errors import TrainingError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.triples import SPLITS, Split, Triple
from kgplatform.walk.generate import Step
from kgplatform.walk.rollout import Paths
from kgplatform.walk.settings import Algorithm, WalkerSettings
from kgplatform.walk.task import Task, Wording, fact_task, text_task
from kgplatform.walk.text_rewards import Told
from kgplatform.walk.train import train_walker
from kgplatform.walk.written import Written, steps_of

SETTINGS = WalkerSettings(
    epochs=8, clone_epochs=3, steps=2, beam_size=16, rollouts=8, writer="template", device="cpu"
)
PLACES = ("Rome", "Oslo", "Lima", "Bern")


def people() -> KGSnapshot:
    """Twelve people, each born in a town and working in the next one."""
    triples = []
    for number in range(12):
        born, works = PLACES[number % 4], PLACES[(number + 1) % 4]
        triples.append(Triple(f"Person {number}", "born_in", born, "train"))
        triples.append(Triple(f"Person {number}", "works_in", works, "train"))
    return from_triples(triples)


def questions() -> Task:
    """Where each person was born, and where each works."""
    snapshot = people()
    index = {name: at for at, name in enumerate(snapshot.entities)}
    vectors = torch.eye(2)
    starts: dict[Split, list[int]] = {split: [] for split in SPLITS}
    answers: dict[Split, list[list[int]]] = {split: [] for split in SPLITS}
    words: dict[Split, list[str]] = {split: [] for split in SPLITS}
    texts: dict[Split, list[int]] = {split: [] for split in SPLITS}
    for number in range(12):
        split = SPLITS[0] if number < 8 else SPLITS[1 + number % 2]
        for kind, (verb, place) in enumerate((("was born", number), ("works", number + 1))):
            starts[split].append(index[f"Person {number}"])
            answers[split].append([index[PLACES[place % 4]]])
            words[split].append(f"In which town is it that Person {number} {verb}?")
            texts[split].append(kind)
    rows = {split: vectors[torch.tensor(texts[split])] for split in SPLITS}
    return text_task(snapshot, starts, answers, rows, words, {})


def test_a_walk_is_told_in_words_without_the_steps_that_stay() -> None:
    wording = Wording((), ("Ada", "Byron", "Rome"), ("child", "born_in"))
    # 2 is child from tail to head, 4 stays.
    assert steps_of(wording, 2, 0, [2, 4, 1], [1, 1, 2]) == (
        Step("Byron", "child", "Ada", inverse=True),
        Step("Byron", "born_in", "Rome"),
    )
    assert steps_of(wording, 2, 0, [4, 4], [0, 0]) == ()


def test_the_reward_is_that_of_the_text_and_is_asked_for_once() -> None:
    task = questions()
    written = Written(task, SETTINGS)
    snapshot = task.snapshot
    counts: list[int] = []
    say = written.say

    def counted(told: Sequence[Told], starts: Sequence[str]) -> list[str]:
        counts.append(len(told))
        return say(told, starts)

    written.say = counted
    born = snapshot.relations.index("born_in")
    works = snapshot.relations.index("works_in")
    start = int(task.questions["train"].start[0])
    right, wrong = (list(snapshot.entities).index(PLACES[at]) for at in (0, 1))
    paths = Paths(torch.tensor([[born, 4], [works, 4]]), torch.tensor([[right] * 2, [wrong] * 2]))
    good, bad = written.judged([0, 0], [start, start], paths)
    assert (good.exact_match, good.entity_f1, good.grounding) == (1.0, 1.0, 1.0)
    # What it says is on its path, but no answer.
    assert (bad.exact_match, bad.entity_f1, bad.grounding) == (0.0, 0.0, 1.0)
    assert good.fluency is None
    assert written.judged([0, 0], [start, start], paths) == [good, bad]
    assert counts == [2]


@pytest.mark.parametrize("algorithm", ["reinforce", "dqn"])
def test_a_walker_learns_by_what_is_said(tmp_path: Path, algorithm: Algorithm) -> None:
    settings = dataclasses.replace(SETTINGS, algorithm=algorithm)
    run = train_walker(questions(), settings, tmp_path / "run", source={})
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    # Logged term by term, from the first epoch that does not imitate.
    assert {"exact_match", "entity_f1", "grounding", "accuracy", "total"} <= lines[-1].keys()
    assert "exact_match" not in lines[0]
    texts = run.metrics["test"]["texts"]
    assert set(texts) == {"writer", "template", "copy"}
    assert texts["writer"] == texts["template"]
    assert texts["writer"]["exact_match"] == run.metrics["test"]["hits_at_1"] == 1.0


def test_facts_are_not_asked_for_in_words_and_nobody_judges_himself(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="in words"):
        train_walker(fact_task(people(), SETTINGS), SETTINGS, tmp_path / "run", source={})
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="judges itself"):
        WalkerSettings(writer="models/a", judge="models/a")
