"""GraphML, as networkx, Gephi and igraph read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from kgplatform.graph.interchange.content import (
    RENAME,
    Content,
    refuse_names,
    rows,
    split_names,
    unheld,
    weight_texts,
    write_lines,
)

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(content: Content, path: Path) -> list[str]:
    """One file: a node an entity, an edge a fact with its relation, split, weight and time."""
    refuse_names(content.snapshot, "GraphML", _fault, RENAME)
    write_lines(path, _lines(content))
    return unheld(content.snapshot, ("split", "no split", "isolated", "weight", "time"))


def _fault(name: str) -> str | None:
    return "XML has no such character" if _NOT_XML.search(name) else None


def _attribute(name: str) -> str:
    # A carriage return in text would come back as a newline.
    return quoteattr(name, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def _lines(content: Content) -> Iterator[str]:
    snapshot = content.snapshot
    kinds = {"relation": "string", "split": "string", "weight": "double", "time": "long"}
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    for name, kind in kinds.items():
        if name in ("relation", "split") or getattr(snapshot, name) is not None:
            yield f'<key id="{name}" for="edge" attr.name="{name}" attr.type="{kind}"/>'
    yield '<graph edgedefault="directed">'
    for name in snapshot.entities:
        yield f"<node id={_attribute(name)}/>"
    columns: dict[str, list[str | None]] = {"split": split_names(snapshot.split)}
    if snapshot.weight is not None:
        columns["weight"] = list(weight_texts(snapshot))
    if snapshot.time is not None:
        columns["time"] = [str(value) for value in snapshot.time.tolist()]
    for row in rows(snapshot):
        relation = escape(row.relation, {"\r": "&#13;"})
        data = f'<data key="relation">{relation}</data>'
        for name, values in columns.items():
            if (value := values[row.edge]) is not None:
                data += f'<data key="{name}">{value}</data>'
        yield f"<edge source={_attribute(row.head)} target={_attribute(row.tail)}>{data}</edge>"
    yield "</graph>"
    yield "</graphml>"
