"""Relations taken to a schema, dates, and ends that were invented."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.text.encode import load_encoder
from kgplatform.text.extract.dates import dates_in
from kgplatform.text.extract.kinds import is_trade, labels_by_kind
from kgplatform.text.extract.phrases import form_of
from kgplatform.text.extract.places import find_phrase
from kgplatform.text.extract.records import ExtractedFact, Phrase
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.extract.schema_file import read_schema
from kgplatform.text.extract.snap import Snapper, snap

SCHEMA = read_schema(Path(__file__).parents[1] / "data" / "extraction_schema.yaml")


def fact(text: str, head: str, relation: str, tail: str, *labels: str | None) -> ExtractedFact:
    ends = []
    for name, label in zip((head, tail), labels or (None, None), strict=True):
        start = text.find(name)
        ends.append(Phrase(name, (start, start + len(name)) if start >= 0 else None, label))
    return ExtractedFact(ends[0], relation, ends[1], (0, len(text)), 0.8, "test")


TEXT = "A and B are named here."


@pytest.mark.parametrize(
    ("phrase", "labels", "expected"),
    [
        ("BORN_IN", (None, None), "A BORN_IN B"),
        ("born in", (None, None), "A BORN_IN B"),
        ("was born at", (None, None), "A BORN_IN B"),
        ("bornIn", (None, None), "A BORN_IN B"),
        ("place of birth", (None, None), "A BORN_IN B"),
        ("is the birthplace of", (None, None), "B BORN_IN A"),
        ("capital of", ("Place", "Place"), "A CAPITAL_OF B"),
        ("state capital of", ("Place", "Place"), "A CAPITAL_OF B"),
        ("has capital", ("Place", "Place"), "B CAPITAL_OF A"),
        ("capital", ("Place", "Place"), "B CAPITAL_OF A"),
        ("wrote", (None, None), "B CREATED_BY A"),
        ("was written by", (None, None), "A CREATED_BY B"),
        ("author", (None, None), "A CREATED_BY B"),
        ("author of", (None, None), "B CREATED_BY A"),
        ("founded", (None, None), "B FOUNDED_BY A"),
        ("co-founder of", (None, None), "B FOUNDED_BY A"),
        ("founded in", (None, "Date"), "A FOUNDED_IN B"),
        ("son of", (None, None), "A CHILD_OF B"),
        ("is the father of", (None, None), "B CHILD_OF A"),
        ("prime minister of", (None, None), "A LEADER_OF B"),
        ("led by", (None, None), "B LEADER_OF A"),
        ("headwater tributary of", (None, None), "A FLOWS_INTO B"),
        ("shares a border with", (None, None), "A BORDERS B"),
        ("part of", ("Event", "Event"), "A BELONGS_TO B"),
        ("part of", ("Place", "Place"), "A LOCATED_IN B"),
        # An extractor that names the relation may still have it the wrong way round.
        ("CREATED_BY", ("Person", "Work"), "B CREATED_BY A"),
        # Ends of other labels.
        ("born in", ("Person", "Date"), None),
        ("CAPITAL_OF", ("Person", "Place"), None),
        # Words that fit none.
        ("was painted near", (None, None), None),
        ("`]->(x) DETACH DELETE x //", (None, None), None),
        ("", (None, None), None),
    ],
)
def test_phrases_and_their_directions(
    phrase: str, labels: tuple[str | None, str | None], expected: str | None
) -> None:
    found = Snapper(SCHEMA)([fact(TEXT, "A", phrase, "B", *labels)], TEXT)
    said = [f"{f.head.name} {f.relation} {f.tail.name}" for f in found.known]
    assert said == ([expected] if expected else [])
    if expected is None:
        assert sum(found.dropped.values()) == 1


def test_a_symmetric_relation_is_not_turned_and_not_said_twice() -> None:
    facts = [fact(TEXT, "A", "bordered by", "B"), fact(TEXT, "B", "border", "A")]
    found = Snapper(SCHEMA)(facts, TEXT)
    assert [(f.head.name, f.tail.name) for f in found.known] == [("A", "B")]
    assert found.dropped == {"said twice": 1}


def test_of_two_sayings_the_surer_one_is_kept() -> None:
    facts = [fact(TEXT, "A", phrase, "B") for phrase in ("stem tributary of", "flows into")]
    (kept,) = Snapper(SCHEMA)(facts, TEXT).known
    assert kept.confidence == pytest.approx(0.8 * 0.97**2 * 1.0)


def test_labels_are_filled_in_and_guesses_give_way() -> None:
    text = "Aladdin was added by Galland."
    guessed = Phrase("Galland", (21, 28), "Organisation", guessed=True)
    said = fact(text, "Aladdin", "born in", "Galland")
    wrong = ExtractedFact(said.head, "born in", guessed, said.sentence, 0.8, "test")
    (found,) = Snapper(SCHEMA)([wrong], text).known
    assert (found.head.label, found.tail.label) == ("Person", "Place")
    sure = ExtractedFact(
        said.head, "born in", Phrase("Galland", (21, 28), "Person"), said.sentence, 0.8, "test"
    )
    assert Snapper(SCHEMA)([sure], text).known == []


def test_what_fits_no_relation_is_proposed_where_the_schema_is_open() -> None:
    facts = [fact(TEXT, "A", "sings with", "B"), fact(TEXT, "A", "born in", "B")]
    (closed,) = snap([facts], [TEXT], SCHEMA)
    assert (closed.proposed, closed.unknown) == ([], {"sings with": 1})
    opened = Snapper(Schema(SCHEMA.labels, SCHEMA.relations, open=True))(facts, TEXT)
    assert [f.relation for f in opened.proposed] == ["sings with"]
    assert [f.relation for f in opened.known] == ["BORN_IN"]


def test_invented_ends_are_caught_and_misplaced_ones_found() -> None:
    text = "Chopin left the “Grand  Duchy” for Paris."
    facts = [
        fact(text, "Chopin", "DIED_IN", "Vienna"),
        fact(text, "chopin", "BORN_IN", 'the "grand duchy"'),
        ExtractedFact(
            Phrase("Chopin", (3, 9)), "DIED_IN", Phrase("Paris", (0, 5)), (0, 9), 0.5, "test"
        ),
        fact(text, "Chop", "BORN_IN", "Paris"),
    ]
    found = Snapper(SCHEMA)(facts, text)
    assert [(f.head.name, f.tail.name) for f in found.invented] == [
        ("Chopin", "Vienna"),
        ("Chop", "Paris"),
    ]
    assert [(f.head.name, f.relation, f.tail.name) for f in found.known] == [
        ("Chopin", "BORN_IN", "“Grand  Duchy”"),
        ("Chopin", "DIED_IN", "Paris"),
    ]
    for each in found.known:
        for end in (each.head, each.tail):
            assert end.span is not None
            assert text[slice(*end.span)] == end.name


def test_vectors_where_no_words_agree_and_both_labels_are_known() -> None:
    schema = Schema(
        {"Person": "a human", "Place": ""},
        {"rival": RelationType("rival", ("Person",), ("Person",), words=("competitor of",))},
    )
    said = [fact(TEXT, "A", "competed against", "B", "Person", "Person")]
    assert Snapper(schema)(said, TEXT).known == []
    encoder = load_encoder()
    (found,) = Snapper(schema, encoder)(said, TEXT).known
    assert found.relation == "rival"
    assert 0.8 * 0.5 <= found.confidence < 0.8
    assert Snapper(schema, encoder, least_cosine=0.9)(said, TEXT).known == []
    unsure = [fact(TEXT, "A", "competed against", "B", "Person", None)]
    assert Snapper(schema, encoder)(unsure, TEXT).known == []


@given(st.text(max_size=30), st.text(max_size=60))
def test_a_place_that_is_found_says_the_name(name: str, text: str) -> None:
    span = find_phrase(name, text)
    if span is not None:
        assert 0 <= span[0] < span[1] <= len(text)
    plain = " ".join(name.split())
    if plain and plain[0].isalnum() and plain[-1].isalnum() and plain.isascii():
        # Articles fall off.
        assert find_phrase(plain, f"- {plain} -") is not None


def test_names_stand_as_whole_words_where_words_have_spaces() -> None:
    assert find_phrase("Rom", "Romania, Rome, Rom") == (15, 18)
    assert find_phrase("東京", "彼は東京で生まれた。") == (2, 4)
    assert find_phrase("the Rhine", "The RHINE; a Rhine", near=(14, 16)) == (13, 18)


@given(st.text(max_size=40))
def test_any_phrase_has_a_form(phrase: str) -> None:
    assert form_of(phrase).direction in {-1, 0, 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(7 November 1867 \u2013 4 July 1934)", ["1867-11-07", "1934-07-04"]),
        ("July 4, 1776", ["1776-07-04"]),
        ("in May 1945", ["1945-05"]),
        ("from 1932 to 1968", ["1932", "1968"]),
        ("AD 40, 230 BC, 1 BC", ["0040", "-0229", "0000"]),
        ("the 19th century; the 2nd century BC", ["18XX", "-01XX"]),
        ("in the 1950s", ["195X"]),
        ("1,980 people, 2000 km, 1,500%", []),
        ("32 May 1945", []),
    ],
)
def test_dates(text: str, expected: list[str]) -> None:
    assert [date.iso for date in dates_in(text)] == expected
    for date in dates_in(text):
        assert text[slice(*date.span)].strip() == text[slice(*date.span)]


@given(st.text(st.sampled_from("0123456789 ,.-\u2013()ADBCMayJuly19th century"), max_size=40))
def test_dates_of_any_text(text: str) -> None:
    for date in dates_in(text):
        assert text[slice(*date.span)]
        assert date.iso


def test_kinds_of_labels_and_nouns() -> None:
    kinds = labels_by_kind(SCHEMA)
    assert kinds["person"] == ["Person"]
    assert kinds["award"] == ["Award"]
    assert set(kinds) == {name.lower() for name in SCHEMA.labels}
    trades = ("physicist", "poet", "politician", "film director")
    assert [is_trade(noun) for noun in trades] == [True] * 4
    others = ("river", "number", "element", "king", "daughter", "process")
    assert not any(is_trade(noun) for noun in others)


def test_a_date_is_no_place_where_the_schema_has_no_dates() -> None:
    labels = {"Person": "a human being", "City": "a city or town", "Work": "a book"}
    schema = Schema(
        labels,
        {
            "DIED_IN": RelationType("DIED_IN", ("Person",), ("City",)),
            "CREATED_BY": RelationType("CREATED_BY", ("Work",), ("Person",)),
        },
    )
    text = "Orwell died in London in 1950 after he wrote 1984."
    facts = [
        fact(text, "Orwell", "die in", "London"),
        fact(text, "Orwell", "die in", "1950"),
        fact(text, "1984", "written by", "Orwell"),
    ]
    found = Snapper(schema)(facts, text)
    assert [f.tail.name for f in found.known] == ["London", "Orwell"]
    assert found.dropped["ends are of other labels"] == 1
