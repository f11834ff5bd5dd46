"""Facts as sentences."""

import pytest

from kgplatform.text.wording import listed, sentence_of


@pytest.mark.parametrize(
    ("relation", "heads", "tails", "said"),
    [
        ("BORDERS", ["Poland"], ["Germany", "Czechia"], "Poland borders Germany and Czechia."),
        ("BORDERS", ["Germany", "Czechia"], ["Poland"], "Germany and Czechia border Poland."),
        ("HAS_CAPITAL", ["Poland"], ["Warsaw"], "Poland has the capital Warsaw."),
        ("uses_currency", ["A", "B"], ["euro"], "A and B use the currency euro."),
        ("HAS_LANGUAGE", ["A"], ["X", "Y"], "A has the languages X and Y."),
        ("IN_REGION", ["Poland"], ["Europe"], "Poland is in the region Europe."),
        ("NEAR", ["Warsaw", "Lodz"], ["Radom"], "Warsaw and Lodz are near Radom."),
        ("SUBREGION_OF", ["Alps"], ["Europe"], "Alps is a subregion of Europe."),
        ("bornIn", ["Ada"], ["London"], "Ada was born in London."),
        ("writtenIn", ["Polish"], ["Latin"], "Polish is written in Latin."),
        ("died_in", ["Ada"], ["London"], "Ada died in London."),
        ("influenced", ["Ada"], ["Babbage"], "Ada influenced Babbage."),
        ("founded_by", ["Rome"], ["Romulus"], "Rome was founded by Romulus."),
        ("/people/person/place_of_birth", ["Ada"], ["London"], None),
        ("status", ["Pluto"], ["dwarf planet"], "The status of Pluto is dwarf planet."),
    ],
)
def test_relations_become_sentences(
    relation: str, heads: list[str], tails: list[str], said: str | None
) -> None:
    found = sentence_of(relation, heads, tails)
    assert said is None or found == said
    assert found.endswith(".")
    assert all(name in found for name in (*heads, *tails))


def test_names_in_a_row() -> None:
    assert [listed(names) for names in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == [
        "",
        "A",
        "A and B",
        "A, B and C",
    ]
