"""The reference of commands is made from the commands; UPDATE_DOCS=1 writes it anew."""

import os
from pathlib import Path

import click

from kgplatform.cli import COMMANDS, cli

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
INTRODUCTION = """# Commands

Made from the commands themselves; `UPDATE_DOCS=1 pytest tests/unit/test_reference.py` writes it
anew. `kgp` and `kgplatform` are the same program. Exit codes: 0 done, 1 a failure that was
handled, 2 wrong usage, 4 the database refused the login, 130 stopped by Ctrl-C.
"""


def test_reference_page_says_what_the_commands_say() -> None:
    made = INTRODUCTION + "".join(_section(name) for name in COMMANDS)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == made


def test_every_command_takes_json() -> None:
    for path, command in _leaves():
        names = {name for option in command.params for name in option.opts}
        assert "--json" in names, path


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
