"""The file that rejected rows go to, with their place and reason."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TextIO

from kgplatform.errors import InputError
from kgplatform.triples import Reject, Triple

HEADER = "file\tline\treason\trow\n"
FIRST_KEPT = 10


class RejectsFile:
    """Collects rejected rows; the file is made at the first, so no rejects leave no file.

    Args:
        path: Where the file goes.
        strict: Whether the first rejected row is an error.

    Attributes:
        path: Where the file is, or would be.
        count: Rows rejected so far.
        first: The first few, for the terminal.
    """

    def __init__(self, path: Path, strict: bool = False) -> None:
        self.path = path
        self._strict = strict
        self.count = 0
        self.first: list[str] = []
        self._stream: TextIO | None = None

    def __enter__(self) -> RejectsFile:
        # A file of an earlier load would be mistaken for this one's.
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def add(self, reject: Reject) -> None:
        """Write one row with its place and reason.

        Raises:
            InputError: The file cannot be written, or every row must be good.
        """
        place = f"{Path(reject.file).name}, line {reject.line}" if reject.line else reject.file
        self.count += 1
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
            raise InputError(
                f"rejected rows cannot be written to {self.path}: {error.strerror}",
                hint="name another file with --rejects",
            ) from None

    def add_conflicts(self, triples: Iterable[Triple]) -> None:
        """Write triples that the graph has in another split already."""
        for triple in triples:
            text = "\t".join((triple.head, triple.relation, triple.tail, triple.split or ""))
            self.add(Reject("the graph", 0, "the triple is there in another split", text))
