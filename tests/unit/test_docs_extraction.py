"""The examples of the guide on extraction."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from kgplatform.text.extract.schema_file import parse_schema

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "extraction.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_schema_is_read() -> None:
    (text,) = blocks("yaml")
    assert list(parse_schema(text).relations) == ["born_in", "borders", "founded_in"]


def test_the_example_prints_what_is_said() -> None:
    pytest.importorskip("spacy", reason="the extra nlp is not installed")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(blocks("python")[0], {})  # the guide's own
    assert [printed.getvalue()] == blocks("text")
