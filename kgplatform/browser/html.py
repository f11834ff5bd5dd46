"""Pieces of a guide's HTML; names become text in one place."""

from __future__ import annotations

from collections.abc import Sequence

from kgplatform.browser.contents import Contents
from kgplatform.browser.editor import Value, filled

# More than HTML asks for: Browser removes from a guide what looks to it like a handler
# (" one.id = …" in a query is one to it) or like a script, by patterns over the whole text.
_ESCAPED = {ord(character): f"&#{ord(character)};" for character in "&<>\"'=:`"}

_CELL = "padding: 1px 24px 1px 0; text-align: left"


def escape(text: str) -> str:
    """A text as HTML that shows it and does nothing else."""
    return text.translate(_ESCAPED)


def slide(title: str, *parts: str) -> str:
    """One slide of a guide."""
    inner = "\n".join(part for part in parts if part)
    return f'<slide class="row-fluid">\n<h3>{escape(title)}</h3>\n{inner}\n</slide>'


def paragraph(html: str) -> str:
    """A paragraph of what is HTML already."""
    return f"<p>{html}</p>"


def command(text: str) -> str:
    """A command for a shell; a click does nothing."""
    return f"<pre>{escape(text)}</pre>"


def runnable(name: str, contents: Contents, **changed: Value) -> str:
    """A query of cypher/browser with values of the graph; a click puts it into the editor.

    Args:
        name: The query's.
        contents: What gives the values.
        changed: Values in place of those.
    """
    text = filled(name, {**contents.params(), **changed})
    return f'<pre class="pre-scrollable code runnable">{escape(text)}</pre>'


def link(executed: str, html: str) -> str:
    """A link that runs a command of Browser, given without its colon."""
    return f'<a data-exec="{escape(executed)}">{html}</a>'


def shown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are HTML already."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="table-condensed"><tr>{head}</tr>{body}</table>'
