"""Parquet: a table of facts and one of entities, which hold any name."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from kgplatform.graph.interchange.content import Content, split_names, unheld, values_of


def write(content: Content, path: Path) -> list[str]:
    """A folder of ``triples.parquet`` (head, relation, tail, split, …) and ``entities.parquet``."""
    snapshot = content.snapshot
    path.mkdir()
    names = pa.array(list(snapshot.entities), pa.string())
    relations = pa.array(list(snapshot.relations), pa.string())
    head, tail = snapshot.edge_index.numpy()
    facts = {
        "head": pa.DictionaryArray.from_arrays(pa.array(head), names),
        "relation": pa.DictionaryArray.from_arrays(pa.array(snapshot.edge_type.numpy()), relations),
        "tail": pa.DictionaryArray.from_arrays(pa.array(tail), names),
        "split": pa.array(split_names(snapshot.split), pa.string()),
    }
    if snapshot.weight is not None:
        facts["weight"] = pa.array(snapshot.weight.numpy())
    if snapshot.time is not None:
        facts["time"] = pa.array(snapshot.time.numpy())
    facts |= {f"edge.{one.name}": pa.array(values_of(one)) for one in snapshot.edge_features}
    parquet.write_table(pa.table(facts), path / "triples.parquet")
    # By id and name, `kgp load` knows a table of entities; a projection has no names.
    entities = {"id": names, "name": pa.nulls(len(names), pa.string())}
    entities |= {f"feature.{one.name}": pa.array(values_of(one)) for one in snapshot.features}
    if snapshot.labels is not None:
        entities["class"] = pa.array(values_of(snapshot.labels))
    if snapshot.label_split is not None:
        entities["class_split"] = pa.array(split_names(snapshot.label_split), pa.string())
    parquet.write_table(pa.table(entities), path / "entities.parquet")
    held = ("split", "no split", "isolated", "weight", "time", "features", "edge_features")
    return unheld(snapshot, (*held, "labels", "label_split"))
