"""A process of its own that makes rows of facts, so that reading has a core for itself.

It is started as ``python -m kgplatform.store.bulk.worker FOLDER GRAPH SOURCE`` and gets frames
on its standard input: what is to be hashed, and facts in columns. Where those end, it prints the
hash of all that was read. If a file cannot be written, it prints why.

It also numbers the entities, which takes as long as all the rest: first those that it is told of,
then those that facts name, whose ids it leaves in a file.

Rows go to a file a batch. Eight bytes of each fact's id go, with the number of its row, to one
of 64 files, so that facts that come again are found in one of these at a time, whatever their
number.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from kgplatform.errors import InputError
from kgplatform.store.bulk.values import quoted
from kgplatform.triples import MAX_NAME
from kgplatform.vocabulary import Vocabulary

PARTITIONS = 64
KEY = np.dtype([("key", "<u8"), ("row", "<u8")])

TOLD = b"T"
NAMES = b"N"
FACTS = b"F"
END = b"E"
NEW_NAMES = "names"

_LENGTHS = [length.to_bytes(4, "big") for length in range(4 * MAX_NAME + 1)]
"""What a part of a fact's id begins with, by its length in bytes (see ``triples.fact_id``)."""


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


class Rows:
    """Writes batches of facts as rows and their keys.

    Args:
        folder: Where files go.
        graph: The graph's name.
        source: The source's name.
    """

    def __init__(self, folder: Path, graph: str, source: str) -> None:
        encoded = graph.encode()
        self.told = hashlib.sha256()
        self._begin = len(encoded).to_bytes(4, "big") + encoded
        self._folder = folder
        self._source = source
        self._known: Vocabulary[bytes] = Vocabulary()
        self._told = 0
        self._relations: list[bytes] = []
        self._fields: list[str] = []
        self._said: list[str] = []
        self._batches = 0
        self._rows = 0

    def add_shared(self, shared: Sequence[tuple[str, str | None, str | None]]) -> None:
        """Take in what facts have beside their ends: relation, split and inner source."""
        for relation, split, inner in shared:
            encoded = relation.encode()
            source = self._source if inner is None else f"{self._source}#{inner}"
            self._relations.append(_LENGTHS[len(encoded)] + encoded)
            self._fields.append(
                f"{quoted(relation)}\t{quoted(split) if split else ''}\t{quoted(source)}"
            )
            self._said.append(str(split))

    def add_known(self, names: bytes) -> None:
        """Number entities that the source describes, in their order."""
        if names:
            self._known.codes(names.split(b"\n"))
        self._told = len(self._known)

    def write_names(self) -> None:
        """Write the ids of the entities that facts alone have named, in order, a line each."""
        names = islice(self._known, self._told, None)
        (self._folder / NEW_NAMES).write_bytes(b"".join(b"%b\n" % name for name in names))

    def write(self, parts: Sequence[bytes], keys: Sequence[BinaryIO]) -> None:
        """Write a batch.

        Args:
            parts: As ``facts.FactFiles`` sends them.
            keys: The files of keys.
        """
        head_column, tail_column, shared, fresh, described = parts
        self.add_shared(json.loads(fresh))
        # Column by column, which takes half the time of a loop over facts.
        shares = np.frombuffer(shared, dtype=np.int64).tolist()
        heads, tails = head_column.split(b"\n"), tail_column.split(b"\n")
        number = self._known.__getitem__
        digests = self._digests(heads, shares, tails)
        fields, splits = self._fields, self._said
        words = np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32)
        letters = words[:, :16].tobytes().hex()
        names = [letters[at : at + 32] for at in range(0, len(letters), 32)]
        lines = [
            f"{start}\t{end}\t{name}\t{fields[share]}"
            for start, end, name, share in zip(
                map(number, heads),
                map(number, tails),
                names,
                shares,
                strict=True,
            )
        ]
        said = [f"{name}{splits[share]}None" for name, share in zip(names, shares, strict=True)]
        if described:
            _describe(lines, said, json.loads(described))
        self.told.update("".join(said).encode())
        path = self._folder / f"facts-{self._batches}.csv"
        path.write_bytes(("\n".join(lines) + "\n").encode())
        self._write_keys(digests, keys)
        self._batches += 1
        self._rows += len(lines)

    def _digests(self, heads: list[bytes], shares: list[int], tails: list[bytes]) -> bytes:
        """What ``triples.fact_id`` is the beginning of, 32 bytes a fact."""
        begin, lengths, relations, sha256 = self._begin, _LENGTHS, self._relations, hashlib.sha256
        return b"".join(
            [
                sha256(
                    b"%b%b%b%b%b%b"
                    % (begin, lengths[len(head)], head, relations[share], lengths[len(tail)], tail)
                ).digest()
                for head, share, tail in zip(heads, shares, tails, strict=True)
            ]
        )

    def _write_keys(self, digests: bytes, files: Sequence[BinaryIO]) -> None:
        words = np.frombuffer(digests, dtype=">u8").reshape(-1, 4)[:, 0]
        keys = np.empty(len(words), dtype=KEY)
        keys["key"] = words
        keys["row"] = np.arange(self._rows, self._rows + len(words))
        parts = (keys["key"] >> np.uint64(58)).astype(np.uint8)
        order = np.argsort(parts, kind="stable")
        keys = keys[order]
        bounds = np.searchsorted(parts[order], np.arange(PARTITIONS + 1)).tolist()
        for file, first, last in zip(files, bounds[:-1], bounds[1:], strict=True):
            file.write(keys[first:last].tobytes())


def _describe(lines: list[str], said: list[str], described: list[tuple[int, str, str]]) -> None:
    """Give all rows a last field: the properties of those that have any."""
    fields = [""] * len(lines)
    for row, told, dumped in described:
        said[row] = said[row].removesuffix("None") + told
        fields[row] = dumped
    lines[:] = [f"{line}\t{field}" for line, field in zip(lines, fields, strict=True)]


@contextlib.contextmanager
def key_files(folder: Path) -> Iterator[list[BinaryIO]]:
    """The files of keys, open for writing."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context((folder / f"keys-{number}").open("wb", buffering=0))
            for number in range(PARTITIONS)
        ]


def main(folder: str, graph: str, source: str) -> None:
    """Work until the input ends, and print what came of it."""
    rows = Rows(Path(folder), graph, source)
    try:
        with key_files(Path(folder)) as keys:
            while (frame := receive(sys.stdin.buffer))[0]:
                kind, parts = frame
                if kind == END:
                    rows.write_names()
                    break
                if kind == TOLD:
                    rows.told.update(parts[0])
                elif kind == NAMES:
                    rows.add_known(parts[0])
                else:
                    rows.write(parts, keys)
    except OSError as error:
        print(json.dumps({"errno": error.errno, "strerror": error.strerror}))
    else:
        print(json.dumps({"hash": rows.told.hexdigest()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
