"""The records that cross stages, and their checks."""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal, NamedTuple

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

Scalar = str | bool | int | float | date | datetime | time
Value = Scalar | list[Scalar]
"""What a property may hold in Neo4j; a list is of one kind and not empty."""

RESERVED_RELATIONS = frozenset(
    {"PREDICTED", "MENTIONED_IN", "PART_OF", "NEXT", "EVIDENCE", "WROTE"}
)
"""Relationship types that the platform itself writes; a source may not bring its own."""

RESERVED_TYPES = frozenset(
    {
        "Candidate",
        "Chunk",
        "Decision",
        "Document",
        "EmbeddingSet",
        "Entity",
        "KnowledgeGraph",
        "Lane",
        "Load",
        "NamePair",
        "NewEntity",
        "Prefix",
        "Projection",
        "Rule",
        "RuleSet",
        "Run",
        "SchemaMigration",
    }
)
"""Labels of the platform's own nodes; an entity may not pass for one of them."""

RESERVED_PROPERTIES = frozenset(
    {"graph", "id", "nid", "fact_id", "sources", "split", "given_split"}
)
"""Properties of entities and facts that the platform itself keeps."""

MAX_TEXT = 1_000_000
"""Longest text that a property may hold, in characters; more than that is a mistake in a file,
or a document, which goes into chunks."""

MAX_NAME = 1_000
"""Longest id or relation name, in characters; Neo4j's index keys end at about 8 kB."""


class Triple(NamedTuple):
    """One statement of a source: ``head -relation-> tail``.

    A tuple, as it is made in a quarter of the time of a frozen dataclass, once for every fact of
    every load (decision 0108).

    Attributes:
        head: The head's entity_id.
        relation: The relation's name, kept literally as the relationship's type.
        tail: The tail's entity_id.
        split: The published split it belongs to, if the source says so.
        source: Where it comes from, if not from the source as a whole (a named graph).
        properties: What the source says of the fact, for example its ``weight``.
    """

    head: str
    relation: str
    tail: str
    split: Split | None = None
    source: str | None = None
    properties: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """What a source says of one entity beyond its triples.

    Attributes:
        entity_id: The user's stable string.
        name: What to call it, if not by its id.
        description: A sentence or more on it.
        types: Labels that it carries beside ``Entity``.
        properties: Further values by name. Where a source names an entity more than once, its
            lists are joined, and of other values the last one holds.
    """

    entity_id: str
    name: str | None = None
    description: str | None = None
    types: tuple[str, ...] = ()
    properties: Mapping[str, Value] | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document.

    Attributes:
        chunk_id: Hash of the document's id, its place and its text.
        text: The text, as it stands in the document.
        start: Where it begins in the document's text, in characters.
        end: Where it ends, exclusive.
        index: Its place among the document's chunks, from 0.
    """

    chunk_id: str
    text: str
    start: int
    end: int
    index: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a text that names an entity.

    Attributes:
        start: Where it begins in the text, in characters.
        end: Where it ends, exclusive.
        entity_id: What it names; None where no entity of the graph fits.
        confidence: From 0 to 1.
    """

    start: int
    end: int
    entity_id: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Document:
    """A text with where it came from.

    Attributes:
        document_id: Stable: the same file or record has it on every load.
        uri: Where it was read.
        title: What to call it.
        content_hash: SHA-256 of its text; with the ids of its chunks it tells whether the
            document has changed.
        chunks: The pieces, in order.
    """

    document_id: str
    uri: str
    title: str
    content_hash: str
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken over, and why.

    Attributes:
        file: The file it stands in.
        line: Its line there, from 1.
        reason: What is wrong with it, for a person.
        text: The row as it stands.
        relation: The relation that it would have been a fact of, where that is known and a name
            that a relation may have.
    """

    file: str
    line: int
    reason: str
    text: str
    relation: str | None = None


def fact_id(graph: str, head: str, relation: str, tail: str) -> str:
    """The identity of a fact: the same triple of the same graph has it on every load.

    128 bits of SHA-256 over the length-prefixed parts, so that no two different triples
    share one by where their parts are cut.
    """
    return next(fact_ids(graph, [Triple(head, relation, tail)]))


def fact_ids(graph: str, triples: Iterable[Triple]) -> Iterator[str]:
    """The ``fact_id`` of each of many triples of one graph."""
    encoded = graph.encode("utf-8")
    begun = hashlib.sha256(len(encoded).to_bytes(4, "big") + encoded)
    for triple in triples:
        head = triple.head.encode("utf-8")
        relation = triple.relation.encode("utf-8")
        tail = triple.tail.encode("utf-8")
        digest = begun.copy()
        digest.update(
            b"%b%b%b%b%b%b"
            % (
                len(head).to_bytes(4, "big"),
                head,
                len(relation).to_bytes(4, "big"),
                relation,
                len(tail).to_bytes(4, "big"),
                tail,
            )
        )
        yield digest.hexdigest()[:32]


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def fault_of_name(kind: str, name: str) -> str | None:
    """What is wrong with an id or a relation name, or None.

    Args:
        kind: What the name is, for the message: ``head``, ``relation``, ``tail``, ``type``.
        name: The name as the source has it.
    """
    if not name.strip():
        return f"{kind} is empty"
    if len(name) > MAX_NAME:
        return f"{kind} is longer than {MAX_NAME} characters"
    if _CONTROL.search(name):
        return f"{kind} holds a control character"
    if kind == "relation" and name in RESERVED_RELATIONS:
        return f"relation {name} is reserved for the platform"
    if kind == "type" and name in RESERVED_TYPES:
        return f"type {name} is reserved for the platform"
    return None


def is_vector(value: Value) -> bool:
    """Whether a value is a list of numbers, whose order and repeats mean something.

    Other lists are sets: what several statements and sources say of an entity is joined.
    """
    return isinstance(value, list) and all(type(item) in (int, float) for item in value)


def fault_of_property(name: str, value: Value) -> str | None:
    """What is wrong with a property of an entity or a fact, or None."""
    if not name.strip() or len(name) > MAX_NAME or _CONTROL.search(name):
        return f"a property has the name {name[:60]!r}"
    if name in RESERVED_PROPERTIES:
        return f"property {name} is reserved for the platform"
    values = value if isinstance(value, list) else [value]
    if not values or len({type(item) for item in values}) > 1:
        return f"property {name} is a list that is empty or of several kinds"
    for item in values:
        if isinstance(item, str) and len(item) > MAX_TEXT:
            return f"property {name} is longer than {MAX_TEXT:,} characters"
        if isinstance(item, float) and not math.isfinite(item):
            return f"property {name} is not a finite number"
        if isinstance(item, int) and not -(2**63) <= item < 2**63:
            return f"property {name} is a number of more than 64 bits"
    return None
