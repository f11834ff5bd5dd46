"""Where a text says what an extractor says it says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from rapidfuzz import fuzz

from kgplatform.text.chunk import Span

LEAST_LIKENESS = 88.0
"""Of 100, for words that are nearly a name's: a letter in eight, an ending, a hyphen."""

SHORTEST_LIKE = 5
"""Characters of a name that may be found by likeness; of shorter ones, another word is as like."""

_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"\w+")


class Folded:
    """A text as it is compared: in lower case, without accents, a space for any run of spaces.

    Attributes:
        text: The text so.
    """

    def __init__(self, original: str) -> None:
        letters: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        for at, letter in enumerate(original):
            for piece in _folded_letter(letter):
                if piece == " " and letters[-1:] == [" "]:
                    self._ends[-1] = at + 1
                    continue
                letters.append(piece)
                self._starts.append(at)
                self._ends.append(at + 1)
        self.text = "".join(letters)

    def original(self, start: int, end: int) -> Span:
        """The place in the original of a place in ``text`` that is not empty."""
        return self._starts[start], self._ends[end - 1]

    def place(self, span: Span) -> Span:
        """The place in ``text`` of a place in the original."""
        inside = [
            at
            for at, (start, end) in enumerate(zip(self._starts, self._ends, strict=True))
            if start < span[1] and end > span[0]
        ]
        return (inside[0], inside[-1] + 1) if inside else (0, 0)


def locate(name: str, text: str, folded: Folded, near: Span) -> Span | None:
    """Where a text has a name, as whole words; None if it has it nowhere.

    The exact name goes before the same in other case, accents or spaces, and both before what is
    only like it, which is looked for in ``near`` alone. Of several places, the one nearest to
    ``near`` counts.

    Args:
        name: What is looked for.
        text: The text.
        folded: The same, folded once for all names.
        near: The sentence that is thought to have it.
    """
    name = name.strip().strip("\"'“”\u2018\u2019")
    if not name:
        return None
    exact = _nearest(_whole(name, text), near)
    if exact is not None:
        return exact
    wanted = Folded(name).text.strip()
    if not wanted:
        return None
    same = [folded.original(*span) for span in _whole(wanted, folded.text)]
    return _nearest(iter(same), near) or _alike(wanted, folded, near)


def _folded_letter(letter: str) -> str:
    if letter.isspace():
        return " "
    bare = unicodedata.normalize("NFKD", letter.casefold())
    return "".join(piece for piece in bare if not unicodedata.combining(piece))


def _whole(name: str, text: str) -> Iterator[Span]:
    """Places of a name that begin and end where words do."""
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if not (_joined(text, at) or _joined(text, end)):
            yield at, end
        at = text.find(name, at + 1)


def _joined(text: str, at: int) -> bool:
    """Whether a word goes on over a place."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _nearest(spans: Iterator[Span], near: Span) -> Span | None:
    def distance(span: Span) -> int:
        return max(near[0] - span[0], span[1] - near[1], 0)

    return min(spans, key=distance, default=None)


def _alike(wanted: str, folded: Folded, near: Span) -> Span | None:
    """Whole words of the sentence that are nearly the name; numbers in it are to be the same."""
    if len(wanted) < SHORTEST_LIKE:
        return None
    start, end = folded.place(near)
    sentence = folded.text[start:end]
    found = fuzz.partial_ratio_alignment(wanted, sentence, score_cutoff=LEAST_LIKENESS - 10)
    if found is None:
        return None
    words = [
        word.span()
        for word in _WORD.finditer(sentence)
        if word.start() < found.dest_end and word.end() > found.dest_start
    ]
    if not words:
        return None
    piece = (words[0][0], words[-1][1])
    likely = sentence[slice(*piece)]
    if fuzz.ratio(wanted, likely) < LEAST_LIKENESS:
        return None
    if sorted(_DIGITS.findall(wanted)) != sorted(_DIGITS.findall(likely)):
        return None
    return folded.original(start + piece[0], start + piece[1])
