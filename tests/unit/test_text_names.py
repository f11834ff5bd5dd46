"""Names in texts: borders, case, length, places in any script."""

# ruff: noqa: RUF001

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.errors import InputError
from kgplatform.text.names import Gazetteer


def found(gazetteer: Gazetteer, text: str) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (text[place.start : place.end], tuple(gazetteer.entities[row] for row in place.entities))
        for place in gazetteer.find(text)
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("Paris", "Paris, paris and PARIS", ["Paris", "paris", "PARIS"]),
        ("Paris", "Parisian comparisons of paris_x", []),
        ("Paris", "Paris's (Paris) –Paris—", ["Paris", "Paris", "Paris"]),
        ("IT", "it is IT", ["IT"]),
        ("WHO", "who is the WHO", ["WHO"]),
        ("NATO", "nato and NATO", ["NATO"]),
        ("UNICEF", "unicef and UNICEF", ["unicef", "UNICEF"]),
        ("C", "c and C and C++", ["C", "C"]),
        ("C++", "c++ and C++", ["C++"]),
        ("New York", "new\n  york; New York", ["new\n  york", "New York"]),
        ("café", "cafe\u0301, café and cafe", ["cafe\u0301", "café"]),
        ("cafe", "cafe\u0301 and cafe", ["cafe"]),
        ("Straße", "STRASSE und Straße", ["STRASSE", "Straße"]),
        ("İstanbul", "x İstanbul y", ["İstanbul"]),
        ("O'Brien", "O’Brien", ["O’Brien"]),
        ("北京", "我在北京住", ["北京"]),
        ("한국", "한국 사람", ["한국"]),
        ("😀", "a 😀b 😀", ["😀", "😀"]),
        ("Ångström", "👩‍👩‍👧 A\u030angstro\u0308m", ["A\u030angstro\u0308m"]),
        ("a b", "a  b\u00a0 c", ["a  b"]),
        ("x", "\ud800 x \udfff", ["x"]),
    ],
)
def test_where_a_name_stands(name: str, text: str, expected: list[str]) -> None:
    assert [surface for surface, _ in found(Gazetteer({"e": [name]}), text)] == expected


def test_the_longest_name_wins_and_candidates_are_kept() -> None:
    gazetteer = Gazetteer(
        {
            "york": ["York"],
            "ny": ["New York", "NY"],
            "nyc": ["New York City", "New York"],
            "hall": ["City Hall"],
            "none": ["", "  "],
        }
    )
    text = "New York City Hall, New York, new york, York"
    assert found(gazetteer, text) == [
        ("New York City", ("nyc",)),
        ("New York", ("ny", "nyc")),
        ("new york", ("ny", "nyc")),
        ("York", ("york",)),
    ]
    assert [place.exact for place in gazetteer.find(text)][1:3] == [(True, True), (False, False)]
    assert gazetteer.find("") == []
    with pytest.raises(InputError, match="no entity has a name"):
        Gazetteer({"e": [""]})


def test_a_short_name_in_capitals_is_one_entity_and_the_word_another() -> None:
    gazetteer = Gazetteer({"tech": ["IT"], "pronoun": ["it"]})
    assert found(gazetteer, "it is IT") == [("it", ("pronoun",)), ("IT", ("tech", "pronoun"))]


@given(st.text(alphabet="abAB é\u0301ß東 -'’\n", max_size=30), st.integers(0, 1_000))
def test_as_a_slow_search_finds(text: str, seed: int) -> None:
    """Against a regular expression, names of plain letters that do not overlap."""
    drawn = random.Random(seed)
    name = "".join(drawn.choices("ab", k=drawn.randint(2, 3)))
    slow = [
        (match.start(), match.end())
        for match in re.finditer(rf"(?<![\w\u0301]){name}(?![\w\u0301])", text, re.IGNORECASE)
        if "東" not in text
    ]
    places = Gazetteer({"e": [name]}).find(text)
    if "東" not in text:
        assert [(place.start, place.end) for place in places] == slow
    for place in places:
        assert text[place.start : place.end].lower() == name
