"""What an extractor returns, and what it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from kgplatform.progress import Progress
from kgplatform.text.chunk import Span


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a text calls an end of a fact.

    Attributes:
        name: The words; as they stand in the text, where they stand there.
        span: Where, in characters of the text; None where they do not occur in it, so that
            the extractor made them up or said them in its own words.
        label: What kind of thing it is, if the extractor says so.
        guessed: Whether the label is a guess that what the fact says may overrule.
    """

    name: str
    span: Span | None
    label: str | None = None
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class ExtractedFact:
    """A fact that a text states, in the text's own words: no entity of a graph yet.

    Attributes:
        head: What it is about.
        relation: The relation as the extractor named it; a relation of the schema only after
            snapping.
        tail: The other end.
        sentence: The piece of the text that states it.
        confidence: How sure the extractor is, from 0 to 1; not calibrated.
        extractor: Its name.
        valid_from: From when it holds, as an ISO date of any precision, if the text says so.
        valid_to: Until when.
    """

    head: Phrase
    relation: str
    tail: Phrase
    sentence: Span
    confidence: float
    extractor: str
    valid_from: str | None = None
    valid_to: str | None = None

    @property
    def invented(self) -> bool:
        """Whether an end does not occur in the text."""
        return self.head.span is None or self.tail.span is None


class Extractor(Protocol):
    """Anything that reads facts out of texts."""

    name: str

    def __call__(self, texts: Sequence[str], progress: Progress) -> Iterator[list[ExtractedFact]]:
        """The facts of each text, in the order of the texts; places are of that text."""
        ...
