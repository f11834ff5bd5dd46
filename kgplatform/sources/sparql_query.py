"""What a query of SPARQL asks for, and how it is asked for in pages.

A server gives the rows of a query in any order, and in another one the next time; so ``LIMIT``
and ``OFFSET`` alone would give some rows twice and others never. Each page is therefore asked
for with ``ORDER BY`` all the columns.

The query is looked at, not parsed: endpoints know extensions and prefixes that a parser of the
standard (https://www.w3.org/TR/sparql11-query/) refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kgplatform.errors import UsageError

ALL_TRIPLES = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"

COLUMNS = (("head", "relation", "tail"), ("s", "p", "o"), ("subject", "predicate", "object"))
"""Names of a SELECT query's three columns; without them, its first three are taken."""

_HINT = "give a CONSTRUCT query, or a SELECT query of head, relation and tail"

_QUOTED = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""'
    r"|'''(?:[^'\\]|\\.|'(?!''))*'''"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'"
    r'|<[^<>"{}|^`\\\s]*>'
    r"|#[^\n]*",
    re.DOTALL,
)
_PREFIXED = re.compile(r"\bPREFIX\s+[^\s:]*:|[\w.-]*:[\w.-]*", re.IGNORECASE)
_FORM = re.compile(r"(?<![?$\w])(SELECT|CONSTRUCT|DESCRIBE|ASK)\b", re.IGNORECASE)
_PROJECTED = re.compile(r"(?<![?$\w])(?:WHERE|FROM)\b|\{", re.IGNORECASE)
_CUT = re.compile(r"(?<![?$\w])(LIMIT|OFFSET|VALUES)\b", re.IGNORECASE)
_ORDERED = re.compile(r"(?<![?$\w])ORDER\s+BY\b", re.IGNORECASE)
_VARIABLE = re.compile(r"[?$](\w+)")
_BLANK = re.compile(r"\[|_:")


@dataclass(frozen=True)
class Query:
    """A query and how its pages are asked for.

    Attributes:
        text: As the user gave it.
        selects: Whether it is a SELECT query, whose answer is rows; otherwise it is triples.
        order: What is put behind it before ``LIMIT``; None if it is asked for in one piece,
            because it has limits of its own, ends in VALUES, makes blank nodes (which could
            not be told apart between pages), or names no columns to order by.
        counted: Whether an answer has as many rows as the query has; a CONSTRUCT query of a
            user may make several triples, or none, of one row.
    """

    text: str
    selects: bool = False
    order: str | None = None
    counted: bool = True

    def page(self, offset: int, rows: int) -> str:
        """The query for one page of it, or all of it if it is not asked for in pages."""
        if self.order is None:
            return self.text
        # On a line of its own: the query may end in a comment.
        return f"{self.text}\n{self.order}\nLIMIT {rows} OFFSET {offset}"


def look_at(text: str | None) -> Query:
    """Say how a query is asked for; None stands for all triples of the endpoint.

    Raises:
        UsageError: It is neither CONSTRUCT nor SELECT, or selects fewer than three columns.
    """
    if text is None:
        return Query(ALL_TRIPLES, order="ORDER BY ?s ?p ?o")
    bare = _QUOTED.sub(_blanked, text)
    # Prefixed names hold words such as "select" that mean nothing.
    plain = _PREFIXED.sub(_blanked, bare)
    outside = _outside_braces(plain)
    form = _FORM.search(outside)
    if form is None or form[0].upper() in ("ASK", "DESCRIBE"):
        what = f"is {form[0].upper()}" if form else "neither selects nor constructs"
        raise UsageError(f"the query {what}, which gives no triples to load", hint=_HINT)
    whole = _CUT.search(outside, form.end()) is not None
    if form[0].upper() == "SELECT":
        variables = _selected(plain[form.end() :])
        if variables and len(variables) < len(COLUMNS[0]):
            raise UsageError(
                f"the query selects only {', '.join(variables)}, where three columns belong",
                hint=_HINT,
            )
        return Query(text, selects=True, order=None if whole else _order(outside, variables))
    template = _template(bare[form.end() :])
    if whole or _BLANK.search(template):
        return Query(text, counted=False)
    variables = list(dict.fromkeys(_VARIABLE.findall(template)))
    return Query(text, order=_order(outside, variables), counted=False)


def columns(names: list[str]) -> tuple[str, str, str]:
    """Which columns of a SELECT query's answer are head, relation and tail.

    Raises:
        UsageError: There are fewer than three.
    """
    for known in COLUMNS:
        if set(known) <= set(names):
            return known
    if len(names) < len(COLUMNS[0]):
        raise UsageError(
            f"the query selects only {', '.join(names) or 'nothing'}, where three columns belong",
            hint=_HINT,
        )
    return names[0], names[1], names[2]


def _blanked(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _outside_braces(text: str) -> str:
    """The text with blanks for all that stands between braces."""
    depth = 0
    kept = []
    for letter in text:
        depth -= letter == "}" and depth > 0
        kept.append(" " if depth else letter)
        depth += letter == "{"
    return "".join(kept)


def _selected(rest: str) -> list[str]:
    """The columns that stand behind SELECT; none if it is ``*``."""
    end = _PROJECTED.search(rest)
    found = []
    depth = start = 0
    text = rest[: end.start()] if end else rest
    for match in re.finditer(r"[()]|[?$]\w+", text):
        piece = match[0]
        if piece == "(":
            start = match.end() if depth == 0 else start
            depth += 1
        elif piece == ")":
            depth -= 1
            if depth == 0 and (inside := _VARIABLE.findall(text[start : match.start()])):
                found.append(inside[-1])  # (expression AS ?column)
        elif depth == 0:
            found.append(piece[1:])
    return found


def _template(rest: str) -> str:
    """What stands between the first braces: the triples that a CONSTRUCT query makes."""
    depth = 0
    start = rest.find("{") + 1
    for place, letter in enumerate(rest):
        depth += (letter == "{") - (letter == "}")
        if letter == "}" and depth == 0:
            return rest[start:place]
    return rest[start:]


def _order(outside: str, variables: list[str]) -> str | None:
    if not variables:
        return None
    listed = " ".join(f"?{name}" for name in variables)
    # Behind an ORDER BY of the user's own, the columns decide between rows that it leaves equal.
    return listed if _ORDERED.search(outside) else f"ORDER BY {listed}"
