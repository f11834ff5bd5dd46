"""A process of its own that makes rows of facts and numbers their entities.

It is started as ``python -m kgplatform.store.bulk.rows FOLDER SOURCE`` and gets frames on its
standard input. After the last it prints the hash that came with it; if a file could not be
written, here or before, it prints why. Entities get their numbers as they come: first those
that the source describes, then those that facts name, whose ids it leaves in a file.

Rows go to a file a batch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from kgplatform.store.bulk import frames
from kgplatform.store.bulk.values import quoted
from kgplatform.vocabulary import Vocabulary

NEW_NAMES = "names"


class Rows:
    """Writes batches of facts as rows.

    Args:
        folder: Where files go.
        source: The source's name.
    """

    def __init__(self, folder: Path, source: str) -> None:
        self._folder = folder
        self._source = source
        self._known: Vocabulary[bytes] = Vocabulary()
        self._told = 0
        self._fields: list[str] = []
        self._batches = 0

    def add_known(self, names: bytes) -> None:
        """Number entities that the source describes, in their order."""
        if names:
            self._known.codes(names.split(b"\n"))
        self._told = len(self._known)

    def write_names(self) -> None:
        """Write the ids of the entities that facts alone have named, in order, a line each."""
        names = islice(self._known, self._told, None)
        (self._folder / NEW_NAMES).write_bytes(b"".join(b"%b\n" % name for name in names))

    def write(self, parts: Sequence[bytes]) -> None:
        """Write a batch.

        Args:
            parts: As ``facts.FactFiles`` sends them, and the ids of the facts.
        """
        head_column, tail_column, shared, fresh, described, names = parts
        self._add_shared(json.loads(fresh))
        shares = np.frombuffer(shared, dtype=np.int64).tolist()
        number, fields = self._known.__getitem__, self._fields
        letters = names.decode()
        # Column by column, which takes half the time of a loop over facts.
        lines = [
            f"{start}\t{end}\t{letters[at : at + 32]}\t{fields[share]}"
            for start, end, at, share in zip(
                map(number, head_column.split(b"\n")),
                map(number, tail_column.split(b"\n")),
                range(0, len(letters), 32),
                shares,
                strict=True,
            )
        ]
        if described:
            _describe(lines, json.loads(described))
        path = self._folder / f"facts-{self._batches}.csv"
        path.write_bytes(("\n".join(lines) + "\n").encode())
        self._batches += 1

    def _add_shared(self, shared: Sequence[tuple[str, str | None, str | None]]) -> None:
        """Take in what facts have beside their ends: relation, split and inner source."""
        for relation, split, inner in shared:
            source = self._source if inner is None else f"{self._source}#{inner}"
            self._fields.append(
                f"{quoted(relation)}\t{quoted(split) if split else ''}\t{quoted(source)}"
            )


def _describe(lines: list[str], described: list[tuple[int, str, str]]) -> None:
    """Give all rows a last field: the properties of those that have any."""
    fields = [""] * len(lines)
    for row, _, dumped in described:
        fields[row] = dumped
    lines[:] = [f"{line}\t{field}" for line, field in zip(lines, fields, strict=True)]


def main(folder: str, source: str) -> None:
    """Work until the last frame, and print what came of it: nothing if that never came."""
    rows = Rows(Path(folder), source)
    try:
        while (frame := frames.receive(sys.stdin.buffer))[0]:
            kind, parts = frame
            if kind == frames.NAMES:
                rows.add_known(parts[0])
            elif kind == frames.FACTS:
                rows.write(parts)
            elif kind == frames.FAILED:
                print(parts[0].decode())
                return
            elif kind == frames.END:
                rows.write_names()
                print(json.dumps({"hash": parts[0].decode()}))
    except OSError as error:
        print(json.dumps({"errno": error.errno, "strerror": error.strerror}))


if __name__ == "__main__":
    main(*sys.argv[1:])
