"""Schemas as YAML: read, written, and every mistake with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.errors import InputError
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.extract.schema_file import parse_schema, read_schema, schema_yaml

FULL = """
labels:
  Person: A human being.
  Place:
relations:
  born_in:
    heads: [Person]
    tails: [Place]
    description: "Where: a person's place of birth."
    example: [Chopin was born in Warsaw., Chopin, Warsaw]
    words: [birthplace, native of]
    functional: true
  knows:
    heads: Person
    symmetric: yes
  other:
open: true
"""


def test_all_that_a_schema_may_say() -> None:
    assert parse_schema(FULL) == Schema(
        {"Person": "A human being.", "Place": ""},
        {
            "born_in": RelationType(
                "born_in",
                ("Person",),
                ("Place",),
                "Where: a person's place of birth.",
                ("Chopin was born in Warsaw.", "Chopin", "Warsaw"),
                ("birthplace", "native of"),
                functional=True,
            ),
            "knows": RelationType("knows", ("Person",), symmetric=True),
            "other": RelationType("other"),
        },
        open=True,
    )


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "s.yaml is empty", ""),
        ("- a", "s.yaml:1: a schema: names with a colon", ""),
        ("relations: [a", "s.yaml:1: not YAML", ""),
        ("[" * 5_000, "not YAML", ""),
        ("labels: {A: x}", "has no relations", "open: true"),
        ("label: {A: x}", "s.yaml:1: no such key of a schema: 'label'", "did you mean 'labels'"),
        ("labels:\n  A: x\n  A: y", "s.yaml:3: 'A' stands in line 2, too", ""),
        ("relations:\n  r: {}\n  r: {}", "s.yaml:3: 'r' stands in line 2, too", ""),
        ("labels: [Entity]", "type Entity is reserved", ""),
        ("relations:\n  PREDICTED:", "s.yaml:2: relation PREDICTED is reserved", ""),
        ("relations:\n  '':", "relation is empty", ""),
        ('relations:\n  "a\\u0000b":', "holds a control character", ""),
        ("relations:\n  r: {head: [A]}", "no such key of relation 'r': 'head'", "'heads'"),
        (
            "labels: [Person]\nrelations:\n  r:\n    heads: [Persn]",
            "s.yaml:4: no such label: 'Persn'",
            "did you mean 'Person'",
        ),
        ("relations:\n  r: {heads: {A: b}}", "a text is expected here", ""),
        ("labels: [A]\nrelations:\n  r: {heads: [A, A]}", "'A' is there twice", ""),
        ("relations:\n  r: {functional: maybe}", "true or false is expected", ""),
        ("relations:\n  r: {example: a}", r"\[text, head, tail\] is expected", ""),
        ("relations:\n  r: {example: [a b, a, c]}", "'c' does not stand in its text", ""),
    ],
)
def test_mistakes_have_file_line_and_remedy(text: str, message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_schema(text, "s.yaml")
    assert hint in caught.value.hint


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_schema(tmp_path / "none.yaml")
    (tmp_path / "s.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        read_schema(tmp_path / "s.yaml")


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1
).map(str.strip)
names = texts.filter(lambda name: bool(name) and not name.isupper())


@given(
    st.dictionaries(names.map("L".__add__), texts, min_size=1, max_size=4),
    st.lists(names.map("r".__add__), unique=True, min_size=1, max_size=4),
    st.data(),
)
def test_what_is_written_is_read_back(
    labels: dict[str, str], relations: list[str], data: st.DataObject
) -> None:
    ends = st.lists(st.sampled_from(sorted(labels)), unique=True).map(tuple)
    kinds = {
        name: RelationType(
            name,
            data.draw(ends),
            data.draw(ends),
            data.draw(texts),
            words=tuple(dict.fromkeys(data.draw(st.lists(texts.filter(bool), max_size=3)))),
            functional=data.draw(st.booleans()),
            symmetric=data.draw(st.booleans()),
        )
        for name in relations
    }
    schema = Schema(labels, kinds, data.draw(st.booleans()))
    assert parse_schema(schema_yaml(schema)) == schema
