import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgplatform.triples import (
    MAX_NAME,
    RESERVED_RELATIONS,
    RESERVED_TYPES,
    fact_id,
    fault_of_name,
)

PART = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
FACT = st.tuples(PART, PART, PART, PART)


@given(FACT, FACT)
def test_two_facts_share_an_identity_only_if_they_are_one(
    left: tuple[str, str, str, str], right: tuple[str, str, str, str]
) -> None:
    assert (fact_id(*left) == fact_id(*right)) == (left == right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (("g", "ab", "c", "d"), ("g", "a", "bc", "d")),
        (("g", "a", "", "bc"), ("g", "a", "b", "c")),
        (("g", "a", "r", "b"), ("g", "b", "r", "a")),
        (("ga", "", "r", "b"), ("g", "a", "r", "b")),
    ],
)
def test_where_the_parts_are_cut_counts(
    left: tuple[str, str, str, str], right: tuple[str, str, str, str]
) -> None:
    assert fact_id(*left) != fact_id(*right)


def test_the_identity_never_changes() -> None:
    """Databases hold it: another formula would load every fact a second time."""
    parts = b"".join(len(p).to_bytes(4, "big") + p for p in (b"g", b"a", b"r", "ü".encode()))
    assert fact_id("g", "a", "r", "ü") == hashlib.sha256(parts).hexdigest()[:32]
    assert fact_id("default", "a", "r", "b") == "46289fbbb2a2c3901729893e756f12ee"


@pytest.mark.parametrize("kind", ["head", "relation", "tail", "type", "graph"])
@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a\tb", "control"),
        ("a\nb", "control"),
        ("a\0b", "control"),
        ("\x7f", "control"),
        ("x" * (MAX_NAME + 1), "longer"),
    ],
)
def test_names_that_cannot_be_used(kind: str, name: str, word: str) -> None:
    fault = fault_of_name(kind, name)
    assert fault is not None
    assert word in fault
    assert fault.startswith(kind)


@pytest.mark.parametrize("name", ["a", "x" * MAX_NAME, "`\\u0060 //", "漢字", "born in", "null"])
@pytest.mark.parametrize("kind", ["head", "relation", "tail", "type"])
def test_names_that_can(kind: str, name: str) -> None:
    assert fault_of_name(kind, name) is None


def test_names_of_the_platforms_own() -> None:
    for name in RESERVED_RELATIONS:
        assert fault_of_name("relation", name)
        assert fault_of_name("head", name) is None
        assert fault_of_name("relation", name.lower()) is None
    for name in RESERVED_TYPES:
        assert fault_of_name("type", name)
        assert fault_of_name("relation", name) is None
