"""Properties of entities or edges as tensors: numbers, truth values, categories and texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import InputError
from kgplatform.vocabulary import Vocabulary

Kind = Literal["number", "boolean", "category", "text"]

MAX_CATEGORIES = 256
"""A column with more distinct texts than that, or none that comes twice, is text."""

ABSENT = -1
"""Code of a category or text where a row has none."""


@dataclass(frozen=True, eq=False)
class Feature:
    """One property of all entities, or of all edges.

    Attributes:
        name: The property's name.
        kind: ``number`` and ``boolean`` have float32 values [N, d], 0 where a row has none;
            ``category`` and ``text`` have int64 codes [N], -1 where a row has none.
        values: The values or codes.
        present: Which rows have one, bool [N].
        texts: What the codes stand for, sorted and distinct; empty for numbers.
    """

    name: str
    kind: Kind
    values: Tensor
    present: Tensor
    texts: Sequence[str] = ()

    @property
    def dimension(self) -> int:
        """Columns that it takes in :func:`matrix`; texts take none."""
        if self.kind == "text":
            return 0
        return len(self.texts) if self.kind == "category" else int(self.values.shape[1])

    def update(self, sha: hashlib._Hash) -> None:
        """Add the content to a digest."""
        for text in (self.name, self.kind, *self.texts):
            encoded = text.encode("utf-8")
            sha.update(len(encoded).to_bytes(8, "big") + encoded)
        for tensor in (self.values, self.present):
            sha.update(repr(tuple(tensor.shape)).encode())
            sha.update(content_bytes(tensor))


def content_bytes(tensor: Tensor) -> memoryview:
    """What a tensor holds, in the order of its rows, for a digest; not copied if contiguous."""
    return tensor.contiguous().numpy().reshape(-1).view(np.uint8).data


def matrix(features: Sequence[Feature], rows: int) -> Tensor:
    """Features side by side, float32 [rows, sum of dimensions]; categories one-hot.

    Texts are left out: an encoder turns them into vectors. A row without a value has zeros.
    """
    parts = [torch.empty(rows, 0)]
    for feature in features:
        if feature.kind == "category":
            # Absent is one more category, whose column is dropped.
            codes = torch.where(feature.present, feature.values, len(feature.texts))
            hot = torch.nn.functional.one_hot(codes, len(feature.texts) + 1)
            parts.append(hot[:, :-1].to(torch.float32))
        elif feature.kind != "text":
            parts.append(feature.values)
    return torch.cat(parts, dim=1)


def with_room(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The array, or a longer one with zeros at its end, that has a place for each of ``rows``."""
    needed = int(rows.max(initial=-1)) + 1
    if needed <= len(array):
        return array
    # Twice as long, so that rows which come one by one are not copied each time.
    more = max(needed, 2 * len(array)) - len(array)
    return np.concatenate((array, np.zeros((more, *array.shape[1:]), dtype=array.dtype)))


def feature(name: str, rows: np.ndarray, values: Sequence[Any], total: int) -> Feature:
    """A feature from values of some rows, all at once; see :class:`FeatureColumn`."""
    column = FeatureColumn(name, total)
    column.add(rows, values)
    return column.feature(np.arange(total))


class FeatureColumn:
    """One property while its values arrive, block by block, into one array.

    The first value decides what the property is; all others must be of that kind.

    Args:
        name: The property's name, for messages.
        total: How many rows there are as far as is known; more may come.
    """

    def __init__(self, name: str, total: int) -> None:
        self._name = name
        self._kind: Literal["number", "boolean", "text"] | None = None
        self._present = np.zeros(total, dtype=np.bool_)
        self._values = np.zeros((total, 1), dtype=np.float32)
        self._texts: Vocabulary[str] = Vocabulary()

    def add(self, rows: np.ndarray, values: Sequence[Any]) -> None:
        """Values of rows that have none so far.

        Args:
            rows: Row of each value, distinct, int64 [M].
            values: Numbers, truth values, texts, or lists of numbers of one length; None is
                absent.

        Raises:
            InputError: Values of different kinds or lengths, or one that is not finite.
        """
        here = np.fromiter((value is not None for value in values), np.bool_, len(values))
        rows, given = rows[here], [value for value in values if value is not None]
        if not given:
            return
        first = self._kind is None
        block = self._block(given)
        if first:
            self._values = np.zeros((len(self._present), *block.shape[1:]), dtype=block.dtype)
        if block.shape[1:] != self._values.shape[1:]:
            raise self._uneven({block.shape[1], self._values.shape[1]})
        self._present = with_room(self._present, rows)
        self._values = with_room(self._values, rows)
        self._values[rows] = block
        self._present[rows] = True

    def feature(self, order: np.ndarray, kind: Kind | None = None) -> Feature:
        """The property as a feature.

        Args:
            order: For each of its rows, the row that was given; int64 [N].
            kind: What texts are; None to judge by how many there are.
        """
        inside = order < len(self._present)
        taken = order if inside.all() else np.where(inside, order, 0)
        present = self._present[taken] & inside
        values = self._values[taken]
        if self._kind == "text":
            return self._coded(values, present, kind)
        if not inside.all():
            values[~inside] = 0
        found: Kind = "boolean" if self._kind == "boolean" else "number"
        return Feature(self._name, found, torch.from_numpy(values), torch.from_numpy(present))

    def _block(self, given: list[Any]) -> np.ndarray:
        kinds = set(map(type, given))
        kind: Literal["number", "boolean", "text"] | None = None
        if kinds == {str}:
            kind = "text"
        elif kinds == {bool}:
            kind = "boolean"
        elif kinds <= {int, float} or kinds == {list}:
            kind = "number"
        if kind is None or kind != (self._kind or kind):
            found = ", ".join(sorted({*(each.__name__ for each in kinds), self._kind or ""} - {""}))
            raise InputError(
                f"the feature {self._name!r} has values of type {found}",
                hint="return numbers, truth values, texts or lists of numbers, one kind a column",
            )
        self._kind = kind
        if kind == "text":
            return self._texts.codes(given)
        numbers: np.ndarray
        if kinds == {list}:
            numbers = self._lists(given)
        else:
            numbers = np.array(given, dtype=np.float64).reshape(-1, 1)
        if not np.isfinite(numbers).all():
            raise InputError(
                f"the feature {self._name!r} holds NaN or infinity",
                hint="filter with `NOT isNaN(…)`",
            )
        return numbers.astype(np.float32)

    def _lists(self, given: list[list[Any]]) -> np.ndarray:
        lengths = set(map(len, given))
        if len(lengths) > 1:
            raise self._uneven(lengths)
        kinds = set(map(type, chain.from_iterable(given)))
        if not kinds <= {int, float, bool}:
            found = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise InputError(
                f"the feature {self._name!r} has lists of {found}", hint="return lists of numbers"
            )
        return np.array(given, dtype=np.float64).reshape(len(given), -1)

    def _uneven(self, lengths: set[int]) -> InputError:
        return InputError(
            f"the feature {self._name!r} has lists of {min(lengths)} to {max(lengths)} numbers",
            hint="lists of one length become columns; leave the others out with a WHERE",
        )

    def _coded(self, codes: np.ndarray, present: np.ndarray, kind: Kind | None) -> Feature:
        texts = tuple(sorted(self._texts))
        place = np.empty(len(texts), dtype=np.int64)
        place[[self._texts[text] for text in texts]] = np.arange(len(texts))
        codes = np.where(present, place[codes], ABSENT)
        given = int(present.sum())
        few = len(texts) <= MAX_CATEGORIES and (len(texts) < given or given == 1)
        return Feature(
            self._name,
            kind or ("category" if few else "text"),
            torch.from_numpy(codes),
            torch.from_numpy(present),
            texts,
        )
