"""A fact on its way from a text into the graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kgplatform.text.chunk import Span

Status = Literal["staged", "accepted", "rejected"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of a document that states a fact.

    Attributes:
        chunk_id: The chunk.
        source: The document's id: statements of one document are one witness.
        sentence: The piece, in characters of the chunk.
        head: Where the head is named there; None where it is not.
        tail: Where the tail is named there; None where it is not.
        confidence: The extractor's, not calibrated.
        extractor: Its name.
    """

    chunk_id: str
    source: str
    sentence: Span
    head: Span | None
    tail: Span | None
    confidence: float
    extractor: str


@dataclass(frozen=True, slots=True)
class NewEntity:
    """An entity that texts name and the graph does not have.

    Attributes:
        entity_id: Its id, made from its name and label, the same on every run.
        name: The commonest of its names.
        names: All of them.
        label: What kind of thing it is, if known.
    """

    entity_id: str
    name: str
    names: tuple[str, ...]
    label: str | None


@dataclass(frozen=True, slots=True)
class CandidateFact:
    """A fact that texts state, with ends in the graph or new, not yet accepted.

    Attributes:
        head: The head's entity_id.
        relation: A relation of the schema, or a proposal (see ``proposed``).
        tail: The tail's entity_id.
        evidence: Where it is stated; at least one.
        proposed: Whether the relation is not of the schema, so that only a person may accept it.
        link_confidence: How sure it is that both ends are the right entities, from 0 to 1.
        valid_from: From when it holds, as an ISO date of any precision.
        valid_to: Until when.
    """

    head: str
    relation: str
    tail: str
    evidence: tuple[Evidence, ...]
    proposed: bool = False
    link_confidence: float = 1.0
    valid_from: str | None = None
    valid_to: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate with what is thought of it.

    Attributes:
        fact: The candidate.
        confidence: Calibrated probability that it is true.
        status: What the policy says; ``staged`` waits for a person.
        reasons: What speaks for and against it, for a person: the strongest first.
        kge_score: The plausibility by the trained model, if one was asked and knows the ends.
        features: The numbers behind it, by name; they are kept as a training example.
    """

    fact: CandidateFact
    confidence: float
    status: Status
    reasons: tuple[str, ...]
    kge_score: float | None = None
    features: dict[str, float] = field(default_factory=dict)
