"""networkx: a projection as a ``MultiDiGraph`` in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgplatform.graph.interchange.content import rows, split_names, values_of
from kgplatform.graph.snapshot import KGSnapshot

if TYPE_CHECKING:
    import networkx


def to_networkx(snapshot: KGSnapshot) -> networkx.MultiDiGraph:
    """A projection as a directed multigraph.

    Nodes are entity_ids with their features and ``label``; edges have ``relation`` and, where
    there are any, ``split``, ``weight``, ``time`` and the edge's own features.
    """
    import networkx

    graph = networkx.MultiDiGraph()
    graph.add_nodes_from(snapshot.entities)
    labels = () if snapshot.labels is None else (snapshot.labels,)
    for one in (*snapshot.features, *labels):
        for name, value in zip(snapshot.entities, values_of(one), strict=True):
            if value is not None:
                graph.nodes[name][one.name] = value
    columns: dict[str, list[object]] = {"split": list(split_names(snapshot.split))}
    for name in ("weight", "time"):
        if (tensor := getattr(snapshot, name)) is not None:
            columns[name] = tensor.tolist()
    columns |= {one.name: values_of(one) for one in snapshot.edge_features}
    for row in rows(snapshot):
        given = {name: values[row.edge] for name, values in columns.items()}
        attributes = {name: value for name, value in given.items() if value is not None}
        graph.add_edge(row.head, row.tail, **{**attributes, "relation": row.relation})
    return graph
