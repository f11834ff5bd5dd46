"""Graphs and subgraphs of py2neo.

py2neo reads a whole result into memory before it gives the first row, so a database is read in
ranges of internal ids, each a statement of its own that the server answers by looking them up.
Its ``schema`` calls do not work with Neo4j 5 and are not used. Values of time come from it as
types of the package interchange; its own ``to_native`` forgets their time zone, so they are
made Python's here.

Despite this module's name, ``import py2neo`` is the package: imports are absolute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timezone
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kgplatform import queries
from kgplatform.errors import InputError, UsageError
from kgplatform.sources.graphs import Report, pop_text, properties_of
from kgplatform.sources.source import OnReject, Source
from kgplatform.sources.tables import rejected
from kgplatform.triples import Entity, Triple, fault_of_name

_PAGE = 10_000
"""Internal ids that one statement asks for."""


def from_py2neo(graph: Any, name: str, key: str = "id") -> Source:
    """What a database or a subgraph holds, as py2neo gives it.

    A node is an entity. Its id is its property ``key`` if that is text or a whole number, else
    its labels and its internal identity (``Person:42``), which lasts as long as the node does.
    Labels but ``Entity`` are types. ``name`` (else ``title``, else ``label``) and
    ``description`` are what they say; all other properties are kept. A relationship is a
    triple. Values of time become Python's (to the microsecond); durations and points, which no
    property here can hold, are rejected one by one.

    Args:
        graph: A ``py2neo.Graph``, read in pages, or a ``py2neo.Subgraph`` (a Node and a
            Relationship are such).
        name: What its facts carry as their source.
        key: The property that tells nodes apart, whatever their labels.

    Raises:
        UsageError: py2neo is not installed, or it is neither a Graph nor a Subgraph.
        InputError: Two nodes have the same value of ``key``, or the database does not answer.
    """
    try:
        import py2neo
    except ImportError as error:
        raise UsageError(
            f"this needs the package py2neo, which cannot be imported: {error}",
            hint="pip install 'kgplatform[py2neo]'",
        ) from error
    if isinstance(graph, py2neo.Graph):
        return _database(graph, name, key)
    if isinstance(graph, py2neo.Subgraph):
        return _subgraph(graph, name, key)
    raise UsageError(
        f"{type(graph).__name__} is neither a Graph nor a Subgraph of py2neo",
        hint="pass py2neo.Graph(...), or nodes and relationships joined by |",
    )


def _database(graph: Any, name: str, key: str) -> Source:
    for row in _run(graph, queries.get("read/find_shared_key"), key=key):
        raise _twice(row["key"], row["times"], name, key)
    return Source(
        name,
        "py2neo",
        triples=lambda on_reject: _database_triples(graph, name, key, on_reject),
        entities=lambda on_reject: _database_entities(graph, name, key, on_reject),
    )


def _subgraph(graph: Any, name: str, key: str) -> Source:
    known: dict[str, Any] = {}
    nameless = []
    for node in graph.nodes:
        # py2neo may hold the node of the identity 0 twice: they are equal, but not the same.
        if not (text := _node_id(node, key)):
            nameless.append(node)
        elif known.setdefault(text, node) != node:
            raise _twice(text, 2, name, key)
    # py2neo keeps both in sets, whose order is another one in each run.
    nodes = [known[text] for text in sorted(known)] + nameless
    facts = sorted(
        graph.relationships,
        key=lambda fact: (
            _node_id(fact.start_node, key),
            type(fact).__name__,
            _node_id(fact.end_node, key),
        ),
    )

    def entities(on_reject: OnReject) -> Iterator[Entity]:
        for number, node in enumerate(nodes, start=1):
            report = _report(f"{name}, nodes", number, _node_id(node, key), on_reject)
            entity = _entity(_node_id(node, key), sorted(node.labels), dict(node), key, report)
            if entity is not None:
                yield entity

    def triples(on_reject: OnReject) -> Iterator[Triple]:
        for number, fact in enumerate(facts, start=1):
            head, tail = _node_id(fact.start_node, key), _node_id(fact.end_node, key)
            relation, text = type(fact).__name__, f"{head}\t{tail}"
            report = _report(f"{name}, relationships", number, text, on_reject, relation)
            triple = _triple(head, relation, tail, dict(fact), report)
            if triple is not None:
                yield triple

    return Source(name, "py2neo", triples=triples, entities=entities)


def _twice(text: str, times: int, name: str, key: str) -> InputError:
    return InputError(
        f"{times} nodes of {name} have the {key} {text!r}",
        hint="name a property that tells all nodes apart: key=...; one that no node has makes "
        "ids of labels and internal identities",
    )


def _database_entities(graph: Any, name: str, key: str, on_reject: OnReject) -> Iterator[Entity]:
    for row in _pages(graph, queries.get("read/find_last_node"), queries.get("read/page_nodes")):
        labels = sorted(row["labels"])
        entity_id = _id_of(row["properties"].get(key), labels, row["identity"])
        report = _report(f"{name}, nodes", row["identity"], entity_id, on_reject)
        entity = _entity(entity_id, labels, row["properties"], key, report)
        if entity is not None:
            yield entity


def _database_triples(graph: Any, name: str, key: str, on_reject: OnReject) -> Iterator[Triple]:
    for row in _pages(
        graph,
        queries.get("read/find_last_relationship"),
        queries.get("read/page_relationships"),
        key=key,
    ):
        head = _id_of(row["head_key"], sorted(row["head_labels"]), row["head"])
        tail = _id_of(row["tail_key"], sorted(row["tail_labels"]), row["tail"])
        text = f"{head}\t{row['type']}\t{tail}"
        place = f"{name}, relationships"
        report = _report(place, row["identity"], text, on_reject, row["type"])
        triple = _triple(head, row["type"], tail, row["properties"], report)
        if triple is not None:
            yield triple


def _pages(graph: Any, last_of: str, page: str, **parameters: object) -> Iterator[dict[str, Any]]:
    """The rows of a statement over ranges of internal ids, a range in memory at a time."""
    last = int(_run(graph, last_of)[0]["last"])
    for first in range(0, last + 1, _PAGE):
        yield from _run(graph, page, first=first, last=min(first + _PAGE - 1, last), **parameters)


def _run(graph: Any, statement: str, **parameters: object) -> list[dict[str, Any]]:
    from py2neo.errors import (
        ConnectionBroken,
        ConnectionUnavailable,
        Neo4jError,
        ProtocolError,
    )

    try:
        rows: list[dict[str, Any]] = graph.run(statement, parameters).data()
    except ProtocolError as error:
        raise InputError(
            f"py2neo cannot decode a value of the database: {error.__cause__ or error}",
            hint="it does not know dates outside the years 1 to 9999: change such a property",
        ) from error
    except (ConnectionBroken, ConnectionUnavailable, Neo4jError) as error:
        raise InputError(
            f"py2neo cannot read the database: {error}",
            hint="check that the server runs and that it may be read",
        ) from error
    return rows


def _report(
    place: str, number: int, text: str, on_reject: OnReject, relation: str | None = None
) -> Report:
    return lambda reason: on_reject(rejected(place, number, reason, text, relation))


def _key_text(value: object) -> str | None:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    return None


def _id_of(value: object, labels: list[str], identity: int | None) -> str:
    """The id of an entity; empty, which no id may be, if there is none that would last."""
    text = _key_text(value)
    if text is not None:
        return text
    return "" if identity is None else ":".join((*labels, str(identity)))


def _node_id(node: Any, key: str) -> str:
    return _id_of(node.get(key), sorted(node.labels), node.identity)


def _entity(
    entity_id: str, labels: list[str], given: Mapping[str, Any], key: str, report: Report
) -> Entity | None:
    if not entity_id:
        report(f"the node has no {key} and is in no database")
        return None
    if fault := fault_of_name("id", entity_id):
        report(fault)
        return None
    rest = _decoded(given, report)
    if str(rest.get(key)) == entity_id:
        del rest[key]
    name = pop_text(rest, "name")
    for other in ("title", "label"):
        if name is None and isinstance(rest.get(other), str):
            name = str(rest[other]).strip() or None
    description = pop_text(rest, "description")
    types = []
    for label in labels:
        if label == "Entity":
            # Every entity of the platform has it.
            continue
        if fault := fault_of_name("type", label):
            report(fault)
        else:
            types.append(label)
    return Entity(
        entity_id,
        name,
        description,
        tuple(types),
        properties_of(rest, report),
    )


def _triple(
    head: str, relation: str, tail: str, given: Mapping[str, Any], report: Report
) -> Triple | None:
    fault = (
        fault_of_name("head", head)
        or fault_of_name("relation", relation)
        or fault_of_name("tail", tail)
    )
    if fault:
        report(fault)
        return None
    properties = properties_of(_decoded(given, report), report)
    return Triple(head, relation, tail, properties=properties)


def _decoded(given: Mapping[str, Any], report: Report) -> dict[str, object]:
    """Properties with Python's values of time; what cannot be one is reported and left out."""
    properties: dict[str, object] = {}
    for name, value in given.items():
        try:
            properties[name] = (
                [_value(item) for item in value] if isinstance(value, list) else _value(value)
            )
        except ValueError as error:
            report(f"property {name} {error}")
    return properties


def _value(value: Any) -> object:
    """A value of py2neo as Python has it.

    Raises:
        ValueError: It is a duration or a point, or a time that Python does not know.
    """
    from interchange.geo import Point
    from interchange.time import Date, DateTime, Duration, Time

    # Both are tuples, which would else pass for lists.
    names = {Duration: "duration", Point: "point"}
    if unfit := next((name for kind, name in names.items() if isinstance(value, kind)), None):
        raise ValueError(f"is a {unfit}, which no property here can hold")
    if isinstance(value, Date):
        return date(*value.year_month_day)
    if isinstance(value, Time):
        return _clock(value)
    if isinstance(value, DateTime):
        return datetime.combine(date(*value.year_month_day), _clock(value))
    return value


def _clock(value: Any) -> time:
    """The time of day with its zone; py2neo has the seconds as a float."""
    hour, minute, seconds = value.hour_minute_second
    second, nanoseconds = divmod(round(seconds * 1_000_000_000), 1_000_000_000)
    return time(hour, minute, second, nanoseconds // 1000, tzinfo=_zone(value.tzinfo))


def _zone(zone: Any) -> ZoneInfo | timezone | None:
    """A zone of pytz as one of Python's, by its name if it has one."""
    if zone is None:
        return None
    if zone.zone is None:
        return timezone(zone.utcoffset(None))
    try:
        return ZoneInfo(zone.zone)
    except ZoneInfoNotFoundError as error:
        raise ValueError(f"is of a time zone that is not known here: {zone.zone}") from error
