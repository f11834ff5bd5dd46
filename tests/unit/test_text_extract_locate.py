"""Where a text has the names that a model gives."""

# Letters that look alike are the subject here.
# ruff: noqa: RUF001

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.text.chunk import sentences
from kgplatform.text.extract.locate import Folded, locate

TEXT = (
    "Frédéric  Chopin was born in Żelazowa Wola. The Czech Republic's capital, Prague, is "
    "“old”. In 1831 Chopin went to Paris; Parisians loved him.\nStraße des 17. Juni–Nord."
)


def found(name: str, text: str = TEXT) -> list[str]:
    spans = locate(name, text, Folded(text), list(sentences(text)))
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("Chopin", ["Chopin", "Chopin"]),
        ("Paris", ["Paris"]),
        ("paris", ["Paris"]),
        ("Frederic Chopin", ["Frédéric  Chopin"]),
        ("frédéric chopin", ["Frédéric  Chopin"]),
        ("Zelazowa Wola", ["Żelazowa Wola"]),
        ("Żelazowa Wołą", ["Żelazowa Wola"]),
        ("the Czech Republic", ["The Czech Republic"]),
        ("a Prague", ["Prague"]),
        ('"old"', ["old"]),
        ("Strasse des 17. Juni-Nord", ["Straße des 17. Juni–Nord"]),
        ("Zelazova Wola", ["Żelazowa Wola"]),
        ("Czech Republics", ["Czech Republic"]),
        ("1831", ["1831"]),
        # Other numbers and other words are other things.
        ("1832", []),
        ("Straße des 18. Juni", []),
        ("Pari", []),
        ("Czechia", []),
        ("Warsaw", []),
        ("", []),
        (" '' ", []),
        ("the", ["The"]),
    ],
)
def test_places_of_a_name(name: str, places: list[str]) -> None:
    assert found(name) == places


def test_only_some_sentences_are_looked_at() -> None:
    spans = list(sentences(TEXT))
    assert locate("Chopin", TEXT, Folded(TEXT), spans[1:2]) == []
    (place,) = locate("chopin", TEXT, Folded(TEXT), spans[2:])
    assert TEXT[slice(*place)] == "Chopin"
    assert place[0] > spans[2][0]
    assert locate("Chopin", TEXT, Folded(TEXT), []) == []


LETTERS = st.text(st.sampled_from("aAéÉßﬁ \n\t.İ’-–x1"), max_size=40)


@given(LETTERS, LETTERS)
def test_places_are_whole_words_of_the_text(text: str, name: str) -> None:
    for start, end in locate(name, text, Folded(text), list(sentences(text))):
        assert 0 <= start < end <= len(text)
        for at in (start, end):
            assert not (0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum())


@given(
    st.lists(st.sampled_from(["Ana", "de", "Ávila", "the", "42", "Łódź"]), min_size=1), st.data()
)
def test_what_the_text_has_is_found(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first + 1, len(words)))
    name = " ".join(words[first:last])
    assert name in found(name, text)
    assert name.casefold() in {place.casefold() for place in found(name.upper(), text)}
