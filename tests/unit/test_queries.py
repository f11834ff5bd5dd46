import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgplatform import queries

NAMES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1
) | st.lists(
    st.sampled_from(["`", "\\", "u0060", "\\u0060", "\\uuu0060", "$$label$$", "a"]), min_size=1
).map("".join)


def as_neo4j_reads(quoted: str) -> str:
    """The name that a quotation stands for: escapes decoded first, then backticks halved.

    A slow reading of the language's rules: ``\\uXXXX`` is decoded wherever it stands, also
    inside backticks and also after another backslash.
    """
    decoded = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), quoted)
    assert decoded[0] == decoded[-1] == "`"
    inside = decoded[1:-1]
    # Every backtick inside belongs to a pair, else the quotation would have ended there.
    assert "`" not in inside.replace("``", "")
    return inside.replace("``", "`")


@given(NAMES)
def test_a_quoted_name_is_read_as_itself(name: str) -> None:
    assert as_neo4j_reads(queries.quote(name)) == name


@given(NAMES, NAMES)
def test_different_names_stay_different(left: str, right: str) -> None:
    assert (queries.quote(left) == queries.quote(right)) == (left == right)


@pytest.mark.parametrize("name", ["", "\0", "a\0b"])
def test_a_name_that_neo4j_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not usable"):
        queries.quote(name)


@given(NAMES, NAMES)
def test_fill_puts_names_in_their_places_and_looks_at_none_again(label: str, prop: str) -> None:
    text = queries.get("read/count_vectors")
    filled = queries.fill("read/count_vectors", label=label, property=prop)
    pieces = re.split(r"\$\$(label|property)\$\$", text)
    values = {"label": queries.quote(label), "property": queries.quote(prop)}
    assert filled == "".join(
        values[piece] if number % 2 else piece for number, piece in enumerate(pieces)
    )


def test_several_labels() -> None:
    filled = queries.fill("read/count_vectors", label=["A", "b`c"], property="p")
    assert "MATCH (n:`A`:`b``c`)" in filled


def test_a_mark_that_is_not_filled_and_one_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        queries.fill("read/count_vectors", label="A")
    with pytest.raises(KeyError, match="nosuch"):
        queries.fill("read/count_vectors", label="A", property="p", nosuch="x")
    with pytest.raises(KeyError):
        queries.get("read/nosuch")


def test_names_are_listed_by_folder_and_each_can_be_read() -> None:
    everything = queries.names()
    assert everything == sorted(everything)
    schema = queries.names("schema/")
    assert [name for name in everything if name.startswith("schema/")] == schema
    versions = [re.fullmatch(r"schema/V(\d{3})__[a-z_]+", name) for name in schema]
    assert [int(match[1]) for match in versions if match] == list(range(1, len(schema) + 1))
    for name in everything:
        assert queries.get(name).startswith("// ")
