"""Removing a graph, in transactions of bounded size."""

from __future__ import annotations

from kgplatform import queries
from kgplatform.errors import GraphChangingError, InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import in_transactions
from kgplatform.store.client import Store

ROWS = 5_000
"""Entities or facts that one transaction removes."""

ATTEMPTS = 10
"""How often what a load has made meanwhile is removed as well."""


def planned_removal(store: Store, graph: str) -> dict[str, int]:
    """What ``remove_graph`` would remove: ``entities``, ``facts`` and ``documents``.

    Raises:
        InputError: There is no such graph.
    """
    (row,) = store.rows(queries.get("read/count_graph"), graph=graph)
    if not row["records"] and not row["entities"] and not row["documents"]:
        known = [each["name"] for each in store.rows(queries.get("read/list_graphs"))]
        raise InputError(
            f"there is no graph {graph!r} in this database",
            hint=f"graphs: {', '.join(known)}" if known else "load one with `kgp load`",
        )
    return {key: int(row[key]) for key in ("entities", "facts", "documents")}


def remove_graph(store: Store, graph: str, progress: Progress = silent) -> dict[str, int]:
    """Remove a graph's entities, facts, documents, rules and records; other graphs are not touched.

    Runs that were trained on it keep their records and sets, without vectors. Safe to repeat:
    a removal that was cut is completed by the next, and until then the graph is refused as one
    whose load was cut.

    Returns:
        Numbers of ``entities``, ``facts`` and ``documents`` removed.

    Raises:
        InputError: There is no such graph.
        GraphChangingError: A load makes new entities as fast as they are removed.
    """
    planned = planned_removal(store, graph)
    store.run(queries.get("load/begin_load"), graph=graph, source="kgp rm", owner="", lanes=0)
    steps = (
        queries.get("load/remove_graph_facts"),
        queries.get("load/remove_graph_documents"),
        queries.get("load/remove_graph_rules"),
        queries.get("load/remove_graph_entities"),
    )
    for _ in range(ATTEMPTS):
        for number, step in enumerate(steps):
            in_transactions(store, step, ROWS, lambda: 0, graph=graph)
            progress("removal", number + 1, len(steps))
        (row,) = store.run(queries.get("load/remove_graph_record"), graph=graph).rows
        if row["removed"] or not store.rows(queries.get("read/get_graph"), graph=graph):
            return planned
    raise GraphChangingError(
        f"graph {graph!r} is loaded while it is removed", hint="repeat when the load has ended"
    )
