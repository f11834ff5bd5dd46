"""A process of its own that hashes facts: for their ids, and for all that was read.

It is started as ``python -m kgplatform.store.bulk.digests FOLDER GRAPH``, gets frames on its
standard input and writes them to its standard output, facts with their ids.

Eight bytes of each fact's id go, with the number of its row, to one of 64 files, so that facts
that come again are found in one of these at a time, whatever their number.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow

from kgplatform.store.bulk import columns, frames

PARTITIONS = 64
ID_LENGTH = 32
"""Letters of a fact's id."""

KEY = np.dtype([("key", "<u8"), ("row", "<u8")])


class Digests:
    """Hashes batches of facts.

    Args:
        graph: The graph's name.
        keys: The files of keys.

    Attributes:
        told: The hash of what was read, as a load over Bolt makes it.
    """

    def __init__(self, graph: str, keys: Sequence[BinaryIO]) -> None:
        encoded = graph.encode()
        self.told = hashlib.sha256()
        self._begin = len(encoded).to_bytes(4, "big") + encoded
        self._keys = keys
        self._relations: list[bytes] = []
        self._splits: list[str] = []
        self._rows = 0

    def names(self, parts: Sequence[bytes]) -> bytes:
        """The ids of a batch of facts, 32 letters each.

        Args:
            parts: As ``facts.FactFiles`` sends them.
        """
        head_column, tail_column, shared, fresh, described = parts
        for relation, split, _ in json.loads(fresh):
            encoded = relation.encode()
            self._relations.append(len(encoded).to_bytes(4, "big") + encoded)
            self._splits.append(str(split))
        shares = np.frombuffer(shared, dtype=np.int64)
        digests = self._digests(head_column, shares, tail_column)
        words = np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32)
        letters = words[:, :16].tobytes().hex().encode()
        properties = [(row, said) for row, said, _ in json.loads(described)] if described else []
        told = [
            columns.pieces(letters, ID_LENGTH),
            columns.texts(self._splits, shares),
            columns.sparse(len(shares), properties, "None"),
        ]
        self.told.update(columns.joined(told, ""))
        self._write_keys(digests)
        return letters

    def _digests(self, heads: bytes, shares: np.ndarray, tails: bytes) -> bytes:
        """What ``triples.fact_id`` is the beginning of, 32 bytes a fact."""
        head, head_length = columns.lines(heads)
        tail, tail_length = columns.lines(tails)
        relations = columns.texts(self._relations, shares)
        begin = pyarrow.repeat(pyarrow.scalar(self._begin, columns.BYTES), len(head))
        parts = [begin, head_length, head, relations, tail_length, tail]
        sha256 = hashlib.sha256
        # In one go, which takes half the time of a loop over facts.
        return b"".join([sha256(said).digest() for said in columns.joined_each(parts)])

    def _write_keys(self, digests: bytes) -> None:
        words = np.frombuffer(digests, dtype=">u8").reshape(-1, 4)[:, 0]
        keys = np.empty(len(words), dtype=KEY)
        keys["key"] = words
        keys["row"] = np.arange(self._rows, self._rows + len(words))
        parts = (keys["key"] >> np.uint64(58)).astype(np.uint8)
        order = np.argsort(parts, kind="stable")
        keys = keys[order]
        bounds = np.searchsorted(parts[order], np.arange(PARTITIONS + 1)).tolist()
        for file, first, last in zip(self._keys, bounds[:-1], bounds[1:], strict=True):
            file.write(keys[first:last].tobytes())
        self._rows += len(words)


@contextlib.contextmanager
def key_files(folder: Path) -> Iterator[list[BinaryIO]]:
    """The files of keys, open for writing."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context((folder / f"keys-{number}").open("wb", buffering=0))
            for number in range(PARTITIONS)
        ]


def main(folder: str, graph: str) -> None:
    """Pass frames on until the last one."""
    onwards = sys.stdout.buffer
    try:
        with key_files(Path(folder)) as keys:
            digests = Digests(graph, keys)
            while (frame := frames.receive(sys.stdin.buffer))[0]:
                kind, parts = frame
                if kind == frames.END:
                    frames.send(onwards, kind, digests.told.hexdigest().encode())
                    break
                if kind == frames.TOLD:
                    digests.told.update(parts[0])
                    continue
                if kind == frames.FACTS:
                    parts.append(digests.names(parts))
                frames.send(onwards, kind, *parts)
    except BrokenPipeError:
        # Whoever comes next has ended, and has said why.
        sys.stdout = None
    except OSError as error:
        told = {"errno": error.errno, "strerror": error.strerror}
        frames.send(onwards, frames.FAILED, json.dumps(told).encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
