"""Facts as the importer's rows, in the order in which they are read, and by their keys.

Rows go to a file a batch. Eight bytes of each fact's id go, with the number of its row, to one
of 64 files, so that facts that come again are found in one of these at a time, whatever their
number.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kgplatform.progress import Progress
from kgplatform.store.bulk.tables import Kinds
from kgplatform.store.bulk.values import dump, quoted
from kgplatform.triples import MAX_NAME, Split, Triple, Value

BATCH = 100_000
PARTITIONS = 64
COLUMNS = (":START_ID", ":END_ID", "fact_id:string", ":TYPE", "split:string", "sources:string[]")

_KEY = np.dtype([("key", "<u8"), ("row", "<u8")])
_LENGTHS = [length.to_bytes(4, "big") for length in range(4 * MAX_NAME + 1)]
"""What a part of a fact's id begins with, by its length in bytes (see ``triples.fact_id``)."""


@dataclass(frozen=True)
class Segment:
    """A file of rows that follow one another in the source.

    Attributes:
        path: The file.
        first: The number of its first row.
        rows: How many it has.
        described: Whether its rows end in a further field, with properties or empty.
    """

    path: Path
    first: int
    rows: int
    described: bool


class FactFiles:
    """Takes facts in, and knows afterwards what was there.

    Args:
        folder: Where files go.
        graph: The graph's name.
        source: The source's name.
        known: Ids of entities and their nid; those that facts name are added.

    Attributes:
        segments: The files of rows.
        kinds: What properties there are.
        relations: How many rows each relation has.
        rows: How many there are at all.
    """

    def __init__(self, folder: Path, graph: str, source: str, known: dict[str, int]) -> None:
        self.segments: list[Segment] = []
        self.kinds = Kinds()
        self.relations: Counter[str] = Counter()
        self.rows = 0
        self._folder = folder
        self._graph = graph
        self._source = source
        self._known = known
        self._keys: list[BinaryIO] = []

    def read(self, triples: Iterable[Triple], told: hashlib._Hash, progress: Progress) -> None:
        """Write all facts of a source.

        Args:
            triples: The facts.
            told: Is given what is read, as a load over Bolt does it.
            progress: Told of facts written.
        """
        self._keys = [
            (self._folder / f"keys-{number}").open("wb", buffering=0)
            for number in range(PARTITIONS)
        ]
        try:
            remaining = iter(triples)
            while self._read_batch(remaining, told):
                progress("facts read", self.rows, None)
        finally:
            for file in self._keys:
                file.close()
        progress("facts read", self.rows, self.rows)

    def _read_batch(self, triples: Iterable[Triple], told: hashlib._Hash) -> bool:
        # This loop runs once a fact, and the time of a load is half of it: what it needs is
        # local, and what many facts share is made once.
        known, relations = self._known, _Relations()
        ends: dict[tuple[str, Split | None, str | None], str] = {}
        sha256, join, lengths = hashlib.sha256, b"".join, _LENGTHS
        encoded = self._graph.encode()
        begin = len(encoded).to_bytes(4, "big") + encoded
        lines: list[str] = []
        digests: list[bytes] = []
        names: list[str] = []
        said: list[str] = []
        properties: dict[int, dict[str, Value]] = {}
        for triple in triples:
            head, relation, tail, split = triple.head, triple.relation, triple.tail, triple.split
            first, last = head.encode(), tail.encode()
            digest = sha256(
                join(
                    (
                        begin,
                        lengths[len(first)],
                        first,
                        relations[relation],
                        lengths[len(last)],
                        last,
                    )
                )
            ).digest()
            key = digest[:16].hex()
            start = known.get(head)
            if start is None:
                start = known[head] = len(known)
            end = known.get(tail)
            if end is None:
                end = known[tail] = len(known)
            shared = (relation, split, triple.source)
            rest = ends.get(shared)
            if rest is None:
                rest = ends[shared] = self._shared(*shared)
            given = triple.properties
            if given:
                properties[len(lines)] = dict(given)
            lines.append(f"{start}\t{end}\t{key}\t{rest}")
            digests.append(digest)
            names.append(relation)
            said.append(f"{key}{split}{given}")
            if len(lines) == BATCH:
                break
        if lines:
            told.update("".join(said).encode())
            self.relations.update(names)
            self._write(lines, properties)
            self._write_keys(digests)
            self.rows += len(lines)
        return bool(lines)

    def _shared(self, relation: str, split: Split | None, inner: str | None) -> str:
        """The fields that do not depend on head and tail."""
        source = self._source if inner is None else f"{self._source}#{inner}"
        return f"{quoted(relation)}\t{quoted(split) if split else ''}\t{quoted(source)}"

    def _write(self, lines: list[str], properties: dict[int, dict[str, Value]]) -> None:
        path = self._folder / f"facts-{len(self.segments)}.csv"
        if properties:
            for row, values in properties.items():
                self.kinds.add(values)
                lines[row] = f"{lines[row]}\t{dump(values)}"
            lines = [line if row in properties else f"{line}\t" for row, line in enumerate(lines)]
        path.write_bytes(("\n".join(lines) + "\n").encode())
        self.segments.append(Segment(path, self.rows, len(lines), bool(properties)))

    def _write_keys(self, digests: list[bytes]) -> None:
        words = np.frombuffer(b"".join(digests), dtype=">u8").reshape(-1, 4)[:, 0]
        keys = np.empty(len(words), dtype=_KEY)
        keys["key"] = words
        keys["row"] = np.arange(self.rows, self.rows + len(words))
        parts = (keys["key"] >> np.uint64(58)).astype(np.uint8)
        order = np.argsort(parts, kind="stable")
        keys = keys[order]
        bounds = np.searchsorted(parts[order], np.arange(PARTITIONS + 1))
        for file, begin, end in zip(self._keys, bounds, bounds[1:], strict=False):
            file.write(keys[begin:end].tobytes())

    def find_repeated(self) -> np.ndarray | None:
        """Which rows share their key with another one, a bool each; None if none does."""
        repeated: np.ndarray | None = None
        for number in range(PARTITIONS):
            path = self._folder / f"keys-{number}"
            keys = np.fromfile(path, dtype=_KEY)
            path.unlink()
            keys = keys[np.argsort(keys["key"])]
            same = keys["key"][1:] == keys["key"][:-1]
            if same.any():
                if repeated is None:
                    repeated = np.zeros(self.rows, dtype=bool)
                repeated[keys["row"][1:][same]] = True
                repeated[keys["row"][:-1][same]] = True
        return repeated


class _Relations(dict[str, bytes]):
    """What a relation adds to a fact's id, made once."""

    def __missing__(self, relation: str) -> bytes:
        encoded = relation.encode()
        self[relation] = made = _LENGTHS[len(encoded)] + encoded
        return made
