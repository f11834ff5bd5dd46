"""Walks over a graph: what may be done, against a slow loop; shortest ways; beams; Gymnasium."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pytest
import torch

from kgplatform.errors import TrainingError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.triples import Split, Triple
from kgplatform.walk.beam import beam_search, merged
from kgplatform.walk.env import Asked, State, Walks
from kgplatform.walk.evaluate import judge, ranks_of_queries
from kgplatform.walk.explain import ways_to
from kgplatform.walk.graph import action_table, directed_steps, page_rank
from kgplatform.walk.policy import Policy
from kgplatform.walk.queries import Queries, asked_of, fact_queries, known_ends, text_queries
from kgplatform.walk.reinforce import Reinforce
from kgplatform.walk.rollout import Drawing, draw, drawn, entropy_of, follow
from kgplatform.walk.settings import WalkerSettings
from kgplatform.walk.shortest import adjacency, count_walks, draw_shortest
from kgplatform.walk.task import fact_task, reachable, walks_of

ENTITIES, RELATIONS = 12, 3


@pytest.fixture(scope="module")
def snapshot() -> KGSnapshot:
    draws = np.random.default_rng(0)
    splits: tuple[Split, ...] = ("train",) * 8 + ("valid", "test")
    seen: dict[tuple[str, str, str], Split] = {}
    for at in range(60):
        head, tail = draws.integers(ENTITIES, size=2)
        key = f"e{head:02d}", f"r{draws.integers(RELATIONS)}", f"e{tail:02d}"
        seen.setdefault(key, splits[at % 10])
    # Every name in train, so that an index is a name's number.
    for at in range(ENTITIES):
        seen[f"e{at:02d}", f"r{at % RELATIONS}", f"e{(at + 1) % ENTITIES:02d}"] = "train"
    return from_triples([Triple(*key, split=split) for key, split in seen.items()])


@pytest.fixture(scope="module")
def walks(snapshot: KGSnapshot) -> Walks:
    table = action_table(snapshot.triples("train"), ENTITIES, RELATIONS, 100)
    return Walks(table, 2)


def train_asked(snapshot: KGSnapshot) -> Asked:
    queries = fact_queries(snapshot.triples("train"), RELATIONS)
    return asked_of(queries, known_ends(snapshot), training=True)


def slow_actions(snapshot: KGSnapshot) -> dict[int, set[tuple[int, int]]]:
    """Of each entity its (directed relation, end), the one that stays among them."""
    found: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for head, relation, tail in snapshot.triples("train").tolist():
        found[head].add((relation, tail))
        found[tail].add((relation + RELATIONS, head))
    for entity in range(ENTITIES):
        found[entity].add((2 * RELATIONS, entity))
    return found


def slow_ways(snapshot: KGSnapshot, asked: Asked, row: int, steps: int) -> list[tuple[int, ...]]:
    """Every walk of some steps that a question allows, as entities and relations in turn."""
    every = slow_actions(snapshot)
    start, relation, target = (int(c[row]) for c in (asked.start, asked.relation, asked.target))
    back = (relation + RELATIONS) % (2 * RELATIONS)
    found: list[tuple[int, ...]] = [(start,)]
    for number in range(steps):
        longer = []
        for way in found:
            at = way[-1]
            ends = []
            for step, end in sorted(every[at]):
                own = target >= 0 and (at, step, end) == (start, relation, target)
                own |= target >= 0 and (at, step, end) == (target, back, start)
                last = number == steps - 1 and bool(asked.hidden[row, end])
                if not own and not last:
                    ends.append((step, end))
            for step, end in ends or [(2 * RELATIONS, at)]:
                longer.append((*way, step, end))
        found = longer
    return found


def test_actions_are_those_of_a_slow_loop(snapshot: KGSnapshot, walks: Walks) -> None:
    every = slow_actions(snapshot)
    assert walks.table.dropped == 0
    for entity in range(ENTITIES):
        first, count = int(walks.table.first[entity]), int(walks.table.count[entity])
        place = slice(first, first + count)
        relations, targets = walks.table.relation[place], walks.table.target[place]
        found = list(zip(relations.tolist(), targets.tolist(), strict=True))
        assert found[0] == (2 * RELATIONS, entity)
        assert set(found) == every[entity]
        assert len(found) == len(every[entity])


def test_the_cap_keeps_targets_of_high_rank(snapshot: KGSnapshot) -> None:
    facts = snapshot.triples("train")
    table = action_table(facts, ENTITIES, RELATIONS, 4)
    assert int(table.count.max()) == 4
    steps = directed_steps(facts.numpy(), RELATIONS)
    assert table.dropped == len(steps) - int((table.count - 1).sum())
    ranks = page_rank(steps, ENTITIES)
    assert ranks.sum() == pytest.approx(1)
    # The same by powers of a dense matrix.
    matrix = np.zeros((ENTITIES, ENTITIES))
    np.add.at(matrix, (steps[:, 2], steps[:, 0]), 1)
    matrix = 0.85 * matrix / matrix.sum(0) + 0.15 / ENTITIES
    assert np.allclose(ranks, np.linalg.matrix_power(matrix, 200)[:, 0])
    for entity in range(ENTITIES):
        place = slice(int(table.first[entity]), int(table.first[entity] + table.count[entity]))
        kept = ranks[table.target[place][1:].numpy()]
        every = sorted(ranks[steps[steps[:, 0] == entity, 2]], reverse=True)
        assert np.allclose(sorted(kept, reverse=True), every[: len(kept)])
    with pytest.raises(UsageError, match="max_actions"):
        action_table(facts, ENTITIES, RELATIONS, 1)


def test_no_walk_uses_the_fact_that_is_asked_for(snapshot: KGSnapshot, walks: Walks) -> None:
    asked = train_asked(snapshot)
    for at_of in (asked.start, asked.target):
        for last in (False, True):
            state = State(torch.arange(len(asked)), at_of, 0)
            actions = walks.actions_at(asked, state, last=last)
            for row in range(len(asked)):
                allowed = actions.allowed[row]
                pairs = zip(
                    actions.relation[row][allowed].tolist(),
                    actions.target[row][allowed].tolist(),
                    strict=True,
                )
                every = slow_actions(snapshot)[int(at_of[row])]
                fact = [int(c[row]) for c in (asked.start, asked.relation, asked.target)]
                own = set()
                if int(at_of[row]) == fact[0]:
                    own.add((fact[1], fact[2]))
                if int(at_of[row]) == fact[2]:
                    own.add(((fact[1] + RELATIONS) % (2 * RELATIONS), fact[0]))
                left = {
                    (step, end)
                    for step, end in every - own
                    if not (last and bool(asked.hidden[row, end]))
                }
                assert set(pairs) == (left or {(2 * RELATIONS, int(at_of[row]))})


def test_hidden_ends_are_the_other_training_answers(snapshot: KGSnapshot) -> None:
    asked = train_asked(snapshot)
    train = {tuple(fact) for fact in snapshot.triples("train").tolist()}
    # Of the others, nothing is its own answer.
    reflexive = {relation for head, relation, tail in train if head == tail}
    assert 0 < len(reflexive) < RELATIONS
    for row in range(len(asked)):
        start, relation, target = (int(c[row]) for c in (asked.start, asked.relation, asked.target))
        for entity in range(ENTITIES):
            fact = (start, relation, entity)
            if relation >= RELATIONS:
                fact = (entity, relation - RELATIONS, start)
            hidden = fact in train or (entity == start and relation % RELATIONS not in reflexive)
            assert bool(asked.hidden[row, entity]) == (hidden and entity != target)
            assert bool(asked.answers[row, entity]) == (entity == target)


def test_walks_are_counted_and_drawn_as_a_slow_loop_finds_them(
    snapshot: KGSnapshot, walks: Walks
) -> None:
    asked = train_asked(snapshot)
    matrix = adjacency(walks.table)
    counts = count_walks(walks, matrix, asked)
    generator = torch.Generator().manual_seed(0)
    found, paths = draw_shortest(walks, asked, counts, generator)
    lengths = counts.length(asked.start)
    for row in range(len(asked)):
        target = int(asked.target[row])
        # By moving steps alone, which no end hides.
        ways = {
            steps: [
                way
                for way in slow_ways(snapshot, asked, row, steps)
                if way[-1] == target and 2 * RELATIONS not in way[1::2]
            ]
            for steps in (1, 2)
        }
        shortest = 0 if target == int(asked.start[row]) else 3
        shortest = min([shortest, *(steps for steps, some in ways.items() if some)])
        assert int(lengths[row]) == (-1 if shortest == 3 else shortest)
        assert bool(found[row]) == (shortest < 3)
        for steps, some in ways.items():
            assert int(counts.left[steps, row, asked.start[row]]) == len(some)
        if shortest in (1, 2):
            pairs = zip(paths.relation[row].tolist(), paths.entity[row].tolist(), strict=True)
            way = tuple(itertools.chain(*pairs))[: 2 * shortest]
            assert (int(asked.start[row]), *way) in ways[shortest]
            assert int(paths.entity[row, -1]) == target
    reached = reachable(walks, known_ends(snapshot), _train(snapshot), training=True)
    assert torch.equal(reached, found)


def _train(snapshot: KGSnapshot) -> Queries:
    return fact_queries(snapshot.triples("train"), RELATIONS)


def test_beams_are_the_likeliest_of_all_walks(snapshot: KGSnapshot, walks: Walks) -> None:
    torch.manual_seed(0)
    policy = Policy(ENTITIES, RELATIONS, width=8, hidden=8, dropout=0.0)
    learner = Reinforce(policy, WalkerSettings())
    queries = fact_queries(snapshot.triples("valid"), RELATIONS)
    asked = asked_of(queries, known_ends(snapshot), training=False)
    # No beam is dropped before its end: what is left is exact.
    beams = beam_search(learner, walks, asked, 5_000)
    logs = merged(beams.log_prob, beams.end, ENTITIES)
    assert torch.allclose(logs.exp(), beams.ends.exp(), atol=1e-5)
    small_ends = beam_search(learner, walks, asked, 100).ends
    # A beam that holds every first step: where it ends is exact.
    assert torch.allclose(small_ends.exp(), beams.ends.exp(), atol=1e-5)
    small = beam_search(learner, walks, asked, 3)
    for row in range(len(asked)):
        exact: dict[tuple[int, ...], float] = {}
        with torch.no_grad():
            for way in slow_ways(snapshot, asked, row, 2):
                exact[way] = _log_prob(policy, walks, asked, row, way)
        found = {}
        start = int(asked.start[row])
        for at in range(beams.log_prob.shape[1]):
            if torch.isfinite(beams.log_prob[row, at]):
                steps = torch.stack((beams.relation[row, at], beams.entity[row, at]), dim=1)
                found[(start, *steps.flatten().tolist())] = float(beams.log_prob[row, at])
        assert found.keys() == exact.keys()
        assert all(found[way] == pytest.approx(exact[way], abs=1e-4) for way in exact)
        assert sum(np.exp(list(found.values()))) == pytest.approx(1, abs=1e-4)
        ends: dict[int, float] = defaultdict(float)
        for way, value in exact.items():
            ends[way[-1]] += float(np.exp(value))
        for entity in range(ENTITIES):
            assert float(logs[row, entity].exp()) == pytest.approx(ends[entity], abs=1e-4)
        best = sorted(small.log_prob[row].tolist(), reverse=True)
        assert best == small.log_prob[row].tolist()


def _log_prob(policy: Policy, walks: Walks, asked: Asked, row: int, way: tuple[int, ...]) -> float:
    """The policy's log-probability of a walk, step by step, without any batch."""
    one = Asked(*(getattr(asked, name)[row : row + 1] for name in Asked.__dataclass_fields__))
    memory = policy.remember_start(one.start)
    total = 0.0
    state = walks.begin(one)
    for number, (relation, end) in enumerate(zip(way[1::2], way[2::2], strict=True)):
        actions = walks.actions(one, state)
        logs = torch.log_softmax(policy.scores(policy.question(one), memory, state.at, actions), 1)
        same = (actions.relation[0] == relation) & (actions.target[0] == end) & actions.allowed[0]
        total += float(logs[0, same.nonzero()[0]])
        state = State(state.row, torch.tensor([end]), number + 1)
        memory = policy.remember(memory, torch.tensor([relation]), torch.tensor([end]))
    return total


def test_unreached_answers_get_the_mean_of_the_ranks_left(snapshot: KGSnapshot) -> None:
    torch.manual_seed(0)
    # One step: most entities are out of reach.
    table = action_table(snapshot.triples("train"), ENTITIES, RELATIONS, 100)
    near = Walks(table, 1)
    policy = Policy(ENTITIES, RELATIONS, width=8, hidden=8, dropout=0.0)
    learner, known = Reinforce(policy, WalkerSettings()), known_ends(snapshot)
    queries = fact_queries(snapshot.triples("test"), RELATIONS)
    ranks = ranks_of_queries(learner, near, known, snapshot, queries, 100)
    asked = asked_of(queries, known, training=False)
    logs = beam_search(learner, near, asked, 100).ends
    every = {tuple(fact) for fact in snapshot.triples().tolist()}
    for row in range(len(queries)):
        start, relation, target = (
            int(c[row]) for c in (queries.start, queries.relation, queries.target)
        )
        scores = {}
        for entity in range(ENTITIES):
            fact = (start, relation, entity)
            if relation >= RELATIONS:
                fact = (entity, relation - RELATIONS, start)
            if fact not in every or entity == target:
                scores[entity] = float(logs[row, entity])
        better = sum(score > scores[target] for score in scores.values())
        equal = sum(score == scores[target] for score in scores.values())
        assert float(ranks[row]) == better + (equal + 1) / 2
    settings = WalkerSettings(steps=1)
    task = fact_task(snapshot, settings)
    found = judge(learner, near, known, task, "test", 100)
    tails, heads = ranks.reciprocal().split(len(ranks) // 2)  # type: ignore[no-untyped-call]
    assert found["mrr"] == pytest.approx(float(ranks.reciprocal().mean()))
    assert found["tail"]["mrr"] == pytest.approx(float(tails.mean()))
    assert found["head"]["mrr"] == pytest.approx(float(heads.mean()))


def test_draws_follow_the_policy() -> None:
    logs = torch.log_softmax(torch.tensor([[0.0, 1.0, -torch.inf, 2.0]]), dim=1)
    many = logs.repeat(40_000, 1)
    generator = torch.Generator().manual_seed(0)
    choice, left = drawn(many, generator, Drawing())
    shares = torch.bincount(choice, minlength=4) / len(many)
    assert torch.allclose(shares, logs[0].exp(), atol=0.01)
    assert torch.allclose(left, torch.ones(len(many)))
    choice, left = drawn(many, generator, Drawing(dropout=0.5))
    assert int((choice == 2).sum()) == 0
    assert (torch.bincount(choice, minlength=4) / len(many))[3] < logs[0, 3].exp()
    # What is left to draw from is one of the sums over subsets that are not empty.
    assert float(left.min()) == pytest.approx(float(logs[0, 0].exp()), abs=1e-5)
    choice, _ = drawn(many, generator, Drawing(exploration=1.0))
    shares = torch.bincount(choice, minlength=4) / len(many)
    assert torch.allclose(shares, torch.tensor([1 / 3, 1 / 3, 0, 1 / 3]), atol=0.01)
    assert float(entropy_of(logs)) == pytest.approx(
        -float(torch.special.xlogy(logs.exp(), logs.exp()).sum()), abs=1e-5
    )


def test_a_walk_that_is_followed_has_the_probability_that_it_was_drawn_with(
    snapshot: KGSnapshot, walks: Walks
) -> None:
    torch.manual_seed(0)
    policy = Policy(ENTITIES, RELATIONS, width=8, hidden=8, dropout=0.0)
    asked = train_asked(snapshot)
    generator = torch.Generator().manual_seed(1)
    rollout = draw(policy, walks, asked, 1, generator, Drawing())
    steps = follow(policy, walks, asked, rollout.paths, None)
    logs = [step.taken(torch.log_softmax(step.scores, dim=1)) for step in steps]
    assert all(bool(step.possible.all()) for step in steps)
    assert torch.allclose(torch.stack(logs).sum(0), rollout.log_prob, atol=1e-5)
    assert torch.equal(rollout.end.at, rollout.paths.entity[:, -1])


def test_ways_that_stay_at_other_times_are_one(snapshot: KGSnapshot, walks: Walks) -> None:
    torch.manual_seed(0)
    learner = Reinforce(
        Policy(ENTITIES, RELATIONS, width=8, hidden=8, dropout=0.0), WalkerSettings()
    )
    queries = fact_queries(snapshot.triples("valid")[:1], RELATIONS, both=False)
    asked = asked_of(queries, known_ends(snapshot), training=False)
    beams = beam_search(learner, walks, asked, 5_000)
    logs = beams.ends[0]
    for entity in range(ENTITIES):
        ways = ways_to(beams, int(asked.start[0]), entity, walks.table.stay)
        only = beam_search(learner, walks, asked, 200, to=entity)
        best = ways_to(only, int(asked.start[0]), entity, walks.table.stay)
        assert {way.moves for way in best} == {way.moves for way in ways}
        assert len({way.moves for way in ways}) == len(ways)
        total = sum(way.probability for way in ways)
        assert total == pytest.approx(float(logs[entity].exp()), abs=1e-5)
        assert all(move.relation != walks.table.stay for way in ways for move in way.moves)


def test_steps_are_as_few_as_reach_nearly_all() -> None:
    chain = [Triple(f"a{i}", "next", f"a{i + 1}", "train") for i in range(9)]
    twice = [Triple(f"a{i}", "again", f"a{i + 1}", "train") for i in range(9)]
    task = fact_task(from_triples(chain + twice), WalkerSettings())
    assert walks_of(task, WalkerSettings()).steps == 2
    assert walks_of(task, WalkerSettings(steps=4)).steps == 4
    # Round a square without its fourth side.
    square = [
        Triple(f"{i}{a}", r, f"{i}{b}", "train")
        for i in range(5)
        for a, r, b in (("a", "p", "b"), ("b", "q", "c"), ("c", "s", "d"), ("a", "t", "d"))
    ]
    assert walks_of(fact_task(from_triples(square), WalkerSettings()), WalkerSettings()).steps == 3
    with pytest.raises(TrainingError, match="none has an answer"):
        walks_of(fact_task(from_triples(chain), WalkerSettings()), WalkerSettings())


def test_questions_in_words_mask_nothing_and_have_several_answers(
    snapshot: KGSnapshot, walks: Walks
) -> None:
    queries = text_queries([0, 3], [[1, 2], [4]], 0)
    asked = asked_of(queries, known_ends(snapshot), training=True)
    assert asked.answers.nonzero().tolist() == [[0, 1], [0, 2], [1, 4]]
    assert not bool(asked.hidden.any())
    actions = walks.actions(asked, walks.begin(asked))
    assert torch.equal(actions.allowed.sum(1), walks.table.count[asked.start])


def test_the_gymnasium_face_is_one() -> None:
    pytest.importorskip("gymnasium")
    from gymnasium.utils.env_checker import check_env

    from kgplatform.walk.gym_env import WalkEnv

    facts = [Triple(f"p{i}", "spouse", f"p{(i + 5) % 16}", "train") for i in range(16)]
    facts += [Triple(f"p{(i + 5) % 16}", "mate", f"p{i}", "train") for i in range(16)]
    task = fact_task(from_triples(facts), WalkerSettings())
    walks = walks_of(task, WalkerSettings())
    env = WalkEnv(walks, task.questions["train"], known_ends(task.snapshot))
    check_env(env, skip_render_check=True)
    observed, told = env.reset(options={"question": 0})
    assert told == {"query": 0}
    # The mate's edge goes the same way back: an answer in one step.
    answer = int(task.questions["train"].target[0])
    right = [
        place
        for place in np.flatnonzero(observed["action_mask"])
        if observed["targets"][place] == answer
    ]
    observed, reward, ended, _, _ = env.step(np.int64(right[0]))
    assert (reward, ended) == (0.0, False)
    _, reward, ended, _, told = env.step(np.int64(0))
    assert (reward, ended, told) == (1.0, True, {"allowed": True})
    observed, _ = env.reset(options={"question": 0})
    wrong = int(np.flatnonzero(observed["action_mask"] == 0)[0])
    assert env.step(np.int64(wrong))[4] == {"allowed": False}
    with pytest.raises(UsageError, match="no question"):
        env.reset(options={"question": 10**6})


def test_relations_that_join_things_to_themselves_are_known() -> None:
    facts = (("a", "next", "b"), ("b", "next", "c"), ("a", "like", "a"), ("b", "like", "c"))
    snapshot = from_triples([Triple(*fact, "train") for fact in facts])
    known = known_ends(snapshot)
    like, following = snapshot.relations.index("like"), snapshot.relations.index("next")
    assert known.reflexive[[like, like + 2]].all()
    assert not known.reflexive[[following, following + 2]].any()
