"""Names in a file that is mapped into memory: a sequence of texts that reads what is asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import pyarrow as pa

_AT_ONCE = 65_536
"""Names that are turned into texts at a time."""


class LazyNames(Sequence[str]):
    """Sorted names in an Arrow file; equal to any sequence of the same texts.

    Args:
        array: ``large_string``, sorted, without nulls.
    """

    def __init__(self, array: pa.Array) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...

    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return tuple(self._array.slice(start, max(stop - start, 0)).to_pylist())
            return tuple(
                self._array.take(pa.array(range(start, stop, step), pa.int64())).to_pylist()
            )
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"there is no name {index} of {len(self)}")
        return str(self._array[at].as_py())

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self._array.slice(start, _AT_ONCE).to_pylist()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list has none: it is compared by content

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._place(name) is not None

    def index(self, name: Any, start: int = 0, stop: int | None = None) -> int:
        """Where a name is, found by halving; ValueError if it is not there."""
        place = self._place(name)
        if place is None or not start <= place < (len(self) if stop is None else stop):
            raise ValueError(f"{name!r} is not among the names")
        return place

    def _place(self, name: str) -> int | None:
        # Python and Arrow order texts alike, by code point.
        at = bisect_left(self, name)
        return at if at < len(self) and self[at] == name else None


def write_names(path: Path, names: Sequence[str]) -> None:
    """Write sorted names as an Arrow file of one column."""
    schema = pa.schema([("name", pa.large_string())])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        # One batch, so that a name is found without looking for its batch first.
        array = pa.array(names[:], pa.large_string())
        writer.write_batch(pa.record_batch([array], schema=schema))


def open_names(path: Path) -> LazyNames:
    """Names of a file, mapped.

    Raises:
        pyarrow.ArrowException, OSError: The file cannot be read.
    """
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        if reader.num_record_batches != 1 or reader.schema.names != ["name"]:
            raise pa.ArrowInvalid("it holds something else than names")
        names = reader.get_batch(0).column(0)
        if names.type != pa.large_string() or names.null_count:
            raise pa.ArrowInvalid("it holds something else than names")
        # Places of texts are believed by Arrow, wherever in memory they are.
        names.validate(full=True)
        return LazyNames(names)
