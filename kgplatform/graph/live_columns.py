"""Properties of a live graph's entities and facts as columns of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kgplatform.errors import InputError
from kgplatform.graph.live import LiveGraph
from kgplatform.store.client import Store
from kgplatform.store.neighbors import distinct_values, one_edge_value, one_value

MAX_CLASSES = 10_000
"""Most distinct texts of a label: more than that is a name, not a class."""


@dataclass(frozen=True)
class Column:
    """A tensor of a feature store, made of one property or of several side by side.

    Attributes:
        name: The tensor's name, for example ``x``.
        properties: Where its values stand.
        widths: How many numbers each property has.
        classes: Of a label that is a text: what its codes stand for, sorted. Else empty.
        label: Whether it is int64 [N] with -1 for none, instead of float32 [N, sum of widths].
    """

    name: str
    properties: tuple[str, ...]
    widths: tuple[int, ...]
    classes: tuple[str, ...] = ()
    label: bool = False

    @property
    def dtype(self) -> type[np.int64 | np.float32]:
        """Of the values."""
        return np.int64 if self.label else np.float32

    @property
    def width(self) -> int:
        """Numbers a row."""
        return sum(self.widths)

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {text: code for code, text in enumerate(self.classes)}

    def row(self, values: Sequence[Any]) -> list[float] | None:
        """A row from the properties' values; None if one is absent.

        Raises:
            InputError: A value is of another kind or length than the first that was seen.
        """
        row: list[float] = []
        for name, width, value in zip(self.properties, self.widths, values, strict=True):
            if value is None:
                return None
            if self.classes:
                row.append(self._codes.get(value, -1))
                continue
            numbers = value if isinstance(value, list) else [value]
            if len(numbers) != width or not all(isinstance(one, int | float) for one in numbers):
                raise InputError(
                    f"the property {name!r} is {str(value)[:60]!r}, not "
                    f"{width} number(s) as others are",
                    hint="correct it in the database, or leave the property out",
                )
            row += numbers
        return row

    def table(self, rows: Sequence[Sequence[Any]]) -> tuple[np.ndarray, np.ndarray]:
        """Rows from the properties' values, with zeros (-1 as label) where one is absent.

        Returns:
            The rows, [n, width], and which of them lack a property, bool [n].
        """
        made = [self.row(values) for values in rows]
        empty: list[float] = [-1 if self.label else 0] * self.width
        filled = np.array([empty if row is None else row for row in made])
        absent = np.fromiter((row is None for row in made), np.bool_, len(made))
        return filled.reshape(-1, self.width).astype(self.dtype), absent


def feature_column(live: LiveGraph, name: str, given: str | Sequence[str]) -> Column:
    """A tensor of numbers, from properties of entities.

    Raises:
        InputError: No entity has one of them, or it is of a kind that makes no numbers.
    """
    return _column(live, name, given, one_value, "entity")


def edge_column(live: LiveGraph, name: str, given: str | Sequence[str]) -> Column:
    """A tensor of numbers, from properties of facts.

    Raises:
        InputError: No fact has one of them, or it is of a kind that makes no numbers.
    """
    return _column(live, name, given, one_edge_value, "fact")


def _column(
    live: LiveGraph,
    name: str,
    given: str | Sequence[str],
    sample: Callable[[Store, str, str], Any],
    owner: str,
) -> Column:
    properties = (given,) if isinstance(given, str) else tuple(given)
    graph = live.entities.graph
    widths = tuple(_width(sample(live.store, graph, of), graph, of, owner) for of in properties)
    return Column(name, properties, widths)


def label_column(live: LiveGraph, name: str, of_label: str) -> Column:
    """A tensor of classes, from a property of entities.

    Raises:
        InputError: No entity has it, or its values are neither whole numbers nor a few texts.
    """
    graph = live.entities.graph
    values = distinct_values(live.store, graph, of_label, MAX_CLASSES + 1)
    kinds = set(map(type, values))
    if kinds not in ({str}, {int}) or (kinds == {str} and len(values) > MAX_CLASSES):
        found = ", ".join(sorted(kind.__name__ for kind in kinds)) or "on no entity"
        raise InputError(
            f"the property {of_label!r} of graph {graph!r} is no label: {found}, "
            f"{len(values):,} values",
            hint=f"labels are whole numbers, or at most {MAX_CLASSES:,} texts",
        )
    classes = tuple(sorted(values)) if kinds == {str} else ()
    return Column(name, (of_label,), (1,), classes, label=True)


def _width(value: Any, graph: str, name: str, kind: str) -> int:
    numbers = value if isinstance(value, list) else [value]
    if value is None or not all(isinstance(one, int | float) for one in numbers):
        found = f"on no {kind}" if value is None else f"a {type(value).__name__}"
        raise InputError(
            f"the property {name!r} of graph {graph!r} is {found}",
            hint="features are numbers, truth values, lists of numbers or vectors",
        )
    return len(numbers)
