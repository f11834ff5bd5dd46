"""N-Triples: ids as IRIs, such that loading the file gives the ids again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from pyoxigraph import NamedNode

from kgplatform.graph.interchange.content import Content, rows, unheld, write_lines
from kgplatform.sources.iris import WELL_KNOWN, iri_of


def write(content: Content, path: Path) -> list[str]:
    """One file of a statement a fact."""
    table = {**WELL_KNOWN, **content.prefixes}

    @cache
    def node(name: str) -> str:
        return f"<{iri_of(name, table, is_iri=_is_iri)}>"

    name_node: Callable[[str], str] = node
    lines = (
        f"{name_node(row.head)} {name_node(row.relation)} {name_node(row.tail)} ."
        for row in rows(content.snapshot)
    )
    write_lines(path, lines)
    lost = unheld(content.snapshot, ())
    if "rdf:type" in content.snapshot.relations:
        lost.append("that rdf:type is a fact: loading makes labels of it")
    return lost


def _is_iri(text: str) -> bool:
    try:
        NamedNode(text)
    except ValueError:
        return False
    return True
