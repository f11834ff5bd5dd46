"""What commands print: data on stdout, everything else on stderr."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from kgplatform.progress import Progress

F = TypeVar("F", bound=Callable[..., Any])

SECONDS_BETWEEN_LINES = 5.0
"""How often a stage prints a plain line where there is no terminal to draw on."""

# C0 but tab and newline, DEL, C1, overrides of the direction of writing, halves of characters.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def harmless(text: str) -> str:
    """A text without what a terminal would obey, such as a name that sets its title.

    Control characters are shown as Python writes them: names come from files and from the web.
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def harmless_record(record: logging.LogRecord) -> bool:
    """A filter of what is logged that lets everything through, made harmless."""
    record.msg, record.args = harmless(record.getMessage()), ()
    return True


def json_option(function: F) -> F:
    """The ``--json`` flag that every command has, as the parameter ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print data as JSON on stdout.")(
        function
    )


def emit(data: Any, as_json: bool, text: str) -> None:
    """Print a command's result: ``data`` as JSON, or ``text`` for a person."""
    if as_json:
        written = json.dumps(data, ensure_ascii=False, default=str)
        # What is left of them stands within texts, where JSON has its own way to write it.
        click.echo(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", written))
    elif text:
        click.echo(harmless(text))


def note(message: str, **style: Any) -> None:
    """Tell the user something that is not the result, on stderr, in a style of click's."""
    click.echo(click.style(harmless(message), **style), err=True)


def report_error(message: str, hint: str) -> None:
    """Print what was wrong and what to do, a line each, on stderr."""
    click.echo(click.style("error: ", fg="red", bold=True) + harmless(message), err=True)
    if hint:
        click.echo(click.style("  fix: ", fg="cyan") + harmless(hint), err=True)


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Rows under their headings as plain text, numbers and all left-aligned.

    A cell stays on its line, whatever is in it.
    """
    rows = [[_on_one_line(cell) for cell in row] for row in rows]
    widths = [
        max(len(column), *(len(row[i]) for row in rows)) if rows else len(column)
        for i, column in enumerate(columns)
    ]
    lines = [columns, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _on_one_line(cell: str) -> str:
    return harmless(cell).replace("\n", "\\n").replace("\t", "\\t")


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """A ``Progress`` that draws bars on a terminal and prints lines elsewhere."""
    if sys.stderr.isatty():
        with described_bars() as (progress, _):
            yield progress
    else:
        yield _plain_progress()


Describe = Callable[[str, str], None]
"""Given a stage and a text, writes the text beside the stage's bar."""


@contextlib.contextmanager
def described_bars() -> Iterator[tuple[Progress, Describe]]:
    """Bars on a terminal, and a way to write beside them."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        def describe(stage: str, text: str) -> None:
            if stage in tasks:
                bars.update(tasks[stage], description=text)

        yield progress, describe


def _plain_progress() -> Progress:
    printed: dict[str, float] = {}

    def progress(stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        finished = total is not None and done >= total
        if (
            not finished
            and now - printed.get(stage, -SECONDS_BETWEEN_LINES) < SECONDS_BETWEEN_LINES
        ):
            return
        printed[stage] = float("inf") if finished else now
        note(f"{stage}: {done:,}" + ("" if total is None else f" of {total:,}"))

    return progress
