"""What is exported, and what the formats have in common: splits, names, what does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import InputError
from kgplatform.graph.features import Feature
from kgplatform.graph.snapshot import NO_SPLIT, KGSnapshot
from kgplatform.triples import SPLITS, Split

EDGES_AT_ONCE = 100_000
"""Edges whose names are held at a time."""

ANY_BREAK = re.compile(r"[\t\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""What a reader may take for the end of a field or of a line."""


@dataclass(frozen=True)
class Content:
    """What a format writes.

    Attributes:
        snapshot: The projection.
        prefixes: Prefix → namespace, by which ids of a graph from RDF stand for IRIs.
    """

    snapshot: KGSnapshot
    prefixes: Mapping[str, str] = field(default_factory=dict)


Writer = Callable[[Content, Path], list[str]]
"""Writes a content to a path and returns what the format could not hold, a line each."""


class Row(NamedTuple):
    """One edge by its names; ``edge`` is its place in the snapshot."""

    edge: int
    head: str
    relation: str
    tail: str


def edges_by_split(snapshot: KGSnapshot) -> dict[Split, Tensor]:
    """Edge indices of each split, for formats of a file a split.

    An edge without a split belongs to train, as in training
    (:func:`kgplatform.graph.split.ensure_split`); nothing is set aside here.
    """
    split = torch.where(snapshot.split == NO_SPLIT, 0, snapshot.split)
    return {name: torch.nonzero(split == code).flatten() for code, name in enumerate(SPLITS)}


def rows(snapshot: KGSnapshot, edges: Tensor | None = None) -> Iterator[Row]:
    """Edges by their names, in the snapshot's order.

    Args:
        snapshot: The projection.
        edges: Indices of the wanted edges, [E']; all of them if None.
    """
    wanted = torch.arange(snapshot.num_edges) if edges is None else edges
    entities, relations = snapshot.entities, snapshot.relations
    for part in torch.split(wanted, EDGES_AT_ONCE):
        heads, tails = snapshot.edge_index[:, part].tolist()
        kinds = snapshot.edge_type[part].tolist()
        for index, head, kind, tail in zip(part.tolist(), heads, kinds, tails, strict=True):
            yield Row(index, entities[head], relations[kind], entities[tail])


def refuse_names(
    snapshot: KGSnapshot, form: str, fault: Callable[[str], str | None], hint: str
) -> None:
    """Make sure that a format can hold every name.

    Args:
        snapshot: The projection.
        form: The format, for the message.
        fault: What is wrong with a name, or None.
        hint: What to do about it.

    Raises:
        InputError: A name cannot be held; says which.
    """
    for kind, names in (("entity", snapshot.entities), ("relation", snapshot.relations)):
        for name in names:
            if wrong := fault(name):
                raise InputError(f"{form} cannot hold the {kind} {name!r}: {wrong}", hint=hint)


def fault_in_lines(name: str) -> str | None:
    """What keeps a name out of tables that are cut at tabs, line by line, and then stripped."""
    if ANY_BREAK.search(name):
        return "it holds a tab or the end of a line"
    if name != name.strip():
        return "it begins or ends with a space, which readers of this format cut off"
    return None if name else "it is empty"


RENAME = "rename it, leave it out with --cypher, or use a format that holds it (parquet)"
"""Hint where a name does not fit."""


def unheld(snapshot: KGSnapshot, holds: Iterable[str]) -> list[str]:
    """What of a snapshot a format does not take over, a line each.

    Args:
        snapshot: The projection.
        holds: What the format takes: of ``split``, ``isolated`` (entities without an edge),
            ``weight``, ``time``, ``features``, ``labels``, ``label_split``, ``edge_features``,
            and ``no split``, which tells edges without a split from those of train.
    """
    held = set(holds)
    lines = []
    named = bool((snapshot.split != NO_SPLIT).any())
    unnamed = int((snapshot.split == NO_SPLIT).sum())
    if named and "split" not in held:
        lines.append("the split of the facts")
    if unnamed and "split" in held and "no split" not in held:
        lines.append(f"that {unnamed:,} facts have no split: all of them are in train")
    if "isolated" not in held and (alone := int((~touched(snapshot)).sum())):
        lines.append(f"{alone:,} entities without any fact")
    for name in ("weight", "time", "labels", "label_split"):
        if getattr(snapshot, name) is not None and name not in held:
            lines.append(name.replace("_", " "))
    for name in ("features", "edge_features"):
        if getattr(snapshot, name) and name not in held:
            listed = ", ".join(feature.name for feature in getattr(snapshot, name))
            lines.append(f"{name.replace('_', ' ')}: {listed}")
    return lines


def touched(snapshot: KGSnapshot) -> Tensor:
    """Which entities have an edge, bool [N]."""
    return torch.bincount(snapshot.edge_index.flatten(), minlength=snapshot.num_entities) > 0


def values_of(feature: Feature) -> list[object]:
    """A feature's values as plain ones: None, a number, a truth value, a text, or numbers [d]."""
    present = feature.present.tolist()
    if feature.texts:
        codes = feature.values.tolist()
        return [
            feature.texts[code] if here else None for code, here in zip(codes, present, strict=True)
        ]
    numbers = feature.values.tolist()
    if feature.kind == "boolean":
        numbers = [bool(row[0]) for row in numbers]
    elif feature.dimension == 1:
        numbers = [row[0] for row in numbers]
    return [value if here else None for value, here in zip(numbers, present, strict=True)]


def split_names(codes: Tensor) -> list[str | None]:
    """The name of each code of a split, None where there is none."""
    names: tuple[str | None, ...] = (*SPLITS, None)
    return [names[code] for code in codes.tolist()]


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines as UTF-8, each ended by a newline alone."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def weight_texts(snapshot: KGSnapshot) -> Sequence[str]:
    """Each edge's weight as its shortest decimal that reads back as the same float32."""
    assert snapshot.weight is not None
    return [np.format_float_positional(value, trim="0") for value in snapshot.weight.numpy()]
