"""Where a text says what an extractor claims that it says."""

from __future__ import annotations

import re

from kgplatform.text.chunk import Span, is_wide

_ARTICLE = re.compile(r"(?:the|a|an)\s+", re.IGNORECASE)
MARKS = str.maketrans("‘’“”–—‐‑", "''\"\"----")  # noqa: RUF001
"""Quotation marks and dashes as ASCII has them, one character for one."""


def find_phrase(name: str, text: str, *, near: Span | None = None) -> Span | None:
    """Where a name stands in a text as whole words; None where it does not.

    Case, the kind of space, quotation marks and dashes do not matter, nor an article before the
    name. Of several places the one nearest to ``near`` is taken, else the first.
    """
    words = _ARTICLE.sub("", name.translate(MARKS).strip(), count=1).split()
    if not words:
        return None
    # Marks are one character for one, so that places stay those of the text.
    found = [
        match.span()
        for match in re.finditer(
            r"\s+".join(map(re.escape, words)), text.translate(MARKS), re.IGNORECASE
        )
        if not cuts_word(text, match.span())
    ]
    if not found:
        return None
    if near is None:
        return found[0]
    return min(found, key=lambda span: abs(span[0] - near[0]))


def cuts_word(text: str, span: Span) -> bool:
    """Whether a place begins or ends inside a word; ideographs stand for words by themselves."""
    for at in span:
        around = text[max(at - 1, 0) : at + 1]
        inside = 0 < at < len(text) and all(mark.isalnum() for mark in around)
        if inside and not any(is_wide(mark) for mark in around):
            return True
    return False
