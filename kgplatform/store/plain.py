"""Plain queries: one relationship between two nodes, read whole and understood whole.

A query is plain only if all of its text is of the form that is described here, token by token, so
nothing in it can mean something else: no comments, no escapes, no clause but ``MATCH``, ``WHERE``
and ``RETURN``. What stands after ``WHERE`` is not understood: the server parses it, within
parentheses, before it is used (:mod:`kgplatform.store.scan_query`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_NAME = r"(?:[^\W\d]\w*|`(?:[^`\\]|``)+`)"
_VALUE = rf"(?:-?\d+(?:\.\d+)?|'[^'\\]*'|\"[^\"\\]*\"|\${_NAME}|(?i:true|false))"
_ENTRY = rf"{_NAME}\s*:\s*{_VALUE}"
_MAP = rf"\{{\s*{_ENTRY}(?:\s*,\s*{_ENTRY})*\s*\}}"
_LABELS = rf"(?:\s*:\s*{_NAME}(?:\s*[:&|]\s*{_NAME})*)"
_TYPES = rf"(?:!\s*PREDICTED|{_NAME}(?:\s*\|\s*{_NAME})*)"


def _node(group: str) -> str:
    return (
        rf"\(\s*(?P<{group}>{_NAME})(?P<{group}_labels>{_LABELS})?"
        rf"\s*(?P<{group}_map>{_MAP})?\s*\)"
    )


_PATTERN = re.compile(
    rf"\s*{_node('left')}\s*(?P<back><)?\s*-\s*"
    rf"\[\s*(?P<link>{_NAME})\s*(?::\s*(?P<types>{_TYPES}))?\s*\]"
    rf"\s*-\s*(?P<forth>>)?\s*{_node('right')}\s*"
)
_ITEM = (
    rf"(?:(?i:type)\s*\(\s*(?P<typed>{_NAME})\s*\)|(?P<of>{_NAME})\s*\.\s*(?P<key>{_NAME}))"
    rf"\s+(?i:AS)\s+(?P<column>[a-z]+)"
)
_ANY_ITEM = re.sub(r"\?P<\w+>", "?:", _ITEM)
_QUERY = re.compile(
    rf"\s*(?i:MATCH)(?P<pattern>\s*\(.*?)(?P<end>\b(?i:RETURN)\s+"
    rf"{_ANY_ITEM}(?:\s*,\s*{_ANY_ITEM})*)\s*",
    re.DOTALL,
)


@dataclass(frozen=True)
class Node:
    """One end of the pattern.

    Attributes:
        name: Its variable.
        labels: As written, with the colon; or empty.
        properties: The map as written, with its braces; or empty.
    """

    name: str
    labels: str
    properties: str

    @property
    def text(self) -> str:
        """The node as Cypher."""
        return f"({self.name}{self.labels}{self.properties and ' '}{self.properties})"


@dataclass(frozen=True)
class Pattern:
    """``(head)-[link:types]->(tail)``.

    Attributes:
        head: Where the relationship begins.
        link: The relationship's variable.
        types: The types that it may have; None for any.
        predicted: Whether predicted links are meant, too.
        tail: Where it ends.
    """

    head: Node
    link: str
    types: tuple[str, ...] | None
    predicted: bool
    tail: Node

    @property
    def names(self) -> tuple[str, str, str]:
        """The variables of head, relationship and tail."""
        return self.head.name, self.link, self.tail.name


@dataclass(frozen=True)
class Plain:
    """A plain query.

    Attributes:
        pattern: What it matches.
        where: Its condition, not understood; or empty.
        head_key: The property of the head that is returned, as written.
        tail_key: That of the tail.
        numbers: Which property of the relationship each further column is, as written.
    """

    pattern: Pattern
    where: str
    head_key: str
    tail_key: str
    numbers: dict[str, str]


def plain_query(query: str) -> Plain | None:
    """The query in parts, or None if it is not a plain one."""
    found = _QUERY.fullmatch(query)
    if found is None or "\\" in query:
        return None
    # Everything between MATCH and the last RETURN.
    start, stop = found.span("pattern")
    matched = _PATTERN.match(query, start, stop)
    if matched is None:
        return None
    pattern = _pattern(matched)
    rest = query[matched.end() : stop].strip()
    where = ""
    if rest:
        if not (condition := re.fullmatch(r"(?is)WHERE\b(.*)", rest)):
            return None
        where = condition[1]
    return None if pattern is None else _with_items(pattern, where, found["end"])


def plain_pattern(text: str) -> Pattern | None:
    """A pattern in parts, or None if it is not one relationship between two nodes."""
    found = _PATTERN.fullmatch(text)
    return None if found is None or "\\" in text else _pattern(found)


def asserted(pattern: Pattern, graph: str | None) -> str | None:
    """The pattern as text, without predicted links.

    Args:
        pattern: The pattern.
        graph: A parameter, with its ``$``: the graph that both nodes must be in, if any.

    Returns:
        None where it cannot be said so: one of the nodes already names a graph, or only predicted
        links are meant, which are no facts.
    """
    ends = []
    for node in (pattern.head, pattern.tail):
        if graph is not None:
            if "graph" in node.properties:
                return None
            begun = f"{node.properties.rstrip('}').rstrip()}, " if node.properties else "{"
            node = replace(node, properties=f"{begun}graph: {graph}}}")
        ends.append(node.text)
    types = "!PREDICTED"
    if pattern.types is not None:
        known = [name for name in pattern.types if _plain_name(name) != "PREDICTED"]
        if not known:
            return None
        types = "|".join(known)
    return f"{ends[0]}-[{pattern.link}:{types}]->{ends[1]}"


def type_names(pattern: Pattern) -> list[str] | None:
    """The types without quotation marks."""
    return None if pattern.types is None else [_plain_name(name) for name in pattern.types]


def _pattern(found: re.Match[str]) -> Pattern | None:
    if bool(found["back"]) == bool(found["forth"]):
        return None
    left, right = (
        Node(found[end], found[f"{end}_labels"] or "", found[f"{end}_map"] or "")
        for end in ("left", "right")
    )
    if len({_plain_name(name) for name in (left.name, right.name, found["link"])}) < 3:
        return None
    types, predicted = None, True
    if text := found["types"]:
        predicted = not text.startswith("!")
        if predicted:
            types = tuple(re.findall(_NAME, text))
    head, tail = (right, left) if found["back"] else (left, right)
    return Pattern(head, found["link"], types, predicted, tail)


def _with_items(pattern: Pattern, where: str, end: str) -> Plain | None:
    link = _plain_name(pattern.link)
    ends = {"head": _plain_name(pattern.head.name), "tail": _plain_name(pattern.tail.name)}
    keys: dict[str, str] = {}
    numbers: dict[str, str] = {}
    typed = 0
    for item in re.finditer(_ITEM, end):
        column = item["column"]
        if item["typed"]:
            typed += 1
            if column != "relation" or _plain_name(item["typed"]) != link:
                return None
        elif column in ends and _plain_name(item["of"]) == ends[column]:
            keys[column] = item["key"]
        elif column in ("split", "weight", "time") and _plain_name(item["of"]) == link:
            numbers[column] = item["key"]
        else:
            return None
    if typed != 1 or len(keys) < len(ends):
        return None
    return Plain(pattern, where, keys["head"], keys["tail"], numbers)


def _plain_name(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
