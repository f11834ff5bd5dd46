"""API keys: read once, kept as hashes, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from kgplatform.errors import InputError, UsageError

SHORTEST = 20
"""Characters. Keys are random, so that a plain hash of them cannot be searched for."""

_FORM = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]{1,40}):)?(?P<key>[\x21-\x39\x3b-\x7e]+)")
_MAKE = "make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


@dataclass(frozen=True)
class Keys:
    """Who may ask; false if nobody is named.

    Attributes:
        digests: SHA-256 of each key by what its owner is called.
    """

    digests: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.digests)

    def owner(self, key: str) -> str | None:
        """Whose key this is, or None; takes as long whatever the answer is."""
        given = _digest(key)
        found = None
        for name, digest in self.digests:
            if hmac.compare_digest(given, digest):
                found = name
        return found


def read_keys(environment: str | None, file: Path | None) -> Keys:
    """Keys from ``KGP_API_KEYS`` and from a file, as ``KEY`` or ``NAME:KEY``.

    Args:
        environment: Keys with commas between them.
        file: A key a line; lines that begin with ``#`` are passed over.

    Raises:
        InputError: The file is not there, or others can read it.
        UsageError: Something is no key, or too short to be one.
    """
    written = [] if environment is None else environment.split(",")
    if file is not None:
        written += _lines(file)
    return _keys(each for line in written if (each := line.strip()) and each[0] != "#")


def _lines(file: Path) -> list[str]:
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InputError(f"the file of keys {file} cannot be read: {why}", hint=_MAKE) from None
    if stat.S_IMODE(mode) & 0o077:
        raise InputError(
            f"others can read the file of keys {file}", hint=f"chmod 600 {file}, and make new keys"
        )
    return text.splitlines()


def _keys(written: Iterable[str]) -> Keys:
    # No message repeats what was read: it may be a key.
    digests: list[tuple[str, bytes]] = []
    for number, each in enumerate(written, start=1):
        form = _FORM.fullmatch(each)
        if form is None:
            raise UsageError(
                f"API key {number} is none: KEY or NAME:KEY, without spaces", hint=_MAKE
            )
        if len(form["key"]) < SHORTEST:
            raise UsageError(
                f"API key {number} has fewer than {SHORTEST} characters and could be guessed",
                hint=_MAKE,
            )
        digests.append((form["name"] or f"key-{number}", _digest(form["key"])))
    return Keys(tuple(digests))


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
