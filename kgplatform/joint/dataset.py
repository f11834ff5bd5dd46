"""Texts with their classes and the entities that they name: what a joint model is trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import InputError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.triples import SPLITS, Split

UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class LinkedTexts:
    """Texts, their classes and split, and the entities of each in CSR form.

    Attributes:
        texts: The texts, [T].
        classes: Names of the classes, sorted, [C].
        labels: Class of each text, -1 where it has none; int64 [T].
        split: As ``KGSnapshot.split``: 0 train, 1 valid, 2 test, -1 none; int8 [T].
        offsets: The entities of text i are those from ``offsets[i]`` to ``offsets[i + 1]``;
            int64 [T + 1].
        entity_index: Entities of a snapshot, int64 [M].
        span: Where the text names each, start and end in characters, int64 [M, 2]; None if that
            is not known.
    """

    texts: tuple[str, ...]
    classes: tuple[str, ...]
    labels: Tensor
    split: Tensor
    offsets: Tensor
    entity_index: Tensor
    span: Tensor | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, split: Split) -> Tensor:
        """Texts with a class in one split, int64."""
        here = (self.split == SPLITS.index(split)) & (self.labels != UNKNOWN)
        return here.nonzero().squeeze(1)

    def links(self) -> tuple[Tensor, Tensor]:
        """Text and entity of each link, int64 [M] each."""
        text = torch.repeat_interleave(torch.arange(len(self)), self.offsets.diff())
        return text, self.entity_index

    def padded(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Entities of some texts, padded on the right with 0.

        Args:
            rows: Which texts, int64 [B].

        Returns:
            Entities int64 [B, M'] and where there is one, bool [B, M'], M' at least 1.
        """
        return padded(self.offsets, self.entity_index, rows)


def padded(offsets: Tensor, values: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Some rows of lists in CSR form, padded on the right with 0.

    Args:
        offsets: List i is ``values[offsets[i]:offsets[i + 1]]``; int64 [T + 1].
        values: int64 [M].
        rows: Which lists, int64 [B].

    Returns:
        Values int64 [B, M'] and where there is one, bool [B, M'], M' at least 1.
    """
    start, count = offsets[rows], offsets.diff()[rows]
    width = max(1, int(count.max()) if len(count) else 0)
    at = torch.arange(width)
    mask = at < count.unsqueeze(1)
    place = torch.where(mask, start.unsqueeze(1) + at, 0)
    if not len(values):
        return torch.zeros_like(place), mask
    return torch.where(mask, values[place], 0), mask


def linked_texts(
    texts: Sequence[str],
    labels: Sequence[str | None],
    entities: Sequence[Sequence[str]],
    snapshot: KGSnapshot,
    split: Sequence[str | None] | None = None,
    *,
    valid_share: float = 0.1,
    test_share: float = 0.2,
    seed: int = 0,
) -> tuple[LinkedTexts, int]:
    """Put texts together with a graph.

    Args:
        texts: [T].
        labels: Name of each text's class; None or empty: it has none.
        entities: entity_ids of each text.
        snapshot: The graph that they are of.
        split: Of each text; without one it is drawn class by class.
        valid_share: Share of each class for validation, if the split is drawn.
        test_share: Share of each class for testing, if the split is drawn.
        seed: Of the draw.

    Returns:
        The texts, and how many links name an entity that the graph does not have.

    Raises:
        InputError: There are fewer than two classes, or a split has another name than the three.
    """
    named = [label or None for label in labels]
    classes = tuple(sorted({label for label in named if label is not None}))
    if len(classes) < 2:
        raise InputError(
            f"the texts are of {len(classes)} classes, and two are the least",
            hint="check the column of labels",
        )
    code = {name: index for index, name in enumerate(classes)}
    of = torch.tensor([UNKNOWN if each is None else code[each] for each in named])
    place = {entity: index for index, entity in enumerate(snapshot.entities)}
    found = [
        [place[entity] for entity in dict.fromkeys(of_text) if entity in place]
        for of_text in entities
    ]
    missing = sum(len(set(of_text)) for of_text in entities) - sum(map(len, found))
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(each) for each in found], out=offsets[1:])
    dataset = LinkedTexts(
        texts=tuple(texts),
        classes=classes,
        labels=of,
        split=torch.full((len(texts),), -1, dtype=torch.int8),
        offsets=torch.from_numpy(offsets),
        entity_index=torch.tensor([each for row in found for each in row], dtype=torch.int64),
    )
    if split is not None and any(split):
        return dataclasses.replace(dataset, split=_given(split)), missing
    drawn = drawn_split(of, valid_share, test_share, seed)
    return dataclasses.replace(dataset, split=drawn), missing


def _given(split: Sequence[str | None]) -> Tensor:
    codes = {name: index for index, name in enumerate(SPLITS)} | {"": UNKNOWN, None: UNKNOWN}
    if unknown := sorted({str(each) for each in split if each not in codes}):
        raise InputError(
            f"a text is in the split {unknown[0]!r}", hint=f"splits are {', '.join(SPLITS)}"
        )
    return torch.tensor([codes[each] for each in split], dtype=torch.int8)


def drawn_split(labels: Tensor, valid_share: float, test_share: float, seed: int) -> Tensor:
    """A split drawn class by class, so that each class is in train; int8 [T], -1: no class."""
    generator = torch.Generator().manual_seed(seed)
    split = torch.full((len(labels),), UNKNOWN, dtype=torch.int8)
    for each in torch.unique(labels[labels != UNKNOWN]).tolist():
        rows = (labels == each).nonzero().squeeze(1)
        rows = rows[torch.randperm(len(rows), generator=generator)]
        valid, test = round(valid_share * len(rows)), round(test_share * len(rows))
        split[rows] = 0
        split[rows[:valid]] = 1
        split[rows[valid : valid + test]] = 2
    return split
