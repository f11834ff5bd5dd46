"""Triples and entities out of the files that a source holds, one record at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache

from kgplatform.sources.source import OnReject
from kgplatform.sources.table_files import SPLIT_NAMES, EntityFile, Files, TripleFile, body
from kgplatform.sources.tables import Fault, rejected, width_fault
from kgplatform.triples import MAX_NAME, Entity, Triple, fault_of_name

_relation_fault = lru_cache(maxsize=65_536)(lambda name: fault_of_name("relation", name))
_TYPE_SEPARATOR = re.compile(r"[|;]")


def read_triples(files: Files, on_reject: OnReject) -> Iterator[Triple]:
    """The triples of tables, file after file, in the order of their rows.

    Spaces around a field are not part of it. A triple that occurs twice is passed on twice.
    A ``weight`` is a finite number, and a property of its triple; an empty one is none.

    Args:
        files: What ``find`` found.
        on_reject: Called with each row that is not a triple; reading goes on after it.
    """
    for file in files.triples:
        yield from _triples_of(file, on_reject)


def read_entities(files: Files, on_reject: OnReject) -> Iterator[Entity]:
    """What tables say of their entities.

    An entity that several files describe comes once for each: a field that is None, or no
    types, says nothing and takes nothing away.

    Args:
        files: What ``find`` found.
        on_reject: Called with each row that is not an entity; reading goes on after it.
    """
    for file in files.entities:
        yield from _entities_of(file, on_reject)


def _triples_of(file: TripleFile, on_reject: OnReject) -> Iterator[Triple]:
    # This loop runs once a row of the largest files: what it needs is local, and a name
    # that is plainly good is recognised without a call of Python's own.
    path = str(file.table.path)
    head_at, relation_at, tail_at = (file.columns[name] for name in ("head", "relation", "tail"))
    split_at = file.columns.get("split", -1)
    weight_at = file.columns.get("weight", -1)
    widths = (3, 4) if file.width is None else (file.width,)
    file_split = file.split
    for number, text, fields in body(file):
        if isinstance(fields, Fault) or len(fields) not in widths:
            on_reject(rejected(path, number, width_fault(fields, widths), text))
            continue
        head = fields[head_at].strip(" ")
        relation = fields[relation_at].strip(" ")
        tail = fields[tail_at].strip(" ")
        fault = _relation_fault(relation)
        if fault is None and not (head and head.isprintable() and len(head) <= MAX_NAME):
            fault = fault_of_name("head", head)
        if fault is None and not (tail and tail.isprintable() and len(tail) <= MAX_NAME):
            fault = fault_of_name("tail", tail)
        split = file_split
        if 0 <= split_at < len(fields) and (given := fields[split_at].strip()):
            split = SPLIT_NAMES.get(given.lower())
            if split is None and fault is None:
                fault = f"split {given!r} is none of train, valid, test"
        weight = None
        if weight_at >= 0 and fault is None:
            weight = _weight(fields[weight_at])
            fault = weight if isinstance(weight, str) else None
        if fault is not None:
            on_reject(rejected(path, number, fault, text, relation))
            continue
        if weight is None:
            yield Triple(head, relation, tail, split)
        else:
            yield Triple(head, relation, tail, split, properties={"weight": weight})


def _entities_of(file: EntityFile, on_reject: OnReject) -> Iterator[Entity]:
    path = str(file.table.path)
    for number, text, fields in body(file):
        if isinstance(fields, Fault) or len(fields) != file.width:
            on_reject(rejected(path, number, width_fault(fields, (file.width,)), text))
            continue
        values = {column: fields[place].strip() for column, place in file.columns.items()}
        types = tuple(t.strip() for t in _TYPE_SEPARATOR.split(values.get("types", "")))
        types = tuple(dict.fromkeys(t for t in types if t))
        faults = (fault_of_name("id", values["id"]), *(fault_of_name("type", t) for t in types))
        if fault := next(filter(None, faults), None):
            on_reject(rejected(path, number, fault, text))
            continue
        name, description = values.get("name"), values.get("description")
        if file.gloss and name:
            before, _, gloss = name.partition(",")
            if before.strip():
                name, description = before.strip(), gloss.strip()
        yield Entity(values["id"], name or None, description or None, types)


def _weight(field: str) -> float | str | None:
    """The weight that a field holds, None if it is empty, or what is wrong with it."""
    given = field.strip()
    if not given:
        return None
    try:
        weight = float(given)
    except ValueError:
        weight = math.nan
    # Python's own way of writing 1_000 is no number to anyone else.
    if not math.isfinite(weight) or "_" in given:
        return f"weight {given[:60]!r} is not a finite number"
    return weight
