"""DGL: the folder of a ``dgl.data.CSVDataset``, a file of edges a relation."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import torch
import yaml

from kgplatform.graph.features import matrix
from kgplatform.graph.interchange.content import Content, edges_by_split, unheld, weight_texts
from kgplatform.triples import SPLITS


def write(content: Content, path: Path) -> list[str]:
    """``meta.yaml``, ``nodes.csv``, ``edges_N.csv``; and ``entities.csv`` with the names."""
    snapshot = content.snapshot
    path.mkdir()
    _table(path / "entities.csv", ("node_id", "entity"), enumerate(snapshot.entities))
    heading: tuple[str, ...] = ("node_id",)
    columns: list[Any] = [range(snapshot.num_entities)]
    if snapshot.features:
        table = matrix(snapshot.features, snapshot.num_entities).tolist()
        heading, columns = (*heading, "feat"), [*columns, (",".join(map(str, r)) for r in table)]
    if snapshot.labels is not None:
        heading, columns = (*heading, "label"), [*columns, snapshot.labels.values.tolist()]
    _table(path / "nodes.csv", heading, zip(*columns, strict=True))
    masks = torch.zeros(snapshot.num_edges, len(SPLITS), dtype=torch.int64)
    for code, edges in enumerate(edges_by_split(snapshot).values()):
        masks[edges, code] = 1
    weights = None if snapshot.weight is None else weight_texts(snapshot)
    heading = ("src_id", "dst_id", *(f"{split}_mask" for split in SPLITS))
    heading = (*heading, *(("weight",) if weights is not None else ()))
    heading = (*heading, *(("time",) if snapshot.time is not None else ()))
    kinds = []
    for index, relation in enumerate(snapshot.relations):
        edges = torch.nonzero(snapshot.edge_type == index).flatten()
        parts = [*snapshot.edge_index[:, edges].tolist(), *masks[edges].T.tolist()]
        if weights is not None:
            parts.append([weights[edge] for edge in edges.tolist()])
        if snapshot.time is not None:
            parts.append(snapshot.time[edges].tolist())
        _table(path / f"edges_{index}.csv", heading, zip(*parts, strict=True))
        kinds.append({"file_name": f"edges_{index}.csv", "etype": ["entity", relation, "entity"]})
    meta = {
        "dataset_name": "kgplatform",
        "node_data": [{"file_name": "nodes.csv", "ntype": "entity"}],
        "edge_data": kinds,
    }
    text = yaml.safe_dump(meta, allow_unicode=True, sort_keys=False)
    (path / "meta.yaml").write_text(text, encoding="utf-8")
    held = ("split", "isolated", "weight", "time", "features", "labels")
    return unheld(snapshot, held)


def _table(path: Path, heading: tuple[str, ...], lines: Any) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(heading)
        table.writerows(lines)
