"""Walkers that learn: REINFORCE, Q-learning, the teacher's reward, and resuming bit for bit."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from kgplatform.errors import RunError, TrainingError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.training.artifacts import load_run
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.triples import Split, Triple
from kgplatform.walk import train as training
from kgplatform.walk.env import Asked
from kgplatform.walk.explain import answers_of, counterfactuals
from kgplatform.walk.policy import Policy
from kgplatform.walk.q_learning import QLearning, double
from kgplatform.walk.queries import asked_of, fact_queries, known_ends
from kgplatform.walk.reinforce import Reinforce, leave_one_out, normalised
from kgplatform.walk.reward import Hits, Shaped
from kgplatform.walk.rollout import Followed, Paths
from kgplatform.walk.run import load_walker
from kgplatform.walk.settings import WalkerSettings, settings_of
from kgplatform.walk.task import Task, fact_task, text_task, walks_of
from kgplatform.walk.teacher import directed_scores, teacher_of
from kgplatform.walk.train import resume_walker, train_walker

QUICK = WalkerSettings(
    embedding_dim=16,
    hidden=16,
    dropout=0.0,
    epochs=8,
    clone_epochs=3,
    evaluate_every=1,
    rollouts=4,
    batch_size=16,
    learning_rate=0.01,
    teacher="none",
    device="cpu",
)


@pytest.fixture(autouse=True)
def short_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a real training an epoch has more batches than these questions fill."""
    monkeypatch.setattr(training, "FEWEST_BATCHES", 4)


@pytest.fixture(scope="module")
def family() -> KGSnapshot:
    """grandparent is parent of parent; a tenth of its facts each validates and tests."""
    facts = []
    splits: tuple[Split, ...] = ("train",) * 8 + ("valid", "test")
    for child in range(120):
        parent, grandparent = 120 + child // 2, 180 + child // 4
        facts.append(Triple(f"p{child}", "parent", f"p{parent}", split="train"))
        if child % 2 == 0:
            facts.append(Triple(f"p{parent}", "parent", f"p{grandparent}", split="train"))
        kind = splits[child * 7 % 10]
        facts.append(Triple(f"p{child}", "grandparent", f"p{grandparent}", split=kind))
    return from_triples(facts)


@pytest.mark.parametrize("algorithm", ["reinforce", "dqn"])
def test_a_rule_of_two_steps_is_learnt(family: KGSnapshot, tmp_path: Path, algorithm: str) -> None:
    settings = settings_of({**QUICK.to_json(), "algorithm": algorithm, "both_sides": False})
    run = train_walker(fact_task(family, settings), settings, tmp_path / "run", source={})
    assert run.metrics["valid"]["tail"]["mrr"] > 0.9
    assert run.metrics["test"]["tail"]["mrr"] > 0.9
    assert run.metrics["test"]["reachable"] == 1
    loaded = load_run(tmp_path / "run")
    assert loaded.metrics == run.metrics
    assert loaded.config.model == "walker"
    walker = load_walker(loaded)
    test = family.triples("test")[:1]
    asked = asked_of(fact_queries(test, 2, both=False), walker.known, training=False)
    (first, *_) = answers_of(walker, asked, most=3, ways=3)
    assert first.entity == int(test[0, 2])
    parent = family.relations.index("parent")
    assert [move.relation for move in first.ways[0].moves] == [parent, parent]
    # Without either step there is another answer, or none.
    for each in counterfactuals(walker, asked, first):
        assert each.probability < first.probability
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, run.epochs + 1))


def test_warm_start_alone_imitates_shortest_ways(family: KGSnapshot, tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, epochs=3, both_sides=False)
    run = train_walker(fact_task(family, settings), settings, tmp_path / "run", source={})
    first, *_, last = (
        json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    )
    assert first["cloned"] > 0.5
    assert last["loss"] < first["loss"]
    assert run.epochs == 3


@pytest.mark.parametrize("algorithm", ["reinforce", "dqn"])
def test_an_interrupted_training_ends_as_one_that_was_not(
    family: KGSnapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    settings = settings_of(
        {**QUICK.to_json(), "algorithm": algorithm, "epochs": 7, "dropout": 0.1, "replay": 500}
        | {"baseline": "moving", "evaluate_every": 2, "both_sides": False, "patience": 0}
    )
    task = fact_task(family, settings)
    whole = train_walker(task, settings, tmp_path / "whole", source={})
    calls = 0

    def stopped(*arguments: object) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return one_epoch(*arguments)  # type: ignore[arg-type]

    one_epoch = training._one_epoch
    with monkeypatch.context() as patched:
        patched.setattr(training, "_one_epoch", stopped)
        with pytest.raises(KeyboardInterrupt):
            train_walker(task, settings, tmp_path / "cut", source={})
    with pytest.raises(RunError, match="incomplete"):
        load_run(tmp_path / "cut")
    resumed = resume_walker(tmp_path / "cut", task)
    assert resumed.metrics == whole.metrics
    for name in ("policy.safetensors", "weights.safetensors"):
        one, other = (load_file(tmp_path / run / name) for run in ("whole", "cut"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    with pytest.raises(RunError, match="complete"):
        resume_walker(tmp_path / "cut", task)
    with pytest.raises(RunError, match="holds a run"):
        train_walker(task, settings, tmp_path / "cut", source={})


def test_a_teacher_of_its_own_shapes_the_reward(family: KGSnapshot, tmp_path: Path) -> None:
    settings = dataclasses.replace(
        QUICK, teacher="train", teacher_model="distmult", epochs=5, both_sides=False
    )
    task = fact_task(family, settings)
    train_walker(task, settings, tmp_path / "run", source={})
    teacher = load_run(tmp_path / "run" / "teacher")
    assert teacher.config.model == "distmult"
    assert teacher.metrics == {}
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    assert last["reward"] > last["hits"]
    given = dataclasses.replace(settings, teacher="given")
    with pytest.raises(RunError, match="not here"):
        train_walker(task, given, tmp_path / "none", source={})
    run = train_walker(task, given, tmp_path / "other", source={}, teacher=teacher)
    assert run.complete
    card = (run.folder / "card.md").read_text("utf-8")
    assert (
        f"| test |  | {run.metrics['test']['count']:,} | {run.metrics['test']['mrr']:.3f} " in card
    )
    walker = load_run(tmp_path / "run")
    with pytest.raises(RunError, match="scores no links"):
        train_walker(task, given, tmp_path / "wrong", source={}, teacher=walker)
    # Of another split, a teacher may know the answers.
    moved = family.with_split(family.split.flip(0))
    config = resolve_config("distmult", moved, {"epochs": 1, "device": "cpu"})
    elsewhere = train(moved, config, tmp_path / "elsewhere", source={}, splits=())
    with pytest.raises(RunError, match="another split"):
        train_walker(task, given, tmp_path / "leak", source={}, teacher=elsewhere)


def test_the_reward_is_a_hit_or_what_the_teacher_says(family: KGSnapshot, tmp_path: Path) -> None:
    config = resolve_config("transe", family, {"epochs": 2, "reciprocal": False, "device": "cpu"})
    run = train(family, config, tmp_path / "teacher", source={}, splits=())
    from kgplatform.training.artifacts import load_model

    model = load_model(run)
    teacher = teacher_of(model, family, 0)
    queries = fact_queries(family.triples("train")[:4], 2)
    asked = asked_of(queries, known_ends(family), training=True)
    ends = torch.randint(family.num_entities, (8, 5), generator=torch.Generator().manual_seed(0))
    hits = torch.zeros(8, 5)
    hits[:, 0] = 1
    with torch.no_grad():
        paths = Paths(ends.view(-1, 1), ends.view(-1, 1))
        found = Shaped(teacher)(asked, paths, hits)
        scores = torch.stack(
            [
                model.score_tails(asked.start[i : i + 1], asked.relation[i : i + 1])[0]
                if i < 4
                else model.score_heads(asked.relation[i : i + 1] - 2, asked.start[i : i + 1])[0]
                for i in range(8)
            ]
        )
        assert torch.allclose(directed_scores(model, asked.start, asked.relation), scores)
    train_facts = {tuple(fact) for fact in family.triples("train").tolist()}
    for row in range(8):
        start, relation = int(asked.start[row]), int(asked.relation[row])
        unknown = [
            entity
            for entity in range(family.num_entities)
            # Nobody is his own relative.
            if entity != start
            and ((start, relation, entity) if row < 4 else (entity, relation - 2, start))
            not in train_facts
        ]
        shares = dict(zip(unknown, scores[row, unknown].log_softmax(0).tolist(), strict=True))
        for at in range(1, 5):
            share = shares.get(int(ends[row, at]), -float("inf"))
            likely = torch.tensor(teacher.slope * share + teacher.intercept).sigmoid()
            assert float(found[row, at]) == pytest.approx(float(likely), abs=1e-5)
    assert torch.equal(found[:, 0], torch.ones(8))
    assert teacher.slope >= 0
    words = dataclasses.replace(asked, relation=torch.full_like(asked.relation, -1))
    assert torch.equal(Shaped(teacher)(words, paths, hits), hits)


def test_a_baseline_is_the_mean_of_the_others() -> None:
    gained = torch.tensor([[1.0, 0.0, 0.5], [0.0, 0.0, 0.3]])
    expected = torch.tensor([[0.25, 0.75, 0.5], [0.15, 0.15, 0.0]])
    assert torch.allclose(leave_one_out(gained), expected)
    assert float(normalised(gained).std()) == pytest.approx(1)
    assert torch.equal(normalised(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_the_gradient_is_that_of_the_expected_reward(family: KGSnapshot) -> None:
    """Many rollouts without baseline approach the exact gradient, found over all actions."""
    torch.manual_seed(0)
    settings = dataclasses.replace(
        QUICK, rollouts=4_000, entropy=0.0, action_dropout=0.0, steps=1, baseline="moving"
    )
    task = fact_task(family, settings)
    walks = walks_of(task, settings)
    queries = task.questions["train"][torch.arange(6)]
    asked = asked_of(queries, known_ends(task.snapshot), training=True)
    # Nothing is forbidden, so that one step has several ends.
    asked = dataclasses.replace(
        asked, target=torch.full_like(asked.target, -1), hidden=torch.zeros_like(asked.hidden)
    )
    policy = Policy(family.num_entities, 2, width=4, hidden=4, dropout=0.0)
    learner = Reinforce(policy, settings)

    def worth(ends: Tensor) -> Tensor:
        return (ends % 3).float() / 2

    class ByEnd(Hits):
        def __call__(self, asked: Asked, paths: Paths, hits: Tensor) -> Tensor:
            return worth(paths.end).view_as(hits)

    generator = torch.Generator().manual_seed(0)
    loss, _ = learner.loss(walks, asked, ByEnd(), 0.0, generator)
    loss.backward()  # type: ignore[no-untyped-call]
    drawn = policy.relation.grad
    assert drawn is not None
    policy.zero_grad()
    state = walks.begin(asked)
    actions = walks.actions(asked, state)
    memory = policy.remember_start(state.at)
    chance = policy.scores(policy.question(asked), memory, state.at, actions).softmax(1)
    expected = -(chance * worth(actions.target)).sum(1).mean()
    expected.backward()  # type: ignore[no-untyped-call]
    exact = policy.relation.grad
    assert exact is not None
    # The advantage is normalised, so directions are compared.
    assert float(torch.cosine_similarity(drawn.flatten(), exact.flatten(), dim=0)) > 0.99


def q_learner(family: KGSnapshot, **changes: object) -> tuple[QLearning, Task]:
    torch.manual_seed(0)
    settings = settings_of({**QUICK.to_json(), "algorithm": "dqn", "steps": 2, **changes})
    task = fact_task(family, settings)
    policy = Policy(family.num_entities, 2, width=8, hidden=8, dropout=0.0)
    known = known_ends(task.snapshot)
    return QLearning(policy, settings, task.questions["train"], known, 2), task


def test_hindsight_asks_what_a_walk_has_answered(family: KGSnapshot) -> None:
    learner, task = q_learner(family, hindsight=1.0)
    queries = task.questions["train"]
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(len(queries))
    # Every walk ends at the parent, or stays where nobody is.
    parent = family.relations.index("parent")
    facts = {(h, r): t for h, r, t in family.triples("train").tolist()}
    ends = torch.tensor([facts.get((int(s), parent), int(s)) for s in queries.start])
    changed = learner._in_hindsight(queries[rows], ends, generator)
    asked = asked_of(changed, known_ends(task.snapshot), training=True)
    train_facts = {tuple(fact) for fact in family.triples("train").tolist()}
    some = 0
    for row in range(len(queries)):
        start, relation, target = (
            int(c[row]) for c in (changed.start, changed.relation, changed.target)
        )
        fact = (start, relation, target) if relation < 2 else (target, relation - 2, start)
        assert fact in train_facts
        assert asked.answers[row].nonzero().flatten().tolist() == [target]
        if target != int(queries.target[row]):
            some += 1
            assert target == int(ends[row])
    assert some > 20


def test_targets_are_double_and_reach_as_far_as_they_should(family: KGSnapshot) -> None:
    online = Followed(torch.tensor([[1.0, 3.0, -torch.inf]]), torch.tensor([0]), torch.ones(1) > 0)
    lagging = Followed(
        torch.tensor([[5.0, -1.0, -torch.inf]]), torch.tensor([0]), torch.ones(1) > 0
    )
    assert float(double(online, lagging)) == pytest.approx(float(torch.tensor(-1.0).sigmoid()))
    losses = {}
    for steps in (1, 2):
        learner, task = q_learner(family, return_steps=steps, hindsight=0.0, replay=64)
        walks = walks_of(task, learner.settings)
        asked = asked_of(task.questions["train"][torch.arange(16)], learner.known, training=True)
        generator = torch.Generator().manual_seed(0)
        loss, logged = learner.loss(walks, asked, Hits(), 0.0, generator)
        assert 0 <= logged["hits"] <= 1
        losses[steps] = float(loss.detach())
        # Four walks of each question.
        assert learner.walked.tolist() == [row // 4 for row in range(64)]
    assert losses[1] != losses[2]


def test_the_lagging_copy_follows_now_and_then(family: KGSnapshot) -> None:
    learner, _ = q_learner(family, target_every=2)
    with torch.no_grad():
        learner.policy.entity.add_(1)
    learner.stepped()
    assert not torch.equal(learner.policy.entity, learner.lagging.entity)
    learner.stepped()
    assert torch.equal(learner.policy.entity, learner.lagging.entity)
    assert not any(each.requires_grad for each in learner.lagging.parameters())


def test_memory_takes_walks_in_turn(family: KGSnapshot) -> None:
    learner, _ = q_learner(family, replay=5)
    for first in (0, 3, 6):
        numbers = torch.arange(first, first + 3)
        learner._remember(numbers, Paths(numbers.repeat(2, 1).T, numbers.repeat(2, 1).T))
    assert learner.walked.tolist() == [5, 6, 7, 8, 4]
    assert learner.entities[:, 1].tolist() == [5, 6, 7, 8, 4]


def test_questions_in_words_are_learnt(family: KGSnapshot, tmp_path: Path) -> None:
    parts: tuple[Split, ...] = ("train", "valid", "test")
    parent = family.relations.index("parent")
    facts = {(h, r): t for h, r, t in family.triples("train").tolist()}
    children = [h for h in range(family.num_entities) if (h, parent) in facts]
    both = [h for h in children if (facts[h, parent], parent) in facts]
    asked = [(h, facts[h, parent], 0) for h in children]
    asked += [(h, facts[facts[h, parent], parent], 1) for h in both]
    rows = {name: [q for at, q in enumerate(asked) if at % 3 == n] for n, name in enumerate(parts)}
    vectors = torch.eye(2)
    task = text_task(
        family,
        {name: [q[0] for q in some] for name, some in rows.items()},
        {name: [[q[1]] for q in some] for name, some in rows.items()},
        {name: vectors[torch.tensor([q[2] for q in some])] for name, some in rows.items()},
    )
    settings = dataclasses.replace(QUICK, epochs=10, clone_epochs=5)
    run = train_walker(task, settings, tmp_path / "run", source={}, said={"encoder": "none"})
    assert run.metrics["test"]["hits_at_1"] > 0.8
    walker = load_walker(run)
    assert walker.said["encoder"] == "none"
    with pytest.raises(TrainingError, match="no question"):
        text_task(
            family,
            {name: [] for name in parts},
            {name: [] for name in parts},
            dict.fromkeys(parts, vectors[:0]),
        )


def test_damaged_runs_and_wrong_settings_are_refused(family: KGSnapshot, tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, epochs=1)
    run = train_walker(fact_task(family, settings), settings, tmp_path / "run", source={})
    for name, text in (
        ("policy.safetensors", "x"),
        ("walker.json", "{"),
        ("facts.safetensors", ""),
    ):
        shutil.copytree(tmp_path / "run", tmp_path / name)
        (tmp_path / name / name).write_text(text)
        with pytest.raises(RunError, match="cannot be read"):
            load_walker(dataclasses.replace(run, folder=tmp_path / name))
    other = dataclasses.replace(run, source={})
    with pytest.raises(RunError, match="does not walk"):
        load_walker(other)
    for wrong in (
        {"steps": 7},
        {"rollouts": 1},
        {"dropout": 1.0},
        {"max_actions": 1},
        {"learning_rate": 0},
        {"valid_share": 0.6, "test_share": 0.6},
        {"algorithm": "ppo"},
        {"entropy_end": 2},
        {"beam_size": 0},
    ):
        with pytest.raises(UsageError):
            settings_of(wrong)
    with pytest.raises(UnknownNameError, match="setting"):
        settings_of({"stepz": 1})
    with pytest.raises(UnknownNameError, match="score function"):
        settings_of({"teacher_model": "gcn"})
