"""Texts as queries of full-text indexes: words alone, so that no text is a query language."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_WORDS = 64
"""Words of a text that are looked for."""

MOST_ALIKE = 8
"""Words that are looked for with a slip of the pen: each tries thousands of spellings."""

STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be but by for if in into is it no not of on or such that the their "
        "then there these they this to was will with",
    )
)
"""Those that Lucene's English analyser leaves out of an index."""

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of a text in order, each once; in lower case, as AND, OR and NOT mean something."""
    found = (word for word in _WORD.findall(text.lower()) if word.strip("_"))
    return list(dict.fromkeys(found))[:MOST_WORDS]


def content_words(text: str) -> list[str]:
    """The words of a text that say something; all of them where none else is there."""
    words = words_of(text)
    return [word for word in words if word not in STOP_WORDS] or words


def stem(word: str) -> str:
    """The beginning of a word that its other forms have, too: of `rivers` and `river`, `rive`."""
    return word[: max(4, len(word) - 2)]


def alike(words: Sequence[str]) -> str:
    """A query for words, each exactly, or with a letter wrong if it is long; empty for no words."""
    return " ".join(f"{word} {word}~1" if len(word) > 3 else word for word in words)


def named_in(text: str) -> str:
    """A query for what a text may call by name; with slips of the pen where the text is short."""
    words = content_words(text)
    return alike(words) if len(words) <= MOST_ALIKE else " ".join(words)


def said_in(graph: str, text: str) -> str:
    """A query of the index of search for a text's words, in names above all, of one graph.

    The graph's name is no words of ours: as a phrase, cut by the index's own analyser, it is what
    stands in the index. It counts nothing for the score.
    """
    words = " ".join(word for word in words_of(text) if word not in STOP_WORDS)
    if not words:
        return ""
    phrase = graph.replace("\\", "\\\\").replace('"', '\\"')
    return (
        f'+graph:"{phrase}"^0 '
        f"+(name:({words})^2 aliases:({words})^2 description:({words}) text:({words}))"
    )
