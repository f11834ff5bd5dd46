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

from kgplatform.store.bulk import columns, frames
from kgplatform.store.bulk.columns import Column
from kgplatform.store.bulk.digests import ID_LENGTH
from kgplatform.store.bulk.values import DELIMITER, quoted
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
        shares = np.frombuffer(shared, np.int64)
        starts, ends = self._numbered(head_column.split(b"\n"), tail_column.split(b"\n"))
        rows = [starts, ends, columns.pieces(names, ID_LENGTH)]
        if described:
            dumped = [(row, f"{properties}\n") for row, _, properties in json.loads(described)]
            rows.append(columns.texts(self._fields, shares))
            rows.append(columns.sparse(len(shares), dumped, "\n"))
        else:
            rows.append(columns.texts([f"{fields}\n" for fields in self._fields], shares))
        path = self._folder / f"facts-{self._batches}.csv"
        path.write_bytes(columns.joined(rows, DELIMITER))
        self._batches += 1

    def _numbered(self, heads: list[bytes], tails: list[bytes]) -> tuple[Column, Column]:
        """The numbers of entities as text; new ones get theirs fact by fact, the head first."""
        names = [b""] * (2 * len(heads))
        names[::2], names[1::2] = heads, tails
        codes = self._known.codes(names)
        return columns.numbers(codes[::2]), columns.numbers(codes[1::2])

    def _add_shared(self, shared: Sequence[tuple[str, str | None, str | None]]) -> None:
        """Take in what facts have beside their ends: relation, split and inner source."""
        for relation, split, inner in shared:
            source = self._source if inner is None else f"{self._source}#{inner}"
            self._fields.append(
                f"{quoted(relation)}\t{quoted(split) if split else ''}\t{quoted(source)}"
            )


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
