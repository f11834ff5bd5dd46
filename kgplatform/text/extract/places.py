"""Where a text says what an extractor claims that it says."""

from __future__ import annotations

import re

from kgplatform.text.chunk import Span

_ARTICLE = re.compile(r"(?:the|a|an)\s+", re.IGNORECASE)
_QUOTES = str.maketrans("‘’“”–—‐‑", "''\"\"----")  # noqa: RUF001


def find_phrase(name: str, text: str, *, near: Span | None = None) -> Span | None:
    """Where a name stands in a text as whole words; None where it does not.

    Case, the kind of space, quotation marks and dashes do not matter, nor an article before the
    name. Of several places the one nearest to ``near`` is taken, else the first.
    """
    words = _ARTICLE.sub("", name.translate(_QUOTES).strip(), count=1).split()
    if not words:
        return None
    pattern = r"\s+".join(map(re.escape, words))
    # Marks are one character for one, so that places stay those of the text.
    found = [
        match.span()
        for match in re.finditer(rf"(?<!\w){pattern}(?!\w)", text.translate(_QUOTES), re.IGNORECASE)
    ]
    if not found:
        return None
    if near is None:
        return found[0]
    return min(found, key=lambda span: abs(span[0] - near[0]))
