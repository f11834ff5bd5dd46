"""Facts that come more than once: one relationship, of which every source that names it is told.

The rows of such facts leave the files that they are in and go, by their keys, to one of 64
others, each of which is read as a whole.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kgplatform.store.bulk.digests import PARTITIONS
from kgplatform.store.bulk.facts import Segment
from kgplatform.store.bulk.values import ARRAY_DELIMITER, Properties, quoted, restore, unquoted
from kgplatform.store.load_counts import CONFLICTS_KEPT
from kgplatform.triples import SPLITS, Triple, Value

WriteFact = Callable[["Fact"], None]


@dataclass(frozen=True)
class Fact:
    """A row of facts, read again.

    Attributes:
        start: The head's nid.
        end: The tail's nid.
        fact_id: Its identity.
        relation: The relation's name.
        split: Its split, or None.
        sources: Who names it, sorted.
        properties: What is said of it.
    """

    start: int
    end: int
    fact_id: str
    relation: str
    split: str | None
    sources: tuple[str, ...]
    properties: Properties

    @property
    def fields(self) -> str:
        """The fields of ``facts.COLUMNS``."""
        split = quoted(self.split) if self.split else ""
        return (
            f"{self.start}\t{self.end}\t{self.fact_id}\t{quoted(self.relation)}\t{split}\t"
            f"{quoted(ARRAY_DELIMITER.join(self.sources))}"
        )


class Repeats:
    """What facts that came again were.

    Attributes:
        unchanged: By relation, those that said nothing of another split.
        num_conflicts: Those of another split.
    """

    def __init__(self) -> None:
        self.unchanged: Counter[str] = Counter()
        self.conflicting: Counter[str] = Counter()
        self._first: list[tuple[int, Fact]] = []

    def add(self, row: int, first: Fact, again: Fact) -> None:
        """Take a row in that names the same fact as an earlier one."""
        if again.split is None or again.split == first.split:
            self.unchanged[again.relation] += 1
            return
        self.conflicting[again.relation] += 1
        # The least rows are kept: a heap of their negatives has the greatest on top.
        if len(self._first) < CONFLICTS_KEPT:
            heapq.heappush(self._first, (-row, again))
        elif -row > self._first[0][0]:
            heapq.heapreplace(self._first, (-row, again))

    def conflicts(self, ids: list[str]) -> Iterator[Triple]:
        """The first rows of other splits, in their order; ``ids`` are the entities' by nid."""
        for _, fact in sorted(self._first, key=lambda kept: -kept[0]):
            split = next((split for split in SPLITS if split == fact.split), None)
            yield Triple(ids[fact.start], fact.relation, ids[fact.end], split)


def set_apart(segments: list[Segment], repeated: np.ndarray, folder: Path) -> None:
    """Move the rows that are repeated out of their files, into one of 64 by their keys."""
    apart = [(folder / f"repeated-{number}").open("wb") for number in range(PARTITIONS)]
    try:
        for segment in segments:
            rows = repeated[segment.first : segment.first + segment.rows]
            if rows.any():
                _move(segment, rows.tolist(), apart)
    finally:
        for file in apart:
            file.close()


def _move(segment: Segment, rows: list[bool], apart: Sequence[BinaryIO]) -> None:
    draft = segment.path.with_suffix(".draft")
    with segment.path.open("rb") as lines, draft.open("wb") as kept:
        for row, (line, moves) in enumerate(zip(lines, rows, strict=True), segment.first):
            if not moves:
                kept.write(line)
                continue
            if not segment.described:
                line = line[:-1] + b"\t\n"
            key = line.split(b"\t", 3)[2]
            number = int(key[:2], 16) * PARTITIONS // 256
            apart[number].write(b"%d\t%b" % (row, line))
    draft.replace(segment.path)


def join_repeated(folder: Path, write: WriteFact) -> Repeats:
    """Make one fact of the rows that name it.

    The first row says its split; every row adds its source; of a property the last row holds.
    """
    repeats = Repeats()
    for number in range(PARTITIONS):
        path = folder / f"repeated-{number}"
        firsts: dict[str, Fact] = {}
        sources: dict[str, set[str]] = {}
        properties: dict[str, dict[str, Value]] = {}
        with path.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                row, _, rest = line.partition("\t")
                fact = parse(rest)
                key = fact.fact_id
                if key in firsts:
                    repeats.add(int(row), firsts[key], fact)
                else:
                    firsts[key] = fact
                sources.setdefault(key, set()).update(fact.sources)
                properties.setdefault(key, {}).update(fact.properties)
        path.unlink()
        for key, first in firsts.items():
            write(
                Fact(
                    first.start,
                    first.end,
                    key,
                    first.relation,
                    first.split,
                    tuple(sorted(sources[key])),
                    properties[key],
                )
            )
    return repeats


def read_described(segment: Segment) -> Iterator[Fact]:
    """The facts of a file whose rows have properties."""
    with segment.path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield parse(line)


def parse(line: str) -> Fact:
    """A row of a file whose rows have properties."""
    start, end, key, relation, split, source, described = line[:-1].split("\t")
    return Fact(
        int(start),
        int(end),
        key,
        unquoted(relation),
        unquoted(split) or None,
        (unquoted(source),),
        restore(described) if described else {},
    )
