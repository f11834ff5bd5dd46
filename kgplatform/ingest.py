"""From an opened source into the graph: what ``kgp load`` does, for programs too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from kgplatform.progress import Progress, silent
from kgplatform.sources.rejects import RejectsFile
from kgplatform.sources.source import Source
from kgplatform.store.client import Store
from kgplatform.store.documents import DocumentCounts, load_documents
from kgplatform.store.load import load
from kgplatform.store.load_counts import LoadCounts, record_load
from kgplatform.store.prefixes import check_prefixes, write_prefixes
from kgplatform.store.replace import release_documents
from kgplatform.triples import Document


@dataclass(frozen=True)
class Ingested:
    """What a source became in the graph.

    Attributes:
        facts: What its triples and entities did.
        documents: What its documents did.
        documents_removed: Documents that ``replace`` removed.
    """

    facts: LoadCounts
    documents: DocumentCounts
    documents_removed: int = 0


def ingest(
    store: Store,
    graph: str,
    source: Source,
    rejects: RejectsFile,
    *,
    replace: bool = False,
    progress: Progress = silent,
) -> Ingested:
    """Load a source, and keep a record of it in the database.

    Args:
        store: The database.
        graph: The graph to load into.
        source: What ``open_source`` or one of the ``from_…`` functions gave.
        rejects: Where rows go that cannot be used.
        replace: Whether what the source once had and has no more leaves the graph.
        progress: Told of what is written.

    Raises:
        InputError: The source cannot be read to its end, so run it again when it can; or its
            prefixes stand for something else in the graph.
        StoreError: The database failed; the load can be repeated.
    """
    check_prefixes(store, graph, source.prefixes)
    counts = load(
        store,
        graph,
        source.entities(rejects.add),
        source.triples(rejects.add),
        source=source.name,
        replace=replace,
        progress=progress,
    )
    rejects.add_conflicts(counts.conflicts, counts.num_conflicts)
    return add_the_rest(store, graph, source, rejects, counts, replace=replace, progress=progress)


def add_the_rest(
    store: Store,
    graph: str,
    source: Source,
    rejects: RejectsFile,
    counts: LoadCounts,
    *,
    replace: bool = False,
    progress: Progress = silent,
) -> Ingested:
    """Load what a source has beside entities and facts, and record the load.

    Args:
        store: The database.
        graph: The graph that its facts are in.
        source: The source.
        rejects: Where rows go that cannot be used.
        counts: What its facts and entities did.
        replace: Whether documents that the source has no more leave the graph.
        progress: Told of what is written.

    Raises:
        InputError: The source cannot be read to its end.
        StoreError: The database failed; the load can be repeated.
    """
    write_prefixes(store, graph, source.prefixes)
    kept: set[str] = set()
    documents = load_documents(
        store,
        graph,
        _noted(source.documents(rejects.add), kept),
        source=source.name,
        progress=progress,
    )
    removed = release_documents(store, graph, source.name, kept) if replace else 0
    more = {
        "format": source.format,
        "rejected": rejects.count,
        "documents": documents.created + documents.replaced + documents.unchanged,
    }
    record_load(store, graph, source.name, counts, more)
    return Ingested(counts, documents, removed)


def _noted(documents: Iterator[Document], kept: set[str]) -> Iterator[Document]:
    for document in documents:
        kept.add(document.document_id)
        yield document


@dataclass(frozen=True)
class Found:
    """What a load of a source would read.

    Attributes:
        relations: Its facts by relation.
        entities: Its rows of entities.
        documents: Its documents.
        types: The types of its entities.
    """

    relations: dict[str, int]
    entities: int
    documents: int
    types: list[str]

    @property
    def triples(self) -> int:
        """Its facts."""
        return sum(self.relations.values())

    def as_dict(self) -> dict[str, object]:
        """The same for JSON, with the number of triples."""
        return {"triples": self.triples, **asdict(self)}


def count_records(source: Source, rejects: RejectsFile) -> Found:
    """What a load of the source would read, for ``--dry-run``: the database is not asked."""
    types: set[str] = set()
    relations: dict[str, int] = {}
    entities = 0
    for entity in source.entities(rejects.add):
        entities += 1
        types.update(entity.types)
    for triple in source.triples(rejects.add):
        relations[triple.relation] = relations.get(triple.relation, 0) + 1
    documents = sum(1 for _ in source.documents(rejects.add))
    return Found(relations, entities, documents, sorted(types))
