"""Mining, applying and combining rules, against loops that follow the definitions."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from kgplatform.errors import InputError, TrainingError, UnknownNameError, UsageError
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.models import DistMult
from kgplatform.rules.apply import BITS, DEPTH, MOST_LEVELS, Applier, best_confidence, keys_of
from kgplatform.rules.combine import evaluate_combined, learn_combination
from kgplatform.rules.count import count_rule
from kgplatform.rules.evaluate import (
    all_in_splits,
    choose_length,
    evaluate_on_splits,
    train_matrices,
)
from kgplatform.rules.files import find_rules, load_rules, node_properties, save_rules
from kgplatform.rules.matrices import RelationMatrices, matrices_of
from kgplatform.rules.mine import MiningConfig, mine_rules
from kgplatform.rules.predict import RulePredictor
from kgplatform.rules.table import NONE, RuleTable, rule_text
from kgplatform.triples import Triple

ENTITIES, RELATIONS = 7, 2
ALL = MiningConfig(min_support=1, min_confidence=0, rules_a_head=10**6, rules_a_constant=10**6)


def random_facts(seed: int, facts: int = 26) -> np.ndarray:
    """With loops, repeats, inverse pairs and pairs of several relations, as they come."""
    rng = np.random.default_rng(seed)
    sizes = (ENTITIES, RELATIONS, ENTITIES)
    return np.stack([rng.integers(0, size, facts) for size in sizes], axis=1)


def graph(seed: int) -> RelationMatrices:
    return matrices_of(random_facts(seed), ENTITIES, RELATIONS)


def joins(facts: set[tuple[int, int, int]], directed: int, start: int, end: int) -> bool:
    if directed < RELATIONS:
        return (start, directed, end) in facts
    return (end, directed - RELATIONS, start) in facts


def joined_pairs(facts: set[tuple[int, int, int]], body: tuple[int, ...]) -> set[tuple[int, int]]:
    """Ends of all walks over a body on which no entity stands twice."""
    found = set()
    for walk in product(range(ENTITIES), repeat=len(body) + 1):
        if len(set(walk)) == len(walk) and all(
            joins(facts, atom, walk[i], walk[i + 1]) for i, atom in enumerate(body)
        ):
            found.add((walk[0], walk[-1]))
    return found


def having(facts: set[tuple[int, int, int]], directed: int, end: int | None) -> set[int]:
    ends = range(ENTITIES) if end is None else [end]
    return {x for x in range(ENTITIES) for y in ends if x != y and joins(facts, directed, x, y)}


def body_of(rules: RuleTable, row: int) -> tuple[int, ...]:
    return tuple(int(atom) for atom in rules.body[row] if atom != NONE)


@pytest.mark.parametrize("seed", range(3))
def test_closed_rules_are_those_that_a_loop_over_all_walks_finds(seed: int) -> None:
    matrices = graph(seed)
    facts = {(h, r, t) for h, r, t in matrices.facts.tolist()}
    rules = mine_rules(matrices, ALL)
    closed = rules[rules.is_closed]
    mined = {
        (int(closed.head[i]), body_of(closed, i)): (int(closed.support[i]), int(size))
        for i, size in enumerate(closed.body_size)
    }
    expected = {}
    for length in (1, 2, 3):
        for body in product(range(2 * RELATIONS), repeat=length):
            pairs = joined_pairs(facts, body)
            for head in range(RELATIONS):
                support = sum(joins(facts, head, *pair) for pair in pairs)
                if support and body != (head,):
                    expected[head, body] = (support, len(pairs))
    assert mined == expected
    assert not closed.sampled.any()


@pytest.mark.parametrize("seed", range(3))
def test_rules_with_constants_are_those_that_a_loop_finds(seed: int) -> None:
    matrices = graph(seed)
    facts = {(h, r, t) for h, r, t in matrices.facts.tolist()}
    rules = mine_rules(matrices, ALL)
    rules = rules[~rules.is_closed]
    names = (rules.head, rules.head_entity, rules.body[:, 0], rules.body_entity)
    mined = dict(
        zip(
            zip(*(column.tolist() for column in names), strict=True),
            zip(rules.support.tolist(), rules.body_size.tolist(), strict=True),
            strict=True,
        )
    )
    expected = {}
    directed = range(2 * RELATIONS)
    for head, constant, body in product(directed, range(ENTITIES), directed):
        target = having(facts, head, constant)
        for end in [*range(ENTITIES), None]:
            feature = having(facts, body, end)
            trivial = body == head and end in (None, constant)
            if (support := len(target & feature)) and not trivial:
                key = (head, constant, body, NONE if end is None else end)
                expected[key] = (support, len(feature))
    assert mined == expected


def test_one_rule_is_counted_as_a_loop_over_all_walks_counts_it() -> None:
    matrices = graph(3)
    facts = {(int(h), int(r), int(t)) for h, r, t in random_facts(3)}
    names = ["p", "q"]
    for length in (1, 2, 3):
        for head, *body in product(range(2 * RELATIONS), repeat=length + 1):
            counted = count_rule(matrices, head, body, names)
            if body == [head]:
                assert counted is None
                continue
            assert counted is not None
            pairs = joined_pairs(facts, tuple(body))
            support = sum(joins(facts, head, *pair) for pair in pairs)
            assert (counted.support, counted.body_size) == (support, len(pairs))
            assert counted.confidence == support / (len(pairs) + 5)
            assert counted.precision == (support / len(pairs) if pairs else 0)
    assert count_rule(matrices, 0, [1, 1, 1, 1], names) is None
    assert count_rule(matrices, 0, [], names) is None
    turned = count_rule(matrices, 2, [3], names)
    assert turned is not None
    assert turned.rule == "p(X,Y) <- q(X,Y)"


def firing(
    matrices: RelationMatrices, rules: RuleTable
) -> Iterator[tuple[int, int, set[tuple[int, int]]]]:
    """Row, relation of the head, and the (head, tail) pairs that each rule gives."""
    facts = {(h, r, t) for h, r, t in matrices.facts.tolist()}
    for row in range(len(rules)):
        head, constant = int(rules.head[row]), int(rules.head_entity[row])
        if constant == NONE:
            pairs = joined_pairs(facts, body_of(rules, row))
        else:
            end = int(rules.body_entity[row])
            found = having(facts, body_of(rules, row)[0], None if end == NONE else end)
            pairs = {(x, constant) for x in found if x != constant}
            if head >= RELATIONS:
                pairs = {(tail, x) for x, tail in pairs}
        yield row, head % RELATIONS, pairs


def test_answers_are_ordered_by_their_rules_confidences_one_after_the_other() -> None:
    matrices = graph(5)
    rules = mine_rules(matrices, MiningConfig(min_support=2))
    given: dict[tuple[int, int, int], list[float]] = {}
    for row, relation, pairs in firing(matrices, rules):
        for head, tail in pairs:
            given.setdefault((head, relation, tail), []).append(float(rules.confidence[row]))
    applier = Applier(matrices, rules)
    asked = np.array([4, 0, 1, 2, 6])
    for directed in range(2 * RELATIONS):
        relation = directed % RELATIONS
        keys = keys_of(applier, directed, asked)
        best = best_confidence(applier, relation, keys)
        for place, entity in enumerate(asked.tolist()):
            worth = []
            for answer in range(ENTITIES):
                ends = (entity, answer) if directed == relation else (answer, entity)
                sure = sorted(given.get((ends[0], relation, ends[1]), []), reverse=True)
                worth.append(sure[:DEPTH])
                assert best[place, answer] == pytest.approx(max(sure, default=0.0))
            order = sorted(range(ENTITIES), key=lambda a: worth[a])
            assert len(set(map(tuple, worth))) == len(np.unique(keys[place]))
            assert (np.diff(keys[place][order]) >= 0).all()


def test_the_four_best_confidences_of_an_answer_fit_one_number() -> None:
    assert DEPTH * BITS < 63
    assert MOST_LEVELS == 2**BITS - 1


def test_a_sampled_rule_says_so_and_is_near_the_exact_one() -> None:
    rng = np.random.default_rng(0)
    facts = np.stack(
        [rng.integers(0, 200, 2_000), np.zeros(2_000, int), rng.integers(0, 200, 2_000)]
    )
    matrices = matrices_of(facts.T, 200, 1)
    exact = mine_rules(matrices, MiningConfig(constants=False))
    some = mine_rules(matrices, MiningConfig(constants=False, walks_a_product=40_000))
    sampled = {body_of(some, i): some[np.array([i])] for i in np.flatnonzero(some.sampled).tolist()}
    assert sampled
    assert all(len(body) == 3 for body in sampled)
    for i in range(len(exact)):
        rule = sampled.get(body_of(exact, i))
        if rule is not None:
            assert rule.confidence[0] == pytest.approx(exact.confidence[i], rel=0.25)


FAMILY = [
    *(("ann", "parentOf", child) for child in ("bob", "cat", "dan")),
    *((f"{name}", "parentOf", f"{name}-{i}") for name in ("bob", "cat", "dan") for i in range(4)),
    *((f"{name}-{i}", "childOf", name) for name in ("bob", "cat", "dan") for i in range(4)),
    *(("ann", "grandparentOf", f"{name}-{i}") for name in ("bob", "cat") for i in range(4)),
    *((f"{name}-{i}", "surname", "o'neil") for name in ("bob", "cat") for i in range(4)),
]


def family() -> KGSnapshot:
    held = {("ann", "grandparentOf", "cat-3"): "valid", ("bob-3", "childOf", "bob"): "test"}
    return from_triples(
        Triple(*fact, held.get(fact, "train"))  # type: ignore[arg-type]
        for fact in FAMILY
    )


def test_a_rule_is_written_as_logic_writes_it() -> None:
    snapshot = family()
    rules = mine_rules(train_matrices(snapshot), MiningConfig(min_support=3))
    texts = [rule_text(rules, i, snapshot.entities, snapshot.relations) for i in range(len(rules))]
    assert "grandparentOf(X,Y) <- parentOf(X,A), parentOf(A,Y)" in texts
    assert "grandparentOf(X,Y) <- parentOf(X,A), childOf(Y,A)" in texts
    assert "parentOf(X,Y) <- childOf(Y,X)" in texts
    assert "surname(X,'o\\'neil') <- childOf(X,bob)" in texts
    assert "grandparentOf(ann,X) <- childOf(X,A)" in texts


def test_a_prediction_names_its_rules_and_the_facts_that_fulfil_them() -> None:
    snapshot = family()
    matrices = train_matrices(snapshot)
    rules = mine_rules(matrices, MiningConfig(min_support=3))
    predictor = RulePredictor(snapshot, matrices, rules)
    links = predictor.predict("grandparentOf", head="ann")
    # cat-3 is known in valid, so it is not predicted; those of dan are new.
    assert [link.tail for link in links[:4]] == [f"dan-{i}" for i in range(4)]
    first = links[0]
    assert first.confidence == first.reasons[0].confidence
    (reason,) = [r for r in first.reasons if r.rule.endswith("parentOf(X,A), parentOf(A,Y)")]
    assert reason.facts == (("ann", "parentOf", "dan"), ("dan", "parentOf", "dan-0"))
    assert predictor.predict("grandparentOf", tail="dan-2")[0].head == "ann"
    with pytest.raises(UsageError):
        predictor.predict("grandparentOf")
    with pytest.raises(UnknownNameError) as error:
        predictor.predict("grandparentof", head="ann")
    assert "grandparentOf" in error.value.hint
    with pytest.raises(InputError) as wrong:
        predictor.predict("grandparentOf", head="anna")
    assert "ann" in wrong.value.hint


def test_rules_alone_are_ranked_with_realistic_ties() -> None:
    snapshot = family()
    matrices = train_matrices(snapshot)
    rules = mine_rules(matrices, MiningConfig(min_support=3))
    metrics = evaluate_on_splits(Applier(matrices, rules), snapshot)
    assert metrics["test"]["tail"]["mrr"] == 1.0
    nothing = evaluate_on_splits(Applier(matrices, rules[np.array([], int)]), snapshot)
    # Of the entities that do not compete, all share the middle rank.
    assert nothing["test"]["tail"]["mean_rank"] == (len(snapshot.entities) + 1) / 2
    assert choose_length(matrices, rules, snapshot) in (1, 2, 3)


def test_the_weight_of_rules_is_learned_on_validation() -> None:
    snapshot = family()
    matrices = train_matrices(snapshot)
    applier = Applier(matrices, mine_rules(matrices, MiningConfig(min_support=3)))
    model = DistMult(
        snapshot.num_entities,
        snapshot.num_relations,
        8,
        generator=torch.Generator().manual_seed(0),
    )
    combination = learn_combination(model, applier, snapshot)
    metrics = evaluate_combined(model, applier, snapshot, combination)
    assert metrics["both"]["valid"]["mrr"] >= max(
        metrics["rules"]["valid"]["mrr"], metrics["model"]["valid"]["mrr"]
    )
    # An untrained model is no help; rules are.
    assert combination.common > 0
    everything = snapshot.with_split(torch.zeros_like(snapshot.split))
    with pytest.raises(TrainingError):
        learn_combination(model, applier, everything)


def test_rules_are_kept_in_a_folder_and_fit_their_graph_alone(tmp_path: Path) -> None:
    snapshot = family()
    config = MiningConfig(min_support=3)
    rules = mine_rules(train_matrices(snapshot), config)
    kept = save_rules(tmp_path, snapshot, rules, config, {"graph": "family"}, 30)
    found = find_rules(tmp_path, "latest")
    assert found == kept
    again = load_rules(found, snapshot)
    for name in ("head", "head_entity", "body", "body_entity", "support", "body_size", "sampled"):
        assert np.array_equal(getattr(again, name), getattr(rules, name)), name
    node = node_properties(found, 1)[0]
    assert node["name"].endswith(f" <- {node['body']}")
    other = all_in_splits(from_triples([Triple("a", "b", "c")]))
    with pytest.raises(InputError, match="has changed"):
        load_rules(found, other)
    with pytest.raises(UnknownNameError):
        find_rules(tmp_path, "nonsense")
    (kept.folder / "rules.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read"):
        find_rules(tmp_path, "latest")


@pytest.mark.parametrize(
    "wrong", [{"max_length": 4}, {"min_support": 0}, {"min_confidence": 1.5}, {"rules_a_head": 0}]
)
def test_what_cannot_be_mined_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        MiningConfig(**wrong)  # type: ignore[arg-type]


def test_a_graph_of_loops_alone_has_no_rules() -> None:
    matrices = matrices_of(np.array([[0, 0, 0]]), 1, 1)
    assert len(mine_rules(matrices, MiningConfig())) == 0
