"""Questions made of relations' names, plans by labels, curves, and which answer is taken."""

from __future__ import annotations

import numpy as np
import pytest

from kgplatform.answer.ask_cypher import _query as query_of
from kgplatform.answer.ask_learn import steps_of
from kgplatform.answer.ask_offers import (
    Curve,
    Offer,
    Trust,
    calibrated,
    contradiction,
    surest,
    trusted,
)
from kgplatform.answer.ask_trials import Trial, fit_curve, fit_trust, fit_weight
from kgplatform.answer.phrasing import phrased
from kgplatform.answer.plan_choice import probabilities
from kgplatform.answer.plans import Plan, plans_of, shape_of_rows
from kgplatform.answer.question_links import masked
from kgplatform.answer.question_words import Reading, past_participle, plural, readings
from kgplatform.answer.records import Answer, AnswerEntity
from kgplatform.store.ask import Step

ROWS = [
    {"heads": ["Entity", "Country"], "relation": "HAS_CAPITAL", "tails": ["Entity", "City"],
     "facts": 9},
    {"heads": ["Entity", "Country"], "relation": "BORDERS", "tails": ["Entity", "Country"],
     "facts": 20},
]  # fmt: skip


@pytest.mark.parametrize(
    ("relation", "reading"),
    [
        ("HAS_CAPITAL", Reading("noun", "capital")),
        ("usesCurrency", Reading("noun", "currency", verb="use")),
        ("WRITTEN_IN", Reading("participle", "written", "in")),
        ("IN_REGION", Reading("place", "region", "in")),
        ("SUBREGION_OF", Reading("part", "subregion", "of")),
        ("NEAR", Reading("beside", "near")),
        ("place_of_birth", Reading("noun", "place of birth")),
        ("lives_in", Reading("verb", "live in")),
        ("http://example.org/spouse", Reading("noun", "spouse")),
        ("BORDERS", Reading("verb", "border")),
    ],
)
def test_names_are_read_as_what_they_look_like(relation: str, reading: Reading) -> None:
    assert reading in readings(relation)


def test_words_are_bent() -> None:
    assert [plural(word) for word in ("country", "day", "box", "city")] == [
        "countries", "days", "boxes", "cities",
    ]  # fmt: skip
    assert [past_participle(verb) for verb in ("use", "speak", "live in")] == [
        "used", "spoken", "lived in",
    ]  # fmt: skip


def test_plans_are_those_that_labels_allow() -> None:
    shape = shape_of_rows(ROWS, frozenset({"BORDERS"}))
    plans = plans_of(shape)
    capital, borders = Step("HAS_CAPITAL"), Step("BORDERS")
    assert Plan("follow", (borders, capital)) in plans
    assert Plan("follow", (capital, borders)) not in plans
    assert Plan("both", (borders, borders)) in plans
    # What holds both ways is not asked twice.
    assert Step("BORDERS", True) not in {step for plan in plans for step in plan.steps}
    texts = {(each.text, str(each.plan)) for each in phrased(shape, plans)}
    assert ("what is the capital of X", "follow: HAS_CAPITAL") in texts
    assert ("X is the capital of which country", "follow: ^HAS_CAPITAL") in texts
    assert ("which countries border both X and Y", "both: BORDERS & BORDERS") in texts
    assert ("does X border Y", "check: BORDERS") in texts
    assert all("{" not in text for text, _ in texts)


def test_names_are_masked_in_their_order() -> None:
    question = "Does Spain border Portugal?"
    assert masked(question, [(5, 10), (18, 26)]) == "Does X border Y"
    assert masked("what is john_milton 's job ?", [(8, 19)]) == "what is X 's job"


def test_paths_are_steps() -> None:
    assert steps_of(["^born_in", "spouse"]) == (Step("born_in", True), Step("spouse"))


def test_impossible_plans_have_no_probability() -> None:
    known = np.array([[[1.0], [3.0], [2.0]], [[1.0], [1.0], [1.0]]])
    possible = np.array([[True, False, True], [False, False, False]])
    found = probabilities(np.array([1.0]), known, possible)
    assert found[0, 1] == 0
    assert found[0].sum() == pytest.approx(1)
    assert found[1].sum() == 0


def test_a_curve_trusts_what_is_familiar() -> None:
    generator = np.random.default_rng(0)
    familiar = generator.random(400)
    right = generator.random(400) < familiar
    curve = fit_curve(np.column_stack([np.full(400, 3.0), familiar]), right)
    low, high = calibrated(curve, 0.95, 0.1), calibrated(curve, 0.95, 0.9)
    assert low == pytest.approx(0.1, abs=0.12)
    assert high == pytest.approx(0.9, abs=0.12)
    assert fit_curve(np.empty((0, 2)), np.empty(0)) == Curve()
    always = fit_curve(np.array([[2.0, 1.0]] * 5), np.ones(5, dtype=bool))
    assert np.isfinite([always.slope, always.bias]).all()


def offer(strategy: str, confidence: float, *ids: str, familiar: float = 0.0) -> Offer:
    entities = tuple(AnswerEntity(each, each, confidence, "asserted") for each in ids)
    return Offer(
        Answer("?", ", ".join(ids), entities, strategy, confidence), frozenset(ids), familiar
    )


def test_a_query_that_says_the_same_is_taken() -> None:
    template, joint = offer("template", 0.7, "a", "b"), offer("joint", 0.9, "b")
    best = surest([template, joint])
    assert best is not None
    assert (best.strategy, best.confidence, len(best.answers)) == ("template", 0.9, 2)
    other = surest([template, offer("joint", 0.9, "c")])
    assert other is not None
    assert other.strategy == "joint"
    assert surest([]) is None


def test_contradiction_counts_against_an_answer() -> None:
    template, joint, walker = (
        offer("template", 0.5, "a", "b"), offer("joint", 0.8, "b"), offer("walker", 0.4, "c")
    )  # fmt: skip
    said = [template, joint, walker]
    assert contradiction(joint, said) == -0.4
    assert contradiction(walker, said) == -0.8
    assert contradiction(joint, [template, joint]) == 0
    assert contradiction(joint, [offer("template", 0.9), joint]) == -0.9, "yes or no is no entity"
    trust = Trust(together={"joint": 2.0})
    against = trusted([offer("template", 0.5, "z"), joint], trust)
    assert against[0] == offer("template", 0.5, "z")
    assert against[1].answer.confidence == pytest.approx(1 / (1 + np.exp(1) / 4))
    assert against[1].answer.answers[0].confidence == against[1].answer.confidence
    assert trusted([template, joint], trust) == [template, joint]


def test_the_weight_of_others_is_found_again_and_never_below_0() -> None:
    generator = np.random.default_rng(0)
    seen = generator.normal(0, [2.0, 0.6], (20_000, 2))
    for weight, found in ((1.5, 1.5), (0.0, 0.0), (-2.0, 0.0)):
        likely = 1 / (1 + np.exp(-(seen[:, 0] + weight * seen[:, 1])))
        fitted = fit_weight(seen, generator.random(len(seen)) < likely)
        assert fitted == pytest.approx(found, abs=0.12)
        assert fitted >= 0


def test_whom_to_believe_is_learnt_from_questions_with_answers() -> None:
    """A run is always sure: right where it was trained, wrong elsewhere; templates the reverse."""
    generator = np.random.default_rng(0)
    trials, offers = [], []
    for at in range(120):
        trained = at % 2 == 0
        right = generator.random() < 0.95
        trials.append(Trial("?", frozenset({"right"})))
        familiar = generator.normal(0.9 if trained else 0.7, 0.05)
        joint = offer("joint", 0.97, "right" if right == trained else "wrong", familiar=familiar)
        template = offer("template", 0.6, "wrong" if right == trained else "right")
        offers.append([template, joint])
    trust = fit_trust(trials, offers, ["joint"])
    found = [surest(trusted(each, trust)) for each in offers]
    first = [each.answers[0].id == "right" for each in found if each is not None]
    assert sum(first) / len(trials) >= 0.85
    assert min(trust.together.values()) > 0
    strange = offer("joint", 0.97, "wrong", familiar=0.7)
    alone, beside = (
        next(each for each in trusted(said, trust) if each.strategy == "joint").answer.confidence
        for said in ([strange], [offer("template", 0.9, "right"), strange])
    )
    assert beside < alone < 0.5
    assert fit_trust([], [], ["joint"]) == Trust({"joint": Curve()}, {"template": 0, "joint": 0})
    counted = Trial("?", frozenset({"a", "b"}), count=True)
    number = Answer("?", "2: a, b", (), "template", 0.9)
    assert counted.right(Offer(number, frozenset()))
    assert not counted.right(offer("joint", 0.9, "a"))


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ('{"cypher": "RETURN 1"}', "RETURN 1"),
        ('Here: {"cypher": "RETURN 1"} yes', "RETURN 1"),
        ('{"cypher": ""}', None),
        ('{"query": "RETURN 1"}', None),
        ("RETURN 1", None),
        ('{"cypher": "RETURN', None),
        ("", None),
    ],
)
def test_what_a_model_says_is_read_leniently(text: str, query: str | None) -> None:
    assert query_of(text) == query
