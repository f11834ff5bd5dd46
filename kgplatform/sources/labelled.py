"""Nodes and relationships of a property graph, as Neo4j exports them, as entities and triples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kgplatform.errors import UsageError
from kgplatform.sources.source import Options
from kgplatform.sources.table_files import SPLIT_NAMES
from kgplatform.triples import Entity, Triple, Value, fault_of_name, fault_of_property

_NAMES = ("name", "title", "label")
"""Properties that say what to call a node, the best first."""


def refuse_table_options(options: Options, given: tuple[str, ...]) -> None:
    """Make sure that nothing is asked of an export that only tables of triples can do.

    Raises:
        UsageError: Columns or a file of entities are named.
    """
    if options.columns is not None or options.entities is not None:
        raise UsageError(
            f"{', '.join(given)} is an export that names its own columns and entities",
            hint="leave the columns and the file of entities out",
        )


def entity_of(entity_id: str, labels: Iterable[str], properties: Mapping[str, Value]) -> Entity:
    """A node as an entity.

    Its labels are the types, without ``Entity``, which every entity has. It is called by its
    property ``name``, else ``title``, else ``label``, and described by ``description``. Of
    these, ``name`` and ``description`` do not stay properties of their own.

    Raises:
        ValueError: The id, a label or a property is not one that an entity may have.
    """
    types = tuple(dict.fromkeys(label for label in labels if label and label != "Entity"))
    faults = [fault_of_name("id", entity_id), *(fault_of_name("type", name) for name in types)]
    _check(faults, properties)
    called = next((properties[name] for name in _NAMES if name in properties), None)
    return Entity(
        entity_id,
        name=_text(called),
        description=_text(properties.get("description")),
        types=types,
        properties={
            name: value for name, value in properties.items() if name not in ("name", "description")
        }
        or None,
    )


def triple_of(head: str, relation: str, tail: str, properties: Mapping[str, Value]) -> Triple:
    """A relationship as a triple; its property ``split`` says which split it belongs to.

    Raises:
        ValueError: An id, the relation or a property is not one that a fact may have.
    """
    others = dict(properties)
    given = others.pop("split", None)
    split = SPLIT_NAMES.get(str(given).lower())
    faults = [
        fault_of_name("head", head),
        fault_of_name("relation", relation),
        fault_of_name("tail", tail),
    ]
    if given is not None and split is None:
        faults.append(f"split {str(given)[:60]!r} is none of train, valid, test")
    _check(faults, others)
    return Triple(head, relation, tail, split, properties=others or None)


def _check(faults: list[str | None], properties: Mapping[str, Value]) -> None:
    faults += [fault_of_property(name, value) for name, value in properties.items()]
    if fault := next(filter(None, faults), None):
        raise ValueError(fault)


def _text(value: Value | None) -> str | None:
    if value is None:
        return None
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
