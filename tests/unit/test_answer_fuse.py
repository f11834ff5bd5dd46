"""Rankings made one: against a slow loop, and weights that bring the right ones first."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.answer.fuse import (
    CHANNELS,
    RECIPROCAL,
    Weights,
    fuse,
    learn,
    load_weights,
    reciprocal_rank,
    save_weights,
)
from kgplatform.errors import InputError
from kgplatform.store.find import Key


def key(name: str) -> Key:
    return Key(name, False)


RANKING = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


@given(st.dictionaries(st.sampled_from(CHANNELS), RANKING))
def test_reciprocal_ranks_are_those_of_the_paper(orders: dict[str, list[str]]) -> None:
    rankings = {
        channel: [(key(name), 1.0 / (1 + at)) for at, name in enumerate(order)]
        for channel, order in orders.items()
    }
    slow: dict[str, float] = {}
    for order in orders.values():
        for at, name in enumerate(order):
            slow[name] = slow.get(name, 0.0) + 1 / (60 + at + 1)
    fused = fuse(rankings, RECIPROCAL)
    assert {found.id for found, _ in fused} == set(slow)
    most = sum(1 / 61 for order in orders.values() if order)
    for found, score in fused:
        assert score == pytest.approx(slow[found.id] / most)
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)
    assert all(0 < score <= 1 + 1e-9 for _, score in fused)


def test_what_is_right_by_one_channel_is_learned() -> None:
    names = "abcdef"
    examples = []
    for at, right in enumerate(names):
        others = [name for name in names if name != right]
        text = [(key(name), 0.9 - 0.1 * rank) for rank, name in enumerate([right, *others])]
        graph = [(key(name), 0.5) for name in others[at % 3 :] + others[: at % 3]]
        examples.append(({"text": text, "graph": graph, "name": []}, key(right)))
    alone = [reciprocal_rank(fuse(rankings, RECIPROCAL), right) for rankings, right in examples]
    weights = learn(examples, {"graph": "g"})
    taught = [reciprocal_rank(fuse(rankings, weights), right) for rankings, right in examples]
    assert sum(alone) < sum(taught) == len(examples)
    assert weights.rank["text"] > weights.rank["graph"] >= 0
    assert weights.learned == {"examples": 6, "found": 6, "graph": "g"}
    # What no channel found teaches nothing, and is no reason to stop.
    missed = [*examples, ({"text": [(key("a"), 1.0)]}, key("z"))]
    assert learn(missed).rank == weights.rank
    with pytest.raises(InputError, match="none of 1"):
        learn(missed[-1:])


def test_weights_are_a_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    weights = Weights({"text": 1.0, "graph": 0.5}, {"text": 2.0}, 7.0, {"examples": 3})
    save_weights(weights, path)
    assert load_weights(path) == weights
    content = json.loads(path.read_text())
    refused: list[Any] = [
        {**content, "format": "another"},
        {**content, "rank": {"smell": 1.0}},
        {**content, "rank": {"text": -1}},
        {**content, "rank": {"text": float("nan")}},
        {**content, "rank": {}, "score": {}},
        {**content, "k": 0},
        [],
    ]
    for wrong in refused:
        path.write_text(json.dumps(wrong))
        with pytest.raises(InputError):
            load_weights(path)
    path.write_text("no json")
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(tmp_path / "none.json")


def test_a_tie_has_its_mean_rank() -> None:
    ranking = [(key("a"), 2.0), (key("b"), 1.0), (key("c"), 1.0)]
    scores = dict(fuse({"facts": ranking}, RECIPROCAL))
    assert scores[key("b")] == scores[key("c")] == pytest.approx(61 / 62.5)


def test_nothing_found_is_nothing() -> None:
    assert fuse({}) == fuse({"text": []}) == []
    assert reciprocal_rank([], key("a")) == 0
    assert set(RECIPROCAL.rank) == set(CHANNELS)
