"""What the nodes of a graph have beside their facts: texts and vectors of entities, and texts
with classes that a query returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.graph.features import Feature, FeatureColumn
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.progress import Progress, silent
from kgplatform.sources.labelled_texts import LabelledTexts, TextColumns, labelled_texts
from kgplatform.store.client import Store
from kgplatform.store.stream_query import stream_rows
from kgplatform.store.writeback import Target


def entity_property(
    store: Store, target: Target, snapshot: KGSnapshot, name: str, progress: Progress = silent
) -> Feature | None:
    """One property of a snapshot's entities; None if no entity has it.

    Args:
        store: The database.
        target: The nodes that the entities stand for.
        snapshot: The entities.
        name: The property.
        progress: Told of rows.

    Raises:
        InputError: Its values are of different kinds or lengths, or not finite.
    """
    query = queries.fill("read/stream_property", label=target.label, key=target.key, property=name)
    place = {entity: row for row, entity in enumerate(snapshot.entities)}
    column = FeatureColumn(name, snapshot.num_entities)
    wanted = {"graph": target.graph}
    for _, (ids, values) in stream_rows(store, query, wanted, ("entity", "value"), progress):
        rows = [place.get(str(each), -1) for each in ids]
        here = [at for at, row in enumerate(rows) if row >= 0]
        column.add(np.array([rows[at] for at in here], np.int64), [values[at] for at in here])
    found = column.feature(np.arange(snapshot.num_entities), kind=None)
    return found if bool(found.present.any()) else None


def entity_vectors_of(found: Feature | None, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The values of a property that is to be a modality, float32 [N, d], and where there are any.

    Raises:
        InputError: No entity has the property, or it is a text.
    """
    if found is None:
        raise InputError(f"no entity has the property {name!r}", hint="check its name in Browser")
    if found.kind == "text":
        raise InputError(
            f"the property {name!r} holds texts, not vectors",
            hint="name a property of numbers or of lists of numbers",
        )
    if found.kind == "category":
        hot = torch.nn.functional.one_hot(found.values.clamp_min(0), len(found.texts))
        return hot.float() * found.present.unsqueeze(1), found.present
    return found.values, found.present


def entity_texts(found: Mapping[str, Feature | None], total: int) -> list[str]:
    """The texts of each entity, one after another: its name, then what describes it."""
    rows: list[list[str]] = [[] for _ in range(total)]
    for feature in found.values():
        if feature is None or not feature.texts:
            continue
        for row, code in enumerate(feature.values.tolist()):
            if code >= 0:
                rows[row].append(feature.texts[code])
    return [". ".join(row) for row in rows]


def query_texts(
    store: Store,
    query: str,
    params: Mapping[str, Any],
    columns: TextColumns,
    progress: Progress = silent,
) -> LabelledTexts:
    """Texts with their classes and entities, as a reading query returns them.

    Raises:
        QueryRefusedError: The query would write or lacks a column; it did not run.
        InputError: There are no rows, or a value is not what its column is for.
    """
    named = (columns.text, columns.label, columns.entity, columns.split)
    required = tuple(name for name in named if name is not None)
    table: dict[str, list[Any]] = {name: [] for name in required}
    for names, block in stream_rows(store, query, params, required, progress):
        for name, values in zip(names, block, strict=True):
            if name in table:
                table[name] += values
    return labelled_texts(table, columns, "the query")
