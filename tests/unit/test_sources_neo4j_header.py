"""Properties of headers for neo4j-admin: what is spelled is read, and any text ends in a reason."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kgplatform.errors import InputError
from kgplatform.sources.neo4j_header import Column, columns_of_header, is_header, value_of

PATH = Path("nodes.csv")
TYPES = ["int", "long", "float", "double", "boolean", "string", "date", "localtime", "datetime"]
NAMES = st.text(st.characters(exclude_characters=":{", exclude_categories=["Cs", "Cc"])).map(
    lambda text: f"n{text.strip()}n"
)
SPACES = st.none() | st.text("abc-é 1", min_size=1, max_size=5)


@settings(max_examples=60)
@given(properties=st.lists(st.tuples(NAMES, st.sampled_from(TYPES), st.booleans())), space=SPACES)
def test_a_header_is_read_as_it_is_spelled(
    properties: list[tuple[str, str, bool]], space: str | None
) -> None:
    fields = [f"{name}:{kind}{'[]' * array}" for name, kind, array in properties]
    fields.append("id:ID" + (f"({space})" if space else ""))
    assert is_header(fields)
    expected = [Column(name, kind, array) for name, kind, array in properties]
    assert columns_of_header(PATH, fields) == (*expected, Column("id", "ID", space=space))


@settings(max_examples=200)
@given(
    field=st.text(max_size=20)
    | st.builds("at:datetime{{timezone:{}}}".format, st.text(max_size=12)),
    value=st.text(max_size=20),
)
@example(field="at:datetime{timezone:Europe}", value="2020-01-01T00:00:00")
@example(field="at:datetime{timezone:../../etc/passwd}", value="x")
@example(field="at:datetime{timezone:+}", value="x")
@example(field="at:datetime", value="2020-01-01T00:00:00[Europe]")
@example(field="at:time", value="00:00[../x]")
def test_any_field_and_value_is_read_or_refused_with_a_reason(field: str, value: str) -> None:
    is_header([field])
    try:
        first, _ = columns_of_header(PATH, [field, ":ID"])
    except InputError:
        return
    if first.kind in TYPES:
        with contextlib.suppress(ValueError):
            value_of(first, value)


@given(number=st.integers(-(2**63), 2**63 - 1), text=st.text("ab;é ", min_size=1))
def test_values_come_back(number: int, text: str) -> None:
    assert value_of(Column("n", "long"), str(number)) == number
    assert value_of(Column("t"), text) == text
    assert value_of(Column("t", array=True), text) == text.split(";")


def test_a_folder_of_time_zones_is_none() -> None:
    with pytest.raises(InputError, match="unknown time zone"):
        columns_of_header(PATH, [":ID", "at:datetime{timezone:Europe}"])
