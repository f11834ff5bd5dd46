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


def feature(name: str, rows: np.ndarray, values: Sequence[Any], total: int) -> Feature:
    """A feature from values of some rows.

    Args:
        name: The property's name, for messages.
        rows: Row of each value, distinct, int64 [M].
        values: Numbers, truth values, texts, or lists of numbers of one length; None is absent.
        total: N.

    Raises:
        InputError: Values of different kinds or lengths, or one that is not finite.
    """
    here = np.fromiter((value is not None for value in values), np.bool_, len(values))
    rows, given = rows[here], [value for value in values if value is not None]
    present = np.zeros(total, dtype=np.bool_)
    present[rows] = True
    kinds = set(map(type, given))
    if kinds == {str}:
        return _coded(name, rows, given, present)
    numbers: np.ndarray
    if kinds == {bool}:
        numbers = np.array(given, dtype=np.float32).reshape(-1, 1)
    elif kinds <= {int, float}:
        numbers = np.array(given, dtype=np.float64).reshape(-1, 1)
    elif kinds == {list}:
        numbers = _lists(name, given)
    else:
        found = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InputError(
            f"the feature {name!r} has values of type {found}",
            hint="return numbers, truth values, texts or lists of numbers, one kind a column",
        )
    if not np.isfinite(numbers).all():
        raise InputError(
            f"the feature {name!r} holds NaN or infinity", hint="filter with `NOT isNaN(…)`"
        )
    filled = np.zeros((total, numbers.shape[1]), dtype=np.float32)
    filled[rows] = numbers
    kind: Kind = "boolean" if kinds == {bool} else "number"
    return Feature(name, kind, torch.from_numpy(filled), torch.from_numpy(present))


def _lists(name: str, given: list[list[Any]]) -> np.ndarray:
    lengths = set(map(len, given))
    if len(lengths) > 1:
        raise InputError(
            f"the feature {name!r} has lists of {min(lengths)} to {max(lengths)} numbers",
            hint="lists of one length become columns; leave the others out with a WHERE",
        )
    kinds = set(map(type, chain.from_iterable(given)))
    if not kinds <= {int, float, bool}:
        found = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InputError(
            f"the feature {name!r} has lists of {found}", hint="return lists of numbers"
        )
    return np.array(given, dtype=np.float64).reshape(len(given), -1)


def _coded(name: str, rows: np.ndarray, given: list[str], present: np.ndarray) -> Feature:
    texts = tuple(sorted(set(given)))
    code = {text: position for position, text in enumerate(texts)}
    codes = np.full(present.size, ABSENT, dtype=np.int64)
    codes[rows] = np.fromiter(map(code.__getitem__, given), np.int64, len(given))
    few = len(texts) <= MAX_CATEGORIES and (len(texts) < len(given) or len(given) == 1)
    return Feature(
        name,
        "category" if few else "text",
        torch.from_numpy(codes),
        torch.from_numpy(present),
        texts,
    )
