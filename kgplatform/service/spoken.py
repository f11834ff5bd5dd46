"""The words in what a language model writes, while it writes: of JSON, its sentences alone."""

from __future__ import annotations

import json
import re

KEY = "sentence"
"""In the JSON that :mod:`kgplatform.answer.write_text` asks for."""

_BEGIN = re.compile(rf'"{KEY}"\s*:\s*"')


class Spoken:
    """What has been said so far of an answer that arrives in pieces.

    Anything that does not begin as JSON is words. Of JSON, the values of ``sentence`` are, each
    followed by a space.
    """

    def __init__(self) -> None:
        self._left = ""
        self._json: bool | None = None
        self._inside = False

    def take(self, piece: str) -> str:
        """The words that a piece adds."""
        self._left += piece
        if self._json is None:
            begun = self._left.lstrip()
            if not begun:
                return ""
            self._json = begun[0] in "{["
        if not self._json:
            said, self._left = self._left, ""
            return said
        return "".join(self._sentences())

    def _sentences(self) -> list[str]:
        said: list[str] = []
        while True:
            if not self._inside:
                begin = _BEGIN.search(self._left)
                if begin is None:
                    return said
                self._left, self._inside = self._left[begin.end() :], True
            end = _closing(self._left)
            if end is None:
                whole = _whole(self._left)
                said.append(_read(self._left[:whole]))
                self._left = self._left[whole:]
                return said
            said += [_read(self._left[:end]), " "]
            self._left, self._inside = self._left[end + 1 :], False


def _closing(text: str) -> int | None:
    """Where the quotation mark stands that ends a JSON string."""
    at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == '"':
            return at
        else:
            at += 1
    return None


def _whole(text: str) -> int:
    """How much of a string that has not ended can be read: no escape is cut."""
    cut = re.search(r"\\(?:u[0-9a-fA-F]{0,3})?$", text)
    # A pair of surrogates is read together.
    half = re.search(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?$", text)
    found = half or cut
    if found is None:
        return len(text)
    before = text[: found.start()]
    # An escaped backslash is no beginning of an escape.
    return len(text) if (len(before) - len(before.rstrip("\\"))) % 2 else found.start()


def _read(escaped: str) -> str:
    try:
        read: str = json.loads(f'"{escaped}"', strict=False)
    except ValueError:
        return escaped
    return read
