"""Queries as text for an editor: those of cypher/browser with their values written in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from kgplatform import queries
from kgplatform.errors import UnknownNameError, UsageError

FOLDER = "browser/"

Value = str | int | float | None

_PARAMETER = re.compile(r"\$(\w+)")
# What a string literal cannot hold as it is, and what a link or a page could cut it by: Browser
# takes "&" and "#" in the text of a link for the end of it. The backslash is written twice as an
# escape of its own, as Neo4j 5 decodes \uXXXX before it parses (see queries.quote).
_ESCAPED = {
    "\\": "\\u005c\\u005c",
    "'": "\\'",
    "&": "\\u0026",
    "#": "\\u0023",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


def literal(value: Value) -> str:
    """A value as Cypher text, such that whatever a text holds stays inside its quotes."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return "'" + "".join(map(_escaped, value)) + "'"
    return repr(value)


def filled(name: str, params: Mapping[str, Value]) -> str:
    """A query of cypher/browser as a person runs it: its title as a comment, values written in.

    Args:
        name: Without the folder, for example ``show_entity``.
        params: Values; those that the query does not have are not looked at.

    Raises:
        UnknownNameError: There is no such query.
        UsageError: One of its values is missing.
    """
    title, body = split(name)

    def value(match: re.Match[str]) -> str:
        param = match.group(1)
        if param not in params:
            raise UsageError(
                f"query {name} needs a value for {param}", hint=f"add --param {param}=VALUE"
            )
        return literal(params[param])

    return f"// {title}\n{_PARAMETER.sub(value, body)}"


def split(name: str) -> tuple[str, str]:
    """The title of a query of cypher/browser (its first sentence, in a line), and its Cypher.

    Raises:
        UnknownNameError: There is no such query.
    """
    if name not in names():
        raise UnknownNameError("query", name, names())
    lines = queries.get(FOLDER + name).splitlines()
    count = next(i for i, line in enumerate(lines) if not line.startswith("//"))
    said = [line.removeprefix("//").strip() for line in lines[:count]]
    end = next(i for i, line in enumerate(said) if line.startswith("Params:"))
    sentence = " ".join(said[:end]).partition(". ")[0].rstrip(".")
    return f"{sentence}.", "\n".join(lines[count:])


def params_of(name: str) -> list[str]:
    """The parameters of a query of cypher/browser, in the order of their first use."""
    return list(dict.fromkeys(_PARAMETER.findall(split(name)[1])))


def names() -> list[str]:
    """The queries of cypher/browser."""
    return [name.removeprefix(FOLDER) for name in queries.names(FOLDER)]


def deep_link(browser: str, text: str) -> str:
    """The address of Browser that opens with a text in its editor, which is not run by itself.

    Args:
        browser: The address of Browser; what it has of a query stays.
        text: Cypher or a ``:command``; never a secret, as addresses are remembered.
    """
    joint = "&" if "?" in browser else "?"
    return f"{browser}{joint}cmd=edit&arg={quote(text, safe='')}"


def _escaped(character: str) -> str:
    if character in _ESCAPED:
        return _ESCAPED[character]
    return f"\\u{ord(character):04x}" if ord(character) < 32 else character
