"""What the stages from documents to facts hand on, and what they are to one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from kgplatform.facts.mentions import Mentioned
from kgplatform.facts.records import CandidateFact, Judged, NewEntity
from kgplatform.progress import Progress
from kgplatform.store.documents import DocumentCounts
from kgplatform.triples import Document


@dataclass
class ReadFacts:
    """What a batch's texts say, after snapping.

    Attributes:
        chunks: A record a chunk, in order.
        extracted: How many facts the extractor gave.
        invented: How many of them had an end that does not occur in the text.
        dropped: How many had a relation that is neither of the schema nor a proposal.
        failed: Ids of the chunks that could not be read to their end, with what was wrong.
    """

    chunks: list[Mentioned]
    extracted: int = 0
    invented: int = 0
    dropped: int = 0
    failed: dict[str, str] = field(default_factory=dict)


class Reader(Protocol):
    """Extraction and snapping: facts of the chunks of documents."""

    name: str
    digest: str
    """What of its settings changes what it finds: the schema, a model."""

    def __call__(self, documents: Sequence[Document], progress: Progress) -> ReadFacts:
        """What the documents' chunks say."""
        ...

    def spent(self) -> dict[str, float]:
        """What was paid so far: tokens, requests, cost; empty where it costs nothing."""
        ...


@dataclass(frozen=True)
class Resolution:
    """Facts with ends in the graph or new.

    Attributes:
        candidates: Each with its evidence, none twice.
        entities: Those that the graph does not have.
        merged: How many names were taken for another's.
        doubtful: How many pairs of names may be one entity, which nobody has decided.
    """

    candidates: Sequence[CandidateFact]
    entities: Sequence[NewEntity]
    merged: int = 0
    doubtful: int = 0


@dataclass(frozen=True)
class Stages:
    """What turns texts into facts.

    Attributes:
        read: Extraction and snapping.
        resolve: Says what chunks' facts are about. It reads anew what the graph's entities are
            called, but those it is told to leave out: only the documents that are read anew know
            them.
        judge: Says of candidates, with all their evidence, how likely they are true.
    """

    read: Reader
    resolve: Callable[[Sequence[Mentioned], AbstractSet[str]], Resolution]
    judge: Callable[[Sequence[CandidateFact], Sequence[NewEntity]], list[Judged]]


@dataclass
class ExtractionCounts:
    """What an extraction did.

    Attributes:
        documents: Documents read, those that were done before among them.
        done_before: Documents that this extraction had read in the same state.
        chunks: Chunks that the extractor read.
        extracted: Facts that it gave.
        invented: Those with an end that does not occur in the text; they are dropped.
        dropped: Those whose relation is neither of the schema nor a proposal.
        unusable: Those whose relation or name cannot be one in the graph.
        failed_chunks: Chunks that could not be read; their documents are read again next time.
        candidates: Those in all.
        new_entities: Entities that the graph did not have.
        merged: Names that were taken for another's.
        facts_created: Facts that were new in the graph.
        candidates_removed: Candidates that nothing supports any more.
        documents_removed: Documents that the source has no more.
        statuses: What has become of the extraction's candidates, by status; of a dry run, of those
            that it led to.
        loaded: What happened to the documents.
        seconds: How long it took.
    """

    documents: int = 0
    done_before: int = 0
    chunks: int = 0
    extracted: int = 0
    invented: int = 0
    dropped: int = 0
    unusable: int = 0
    failed_chunks: int = 0
    candidates: int = 0
    new_entities: int = 0
    merged: int = 0
    facts_created: int = 0
    candidates_removed: int = 0
    documents_removed: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    loaded: DocumentCounts = field(default_factory=DocumentCounts)
    seconds: float = 0.0
