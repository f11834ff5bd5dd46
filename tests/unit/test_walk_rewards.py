"""Rewards of texts by cases computed by hand; paths in words."""

from __future__ import annotations

import pytest

from kgplatform.errors import InputError, UsageError
from kgplatform.walk.generate import (
    Entities,
    Example,
    Step,
    check_path,
    copied_answer,
    prompt_of,
    template_answer,
)
from kgplatform.walk.text_rewards import Rewarder, RewardWeights, Told, means, normalised

PATH = (
    Step("ada", "spouse", "william king"),
    Step("william king", "place_of_birth", "london"),
)
NAMES = ["ada", "william king", "london", "paris", "ockham park", "the hague"]
ASKED = Told("where was the husband of ada born ?", ("london",), PATH)
ENTITIES = Entities(NAMES, {"the hague": ["den haag"]})


@pytest.mark.parametrize(
    ("text", "exact", "f1", "grounding"),
    [
        ("London.", 1, 1, 1),
        # The question names Ada already; William King is another answer, though a true fact.
        ("The husband of Ada was born in London.", 1, 1, 1),
        ("Ada's husband William King was born in London.", 0, 2 / 3, 1),
        ("London or Paris", 0, 2 / 3, 1 / 2),
        ("London, Paris and Ockham Park", 0, 1 / 2, 1 / 3),
        ("Paris", 0, 0, 0),
        ("Ada", 0, 0, 1),
        ("nobody knows", 0, 0, 0),
        ("", 0, 0, 0),
        ("London London London", 1, 1, 1),
        ("Londonderry", 0, 0, 0),
    ],
)
def test_terms_by_hand(text: str, exact: float, f1: float, grounding: float) -> None:
    (reward,) = Rewarder(ENTITIES)([text], [ASKED])
    assert (reward.exact_match, reward.entity_f1) == pytest.approx((exact, f1))
    assert reward.grounding == pytest.approx(grounding)
    assert reward.fluency is None
    assert reward.accuracy == pytest.approx(exact + 0.5 * f1)
    assert reward.total == pytest.approx(exact + 0.5 * f1 + 0.25 * grounding)


def test_several_answers_and_names() -> None:
    asked = Told("who lives in ockham park?", ("ada", "the hague"), PATH)
    one, both, alias, marks = Rewarder(ENTITIES)(
        ["Ada", "Ada, and The Hague", "Den Haag", "the-hague"], [asked] * 4
    )
    assert (one.exact_match, one.entity_f1) == pytest.approx((1, 2 / 3))
    assert (both.exact_match, both.entity_f1, both.grounding) == pytest.approx((1, 1, 1 / 2))
    assert (alias.exact_match, alias.entity_f1, alias.grounding) == pytest.approx((1, 2 / 3, 0))
    assert marks.exact_match == 0
    dotted = Entities(["j. s. bach"])
    (bach,) = Rewarder(dotted)(["J S Bach"], [Told("who?", ("j. s. bach",), ())])
    assert (bach.exact_match, bach.entity_f1, bach.grounding) == (1, 1, 0)


def test_an_answer_that_the_question_names_counts() -> None:
    asked = Told("who is the spouse of the spouse of ada?", ("ada",), PATH)
    (reward,) = Rewarder(ENTITIES)(["Ada"], [asked])
    assert reward.exact_match == 1


def test_one_name_of_several_entities() -> None:
    entities = Entities(["paris (france)", "paris (texas)"], {
        "paris (france)": ["Paris"], "paris (texas)": ["Paris"],
    })  # fmt: skip
    assert entities.named_in("In Paris.") == [frozenset({"paris (france)", "paris (texas)"})]
    (reward,) = Rewarder(entities)(["Paris"], [Told("where?", ("paris (texas)",), ())])
    assert (reward.exact_match, reward.entity_f1) == (1, 1)


def test_weights_and_means() -> None:
    weights = RewardWeights(exact_match=0, entity_f1=2, grounding=0, fluency=0)
    rewards = Rewarder(ENTITIES, weights)(["London", "London or Paris"], [ASKED] * 2)
    assert [reward.total for reward in rewards] == pytest.approx([2, 4 / 3])
    assert dict(means(rewards)) == pytest.approx(
        {"exact_match": 0.5, "entity_f1": 5 / 6, "grounding": 0.75, "accuracy": 5 / 3,
         "total": 5 / 3}
    )  # fmt: skip
    for wrong in ({"fluency": -1.0}, dict.fromkeys(RewardWeights.__dataclass_fields__, 0.0)):
        with pytest.raises(UsageError, match="weights of rewards"):
            RewardWeights(**wrong)
    with pytest.raises(InputError, match="'rome' is not among the names"):
        Rewarder(ENTITIES)(["Rome"], [Told("where?", ("rome",), PATH)])
    with pytest.raises(InputError, match="no rewards"):
        means([])
    assert normalised("The  Hague, a city!") == "hague city"


def test_paths_in_words() -> None:
    assert copied_answer(PATH) == "london"
    assert template_answer(PATH) == "The place of birth of the spouse of ada is london."
    back = (Step("ada", "PARENTS", "lord byron", inverse=True),)
    assert back[0].start == "lord byron"
    assert template_answer(back) == "The one whose parents is lord byron is ada."
    assert prompt_of("where?", PATH).endswith(
        "\n\nFacts: The spouse of ada is william king. The place of birth of william king is "
        "london.\nQuestion: where?\nAnswer:"
    )
    shown = prompt_of("where ?", PATH, [Example("who?", PATH[:1], "It is he.")], facts=False)
    assert shown.endswith("\n\nQuestion: who?\nAnswer: It is he.\n\nQuestion: where ?\nAnswer:")
    assert "Facts" not in shown
    with pytest.raises(InputError, match="step 2 begins at 'paris', the one before ended at"):
        check_path((PATH[0], Step("paris", "r", "x")))
    with pytest.raises(InputError, match="without steps"):
        template_answer(())
