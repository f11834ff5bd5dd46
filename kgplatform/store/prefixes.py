"""The prefixes by which a graph's ids and relations stand for IRIs."""

from __future__ import annotations

from collections.abc import Mapping

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.store.client import Store


def write_prefixes(store: Store, graph: str, prefixes: Mapping[str, str]) -> None:
    """Keep in the database what the prefixes in a graph's names stand for.

    Args:
        store: The database.
        graph: The graph's name.
        prefixes: Prefix → namespace.

    Raises:
        InputError: A prefix stands for something else there.
    """
    check_prefixes(store, graph, prefixes)
    if prefixes:
        store.run(
            queries.get("load/merge_prefixes"),
            graph=graph,
            prefixes=list(prefixes),
            namespaces=list(prefixes.values()),
        )


def prefixes_of(store: Store, graph: str) -> dict[str, str]:
    """Prefix → namespace, of one graph; empty if it did not come from RDF."""
    rows = store.rows(queries.get("read/list_prefixes"), graph=graph)
    return {row["prefix"]: row["namespace"] for row in rows}


def check_prefixes(store: Store, graph: str, prefixes: Mapping[str, str]) -> None:
    """Make sure that no prefix stands for something else in the graph already.

    Raises:
        InputError: One does: two different things would go by one id.
    """
    for row in store.rows(queries.get("read/list_prefixes"), graph=graph):
        prefix, namespace = row["prefix"], row["namespace"]
        if prefixes.get(prefix, namespace) != namespace:
            raise InputError(
                f"the prefix {prefix!r} stands for {prefixes[prefix]} in this source, and for "
                f"{namespace} in graph {graph!r}",
                hint="load it into another graph with --graph, or rename the prefix in the file",
            )
