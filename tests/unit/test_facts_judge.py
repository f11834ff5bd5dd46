"""Judging candidates: features, the model of parts, calibration, policy and reasons."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.errors import InputError, UsageError
from kgplatform.facts.background import TrainedModel, background_of
from kgplatform.facts.evidence_features import noisy_or
from kgplatform.facts.features import GROUPS, features_of
from kgplatform.facts.fit_judge import Example, calibrate, fit_judge, taught_judge
from kgplatform.facts.graph_features import graph_features
from kgplatform.facts.judge import Policy, default_judge, judge, policy_of
from kgplatform.facts.judge_model import load_judge, save_judge
from kgplatform.facts.reasons import _KIND
from kgplatform.facts.records import CandidateFact, Evidence
from kgplatform.facts.structure import Structure
from kgplatform.facts.text_plausibility import EncoderScores, TextPlausibility
from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.models import DistMult
from kgplatform.rules.matrices import matrices_of
from kgplatform.rules.mine import MiningConfig, mine_rules
from kgplatform.settings import Settings
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.training.calibrate import expected_calibration_error
from kgplatform.triples import Triple

PEOPLE = 12


def world() -> KGSnapshot:
    """People born in one of three towns, whose citizens they are; two are married."""
    facts = [Triple("town0", "IN", "land0"), Triple("town1", "IN", "land1")]
    for person in range(PEOPLE):
        facts += [
            Triple(f"p{person}", "BORN_IN", f"town{person % 2}"),
            Triple(f"p{person}", "CITIZEN_OF", f"land{person % 2}"),
        ]
    facts += [Triple("p0", "MARRIED", "p1"), Triple("p1", "MARRIED", "p0")]
    # One of them is known to be born, and of no land yet.
    facts.append(Triple("new", "BORN_IN", "town0"))
    return from_triples(facts)


SCHEMA = Schema(
    {"Person": "", "Town": "", "Land": ""},
    {
        "BORN_IN": RelationType("BORN_IN", ("Person",), ("Town",), functional=True),
        "CITIZEN_OF": RelationType("CITIZEN_OF", ("Person",), ("Land",)),
        "MARRIED": RelationType("MARRIED", ("Person",), ("Person",), symmetric=True),
    },
)


def labels(graph: KGSnapshot) -> dict[str, tuple[str, ...]]:
    kinds = {"town": ("Town",), "land": ("Land",)}
    return {name: kinds.get(name[:4], ("Person",)) for name in graph.entities}


def fact(
    head: str, relation: str, tail: str, confidence: float = 0.9, sources: int = 1, **more: object
) -> CandidateFact:
    evidence = tuple(
        Evidence(f"c{at}", f"d{at}", (0, 9), (0, 1), (2, 3), confidence, "test")
        for at in range(sources)
    )
    return replace(CandidateFact(head, relation, tail, evidence), **more)  # type: ignore[arg-type]


def examples(count: int, groups: tuple[str, ...], seed: int = 0) -> list[Example]:
    """Candidates whose truth hangs on the first column of each group."""
    drawn = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        features = {name: float(drawn.normal()) for group in groups for name in GROUPS[group]}
        odds = 2 * sum(features[GROUPS[group][0]] for group in groups)
        true = bool(drawn.random() < 1 / (1 + np.exp(-odds)))
        found.append(Example(features, "R", true))
    return found


def test_documents_are_witnesses_and_statements_of_one_are_not() -> None:
    one = fact("a", "R", "b", 0.5).evidence[0]
    assert noisy_or([one]) == pytest.approx(0.5)
    assert noisy_or([one, replace(one, chunk_id="c9")]) == pytest.approx(0.5)
    assert noisy_or([one, replace(one, source="d9")]) == pytest.approx(0.75)
    assert noisy_or([replace(one, confidence=1.0)]) < 1


def test_where_the_ends_stand_in_a_sentence() -> None:
    one = fact("a", "R", "b")
    far = replace(one.evidence[0], head=(40, 45), tail=(0, 5), sentence=(0, 50), chunk_id="c7")
    nowhere = replace(far, head=None, chunk_id="c8")
    found = features_of(
        [
            one,
            replace(fact("a", "S", "b"), evidence=(far,)),
            replace(fact("b", "R", "c"), evidence=(far,)),
            replace(fact("x", "R", "y"), evidence=(nowhere,)),
        ],
        background_of(world()),
    )
    assert found[0]["between"] == pytest.approx(np.log1p(1))
    assert found[1]["between"] == pytest.approx(np.log1p(35))
    assert [each.get("tail_first") for each in found] == [0, 1, 1, None]
    assert [each["crowd"] for each in found] == pytest.approx([0, np.log(2), np.log(2), 0])
    assert [each["relations"] for each in found] == pytest.approx([np.log(2), np.log(2), 0, 0])
    assert found[3]["named"] == 0


def test_what_is_not_known_is_left_out_and_is_no_zero() -> None:
    graph = world()
    known, half, none = features_of(
        [fact("new", "CITIZEN_OF", "land0"), fact("x", "BORN_IN", "town0"), fact("x", "R", "y")],
        background_of(graph),
    )
    assert {"head_fit", "tail_fit", "joining", "head_alike"} <= set(known)
    assert "tail_count" in half
    assert "head_count" not in half
    assert "joining" not in half
    assert set(none) <= set(GROUPS["evidence"])
    assert all(np.isfinite(list(each.values())).all() for each in (known, half, none))


def test_the_graph_tells_a_likely_fact_from_an_unlikely_one() -> None:
    graph = world()
    background = background_of(graph)
    asked = [fact("new", "CITIZEN_OF", "land0"), fact("new", "CITIZEN_OF", "land1")]
    likely, unlikely = features_of(asked, background)
    assert likely["head_alike"] > 0.9 > 0.1 > unlikely["head_alike"]
    rules = mine_rules(background.matrices, MiningConfig(max_length=2))
    likely, unlikely = features_of(asked, background_of(graph, rules=rules))
    assert likely["rule"] > unlikely["rule"]


def test_contradictions_are_seen() -> None:
    found = features_of(
        [
            fact("p0", "BORN_IN", "town1"),
            fact("new", "CITIZEN_OF", "land0"),
            fact("p0", "BORN_IN", "town0"),
        ],
        background_of(world()),
    )
    assert found[0]["head_clash"] > 0.5
    assert found[1]["head_clash"] == 0
    # The fact itself is no rival of itself.
    assert found[2]["asserted"] == 1
    assert found[2]["head_clash"] == 0
    # p0 is said to be born in two towns by these texts, too.
    assert found[0]["rivals"] > 0 == found[1]["rivals"]


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=25), st.integers(0, 4))
def test_counts_are_those_of_a_slow_loop(rows: list[tuple[int, ...]], asked: int) -> None:
    facts = np.unique(np.array(rows, dtype=np.int64).reshape(-1, 3), axis=0)
    structure = Structure(matrices_of(facts, 5, 5), facts)
    triples = np.array([(h, asked, t) for h in range(5) for t in range(5)])
    have = {tuple(row) for row in facts.tolist()}
    assert structure.asserted(triples).tolist() == [tuple(t) in have for t in triples.tolist()]
    assert not structure.asserted(np.array([[-1, asked, 0], [0, asked, -1]])).any()
    joined, common = structure.between(triples[:, 0], triples[:, 2])
    around = {
        e: {t if h == e else h for h, _, t in have if e in (h, t) and h != t} for e in range(5)
    }
    for row, (head, _, tail) in enumerate(triples.tolist()):
        shared = around[head] & around[tail]
        assert joined[row] == float(tail in around[head])
        assert common[row] == pytest.approx(
            sum(1 / np.log(max(len(around[e]), 2) + 1) for e in shared)
        )


def test_likeness_is_that_of_a_dense_product() -> None:
    drawn = np.random.default_rng(0)
    facts = np.unique(drawn.integers(0, (20, 3, 20), size=(90, 3)), axis=0)
    facts = facts[facts[:, 0] != facts[:, 2]]
    structure = Structure(matrices_of(facts, 20, 3), facts)
    # Each entity by its facts and relations, weighted by how rare they are.
    have: list[set[tuple[int, ...]]] = [set() for _ in range(20)]
    for head, relation, tail in facts.tolist():
        have[head] |= {(relation, tail), (relation,)}
        have[tail] |= {(relation + 3, head), (relation + 3,)}
    count = {one: sum(one in of for of in have) for of in have for one in of}
    weight = {one: np.log(21 / many) if many > 1 else 0.0 for one, many in count.items()}
    length = [np.sqrt(sum(weight[one] ** 2 for one in of)) or 1.0 for of in have]
    asked = drawn.integers(0, (20, 6, 20), size=(60, 3))
    share, nearest = structure.alike(*asked.T)
    for row, (entity, directed, answer) in enumerate(asked.tolist()):
        alike = {
            other: sum(weight[one] ** 2 for one in have[entity] & have[other])
            / (length[entity] * length[other])
            for other in range(20)
            if other != entity
        }
        total = sum(value for other, value in alike.items() if (directed,) in have[other])
        here = [value for other, value in alike.items() if (directed, answer) in have[other]]
        assert share[row] == pytest.approx(sum(here) / total if total > 0 else 0.0)
        assert nearest[row] == pytest.approx(max(here, default=0.0) if total > 0 else 0.0)


def test_models_speak_of_what_they_know_in_their_own_order() -> None:
    graph = world()
    names = tuple(reversed(graph.entities[:-1]))
    kinds = tuple(reversed(graph.relations))
    torch.manual_seed(0)
    model = DistMult(len(names), len(kinds), 4)
    background = background_of(graph, models=[TrainedModel(model, names, kinds)])
    gone = graph.entities[-1]
    known, unknown = features_of(
        [fact("new", "CITIZEN_OF", "land0"), fact(gone, "IN", "land1")], background
    )
    head, tail = (torch.tensor([names.index(name)]) for name in ("new", "land0"))
    with torch.no_grad():
        scores = model.eval().score_tails(head, torch.tensor([kinds.index("CITIZEN_OF")]))[0]
    rank = int((scores > scores[tail]).sum()) + 1
    assert known["model_tail_rank"] == pytest.approx(np.log(rank))
    assert not [name for name in unknown if name.startswith("model")]


def test_texts_speak_for_entities_that_nothing_else_knows() -> None:
    vectors = np.eye(4)
    vectors[1] = (0.9, 0.1, 0, 0)
    scores = EncoderScores(("a", "near", "far", "further"), ("R",), vectors, np.zeros((1, 4)))
    columns = TextPlausibility(scores).features(
        [fact("a", "R", "near"), fact("a", "R", "far"), fact("a", "R", "unknown")]
    )
    assert columns["text_score"][0] > columns["text_score"][1]
    assert columns["text_tail_rank"][0] < columns["text_tail_rank"][1]
    assert np.isnan(columns["text_score"][2])


def test_every_feature_has_a_group_and_words() -> None:
    columns = [name for names in GROUPS.values() for name in names]
    assert len(columns) == len(set(columns))
    assert set(columns) == set(_KIND)
    graph = world()
    rules = mine_rules(background_of(graph).matrices, MiningConfig(max_length=1))
    background = background_of(graph, rules=rules, labels=labels(graph), schema=SCHEMA)
    assert set(features_of([fact("p0", "MARRIED", "p2")], background)[0]) <= set(columns)


def test_a_judge_is_fitted_saved_and_read(tmp_path: Path) -> None:
    both = examples(520, ("evidence", "types"))
    fitted = fit_judge(both, "made-up candidates")
    assert [part.groups for part in fitted.parts] == [
        {"evidence", "types"},
        {"evidence"},
        {"types"},
    ]
    assert fitted.parts[0].said["accuracy"] > 0.75
    assert fitted.parts[0].said["calibration_error"] < 0.08
    save_judge(fitted, tmp_path / "judge.json")
    read = load_judge(tmp_path / "judge.json")
    assert read.fitted_on == "made-up candidates"
    for one, other in zip(fitted.parts, read.parts, strict=True):
        rows, relations = [each.features for each in both[:9]], ["R"] * 9
        said = one.contributions(rows, relations)
        assert np.array_equal(said, other.contributions(rows, relations))
        odds = said.sum(axis=1)
        assert np.array_equal(one.probability(odds), other.probability(odds))


def test_the_part_that_knows_most_of_a_candidate_judges_it() -> None:
    fitted = fit_judge(examples(60, ("evidence", "head")), "made-up")
    evidence = dict.fromkeys(GROUPS["evidence"], 0.0)
    head = dict.fromkeys(GROUPS["head"], 0.0)
    assert fitted.part_for(evidence | head).groups == {"evidence", "head"}
    assert fitted.part_for(evidence | {"tail_fit": 1.0}).groups == {"evidence"}
    with pytest.raises(InputError, match="nothing of candidates with tail"):
        fitted.part_for({"tail_fit": 1.0})
    # A single number that is missing counts as itself, not as a zero or a mean.
    part = fitted.part_for(evidence | head)
    assert np.isnan(part.table([evidence | {"head_count": 1.0}])).any()
    assert np.isfinite(part.contributions([evidence | {"head_count": 1.0}], ["R"])).all()


def test_a_few_judgements_move_the_curve_and_many_make_a_part_anew() -> None:
    start = fit_judge(examples(600, ("evidence", "head")), "made-up", fewer=False)
    # Elsewhere the same things count, and a third as many candidates are true.
    elsewhere = [
        each
        for at, each in enumerate(examples(120, ("evidence", "head"), seed=1))
        if not each.true or at % 3 == 0
    ]
    taught = taught_judge(start, elsewhere, "decisions")
    assert taught.fitted_on == "decisions; before that on made-up"
    (before,), part = start.parts, taught.part_for(elsewhere[0].features)
    assert np.array_equal(part.weights, before.weights)
    rows = [each.features for each in elsewhere]
    said = part.contributions(rows, ["R"] * len(rows)).sum(axis=1)
    share = np.mean([each.true for each in elsewhere])
    assert part.probability(said).mean() == pytest.approx(share, abs=0.05)
    assert before.probability(said).mean() > share + 0.05
    # Where the opposite is true, the old weights are of no use.
    turned = [replace(each, true=not each.true) for each in examples(600, ("evidence", "head"), 2)]
    part = taught_judge(start, turned, "decisions").part_for(turned[0].features)
    assert part.weights[part.columns.index("evidence_odds")] < 0
    with pytest.raises(InputError, match="too few"):
        taught_judge(start, elsewhere[:9], "decisions")


def test_too_few_judgements_fit_nothing() -> None:
    for few in (
        [],
        examples(10, ("evidence",)),
        [replace(e, true=True) for e in examples(50, ("evidence",))],
    ):
        with pytest.raises(InputError, match="too few"):
            fit_judge(few, "too few")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": 9}', '{"format": 1, "parts": [{}], "fitted_on": ""}'],
)
def test_a_file_that_is_no_judge_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "judge.json"
    path.write_text(content)
    with pytest.raises(InputError, match="judge"):
        load_judge(path)


def test_a_judge_with_numbers_that_do_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "judge.json"
    save_judge(fit_judge(examples(60, ("evidence",)), "made-up"), path)
    values = json.loads(path.read_text())
    values["parts"][0]["weights"].pop()
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match="weights does not fit"):
        load_judge(path)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200))
def test_the_calibration_error_is_that_of_a_second_implementation(
    said: list[tuple[float, bool]],
) -> None:
    # Distinct probabilities, so that bins of equal mass are those of equal size.
    confidence = np.array(sorted({round(p, 6) for p, _ in said}))
    label = np.array([said[at][1] for at in range(len(confidence))])
    bins: dict[int, list[tuple[float, bool]]] = {}
    for at, pair in enumerate(zip(confidence.tolist(), label.tolist(), strict=True)):
        bins.setdefault(int((at + 0.5) / len(confidence) * 15), []).append(pair)
    gaps = [abs(sum(t - p for p, t in rows)) for rows in bins.values()]
    expected = sum(gaps) / len(confidence)
    assert expected_calibration_error(confidence, label) == pytest.approx(expected, abs=1e-9)


def test_isotonic_steps_are_those_of_scikit_learn() -> None:
    from sklearn.isotonic import IsotonicRegression

    drawn = np.random.default_rng(0)
    odds = drawn.normal(size=4_000)
    # What Platt's curve cannot follow: a step.
    label = drawn.random(4_000) < np.where(odds > 0.5, 0.8, 0.3)
    found = calibrate(odds, label, np.ones(4_000))
    assert found.curve.method == "isotonic"
    oracle = IsotonicRegression(out_of_bounds="clip").fit(odds, label).predict(odds)
    said = found.curve.confidence(odds, odds)
    # They differ where a step would be surer than its number of examples allows.
    inside = (oracle > 0.01) & (oracle < 0.99)
    assert inside.mean() > 0.9
    assert said[inside] == pytest.approx(oracle[inside], abs=1e-6)


def test_policy_decides_and_reasons_say_why() -> None:
    graph = world()
    background = background_of(graph, labels=labels(graph), schema=SCHEMA)
    candidates = [
        fact("new", "CITIZEN_OF", "land0", 0.95, sources=3),
        fact("new", "CITIZEN_OF", "town1", 0.95, sources=3),
        fact("p0", "BORN_IN", "town0", 0.2),
        fact("p2", "CITIZEN_OF", "land1", 0.02),
        fact("p3", "INVENTED", "land1", 0.99, sources=5, proposed=True),
        fact("p0", "BORN_IN", "town1", 0.99, sources=9),
    ]
    by = default_judge()
    good, typed, asserted, weak, proposed, second = judge(candidates, by, background)
    assert good.status == "accepted"
    assert "3 statements in 3 documents" in " ".join(good.reasons)
    assert typed.status != "accepted"
    assert typed.reasons[0].startswith("against: its tail is a Town, and the schema wants Land")
    assert asserted.status == "accepted"
    assert "already" in asserted.reasons[0]
    assert weak.status == "rejected"
    assert proposed.status == "staged"
    assert second.status != "accepted"
    for each in (good, typed, weak):
        assert 0 < each.confidence < 1
        # The strongest first.
        sizes = [
            abs(float(said.split("(")[1].split(")")[0]))
            for said in each.reasons
            if said.partition(":")[0].endswith(")")
        ]
        assert sizes == sorted(sizes, reverse=True)
    # A proposal is for a person whatever the policy is.
    (proposed,) = judge(candidates[4:5], by, background, Policy(0.01, 0.0, doubts_wait=False))
    assert proposed.status == "staged"
    with pytest.raises(UsageError):
        Policy(accept=0.1, reject=0.9)


def test_flags_go_before_settings() -> None:
    settings = Settings(kgp_accept=0.8, kgp_reject=0.2)
    assert policy_of(settings, None, None) == Policy(0.8, 0.2)
    assert policy_of(settings, 0.95, 0.0) == Policy(0.95, 0.0)
    assert policy_of(Settings(kgp_witnesses=1), None, None).witnesses == 1
    with pytest.raises(UsageError, match="accepted from"):
        policy_of(settings, 0.1, None)


def test_of_two_tails_where_one_is_allowed_the_surest_is_accepted() -> None:
    graph = world()
    background = background_of(graph, labels=labels(graph) | {"x": ("Person",)}, schema=SCHEMA)
    policy = Policy(0.3, 0.05)
    asked = [fact("x", "BORN_IN", "town0", 0.9, 2), fact("x", "BORN_IN", "town1", 0.95, 4)]
    one, other = judge(asked, default_judge(), background, policy)
    assert (one.status, other.status) == ("staged", "accepted")
    assert "'town1'" in one.reasons[0]
    # What held at different times may both be true.
    asked = [replace(asked[0], valid_to="1990"), replace(asked[1], valid_from="1995")]
    assert {each.status for each in judge(asked, default_judge(), background, policy)} == {
        "accepted"
    }


def test_one_document_is_not_enough_for_what_the_graph_does_not_have() -> None:
    graph = world()
    known = background_of(graph, labels=labels(graph) | {"x": ("Person",)}, schema=SCHEMA)
    background = replace(known, new=frozenset({"x"}))
    alone, together = (fact("x", "BORN_IN", "town0", 0.99, documents) for documents in (1, 2))
    lenient = Policy(0.2, 0.05, witnesses=1)
    (waits,) = judge([alone], default_judge(), background, replace(lenient, witnesses=2))
    assert waits.status == "staged"
    assert waits.reasons[0] == ("against: one document states it, and the graph does not have 'x'")
    # Each of these is accepted: two say it, or one is said to be enough, or the graph has its ends.
    for asked, of, policy in (
        (together, background, replace(lenient, witnesses=2)),
        (alone, background, lenient),
        (alone, known, replace(lenient, witnesses=2)),
    ):
        (judged,) = judge([asked], default_judge(), of, policy)
        assert judged.status == "accepted"


def test_nothing_to_judge_is_no_error() -> None:
    assert judge([], default_judge(), background_of(world())) == []
    empty = background_of(from_triples([]), labels={"a": ("Person",)})
    (alone,) = judge([fact("a", "R", "b")], default_judge(), empty)
    assert alone.status in ("staged", "accepted")
    assert graph_features(np.empty((0, 3), dtype=np.int64), background_of(world())).keys()


def test_the_default_judge_says_on_what_it_was_fitted() -> None:
    assert "CoDEx-S" in default_judge().fitted_on
    assert "by hand" in default_judge().fitted_on
