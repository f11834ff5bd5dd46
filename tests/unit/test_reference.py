"""The pages of docs/reference are made from the code; UPDATE_DOCS=1 writes them anew."""

import ast
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import kgplatform
from kgplatform import queries
from kgplatform.cli import COMMANDS, cli
from kgplatform.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
ANEW = "`UPDATE_DOCS=1 pytest tests/unit/test_reference.py` writes it anew."
COMMANDS_INTRODUCTION = f"""# Commands

Made from the commands themselves; {ANEW}
`kgp` and `kgplatform` are the same program. Exit codes: 0 done, 1 a failure that was
handled, 2 wrong usage, 4 the database refused the login, 130 stopped by Ctrl-C.
"""
SETTINGS_INTRODUCTION = f"""# Settings

Made from `kgplatform.settings`; {ANEW}
A flag of a command comes before the environment (names in capitals), that before `.env`, that
before `kgplatform.yaml` (names in small letters), that before the default.

| name | default | what it is |
|---|---|---|
"""
CYPHER_INTRODUCTION = f"""# Cypher

Made from the files of `cypher/`; {ANEW}
Every statement that kgplatform runs is one of these, a file each. Values reach them as parameters
(`$name`); names of labels, properties and indexes (marks) through one quoting function. Those of
`browser/` are for you: paste them into [Neo4j Browser](../guide/browser.md).
"""
PYTHON_INTRODUCTION = f"""# Python

Made from the docstrings; {ANEW}
The commands call these, and so may you: a connection, a graph in tensors, a training, a write-back.
"""
DECISIONS_INTRODUCTION = f"""# Decisions

Choices that somebody may question, with context and consequence. The list is made of titles;
{ANEW}

"""

PUBLIC = (
    "kgplatform.connection",
    "kgplatform.store.client",
    "kgplatform.store.load",
    "kgplatform.store.statements",
    "kgplatform.store.writeback",
    "kgplatform.store.search",
    "kgplatform.graph.live",
    "kgplatform.graph.snapshot",
    "kgplatform.graph.neighbors",
    "kgplatform.graph.pyg_stores",
    "kgplatform.training.config",
    "kgplatform.training.loop",
    "kgplatform.training.evaluate",
    "kgplatform.training.predict",
    "kgplatform.text.encode",
    "kgplatform.text.link",
    "kgplatform.text.llm.protocol",
    "kgplatform.facts.pipeline",
    "kgplatform.answer.records",
    "kgplatform.triples",
    "kgplatform.errors",
)
"""Modules that the page of Python shows, downwards from the database."""


PAGES = (
    "reference/commands.md",
    "reference/settings.md",
    "reference/cypher.md",
    "reference/python.md",
    "decisions/index.md",
)


def _pages() -> dict[str, str]:
    return {
        "reference/commands.md": COMMANDS_INTRODUCTION + "".join(map(_section, COMMANDS)),
        "reference/settings.md": SETTINGS_INTRODUCTION + "".join(_settings()),
        "reference/cypher.md": CYPHER_INTRODUCTION + "".join(_statements()),
        "reference/python.md": PYTHON_INTRODUCTION + "".join(f"\n::: {each}\n" for each in PUBLIC),
        "decisions/index.md": DECISIONS_INTRODUCTION + "".join(_decisions()),
    }


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_the_code_says(page: str) -> None:
    made = _pages()[page]
    if os.environ.get("UPDATE_DOCS"):
        (DOCS / page).parent.mkdir(exist_ok=True)
        (DOCS / page).write_text(made, encoding="utf-8")
    assert (DOCS / page).read_text(encoding="utf-8") == made


def test_every_command_takes_json() -> None:
    for path, command in _leaves():
        names = {name for option in command.params for name in option.opts}
        assert "--json" in names, path


def test_every_guide_is_in_the_site() -> None:
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads the file of MkDocs, whose extensions are named by tags."""

    listed = yaml.load((DOCS.parent / "mkdocs.yml").read_text("utf-8"), Loader)["nav"]
    named = set(re.findall(r"'([\w/-]+\.md)'", str(listed)))
    written = {f"guide/{path.name}" for path in (DOCS / "guide").glob("*.md")}
    assert named >= written | set(PAGES)
    assert {name for name in named if not (DOCS / name).exists()} == set()


def _section(name: str) -> str:
    return "".join(
        f"\n## kgp {path}\n\n```text\n{_help(path, command)}\n```\n"
        for path, command in _leaves(name)
    )


def _help(path: str, command: click.Command) -> str:
    # A fixed width: the terminal of whoever runs this must not matter.
    with cli.make_context("kgp", ["--help"], resilient_parsing=True) as parent:
        context = click.Context(command, parent, info_name=path, terminal_width=90)
        return command.get_help(context)


def _leaves(name: str | None = None) -> list[tuple[str, click.Command]]:
    context = click.Context(cli)
    leaves: list[tuple[str, click.Command]] = []
    for first in COMMANDS if name is None else [name]:
        command = cli.get_command(context, first)
        assert command is not None
        if isinstance(command, click.Group):
            leaves += [(f"{first} {key}", sub) for key, sub in command.commands.items()]
        else:
            leaves.append((first, command))
    return leaves


def _settings() -> Iterator[str]:
    said = _attributes(Settings)
    assert set(said) == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        default = "" if field.default_factory or field.default is None else f"`{field.default}`"
        yield f"| `{name}` | {default} | {said[name].replace('``', '`')} |\n"


def _attributes(of: type) -> dict[str, str]:
    """What a docstring says of each attribute, on one line."""
    _, _, listed = inspect.cleandoc(of.__doc__ or "").partition("Attributes:\n")
    said: dict[str, str] = {}
    for line in listed.splitlines():
        if named := re.match(r"    (\w+): (.+)", line):
            last, text = named.groups()
            said[last] = text
        elif line.strip():
            said[last] += " " + line.strip()
    return said


def _statements() -> Iterator[str]:
    folder = ""
    for name in queries.names():
        if (first := name.partition("/")[0]) != folder:
            folder = first
            yield f"\n## {folder}/\n"
        lines = [line[2:].strip() for line in queries.get(name).splitlines() if line[:2] == "//"]
        what, _, rest = " ".join(lines).partition(" Params: ")
        params, _, returned = rest.partition(" Returns: ")
        yield f"\n### {name.partition('/')[2]}\n\n{_literal(what)}\n\n"
        yield f"- takes {_literal(params)}\n- returns {_literal(returned)}\n"


def _literal(text: str) -> str:
    """Text with what Markdown would take for its own escaped."""
    return re.sub(r"([<>*_\[\]|])", r"\\\1", text)


def _decisions() -> Iterator[str]:
    for path in sorted((DOCS / "decisions").glob("0*.md")):
        title = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
        yield f"- [{title}]({path.name})\n"


def test_public_modules_are_there() -> None:
    package = Path(kgplatform.__file__).parent
    for name in PUBLIC:
        path = package.joinpath(*name.split(".")[1:]).with_suffix(".py")
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), name
