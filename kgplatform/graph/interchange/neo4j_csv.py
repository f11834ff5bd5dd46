"""CSV for ``neo4j-admin database import``: ``nodes.csv`` and ``relationships.csv``."""

from __future__ import annotations

import csv
from pathlib import Path

from kgplatform.errors import InputError
from kgplatform.graph.features import Feature
from kgplatform.graph.interchange.content import (
    RENAME,
    Content,
    fault_in_lines,
    refuse_names,
    rows,
    split_names,
    unheld,
    values_of,
    weight_texts,
)


def write(content: Content, path: Path) -> list[str]:
    """``id:ID`` and features; ``:START_ID``, ``:END_ID``, ``:TYPE``, split, weight, time."""
    snapshot = content.snapshot
    refuse_names(snapshot, "Neo4j's CSV", fault_in_lines, RENAME)
    path.mkdir()
    features = [*snapshot.features, *(() if snapshot.labels is None else (snapshot.labels,))]
    columns = [[_text(value) for value in values_of(one)] for one in features]
    with (path / "nodes.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("id:ID", ":LABEL", *map(_heading, features)))
        for index, name in enumerate(snapshot.entities):
            table.writerow((name, "Entity", *(column[index] for column in columns)))
    extra: dict[str, list[str]] = {
        "split": [name or "" for name in split_names(snapshot.split)],
    }
    if snapshot.weight is not None:
        extra["weight:double"] = list(weight_texts(snapshot))
    if snapshot.time is not None:
        extra["time:long"] = [str(value) for value in snapshot.time.tolist()]
    for one in snapshot.edge_features:
        extra[_heading(one)] = [_text(value) for value in values_of(one)]
    with (path / "relationships.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow((":START_ID", ":END_ID", ":TYPE", *extra))
        for row in rows(snapshot):
            values = (column[row.edge] for column in extra.values())
            table.writerow((row.head, row.tail, row.relation, *values))
    held = ("split", "no split", "isolated", "weight", "time", "features", "labels")
    return unheld(snapshot, (*held, "edge_features"))


def _heading(feature: Feature) -> str:
    if any(mark in feature.name for mark in ':{}()"'):
        raise InputError(
            f"Neo4j's CSV cannot hold a property with the name {feature.name!r}",
            hint="return it under another name",
        )
    if feature.texts:
        return feature.name
    if feature.kind == "boolean":
        return f"{feature.name}:boolean"
    return f"{feature.name}:float" + "[]" * (feature.dimension > 1)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ";".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
