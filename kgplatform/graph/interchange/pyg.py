"""PyG: a ``HeteroData`` in a file of ``torch.save``."""

from __future__ import annotations

from pathlib import Path

import torch

from kgplatform.graph.features import matrix
from kgplatform.graph.interchange.content import Content, unheld
from kgplatform.saved import told
from kgplatform.triples import SPLITS


def write(content: Content, path: Path) -> list[str]:
    """One file: ``snapshot.to_hetero()`` with names, and a mask a split for each edge type."""
    snapshot = content.snapshot
    data = snapshot.to_hetero()
    data["entity"].entity_id = list(snapshot.entities)
    for index, relation in enumerate(snapshot.relations):
        chosen = snapshot.edge_type == index
        edges = data["entity", relation, "entity"]
        for code, split in enumerate(SPLITS):
            edges[f"{split}_mask"] = snapshot.split[chosen] == code
        if snapshot.weight is not None:
            edges.edge_weight = snapshot.weight[chosen]
        if snapshot.time is not None:
            edges.edge_time = snapshot.time[chosen]
        if snapshot.edge_features:
            edges.edge_attr = matrix(snapshot.edge_features, snapshot.num_edges)[chosen]
    with told(path):
        torch.save(data, path)
    held = ("split", "no split", "isolated", "weight", "time", "features", "labels")
    return unheld(snapshot, (*held, "edge_features"))
