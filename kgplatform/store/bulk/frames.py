"""What the processes of a bulk load tell each other: frames on pipes.

The first process reads the source and sends facts in columns (``facts.py``); the second hashes
(``digests.py``) and passes everything on; the third numbers entities and writes rows
(``rows.py``). So each has a core for itself where there are three.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import IO, BinaryIO

from kgplatform.errors import InputError

TOLD = b"T"
"""Something that belongs to the hash of what was read."""

NAMES = b"N"
"""The ids of the entities that the source describes."""

FACTS = b"F"
"""Facts: heads, tails, shares, new shares, properties; behind the hashing also their names."""

END = b"E"
"""Nothing more comes; behind the hashing with the hash."""

FAILED = b"X"
"""A file could not be written, and why."""


def send(stream: IO[bytes], kind: bytes, *parts: bytes) -> None:
    """Write a frame: its kind, and parts of any length."""
    stream.write(kind + struct.pack(f"<B{len(parts)}Q", len(parts), *map(len, parts)))
    for part in parts:
        stream.write(part)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[bytes, list[bytes]]:
    """Read a frame; of kind ``b""`` where there are no more, or not a whole one."""
    head = stream.read(2)
    if len(head) < 2:
        return b"", []
    sizes = struct.unpack(f"<{head[1]}Q", stream.read(8 * head[1]))
    parts = [stream.read(size) for size in sizes]
    whole = all(len(part) == size for part, size in zip(parts, sizes, strict=True))
    return (head[:1], parts) if whole else (b"", [])


def column(names: Sequence[str]) -> bytes:
    """Names as one part of a frame.

    Raises:
        InputError: One holds a line break.
    """
    joined = "\n".join(names)
    if joined.count("\n") != max(len(names) - 1, 0):
        raise InputError(
            "an entity's id holds a line break", hint="names hold no control characters"
        )
    return joined.encode()
