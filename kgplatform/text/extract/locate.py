"""Where a text says what an extractor says it says."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from rapidfuzz import fuzz

from kgplatform.text.chunk import Span
from kgplatform.text.extract.places import MARKS

LEAST_LIKENESS = 88.0
"""Of 100, for words that are nearly a name's: a letter in eight, an ending, a hyphen."""

SHORTEST_LIKE = 5
"""Characters of a name that may be found by likeness; of shorter ones, another word is as like."""

_ARTICLE = re.compile(r"^(?:the|an?) ")
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"\w+")


class Folded:
    """A text as it is compared: in lower case, without accents, one kind of quotation
    marks and dashes, a space for any run of spaces.

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
        return bisect_right(self._ends, span[0]), bisect_left(self._starts, span[1])


def locate(name: str, text: str, folded: Folded, sentences: Sequence[Span]) -> list[Span]:
    """Where some sentences of a text have a name, as whole words; empty if nowhere.

    The exact name goes before the same in other case, accents or spaces, that before the same
    without an article, and all before the place that is most like it.

    Args:
        name: What is looked for.
        text: The text.
        folded: The same, folded once for all names.
        sentences: Places of the sentences in order.
    """
    name = name.strip().strip("\"'“”\u2018\u2019")
    wanted = Folded(name).text.strip()
    if not wanted or not sentences:
        return []
    start, end = sentences[0][0], sentences[-1][1]
    exact = _whole(name, text, start, end)
    if exact:
        return exact
    inside = folded.place((start, end))
    for form in (wanted, _ARTICLE.sub("", wanted)):
        if same := _whole(form, folded.text, *inside):
            return [folded.original(*span) for span in same]
    return _alike(wanted, folded, sentences)


def _folded_letter(letter: str) -> str:
    if letter.isspace():
        return " "
    bare = unicodedata.normalize("NFKD", letter.casefold().translate(MARKS))
    return "".join(piece for piece in bare if not unicodedata.combining(piece))


def _whole(name: str, text: str, start: int, end: int) -> list[Span]:
    """Places of a name that begin and end where words do."""
    found = []
    at = text.find(name, start, end)
    while at >= 0:
        if not (_joined(text, at) or _joined(text, at + len(name))):
            found.append((at, at + len(name)))
        at = text.find(name, at + 1, end)
    return found


def _joined(text: str, at: int) -> bool:
    """Whether a word goes on over a place."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _alike(wanted: str, folded: Folded, sentences: Sequence[Span]) -> list[Span]:
    """The words that are most like the name, if nearly it; numbers in it are to be the same."""
    if len(wanted) < SHORTEST_LIKE:
        return []
    likely = [found for span in sentences if (found := _likest(wanted, folded, span))]
    return [max(likely)[1]] if likely else []


def _likest(wanted: str, folded: Folded, sentence: Span) -> tuple[float, Span] | None:
    start, end = folded.place(sentence)
    words = folded.text[start:end]
    # Found by letters, it is widened to whole words, and those are compared.
    found = fuzz.partial_ratio_alignment(wanted, words, score_cutoff=LEAST_LIKENESS - 10)
    if found is None:
        return None
    inside = [
        word.span()
        for word in _WORD.finditer(words)
        if word.start() < found.dest_end and word.end() > found.dest_start
    ]
    if not inside:
        return None
    piece = words[inside[0][0] : inside[-1][1]]
    likeness = fuzz.ratio(wanted, piece)
    same_numbers = sorted(_DIGITS.findall(wanted)) == sorted(_DIGITS.findall(piece))
    if likeness < LEAST_LIKENESS or not same_numbers:
        return None
    return likeness, folded.original(start + inside[0][0], start + inside[-1][1])
