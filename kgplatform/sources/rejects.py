"""The file that rejected rows go to, with their place and reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from kgplatform.errors import InputError
from kgplatform.triples import Reject, Triple

HEADER = "file\tline\treason\trow\n"
REJECTS_ENDING = ".rejects.tsv"
FIRST_KEPT = 10

NAMES_COUNTED = 10_000
"""Relations and reasons that are counted each; what comes after them is counted as a whole."""

OTHER_REASONS = "other reasons"


class RejectsFile:
    """Collects rejected rows; the file is made at the first, so no rejects leave no file.

    Args:
        path: Where the file goes.
        strict: Whether the first rejected row is an error.

    Attributes:
        path: Where the file is, or would be.
        count: Rows rejected so far.
        first: The first few, for the terminal.
        by_relation: How many there are of each relation that is known; None for all others.
        by_reason: How many there are of each reason.
    """

    def __init__(self, path: Path, strict: bool = False) -> None:
        self.path = path
        self._strict = strict
        self.count = 0
        self.first: list[str] = []
        self.by_relation: Counter[str | None] = Counter()
        self.by_reason: Counter[str] = Counter()
        self._stream: TextIO | None = None

    def __enter__(self) -> RejectsFile:
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise InputError(
                f"rejected rows cannot be written to {self.path}: it is a folder, or in none",
                hint="name a file in a folder that exists with --rejects",
            )
        # A file of an earlier load would be mistaken for this one's. A device stays.
        if self.path.is_file():
            try:
                self.path.unlink()
            except OSError as error:
                raise self._unwritable(error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is None:
            return
        try:
            # What stands in the buffer is written now; a full disk may show only here.
            self._stream.close()
        except OSError as failure:
            if error is None:
                raise self._unwritable(failure) from None

    def add(self, reject: Reject) -> None:
        """Write one row with its place and reason.

        Raises:
            InputError: The file cannot be written, or every row must be good.
        """
        place = f"{Path(reject.file).name}, line {reject.line}" if reject.line else reject.file
        self._count(reject.relation, reject.reason)
        if self._strict:
            raise InputError(
                f"{place}: {reject.reason}",
                hint="correct the row and load again, or leave out --strict to go on without it",
            )
        if len(self.first) < FIRST_KEPT:
            self.first.append(f"{place}: {reject.reason}")
        row = reject.text.rstrip("\r\n").replace("\n", "\\n").replace("\r", "\\r")
        try:
            if self._stream is None:
                self._stream = self.path.open("w", encoding="utf-8")
                self._stream.write(HEADER)
            self._stream.write(f"{reject.file}\t{reject.line}\t{reject.reason}\t{row}\n")
        except OSError as error:
            raise self._unwritable(error) from None

    def add_conflicts(self, triples: Iterable[Triple], total: int) -> None:
        """Write triples that the graph has in another split already.

        Args:
            triples: The first of them.
            total: How many there are; those beyond the first are only counted.
        """
        reason = "the triple is there in another split"
        before = self.count
        for triple in triples:
            text = "\t".join((triple.head, triple.relation, triple.tail, triple.split or ""))
            self.add(Reject("the graph", 0, reason, text, triple.relation))
        self._count(None, reason, total - (self.count - before))

    def _count(self, relation: str | None, reason: str, number: int = 1) -> None:
        if not number:
            return
        self.count += number
        if relation not in self.by_relation and len(self.by_relation) >= NAMES_COUNTED:
            relation = None
        if reason not in self.by_reason and len(self.by_reason) >= NAMES_COUNTED:
            reason = OTHER_REASONS
        self.by_relation[relation] += number
        self.by_reason[reason] += number

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(
            f"rejected rows cannot be written to {self.path}: {error.strerror}",
            hint="make room there or name another file with --rejects, then load again",
        )
