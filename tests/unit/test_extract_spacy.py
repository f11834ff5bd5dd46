"""Facts by rules over a parse, on sentences whose facts are written beside them."""

# ruff: noqa: RUF001, SIM905

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgplatform.errors import UsageError
from kgplatform.progress import silent
from kgplatform.text.extract.records import ExtractedFact, Extractor
from kgplatform.text.extract.schema import Schema
from kgplatform.text.extract.schema_file import read_schema
from kgplatform.text.extract.snap import Snapper
from kgplatform.text.extract.spacy_extractor import spacy_extractor

pytest.importorskip("spacy", reason="the extra nlp is not installed")

SCHEMA = read_schema(Path(__file__).parents[1] / "data" / "extraction_schema.yaml")

# Text, and what is known after snapping: head, relation, tail; all of it and no more.
STATED = {
    "Chopin was born in Warsaw and died in Paris.": {
        ("Chopin", "BORN_IN", "Warsaw"),
        ("Chopin", "DIED_IN", "Paris"),
    },
    "Born in Vienna, Franz Schubert was an Austrian composer.": {
        ("Franz Schubert", "BORN_IN", "Vienna"),
        ("Franz Schubert", "NATIONALITY", "Austrian"),
        ("Franz Schubert", "OCCUPATION", "composer"),
    },
    "Marie Curie (7 November 1867 – 4 July 1934) was a Polish and French physicist and chemist. "
    "She was born in Warsaw. She studied at the University of Paris, and won the Nobel Prize in "
    "Physics.": {
        ("Marie Curie", "NATIONALITY", "Polish"),
        ("Marie Curie", "NATIONALITY", "French"),
        ("Marie Curie", "OCCUPATION", "physicist"),
        ("Marie Curie", "OCCUPATION", "chemist"),
        ("Marie Curie", "BORN_IN", "Warsaw"),
        ("Marie Curie", "EDUCATED_AT", "University of Paris"),
        ("Marie Curie", "AWARDED", "Nobel Prize in Physics"),
    },
    "Joseph Pulitzer was a Hungarian-American newspaper publisher.": {
        ("Joseph Pulitzer", "NATIONALITY", "Hungarian"),
        ("Joseph Pulitzer", "NATIONALITY", "American"),
        ("Joseph Pulitzer", "OCCUPATION", "newspaper publisher"),
    },
    "Warsaw is the capital and largest city of Poland.": {
        ("Warsaw", "CAPITAL_OF", "Poland"),
        ("Warsaw", "LOCATED_IN", "Poland"),
    },
    "Poland's capital, Warsaw, lies on the Vistula.": {
        ("Warsaw", "CAPITAL_OF", "Poland"),
        ("Warsaw", "LOCATED_IN", "Vistula"),
    },
    "The capital of Zambia is Lusaka.": {("Lusaka", "CAPITAL_OF", "Zambia")},
    "Zambia is a country in Africa. Its capital is Lusaka.": {
        ("Zambia", "LOCATED_IN", "Africa"),
        ("Lusaka", "CAPITAL_OF", "Zambia"),
    },
    "Kraków, a city in Poland, was the seat of kings.": {("Kraków", "LOCATED_IN", "Poland")},
    "Thiruvananthapuram is the capital city of the Indian state of Kerala.": {
        ("Thiruvananthapuram", "CAPITAL_OF", "Kerala")
    },
    "Poland borders Germany to the west, the Czech Republic and Slovakia to the south, and Ukraine "
    "to the east.": {
        ("Poland", "BORDERS", "Germany"),
        ("Poland", "BORDERS", "Czech Republic"),
        ("Poland", "BORDERS", "Slovakia"),
        ("Poland", "BORDERS", "Ukraine"),
    },
    "Mali is bordered by Algeria to the north, Niger to the east and Senegal to the west.": {
        ("Mali", "BORDERS", "Algeria"),
        ("Mali", "BORDERS", "Niger"),
        ("Mali", "BORDERS", "Senegal"),
    },
    "The Vistula is a river in Poland that flows into the Baltic Sea.": {
        ("Vistula", "LOCATED_IN", "Poland"),
        ("Vistula", "FLOWS_INTO", "Baltic Sea"),
    },
    "Lake Baikal is located in Russia. The lake is in Siberia.": {
        ("Lake Baikal", "LOCATED_IN", "Russia"),
        ("Lake Baikal", "LOCATED_IN", "Siberia"),
    },
    "Mozambique lies on the eastern coast of Africa.": {("Mozambique", "LOCATED_IN", "Africa")},
    "Pan Tadeusz is an epic poem by Adam Mickiewicz. It was first published in 1834.": {
        ("Pan Tadeusz", "CREATED_BY", "Adam Mickiewicz"),
        ("Pan Tadeusz", "RELEASED_IN", "1834"),
    },
    "Psycho is a 1960 American horror film directed by Alfred Hitchcock.": {
        ("Psycho", "RELEASED_IN", "1960"),
        ("Psycho", "CREATED_BY", "Alfred Hitchcock"),
    },
    "Adam Mickiewicz wrote Pan Tadeusz.": {("Pan Tadeusz", "CREATED_BY", "Adam Mickiewicz")},
    "Harvard University is a university in Cambridge, Massachusetts. It was founded in 1636.": {
        ("Harvard University", "LOCATED_IN", "Cambridge"),
        ("Cambridge", "LOCATED_IN", "Massachusetts"),
        ("Harvard University", "FOUNDED_IN", "1636"),
    },
    "LOT is an airline based in Warsaw, Poland. The company was founded in 1928.": {
        ("LOT", "LOCATED_IN", "Warsaw"),
        ("Warsaw", "LOCATED_IN", "Poland"),
        ("LOT", "FOUNDED_IN", "1928"),
    },
    "Microsoft was founded by Bill Gates and Paul Allen in 1975.": {
        ("Microsoft", "FOUNDED_BY", "Bill Gates"),
        ("Microsoft", "FOUNDED_BY", "Paul Allen"),
        ("Microsoft", "FOUNDED_IN", "1975"),
    },
    "Bill Gates founded Microsoft in 1975.": {
        ("Microsoft", "FOUNDED_BY", "Bill Gates"),
        ("Microsoft", "FOUNDED_IN", "1975"),
    },
    "Bill Gates is the founder of Microsoft.": {("Microsoft", "FOUNDED_BY", "Bill Gates")},
    "Izabela was a daughter of Nicolas Chopin.": {("Izabela", "CHILD_OF", "Nicolas Chopin")},
    "Casimir III was King of Poland from 1333 to 1370.": {("Casimir III", "LEADER_OF", "Poland")},
    "Slovenia joined the European Union in 2004.": {("Slovenia", "MEMBER_OF", "European Union")},
    "Paul Dirac was a professor of physics at Florida State University.": {
        ("Paul Dirac", "OCCUPATION", "professor"),
        ("Paul Dirac", "MEMBER_OF", "Florida State University"),
    },
    "Horatio Nelson was a British Royal Navy officer.": {
        ("Horatio Nelson", "NATIONALITY", "British"),
        ("Horatio Nelson", "OCCUPATION", "officer"),
        ("Horatio Nelson", "MEMBER_OF", "Royal Navy"),
    },
    "Poland is a member of NATO.": {("Poland", "MEMBER_OF", "NATO")},
    "The Battle of Monte Cassino was part of the Italian campaign.": {
        ("Battle of Monte Cassino", "BELONGS_TO", "Italian campaign")
    },
    "Toni Morrison was awarded the Nobel Prize in Literature.": {
        ("Toni Morrison", "AWARDED", "Nobel Prize in Literature")
    },
    "The film stars the English actress Emma Thompson.": {
        ("Emma Thompson", "OCCUPATION", "actress"),
        ("Emma Thompson", "NATIONALITY", "English"),
    },
    # What is denied, only possible, or not of the schema.
    "Warsaw is not the capital of Germany.": set(),
    "Chopin may have been born in Paris.": set(),
    "Smelting is a process of applying heat to an ore to extract a metal.": set(),
    "": set(),
}


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return spacy_extractor(SCHEMA)


@pytest.fixture(scope="module")
def snapper() -> Snapper:
    return Snapper(SCHEMA)


@pytest.mark.parametrize("text", STATED, ids=lambda text: text[:40])
def test_facts_of_sentences(text: str, extractor: Extractor, snapper: Snapper) -> None:
    facts = next(extractor([text], silent))
    found = snapper(facts, text)
    assert {(f.head.name, f.relation, f.tail.name) for f in found.known} == STATED[text]
    assert not found.invented


def test_open_relations_are_the_words_of_the_text(extractor: Extractor) -> None:
    facts = next(extractor(["Herschel was born in Hanover and worked with Caroline."], silent))
    assert [(f.relation, f.tail.name) for f in facts] == [
        ("born in", "Hanover"),
        ("work with", "Caroline"),
    ]


@pytest.mark.parametrize(
    ("text", "relation", "since", "until"),
    [
        ("Salazar was Prime Minister of Portugal from 1932 to 1968.", "LEADER_OF", "1932", "1968"),
        ("Báthory was King of Poland (1576–1586).", "LEADER_OF", "1576", "1586"),
        ("Slovenia joined NATO on 29 March 2004.", "MEMBER_OF", "2004-03-29", None),
        ("Poland has been a member of NATO since 1999.", "MEMBER_OF", "1999", None),
        ("Poland is a member of NATO.", "MEMBER_OF", None, None),
    ],
)
def test_when_a_fact_holds(
    text: str,
    relation: str,
    since: str | None,
    until: str | None,
    extractor: Extractor,
    snapper: Snapper,
) -> None:
    facts = snapper(next(extractor([text], silent)), text).known
    assert [(f.valid_from, f.valid_to) for f in facts if f.relation == relation] == [(since, until)]


def test_a_pronoun_and_a_surname_stand_for_the_full_name(extractor: Extractor) -> None:
    text = "Edith Wharton was a writer. Wharton was born in New York. She died in France."
    facts = next(extractor([text], silent))
    assert {f.head.name for f in facts} == {"Edith Wharton"}
    assert {f.head.span for f in facts} == {(0, 13)}
    assert [text[slice(*f.sentence)] for f in facts if f.relation == "born in"] == [
        "Wharton was born in New York."
    ]


def test_labels_are_those_of_the_schema(extractor: Extractor) -> None:
    (fact,) = next(extractor(["Chopin was born in Warsaw."], silent))
    assert (fact.tail.label, fact.tail.guessed) == ("Place", False)
    other = spacy_extractor(Schema({"City": "a town", "River": ""}, {}, open=True))
    (fact,) = next(other(["Chopin was born in Warsaw."], silent))
    assert fact.tail.label is None
    facts = next(other(["Warsaw is a city in Poland."], silent))
    assert [(f.head.label, f.tail.label) for f in facts] == [("City", None)]


def test_texts_keep_their_order_and_progress_is_told(extractor: Extractor) -> None:
    told: list[tuple[str, int, int | None]] = []
    texts = ["Chopin was born in Warsaw.", "", "Proust was born in Paris."]
    found = list(extractor(texts, lambda *step: told.append(step)))
    assert [[f.tail.name for f in facts] for facts in found] == [["Warsaw"], [], ["Paris"]]
    assert told[-1] == ("extracting facts", 3, 3)


def check_places(text: str, facts: list[ExtractedFact]) -> None:
    for fact in facts:
        for end in (fact.head, fact.tail):
            assert end.span is not None
            assert text[slice(*end.span)] == end.name
        start, stop = fact.sentence
        assert 0 <= start < stop <= len(text)
        assert 0 < fact.confidence <= 1


words = st.sampled_from(
    "Warsaw Poland Chopin Maria the The of in a is was by and , . ; ( ) ' \" - – born capital "
    "city river King 1834 7 November 's its It who \n\n \t É 東京 🙂 \ud800 not founded".split(" ")
)


@settings(max_examples=60, deadline=None)
@given(st.lists(words, max_size=40).map(" ".join))
def test_places_are_those_of_the_text(text: str) -> None:
    readable = text.replace("\ud800", "\ufffd")
    check_places(readable, next(spacy_extractor(SCHEMA)([text], silent)))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=120))
def test_any_text_can_be_read(text: str) -> None:
    assert next(spacy_extractor(SCHEMA)([text], silent)) is not None


def test_places_in_all_of_the_sentences(extractor: Extractor) -> None:
    text = " ".join(STATED)
    check_places(text, next(extractor([text], silent)))


def test_a_pipeline_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'no_such' cannot be loaded"):
        spacy_extractor(SCHEMA, pipeline="no_such")
    import spacy

    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(UsageError, match="has no lemmatizer, ner, parser, tagger"):
        spacy_extractor(SCHEMA, pipeline=str(tmp_path / "blank"))
