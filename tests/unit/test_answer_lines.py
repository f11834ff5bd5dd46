"""Statements as lines, and what is read out of them again."""

from kgplatform.answer.explain_answer import explain_answer, without_each
from kgplatform.answer.explanation import passed
from kgplatform.answer.lines import lines_about
from kgplatform.answer.readings import Named, Reader, Reading, alone
from kgplatform.answer.records import Answer, AnswerEntity, Path
from kgplatform.store.statements import Kind, Statement
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.names import Gazetteer

SCHEMA = Schema(
    {"Country": "", "City": "", "Language": "", "Region": ""},
    {
        "BORDERS": RelationType("BORDERS", ("Country",), ("Country",), symmetric=True),
        "HAS_CAPITAL": RelationType("HAS_CAPITAL", ("Country",), ("City",), functional=True),
        "SPEAKS": RelationType("SPEAKS", ("Country",), ("Language",)),
        "HAS_OFFICIAL_LANGUAGE": RelationType("HAS_OFFICIAL_LANGUAGE", ("Country",), ("Language",)),
        "USES_CURRENCY": RelationType("USES_CURRENCY", ("Country",), ("Currency",)),
    },
)
LABELS = {
    "Poland": ("Country",),
    "Germany": ("Country",),
    "Czechia": ("Country",),
    "Warsaw": ("City",),
    "Polish": ("Language",),
    "Zloty": ("Currency",),
    "Europe": ("Region",),
}


def statement(
    head: str, relation: str, tail: str, kind: Kind = "asserted", confidence: float = 1.0
) -> Statement:
    run = "run-1" if kind == "predicted" else None
    id_ = f"{head} {relation} {tail}"
    return Statement(id_, head, head, relation, tail, tail, kind, confidence, ("atlas",), run)


def read(sentence: str) -> set[tuple[str, str | None, str]]:
    reader = Reader(Gazetteer({name: (name,) for name in LABELS}), SCHEMA)
    topic = Named(-1, -1, ("Poland",), "Poland")
    named = reader.named(sentence)
    found = reader.read(0, sentence, named, topic, LABELS)
    every: list[Reading] = [*found, *alone(0, named, topic, found)]
    return {(each.head.text, each.relation, each.tail.text) for each in every}


def test_lines_group_facts_and_say_a_mirrored_one_once() -> None:
    lines = lines_about(
        "Poland",
        [
            statement("Poland", "BORDERS", "Germany"),
            statement("Germany", "BORDERS", "Poland"),
            statement("Poland", "BORDERS", "Czechia"),
            statement("Europe", "CONTAINS", "Poland"),
            statement("Poland", "SPEAKS", "Polish", confidence=0.9),
            statement("Poland", "BORDERS", "Warsaw", "predicted", 0.7),
        ],
    )
    assert [line.text for line in lines] == [
        "Poland borders Germany and Czechia.",
        "Poland speaks Polish (0.90).",
        "Europe contains Poland.",
        "A model (run-1) predicts that Poland borders Warsaw (0.70).",
    ]
    assert [len(line.statements) for line in lines] == [3, 1, 1, 1]


def test_sentences_are_read_by_the_words_around_their_names() -> None:
    borders = {("Poland", "BORDERS", "Germany"), ("Poland", "BORDERS", "Czechia")}
    assert read("Poland borders Germany and Czechia.") == borders
    assert read("It shares a border with Germany, and with Czechia.") == borders
    assert read("The capital of Poland is Warsaw.") == {("Poland", "HAS_CAPITAL", "Warsaw")}
    assert read("Warsaw is the capital city of Poland.") == {("Poland", "HAS_CAPITAL", "Warsaw")}
    assert read("Its capital is Warsaw.") == {("Poland", "HAS_CAPITAL", "Warsaw")}
    assert read("Poland, whose capital is Warsaw, borders Germany, and speaks Polish.") == {
        ("Poland", "HAS_CAPITAL", "Warsaw"),
        ("Poland", "BORDERS", "Germany"),
        ("Poland", "SPEAKS", "Polish"),
    }
    assert read("The currency is the Zloty.") == {("Poland", "USES_CURRENCY", "Zloty")}
    assert read("The official language is Polish.") == {
        ("Poland", "HAS_OFFICIAL_LANGUAGE", "Polish")
    }
    # No relation's words: the names stand beside one another.
    assert read("Poland once was the heart of Europe.") == {("Poland", None, "Europe")}


def test_an_answer_is_explained_by_its_paths_and_what_is_left_without_a_fact() -> None:
    long = (statement("Poland", "BORDERS", "Czechia"), statement("Czechia", "BORDERS", "Germany"))
    short = (statement("Germany", "BORDERS", "Poland", "predicted", 0.6),)
    paths = (Path(long, 0.9, "r(X,Y) <- r(X,A), r(A,Y)"), Path(short, 0.6))
    assert passed(paths[0]) == [(name, name) for name in ("Poland", "Czechia", "Germany")]
    assert [key for key, _ in passed(paths[1], "Poland")] == ["Poland", "Germany"]
    changes = without_each(paths)
    assert [(each.before, each.after) for each in changes] == [(0.9, 0.6), (0.9, 0.6)]
    germany = AnswerEntity("Germany", "Germany", 0.8, "predicted", paths)
    (found,) = explain_answer(Answer("What is near Poland?", "Germany.", (germany,), "joint", 0.8))
    assert (found.head, found.tail, found.confidence) == ("Poland", "Germany", 0.8)
    assert found.rules[0].rule == "r(X,Y) <- r(X,A), r(A,Y)"
    (unknown,) = explain_answer(Answer("Why?", "I do not know.", (), "none", 0.0))
    assert (unknown.subject, unknown.paths) == ("I do not know.", ())
