"""Statements as lines: a sentence for what they have in common, with the ids of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kgplatform.store.statements import Statement
from kgplatform.text.wording import listed, sentence_of

MOST_NAMES = 12
"""Names in a row that a reader follows."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence and what it says.

    Attributes:
        text: The sentence.
        statements: The statements that it is made of.
    """

    text: str
    statements: tuple[Statement, ...]


def lines_about(topic: str, statements: Sequence[Statement]) -> list[Line]:
    """What is stated of an entity, a line for each relation, direction and kind.

    A fact that is there in both directions is said once, with both ids. Asserted ones come first.

    Args:
        topic: entity_id.
        statements: With the topic at one end.
    """
    forward = {(s.relation, s.tail): s for s in statements if s.head == topic}
    mirrored = {
        s.id: forward[s.relation, s.head]
        for s in statements
        if s.head != topic and _is_mirror(forward.get((s.relation, s.head)), s)
    }
    groups: dict[tuple[bool, bool, str], list[Statement]] = {}
    for each in statements:
        if each.id not in mirrored:
            key = (each.kind == "predicted", each.head != topic, each.relation)
            groups.setdefault(key, []).append(each)
    back: dict[str, list[Statement]] = {}
    for each in statements:
        if each.id in mirrored:
            back.setdefault(mirrored[each.id].id, []).append(each)
    lines = []
    for (_, inverse, _), members in sorted(groups.items(), key=lambda item: item[0][:2]):
        for start in range(0, len(members), MOST_NAMES):
            part = members[start : start + MOST_NAMES]
            cited = [one for each in part for one in (each, *back.get(each.id, ()))]
            lines.append(Line(_text(part, inverse=inverse), tuple(cited)))
    return lines


def lines_of(statements: Sequence[Statement]) -> list[Line]:
    """Any statements as lines: those of one relation and kind that share a head, or a tail."""
    heads = Counter((each.kind, each.relation, each.head) for each in statements)
    tails = Counter((each.kind, each.relation, each.tail) for each in statements)
    groups: dict[tuple[bool, str, str, str], list[Statement]] = {}
    for each in statements:
        inverse = (
            tails[each.kind, each.relation, each.tail] > heads[each.kind, each.relation, each.head]
        )
        end = each.tail if inverse else each.head
        groups.setdefault((inverse, each.kind, each.relation, end), []).append(each)
    return [
        Line(_text(members, inverse=inverse), tuple(members))
        for (inverse, *_), members in groups.items()
    ]


def _is_mirror(other: Statement | None, statement: Statement) -> bool:
    return other is not None and other.kind == statement.kind


def _text(members: Sequence[Statement], *, inverse: bool) -> str:
    """Statements of one relation that share an end, in words; predicted ones are said to be so."""
    first = members[0]
    if inverse:
        names = [_sure(each, each.head_name) for each in members]
        said = sentence_of(first.relation, names, [first.tail_name])
    else:
        names = [_sure(each, each.tail_name) for each in members]
        said = sentence_of(first.relation, [first.head_name], names)
    if first.kind == "asserted":
        return said
    said = said[0].lower() + said[1:] if said.startswith("The ") else said
    models = listed(sorted({each.run or "an unknown run" for each in members}))
    return f"A model ({models}) predicts that {said}"


def _sure(statement: Statement, name: str) -> str:
    """A name with how sure the statement is, where it is not quite."""
    return name if statement.confidence >= 1 else f"{name} ({statement.confidence:.2f})"
