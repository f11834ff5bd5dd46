"""What may be extracted: labels and relation types, with what they join."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RelationType:
    """A relation that facts may have.

    Attributes:
        name: Its name in the graph.
        heads: Labels of what it is about; empty for any.
        tails: Labels of its other end; empty for any.
        description: What it says, in a sentence.
        example: A text, and the names of the ends of the fact that it states.
        words: Further names of it in texts.
        functional: Whether a head has one tail at most, at one time.
        symmetric: Whether it holds in both directions.
    """

    name: str
    heads: tuple[str, ...] = ()
    tails: tuple[str, ...] = ()
    description: str = ""
    example: tuple[str, str, str] | None = None
    words: tuple[str, ...] = ()
    functional: bool = False
    symmetric: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """The labels and relation types of a graph.

    Attributes:
        labels: Descriptions by label.
        relations: Relation types by name.
        open: Whether other relation types may be proposed for review.
    """

    labels: dict[str, str]
    relations: dict[str, RelationType]
    open: bool = False
