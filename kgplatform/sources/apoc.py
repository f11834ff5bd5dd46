"""JSON Lines as ``apoc.export.json`` of Neo4j's APOC library writes them (``JSON_LINES``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from kgplatform.errors import InputError
from kgplatform.sources.apoc_ids import NodeIds, choose_ids
from kgplatform.sources.files import check_text
from kgplatform.sources.json_lines import Record, json_records
from kgplatform.sources.labelled import entity_of, refuse_table_options, triple_of
from kgplatform.sources.source import OnReject, Options, Source
from kgplatform.sources.tables import Fault, rejected
from kgplatform.triples import RESERVED_PROPERTIES, Entity, Triple, Value, fault_of_name

_RESERVED_OF_FACTS = RESERVED_PROPERTIES - {"split"}

Made = TypeVar("Made", Entity, Triple)
Tell = Callable[[str], None]
"""Is told the name of each property that is left out."""


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open files of ``apoc.export.json.all`` and the like, compressed or not.

    If every node has a property ``id``, text or a whole number, and no two have the same, an
    entity's id is that property: so it is in an export of one of this platform's own graphs,
    whose bookkeeping (``graph``, ``nid``, ``fact_id``, ``sources``) is left out. Otherwise it
    is the node id that APOC gives, which holds for one export only; a note says so. To find
    out, the files are read once, and the ids are kept in a temporary index on disk.

    Labels are types. Dates, times and the like stay the text that APOC writes. Points and
    other objects, and lists of unlike values, become JSON text. Empty lists and nulls say
    nothing and are left out. A property with a name that the platform keeps for itself is left
    out; the first record with it is among the rejects and says so, the rest of it is taken.
    A line that is no record is rejected where the entities are read.

    Args:
        given: One or several files of one export.
        options: Neither ``columns`` nor ``entities`` may be given.

    Raises:
        InputError: A file cannot be read, or holds no nodes or relationships of this form, or
            several graphs of this platform.
        UsageError: ``options`` has what only tables of triples can do.
    """
    refuse_table_options(options, given)
    paths = [Path(one) for one in given]
    for path in paths:
        check_text(path)
        _check_form(path)
    ids = choose_ids(paths)
    name = paths[0].name
    return Source(
        name=name if len(paths) == 1 else f"{name} and {len(paths) - 1} more",
        format="apoc",
        triples=partial(_triples, paths, ids),
        entities=partial(_entities, paths, ids),
        notes=(ids.note,) if ids.note else (),
    )


def _check_form(path: Path) -> None:
    """Make sure that some line is a node or a relationship, or say what else it is."""
    begins = None
    for _, text, record in json_records(path):
        begins = begins or text[:60]
        if not isinstance(record, Fault) and record.get("type") in ("node", "relationship"):
            return
    raise InputError(
        f"{path} has no line that is a node or a relationship (it begins {begins!r})",
        hint="export it by apoc.export.json.all(file, {}): one node or relationship a line",
    )


def _entities(paths: list[Path], ids: NodeIds, on_reject: OnReject) -> Iterator[Entity]:
    def entity(record: Record, tell: Tell) -> Entity:
        labels = _labels(record)
        silent = frozenset({"id"}) if ids.index is not None else frozenset()
        left_out = RESERVED_PROPERTIES if ids.own else silent
        properties = _properties(record, left_out, RESERVED_PROPERTIES, tell)
        return entity_of(ids.entity_id("the node", record), labels, properties)

    return _read(paths, "node", entity, on_reject)


def _triples(paths: list[Path], ids: NodeIds, on_reject: OnReject) -> Iterator[Triple]:
    def triple(record: Record, tell: Tell) -> Triple:
        relation = record.get("label")
        if not isinstance(relation, str):
            raise ValueError("the relationship has no label")  # noqa: TRY004 (the file's fault)
        # The platform's own relationships end at nodes that are no entities.
        if fault := fault_of_name("relation", relation):
            raise ValueError(fault)
        head = ids.entity_id("start", record.get("start"))
        tail = ids.entity_id("end", record.get("end"))
        left_out = _RESERVED_OF_FACTS if ids.own else frozenset()
        properties = _properties(record, left_out, _RESERVED_OF_FACTS, tell)
        return triple_of(head, relation, tail, properties)

    return _read(paths, "relationship", triple, on_reject)


def _read(
    paths: list[Path], kind: str, make: Callable[[Record, Tell], Made], on_reject: OnReject
) -> Iterator[Made]:
    """What the records of one kind make; other lines are rejected along with the nodes."""
    told: set[str] = set()
    for path in paths:
        for number, text, record in json_records(path):
            if isinstance(record, Fault) or record.get("type") not in ("node", "relationship"):
                if kind == "node":
                    reason = record.reason if isinstance(record, Fault) else _no_type(record)
                    on_reject(rejected(path, number, reason, text))
                continue
            if record["type"] != kind:
                continue
            left_out: list[str] = []
            label = record.get("label") if kind == "relationship" else None
            relation = label if isinstance(label, str) else None
            try:
                made = make(record, left_out.append)
            except ValueError as error:
                on_reject(rejected(path, number, str(error), text, relation))
                continue
            for name in set(left_out) - told:
                told.add(name)
                reason = f"property {name} is reserved for the platform: left out from here on"
                on_reject(rejected(path, number, reason, text, relation))
            yield made


def _no_type(record: Record) -> str:
    return f"type {str(record.get('type'))[:60]!r} is neither node nor relationship"


def _labels(record: Record) -> list[str]:
    """The labels of a node, of which none is of the platform's own nodes beside entities."""
    labels = record.get("labels") or []
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise ValueError("labels is not a list of texts")
    for label in labels:
        if label != "Entity" and (fault := fault_of_name("type", label)):
            raise ValueError(fault)
    return labels


def _properties(
    record: Record, left_out: frozenset[str], reserved: frozenset[str], tell: Tell
) -> dict[str, Value]:
    """The properties of a record without those ``left_out``, and without the ``reserved``."""
    given = record.get("properties") or {}
    if not isinstance(given, dict):
        raise ValueError("properties is not an object")  # noqa: TRY004 (the file's fault)
    found = {}
    for name, value in given.items():
        if name in left_out:
            continue
        if name in reserved:
            tell(name)
        elif (read := _value(value)) is not None:
            found[name] = read
    return found


def _value(value: Any) -> Value | None:
    """A JSON value as a property may hold it; None if it says nothing."""
    if value is None or value == []:
        return None
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list):
        kinds = {type(item) for item in value}
        if kinds == {int, float}:
            return [float(item) for item in value]
        if len(kinds) == 1 and kinds <= {str, bool, int, float}:
            return value
    return json.dumps(value, ensure_ascii=False)
