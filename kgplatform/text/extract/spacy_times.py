"""From when until when a clause says that something holds."""

from __future__ import annotations

from typing import Any

from kgplatform.text.extract.spacy_reading import Reading

_SINCE = frozenset(["from", "since"])
_UNTIL = frozenset(["to", "until", "till"])
_DASHES = frozenset("-\u2013\u2014")
_BARE = frozenset(["in", "on"])
_FARTHEST = 14
"""Tokens after a verb or noun in which its dates stand."""


def validity(reading: Reading, token: Any) -> tuple[str | None, str | None]:
    """The dates of a clause: ``from 1932 to 1968``, ``since 1991``, ``(1576-1586)``, ``in 1935``.

    A single date is one from which it holds; when it ended is not said.
    """
    since = until = None
    doc, stop = reading.doc, min(token.i + _FARTHEST + 1, token.sent.end)
    for mention in reading.mentions:
        if mention.iso is None or not token.i < mention.first < stop:
            continue
        before = doc[mention.first - 1].text.lower()
        if before in {"the", "about", "around"} and mention.first > 1:
            before = doc[mention.first - 2].text.lower()
        if before in _SINCE or (before == "between" and since is None):
            since = since or mention.iso
        elif before in _UNTIL or (since and before in {*_DASHES, "and"}):
            until = until or mention.iso
        elif before == "(" and _range_follows(reading, mention.last):
            since = since or mention.iso
        elif before in _BARE and since is None and until is None:
            since = mention.iso
    return since, until


def _range_follows(reading: Reading, at: int) -> bool:
    return at < len(reading.doc) and reading.doc[at].text in _DASHES
