"""Statements of RDF as triples and entities.

A statement between two resources is a triple, ``rdf:type`` apart: the type becomes a label of
its subject, with its prefix (``foaf:Person``), so that the IRI can be had back and no type of a
file passes for a label of the platform. A class that is described rather than named (a blank
node, such as a restriction of OWL) cannot be a label, and the statement stays a triple, as all
other axioms do. A statement with a literal gives its subject a name, a description or a
property.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Quad
from pyoxigraph import Triple as QuotedTriple

from kgplatform.errors import InputError
from kgplatform.sources.iris import WELL_KNOWN, Prefixes
from kgplatform.sources.rdf_literals import Rank, property_of, rank_of, value_of
from kgplatform.sources.source import OnReject
from kgplatform.triples import (
    MAX_NAME,
    Entity,
    Reject,
    Triple,
    Value,
    fault_of_name,
    fault_of_property,
)

RDF_TYPE = WELL_KNOWN["rdf"] + "type"

NAMES: dict[str, int] = {
    WELL_KNOWN["rdfs"] + "label": 0,
    WELL_KNOWN["skos"] + "prefLabel": 1,
    WELL_KNOWN["schema"] + "name": 2,
    WELL_KNOWN["schemas"] + "name": 2,
    WELL_KNOWN["foaf"] + "name": 3,
}
"""Predicates that give a name → which of two in the same language is taken, the smaller."""

DESCRIPTIONS: dict[str, int] = {
    WELL_KNOWN["rdfs"] + "comment": 0,
    WELL_KNOWN["skos"] + "definition": 1,
    WELL_KNOWN["schema"] + "description": 2,
    WELL_KNOWN["schemas"] + "description": 2,
    WELL_KNOWN["dcterms"] + "description": 3,
}
"""Predicates that give a description, as ``NAMES``."""

_OPEN_SIZE = 50_000_000
"""Characters of statements that wait for more of their subjects."""

_STATEMENT_SIZE = 500
"""What a statement takes beside its text, in characters; about right."""

_RANKS_KEPT = 200_000

_RANDOM = re.compile(r"[a-f][0-9a-f]{15,31}\Z")
"""How the parser calls a blank node that the file gives no label, anew at each reading: 128 bits
in hexadecimal without leading zeros, of those that begin with a letter."""

_Rank = tuple[Rank, int]
_UNNAMED: _Rank = ((3, 0, ""), 0)


@dataclass(frozen=True, slots=True)
class Part:
    """Where statements stand.

    Attributes:
        file: The file, for messages.
        scope: Blank nodes of one label are one node within it, and different ones beyond.
        labelled: Whether all blank nodes have labels of their own (N-Triples).
    """

    file: str
    scope: str
    labelled: bool


Located = tuple[Part, Quad]


class _Named(NamedTuple):
    """A statement with the names of what it is about; ``tail`` is None for a literal."""

    part: Part
    quad: Quad
    head: str
    relation: str
    tail: str | None
    graph: str | None


def read_triples(
    statements: Iterable[Located], prefixes: Prefixes, on_reject: OnReject
) -> Iterator[Triple]:
    """The statements between two resources, in their order.

    The name of the graph that a statement stands in is its ``source``. A statement about a
    statement (RDF-star, RDF 1.2) is rejected.
    """
    for one in _named(statements, prefixes):
        if isinstance(one.quad.object, Literal) or _is_type(one.quad):
            continue
        if one.tail is None:
            reason = "it is about a statement (RDF-star), which a graph of facts cannot hold"
            on_reject(_reject(one, reason))
            continue
        fault = (
            _fault("head", one.head)
            or _fault_of_relation(one.relation)
            or _fault("tail", one.tail)
            or (one.graph and _fault("graph", one.graph))
        )
        if fault:
            on_reject(_reject(one, fault))
        else:
            yield Triple(one.head, one.relation, one.tail, source=one.graph)


@dataclass(slots=True)
class _Open:
    """What has been said of a subject so far."""

    name: tuple[_Rank, str | None] = (_UNNAMED, None)
    description: tuple[_Rank, str | None] = (_UNNAMED, None)
    types: dict[str, None] = field(default_factory=dict)
    literals: dict[str, list[Literal]] = field(default_factory=dict)
    size: int = 0


def read_entities(
    statements: Iterable[Located],
    prefixes: Prefixes,
    languages: Sequence[str],
    on_reject: OnReject,
) -> Iterator[Entity]:
    """Names, descriptions, types and properties of subjects.

    All statements of a subject make one Entity if they stand near to each other: it is held
    back until about 50 million characters of other subjects have come. Where they stand
    further apart, the subject comes several times. A name or description is then given again
    only if its language is preferred over the earlier one's, as far as the earlier one is
    among the last 200,000 that had one; and of a property that has one value here and one there,
    the later value holds (sort the file by subject to have both).

    Args:
        statements: They may be in any order.
        prefixes: What shortens IRIs.
        languages: Preferred languages, the best first; then comes text without a language,
            then any other.
        on_reject: Called with each statement that cannot be used.
    """
    waiting: OrderedDict[str, _Open] = OrderedDict()
    given: OrderedDict[str, tuple[_Rank, _Rank]] = OrderedDict()
    size = 0
    failure: InputError | None = None
    try:
        for one in _named(statements, prefixes):
            literal = one.quad.object
            if not (isinstance(literal, Literal) or _is_type(one.quad)):
                continue
            if fault := _fault("id", one.head) or _fault_of_value(one):
                on_reject(_reject(one, fault))
                continue
            entry = waiting.pop(one.head, None) or _Open()
            waiting[one.head] = entry
            added = _add(entry, one, languages)
            entry.size += added
            size += added
            while size > _OPEN_SIZE and len(waiting) > 1:
                entity_id, oldest = waiting.popitem(last=False)
                size -= oldest.size
                yield _entity(entity_id, oldest, languages, given)
    except InputError as error:
        # What came before the error counts as read.
        failure = error
    for entity_id, entry in waiting.items():
        yield _entity(entity_id, entry, languages, given)
    if failure is not None:
        raise failure


def _named(statements: Iterable[Located], prefixes: Prefixes) -> Iterator[_Named]:
    """Name what statements are about.

    All parts of all statements are named, used or not: then every pass numbers blank nodes
    and generates prefixes alike.
    """
    shorten = prefixes.shorten
    part: Part | None = None
    suffix = ""
    numbers: dict[str, int] = {}

    def blank(node: BlankNode) -> str:
        label = node.value
        if part is None or part.labelled or not _RANDOM.match(label):
            return f"_:{label}{suffix}"
        return f"_:[{numbers.setdefault(label, len(numbers))}]{suffix}"

    for located, quad in statements:
        if located is not part:
            part, numbers = located, {}
            suffix = f"@{hashlib.sha256(part.scope.encode()).hexdigest()[:8]}"
        subject, target, graph = quad.subject, quad.object, quad.graph_name
        assert not isinstance(subject, QuotedTriple)  # RDF 1.2 has them as objects alone
        head = shorten(subject.value) if isinstance(subject, NamedNode) else blank(subject)
        tail: str | None = None
        if isinstance(target, NamedNode):
            tail = shorten(target.value)
        elif isinstance(target, BlankNode):
            tail = blank(target)
        source: str | None = None
        if not isinstance(graph, DefaultGraph):
            source = shorten(graph.value) if isinstance(graph, NamedNode) else blank(graph)
        yield _Named(part, quad, head, shorten(quad.predicate.value), tail, source)


def _is_type(quad: Quad) -> bool:
    return quad.predicate.value == RDF_TYPE and isinstance(quad.object, NamedNode)


def _fault(kind: str, name: str) -> str | None:
    # A name that is plainly good is recognised without a call of Python's own.
    if name.isprintable() and 0 < len(name) <= MAX_NAME:
        return None
    return fault_of_name(kind, name)


@lru_cache(maxsize=65_536)
def _fault_of_relation(name: str) -> str | None:
    return fault_of_name("relation", name)


def _fault_of_value(one: _Named) -> str | None:
    if one.tail is not None:
        return fault_of_name("type", one.tail)
    literal = one.quad.object
    assert isinstance(literal, Literal)
    predicate = one.quad.predicate.value
    if (predicate in NAMES or predicate in DESCRIPTIONS) and not literal.value.strip():
        return f"{one.relation} is empty"
    return fault_of_property(one.relation, value_of(literal))


def _add(entry: _Open, one: _Named, languages: Sequence[str]) -> int:
    """Take over a statement; returns about how many characters that takes."""
    literal, predicate = one.quad.object, one.quad.predicate.value
    if one.tail is not None:
        entry.types[one.tail] = None
        return _STATEMENT_SIZE
    assert isinstance(literal, Literal)
    if predicate in NAMES:
        rank = (rank_of(literal, languages), NAMES[predicate])
        if rank < entry.name[0]:
            entry.name = (rank, literal.value)
    elif predicate in DESCRIPTIONS:
        rank = (rank_of(literal, languages), DESCRIPTIONS[predicate])
        if rank < entry.description[0]:
            entry.description = (rank, literal.value)
    else:
        entry.literals.setdefault(one.relation, []).append(literal)
    return _STATEMENT_SIZE + len(literal.value)


def _entity(
    entity_id: str,
    entry: _Open,
    languages: Sequence[str],
    given: OrderedDict[str, tuple[_Rank, _Rank]],
) -> Entity:
    named, described = given.pop(entity_id, (_UNNAMED, _UNNAMED))
    name = entry.name[1] if entry.name[0] < named else None
    description = entry.description[1] if entry.description[0] < described else None
    best = (min(named, entry.name[0]), min(described, entry.description[0]))
    if best != (_UNNAMED, _UNNAMED):
        given[entity_id] = best
    if len(given) > _RANKS_KEPT:
        given.popitem(last=False)
    properties: dict[str, Value] = {
        relation: property_of(literals, languages) for relation, literals in entry.literals.items()
    }
    return Entity(entity_id, name, description, tuple(entry.types), properties or None)


def _reject(one: _Named, reason: str) -> Reject:
    # The parser does not say on which line a statement stood; its text finds it.
    # What has a literal or a class for its object would not have become a fact.
    is_fact = not (isinstance(one.quad.object, Literal) or _is_type(one.quad))
    relation = one.relation if is_fact and not _fault_of_relation(one.relation) else None
    return Reject(one.part.file, 0, reason, f"{one.quad} .", relation)
