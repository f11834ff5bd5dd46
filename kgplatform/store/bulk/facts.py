"""Facts of a source, sent in columns to the processes that make the importer's rows of them."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from kgplatform.errors import StoreError
from kgplatform.progress import Progress
from kgplatform.store.bulk import digests, frames, rows
from kgplatform.store.bulk.tables import Kinds
from kgplatform.store.bulk.values import dump
from kgplatform.triples import Split, Triple, Value
from kgplatform.vocabulary import Vocabulary

BATCH = 100_000
AT_ONCE = 1_000
COLUMNS = (":START_ID", ":END_ID", "fact_id:string", ":TYPE", "split:string", "sources:string[]")


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


class Workers:
    """The processes that hash what is read and make rows of it, as long as the context lasts.

    Args:
        folder: Where files go.
        graph: The graph's name.
        source: The source's name.
    """

    def __init__(self, folder: Path, graph: str, source: str) -> None:
        self._hashing = [sys.executable, "-m", digests.__name__, str(folder), graph]
        self._writing = [sys.executable, "-m", rows.__name__, str(folder), source]

    def __enter__(self) -> Workers:
        # Ctrl-C comes to us, and we end them.
        self._rows = subprocess.Popen(
            self._writing, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        try:
            self._digests = subprocess.Popen(
                self._hashing,
                stdin=subprocess.PIPE,
                stdout=self._rows.stdin,
                start_new_session=True,
            )
        except BaseException:
            _kill(self._rows)
            raise
        # Its end is the other process's alone, so that the pipe ends with that.
        assert self._rows.stdin is not None
        self._rows.stdin.close()
        return self

    def __exit__(self, *raised: object) -> None:
        _kill(self._digests)
        _kill(self._rows)

    def send(self, kind: bytes, *parts: bytes) -> None:
        """Let them do something; returns when it has been taken."""
        assert self._digests.stdin is not None
        try:
            frames.send(self._digests.stdin, kind, *parts)
        except BrokenPipeError:
            self._result()

    def end(self) -> str:
        """Wait until all is done, and return the hash of what was read.

        Raises:
            OSError: A file could not be written.
            StoreError: A process was killed.
        """
        self.send(frames.END)
        return str(self._result()["hash"])

    def _result(self) -> dict[str, Any]:
        assert self._rows.stdout is not None
        told = self._rows.stdout.read()
        codes = [process.wait() for process in (self._digests, self._rows)]
        if not told:
            raise StoreError(
                f"a process that writes files for the import ended with code {min(codes)}",
                hint="repeat the load; see what it printed, or whether memory was short",
            )
        result: dict[str, Any] = json.loads(told)
        if "errno" in result:
            raise OSError(result["errno"], result["strerror"])
        return result


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        # What the killed process did not take cannot be written any more.
        with contextlib.suppress(BrokenPipeError):
            if pipe is not None:
                pipe.close()


class FactFiles:
    """Takes facts in, and knows afterwards what was there.

    Args:
        folder: Where files go.
        workers: The processes that write them.

    Attributes:
        segments: The files of rows.
        kinds: What properties there are.
        rows: How many rows there are.
    """

    def __init__(self, folder: Path, workers: Workers) -> None:
        self.segments: list[Segment] = []
        self.kinds = Kinds()
        self.rows = 0
        self._folder = folder
        self._workers = workers
        self._numbers: Vocabulary[tuple[str, Split | None, str | None]] = Vocabulary()
        self._times = np.zeros(0, dtype=np.int64)

    @property
    def relations(self) -> Counter[str]:
        """How many rows each relation has."""
        counts: Counter[str] = Counter()
        for (relation, _, _), times in zip(self._numbers, self._times.tolist(), strict=True):
            counts[relation] += times
        return counts

    def read(self, triples: Iterable[Triple], progress: Progress) -> None:
        """Write all facts of a source; ``progress`` is told how many."""
        remaining = iter(triples)
        while self._read_batch(remaining):
            progress("facts read", self.rows, None)
        progress("facts read", self.rows, self.rows)

    def _read_batch(self, triples: Iterator[Triple]) -> bool:
        share = self._numbers
        had = len(share)
        heads: list[str] = []
        tails: list[str] = []
        shares: list[int] = []
        described: list[tuple[int, str, str]] = []
        # Columns, each made in one go: a loop over facts takes twice the time. And of few facts
        # at once, while the processor still has them at hand.
        for few in iter(lambda: list(islice(triples, AT_ONCE)), []):
            few_heads, relations, few_tails, splits, sources, properties = zip(*few, strict=True)
            described += self._described(properties, len(heads))
            heads += few_heads
            tails += few_tails
            shares += map(share.__getitem__, zip(relations, splits, sources, strict=True))
            if len(heads) >= BATCH:
                break
        if not heads:
            return False
        shared = np.array(shares, dtype=np.int64)
        self._workers.send(
            frames.FACTS,
            frames.column(heads),
            frames.column(tails),
            shared.tobytes(),
            json.dumps(list(share)[had:] if len(share) > had else []).encode(),
            json.dumps(described).encode() if described else b"",
        )
        times = np.bincount(shared, minlength=len(share))
        times[: len(self._times)] += self._times
        self._times = times
        path = self._folder / f"facts-{len(self.segments)}.csv"
        self.segments.append(Segment(path, self.rows, len(heads), bool(described)))
        self.rows += len(heads)
        return True

    def _described(
        self, column: Sequence[Mapping[str, Value] | None], first: int
    ) -> list[tuple[int, str, str]]:
        """The rows that have properties: place, what is hashed of them, and what is kept."""
        if column.count(None) == len(column):
            return []
        described = []
        for row, properties in enumerate(column, first):
            if properties is not None:
                # Empty ones count in the hash of what was read.
                self.kinds.add(properties)
                dumped = dump(dict(properties)) if properties else ""
                described.append((row, str(properties), dumped))
        return described

    def find_repeated(self) -> np.ndarray | None:
        """Which rows share their key with another one, a bool each; None if none does."""
        repeated: np.ndarray | None = None
        for number in range(digests.PARTITIONS):
            path = self._folder / f"keys-{number}"
            keys = np.fromfile(path, dtype=digests.KEY)
            path.unlink()
            keys = keys[np.argsort(keys["key"])]
            same = keys["key"][1:] == keys["key"][:-1]
            if same.any():
                if repeated is None:
                    repeated = np.zeros(self.rows, dtype=bool)
                repeated[keys["row"][1:][same]] = True
                repeated[keys["row"][:-1][same]] = True
        return repeated
