"""The records that cross stages, and their checks."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")

RESERVED_RELATIONS = frozenset(
    {"PREDICTED", "MENTIONED_IN", "PART_OF", "NEXT", "EVIDENCE", "WROTE"}
)
"""Relationship types that the platform itself writes; a source may not bring its own."""

RESERVED_TYPES = frozenset(
    {
        "Candidate",
        "Chunk",
        "Document",
        "EmbeddingSet",
        "Entity",
        "KnowledgeGraph",
        "Run",
        "SchemaMigration",
    }
)
"""Labels of the platform's own nodes; an entity may not pass for one of them."""

MAX_NAME = 1_000
"""Longest id or relation name, in characters; Neo4j's index keys end at about 8 kB."""


@dataclass(frozen=True, slots=True)
class Triple:
    """One statement of a source: ``head -relation-> tail``.

    Attributes:
        head: The head's entity_id.
        relation: The relation's name, kept literally as the relationship's type.
        tail: The tail's entity_id.
        split: The published split it belongs to, if the source says so.
    """

    head: str
    relation: str
    tail: str
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """What a source says of one entity beyond its triples.

    Attributes:
        entity_id: The user's stable string.
        name: What to call it, if not by its id.
        description: A sentence or more on it.
        types: Labels that it carries beside ``Entity``.
    """

    entity_id: str
    name: str | None = None
    description: str | None = None
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken over, and why.

    Attributes:
        file: The file it stands in.
        line: Its line there, from 1.
        reason: What is wrong with it, for a person.
        text: The row as it stands.
    """

    file: str
    line: int
    reason: str
    text: str


def fact_id(graph: str, head: str, relation: str, tail: str) -> str:
    """The identity of a fact: the same triple of the same graph has it on every load.

    128 bits of SHA-256 over the length-prefixed parts, so that no two different triples
    share one by where their parts are cut.
    """
    digest = hashlib.sha256()
    for part in (graph, head, relation, tail):
        encoded = part.encode("utf-8")
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    return digest.hexdigest()[:32]


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
