"""The files of cypher/: their headers, their names, and that the code uses them as they say."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import kgplatform
from kgplatform import queries

PACKAGE = Path(kgplatform.__file__).parent
FOLDERS = ("ask", "browser", "load", "read", "schema", "search", "write")
NAMES = queries.names()
SOURCES = sorted(PACKAGE.rglob("*.py"))

MARK = re.compile(r"\$\$(\w+)\$\$")
PARAMETER = re.compile(r"\$(\w+)")
STATEMENT = re.compile(
    r"\s*(EXPLAIN |PROFILE )?"
    r"((OPTIONAL )?MATCH\s*\(|MERGE\s*\(|UNWIND\s|DETACH DELETE\s|CALL db\."
    r"|(CREATE|DROP) (CONSTRAINT|[A-Z]+ INDEX|INDEX)\b|SHOW [A-Z]+\b)"
)
RUNNERS = {"rows", "run", "command"}
"""Methods of a store that take a statement and its parameters by name."""


@dataclass(frozen=True)
class Header:
    """What the comment at the top of a file says."""

    what: str
    params: frozenset[str]
    marks: frozenset[str]
    returns: str
    body: str


def header(name: str) -> Header:
    lines = queries.get(name).splitlines()
    count = next(i for i, line in enumerate(lines) if not line.startswith("//"))
    comment = "\n".join(line.removeprefix("//").strip() for line in lines[:count])
    found = re.fullmatch(r"(.+?)\nParams: (.+?)\nReturns: (.+)", comment, re.DOTALL)
    assert found, f"{name} lacks `// what`, `// Params:` or `// Returns:`, in this order"
    what, params, returns = found.groups()
    values, _, marks = params.partition("; marks: ")
    assert values.startswith("$") or values == "none", f"{name}: Params are `$name`s or `none`"
    return Header(
        what,
        frozenset(PARAMETER.findall(values)),
        frozenset(re.findall(r"\w+", marks)),
        returns,
        "\n".join(lines[count:]),
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_file_begins_with_what_it_does_its_params_and_what_it_returns(name: str) -> None:
    read = header(name)
    assert re.match(r"[A-Z]", read.what)
    assert read.what.endswith((".", "`", ")")) or "." in read.what
    assert read.body.strip()
    assert not read.body.rstrip().endswith(";"), "a second statement could follow"


@pytest.mark.parametrize("name", NAMES)
def test_declared_params_and_marks_are_those_that_are_used(name: str) -> None:
    read = header(name)
    assert read.marks == set(MARK.findall(read.body))
    assert read.params == set(PARAMETER.findall(MARK.sub("", read.body)))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_named_by_a_verb_and_a_noun_or_a_schema_version(name: str) -> None:
    folder, _, file = name.partition("/")
    assert folder in FOLDERS
    if folder == "schema":
        assert re.fullmatch(r"V\d{3}__[a-z0-9]+(_[a-z0-9]+)*", file)
    else:
        # ping alone is its own verb and noun.
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", file) or file == "ping"


def test_schema_versions_are_numbered_without_gaps() -> None:
    versions = [int(name.removeprefix("schema/V")[:3]) for name in queries.names("schema/")]
    assert versions == list(range(1, len(versions) + 1))


def test_every_file_but_schema_and_browser_has_a_caller() -> None:
    named = {text for _, text in strings()}
    # Schema changes are listed, not named; those in browser/ are for a person.
    uncalled = {name for name in NAMES if not name.startswith(("schema/", "browser/"))} - named
    assert uncalled == set()


def test_every_statement_that_the_code_names_is_there() -> None:
    pattern = re.compile(rf"({'|'.join(FOLDERS)})/\w+")
    named = {text for _, text in strings() if pattern.fullmatch(text)}
    assert named
    assert named <= set(NAMES)


def test_the_guide_has_every_browser_query_with_its_params() -> None:
    guide = (queries.folder().parent / "docs" / "guide" / "browser.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", guide, re.MULTILINE))
    assert {f"browser/{name}" for name in rows} == set(queries.names("browser/"))
    for name, params in rows.items():
        assert {"graph", *PARAMETER.findall(params)} == header(f"browser/{name}").params
    (proposed,) = re.findall(r"^:params \{(.*)\}$", guide, re.MULTILINE)
    needed = {param for name in rows for param in header(f"browser/{name}").params}
    assert set(re.findall(r"(\w+):", proposed)) == needed


def test_no_statement_is_written_in_the_code() -> None:
    # What is put around a user's own pattern, which no file can hold.
    around = "store/pattern.py"
    written = [(place, text) for place, text in strings() if STATEMENT.match(text)]
    assert [each for each in written if not each[0].startswith(around)] == []


def test_callers_give_the_params_and_marks_of_the_file() -> None:
    checked = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = _named_statement(node)
            if name is not None and _called(node) == "fill":
                assert _keywords(node) in (None, header(name).marks), f"{source}: {name}"
            elif _called(node) in RUNNERS and node.args and isinstance(node.args[0], ast.Call):
                name = _named_statement(node.args[0])
                given = _keywords(node)
                if name is not None and given is not None:
                    assert given == header(name).params, f"{source}: {name}"
                    checked.add(name)
    # Some callers pass a mapping; most are seen here.
    assert len(checked) > 20


def strings() -> Iterator[tuple[str, str]]:
    """Every string literal of the package with its place; an f-string gives its parts."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{source.relative_to(PACKAGE)}:{node.lineno}", node.value


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _named_statement(node: ast.Call) -> str | None:
    """The name in ``queries.get("…")`` or ``queries.fill("…", …)``, however they are imported."""
    if _called(node) in {"get", "_get", "fill"} and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and first.value in NAMES:
            return str(first.value)
    return None


def _keywords(node: ast.Call) -> frozenset[str] | None:
    """Names of the keyword arguments; None where a mapping adds others."""
    names = [keyword.arg for keyword in node.keywords]
    return None if None in names else frozenset(name for name in names if name is not None)
