"""Graphs of networkx, and how a node's and an edge's attributes become entities and triples.

GraphML and py2neo have nodes and edges with attributes, too, and use the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

import numpy as np

from kgplatform.errors import InputError
from kgplatform.sources.frames import fault_of_triple
from kgplatform.sources.source import OnReject, Source
from kgplatform.sources.table_files import SPLIT_NAMES
from kgplatform.sources.tables import rejected
from kgplatform.triples import (
    Entity,
    Scalar,
    Split,
    Triple,
    Value,
    fault_of_name,
    fault_of_property,
)

Report = Callable[[str], None]
"""Told what of a node or an edge could not be taken."""

DEFAULT_RELATION = "RELATED_TO"
"""What an edge is called that nothing names."""

TITLE_ATTRIBUTES = ("title", "label")
TYPE_ATTRIBUTES = ("types", "labels", "type")
RELATION_ATTRIBUTES = ("relation", "predicate", "type", "label")

_SCALARS = (str, bool, int, float, date, datetime, time)


def from_networkx(graph: Any, name: str, relation: str = DEFAULT_RELATION) -> Source:
    """The nodes and edges of a graph of networkx, of any of its four classes.

    A node is an entity with ``str(node)`` as its id. Of its attributes, ``name`` (else
    ``title``, else ``label``) is what it is called, ``description`` describes it, ``types``
    (else ``labels``, else ``type``) are its types; all others are properties.

    An edge is a triple. Its relation is the first of these that is text: its attribute
    ``relation``, ``predicate``, ``type`` or ``label``, the key of a multigraph, the parameter.
    A key that is text and not the relation is kept as the property ``key``: files in GraphML
    have mere numbers of edges there. ``split`` is its split if it names one. All other
    attributes, ``weight`` among them, are properties. An edge of an undirected graph is read
    once, from the id that comes first in the alphabet.

    Attributes that are None are left out. A value that no property can hold is rejected alone:
    its node or edge is read without it.

    Args:
        graph: A Graph, DiGraph, MultiGraph or MultiDiGraph.
        name: What its facts carry as their source.
        relation: What an edge is called that nothing else names.

    Raises:
        InputError: It has no nodes, or two nodes have the same text.
    """
    if not len(graph):
        raise InputError(f"the graph {name} has no nodes", hint="pass one that has some")
    known: dict[str, object] = {}
    for node in graph:
        if (text := str(node)) in known:
            raise InputError(
                f"two nodes of the graph {name} have the text {text!r}: "
                f"{known[text]!r} and {node!r}",
                hint="rename one of them: networkx.relabel_nodes(graph, ...)",
            )
        known[text] = node
    notes = []
    if not graph.is_directed():
        notes.append(
            "the graph is undirected: each edge is read once, from the id that comes first"
        )
    if graph.graph:
        notes.append(f"attributes of the graph are not read: {', '.join(map(str, graph.graph))}")
    return Source(
        name,
        "networkx",
        triples=lambda on_reject: _triples(graph, name, relation, on_reject),
        entities=lambda on_reject: _entities(graph, name, on_reject),
        notes=tuple(notes),
    )


def entity_of(entity_id: str, attributes: Mapping[str, object], report: Report) -> Entity | None:
    """The entity that a node with attributes is; None, and reported, if its id is unusable."""
    if fault := fault_of_name("id", entity_id):
        report(fault)
        return None
    rest = dict(attributes)
    if rest.get("id") == entity_id:
        del rest["id"]
    name = pop_text(rest, "name")
    for key in TITLE_ATTRIBUTES:
        if name is None and _is_text(rest.get(key)):
            name = pop_text(rest, key)
    description = pop_text(rest, "description")
    types: list[str] = []
    for key in TYPE_ATTRIBUTES:
        if (found := _types(rest.get(key))) is not None:
            del rest[key]
            types = found
            break
    good = []
    for one in types:
        if one == "Entity":
            # Every entity of the platform has it.
            continue
        if fault := fault_of_name("type", one):
            report(fault)
        else:
            good.append(one)
    return Entity(
        entity_id,
        name,
        description,
        tuple(dict.fromkeys(good)),
        properties_of(rest, report),
    )


def triple_of(
    head: str,
    tail: str,
    attributes: Mapping[str, object],
    report: Report,
    *,
    key: object = None,
    default: str = DEFAULT_RELATION,
) -> Triple | None:
    """The triple that an edge with attributes is; None, and reported, if a name is unusable.

    Args:
        head: The id of the node that it leaves.
        tail: The id of the node that it reaches.
        attributes: What it carries; see ``from_networkx`` for how they are taken.
        report: Told what could not be taken.
        key: Its key in a multigraph.
        default: Its relation if nothing else names one.
    """
    rest = dict(attributes)
    relation = relation_of(attributes, key, default)
    named = _relation_attribute(attributes)
    if named is not None:
        del rest[named]
        if isinstance(key, str) and key and key != relation:
            rest.setdefault("key", key)
    split: Split | None = None
    given = rest.get("split")
    if isinstance(given, str) and given.lower() in SPLIT_NAMES:
        split = SPLIT_NAMES[given.lower()]
        del rest["split"]
    triple = Triple(head, relation, tail, split)
    if fault := fault_of_triple(triple):
        report(fault)
        return None
    properties = properties_of(rest, report)
    return Triple(head, relation, tail, split, properties=properties)


def relation_of(
    attributes: Mapping[str, object], key: object = None, default: str = DEFAULT_RELATION
) -> str:
    """The relation that an edge has by its attributes, by its key, or else by default."""
    named = _relation_attribute(attributes)
    if named is not None:
        return str(attributes[named])
    return key if isinstance(key, str) and key else default


def _relation_attribute(attributes: Mapping[str, object]) -> str | None:
    return next((name for name in RELATION_ATTRIBUTES if _is_text(attributes.get(name))), None)


def properties_of(attributes: Mapping[str, object], report: Report) -> dict[str, Value] | None:
    """What of the attributes a property can hold; None if that is nothing.

    None is left out. Numpy's numbers and arrays, tuples and sets become Python's numbers and
    lists (of a set in order). All else is reported and left out.
    """
    properties: dict[str, Value] = {}
    for name, given in attributes.items():
        value = _plain(given)
        if value is None:
            continue
        if isinstance(value, _Unfit):
            report(f"property {name} is or holds {value.kind}, which no property can hold")
        elif fault := fault_of_property(name, value):
            report(fault)
        else:
            properties[name] = value
    return properties or None


def pop_text(attributes: dict[str, object], key: str) -> str | None:
    """Take an attribute out as text; None, and left there, if it is nothing that text can be."""
    value = _plain(attributes.get(key))
    if value is None or isinstance(value, _Unfit):
        return None
    del attributes[key]
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.strip() or None


class _Unfit:
    """A value that no property can hold."""

    def __init__(self, value: object) -> None:
        self.kind = f"a value of the kind {type(value).__name__}"


def _plain(value: object) -> Value | _Unfit | None:
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, _SCALARS):
        return value
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if not isinstance(value, (list, tuple)):
        return _Unfit(value)
    items: list[Scalar] = []
    for item in value:
        if isinstance(item, np.generic):
            item = item.item()
        if not isinstance(item, _SCALARS):
            return _Unfit(item)
        items.append(item)
    return items


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _types(value: object) -> list[str] | None:
    """Types as text (``A|B``, ``A;B``, or ``:A:B`` as Neo4j writes labels) or as a list."""
    if isinstance(value, str):
        parts = re.split(":" if value.lstrip().startswith(":") else r"[|;]", value)
        return [part.strip() for part in parts if part.strip()]
    if not isinstance(value, (list, tuple, set, frozenset)):
        return None
    if not all(isinstance(item, str) for item in value):
        return None
    return sorted(value) if isinstance(value, (set, frozenset)) else list(value)


def _report(
    place: str, number: int, text: str, on_reject: OnReject, relation: str | None = None
) -> Report:
    return lambda reason: on_reject(rejected(place, number, reason, text, relation))


def _texts(attributes: Mapping[object, object]) -> dict[str, object]:
    return {str(name): value for name, value in attributes.items()}


def _entities(graph: Any, place: str, on_reject: OnReject) -> Iterator[Entity]:
    for number, (node, attributes) in enumerate(graph.nodes(data=True), start=1):
        report = _report(f"{place}, nodes", number, str(node), on_reject)
        entity = entity_of(str(node), _texts(attributes), report)
        if entity is not None:
            yield entity


def _triples(graph: Any, place: str, relation: str, on_reject: OnReject) -> Iterator[Triple]:
    directed = graph.is_directed()
    edges = graph.edges(keys=True, data=True) if graph.is_multigraph() else graph.edges(data=True)
    for number, (start, end, *key, attributes) in enumerate(edges, start=1):
        head, tail = str(start), str(end)
        if not directed:
            head, tail = sorted((head, tail))
        texts, edge_key = _texts(attributes), key[0] if key else None
        known = relation_of(texts, edge_key, relation)
        report = _report(f"{place}, edges", number, f"{head}\t{tail}", on_reject, known)
        triple = triple_of(head, tail, texts, report, key=edge_key, default=relation)
        if triple is not None:
            yield triple
