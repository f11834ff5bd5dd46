"""Documents and their chunks in the graph, any number of times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

from kgplatform import queries
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches
from kgplatform.store.client import Outcome, Store, Transaction
from kgplatform.store.retract import retract_chunks, settle
from kgplatform.store.schema import prepare
from kgplatform.triples import Chunk, Document

BATCH = 4_000_000
"""Characters of chunks a statement, and a transaction unless one document alone has more."""

BATCH_ROWS = 10_000
"""Documents a transaction, and chunks a statement."""

MOVED_KEPT = 1_000

_Placed = tuple[Chunk, str]
"""A chunk and its document's id."""


@dataclass
class DocumentCounts:
    """What a load did to the documents of a graph.

    Attributes:
        created: Documents that were new.
        unchanged: Documents whose text and chunks were there already, or came twice; a new
            title or place is taken over.
        replaced: Documents whose chunks were made anew, since their text or the size of their
            chunks has changed.
        chunks_created: Chunks that were new.
        chunks_removed: Chunks that a replaced document has no longer.
        num_moved: Documents that were replaced by one from another place (another ``uri``):
            one that has moved and changed, or one that has the same id by chance.
        moved: The ids of the first ``MOVED_KEPT`` of them.
    """

    created: int = 0
    unchanged: int = 0
    replaced: int = 0
    chunks_created: int = 0
    chunks_removed: int = 0
    num_moved: int = 0
    moved: list[str] = field(default_factory=list)

    def add(self, made: DocumentCounts) -> None:
        """Count what a transaction has done."""
        self.created += made.created
        self.unchanged += made.unchanged
        self.replaced += made.replaced
        self.chunks_created += made.chunks_created
        self.chunks_removed += made.chunks_removed
        self.num_moved += made.num_moved
        self.moved.extend(made.moved[: MOVED_KEPT - len(self.moved)])


def load_documents(
    store: Store,
    graph: str,
    documents: Iterable[Document],
    *,
    source: str,
    progress: Progress = silent,
) -> DocumentCounts:
    """Put documents and their chunks into a graph; what is there already stays as it is.

    A document that has changed loses the chunks that it no longer has, and with them what led
    to them; a chunk of the same text at the same place stays, and what leads to it. Each
    document is written whole or not at all, so a load that was cut is completed by running it
    again.

    Args:
        store: The database; its schema is brought up to date first.
        graph: The graph's name.
        documents: The documents, each checked by its source.
        source: What they come from, kept on each of them.
        progress: Told of documents written.

    Raises:
        InputError: The graph's name is empty, too long or holds a control character.
        StoreError: The database failed; the load can be repeated.
    """
    prepare(store, graph)
    store.run(queries.get("load/merge_graph"), graph=graph)
    counts = DocumentCounts()
    done = 0

    def write(some: Sequence[Document]) -> None:
        nonlocal done
        counts.add(store.write(lambda tx: write_documents(tx, graph, some, source)))
        done += len(some)
        progress("documents", done, None)

    batches = Batches(BATCH_ROWS)
    for batch in batches_of_documents(documents, BATCH, BATCH_ROWS):
        batches.write(batch, write)
    if done:
        progress("documents", done, done)
    return counts


def batches_of_documents(
    documents: Iterable[Document], characters: int, most: int
) -> Iterator[list[Document]]:
    """Documents that are written together: of bounded size, and none twice.

    Args:
        documents: The documents.
        characters: Of a batch's chunks, unless one document alone has more.
        most: Documents a batch.
    """
    batch: dict[str, Document] = {}
    size = 0
    for document in documents:
        own = sum(len(chunk.text) for chunk in document.chunks)
        full = size + own > characters or len(batch) == most
        if batch and (full or document.document_id in batch):
            yield list(batch.values())
            batch, size = {}, 0
        batch[document.document_id] = document
        size += own
    if batch:
        yield list(batch.values())


def write_documents(
    transaction: Transaction, graph: str, batch: Sequence[Document], source: str
) -> DocumentCounts:
    """Put documents, each another, and their chunks into a graph, in a transaction.

    What was read out of chunks that a document has no longer goes with them, and the facts that
    nothing else supports.

    Args:
        transaction: A writing one.
        graph: The graph's name; its schema is up to date.
        batch: The documents, none twice.
        source: What they come from, kept on each of them.
    """
    found = transaction.rows(
        queries.get("load/merge_documents"),
        graph=graph,
        ids=[document.document_id for document in batch],
        uris=[document.uri for document in batch],
        titles=[document.title for document in batch],
        hashes=[document.content_hash for document in batch],
        source=source,
    )
    made, changed, stale = _compared(batch, found)
    lost = retract_chunks(transaction, graph, stale)
    transaction.run(queries.get("load/remove_chunks"), graph=graph, ids=stale)
    settle(transaction, graph, lost)
    for placed in _groups(changed):
        outcome = _merge_chunks(transaction, graph, placed)
        made.chunks_created += outcome.nodes_created
    steps = (step for document in changed for step in pairwise(document.chunks))
    while pairs := list(islice(steps, BATCH_ROWS)):
        transaction.run(
            queries.get("load/link_chunks"),
            graph=graph,
            ids=[chunk.chunk_id for chunk, _ in pairs],
            following=[following.chunk_id for _, following in pairs],
        )
    return made


def _compared(
    batch: Sequence[Document], found: list[dict[str, Any]]
) -> tuple[DocumentCounts, list[Document], list[str]]:
    """What the graph had of each document, those to be written, and the chunks to be removed."""
    counts = DocumentCounts()
    changed: list[Document] = []
    stale: list[str] = []
    for document, row in zip(batch, found, strict=True):
        new = {chunk.chunk_id for chunk in document.chunks}
        if row["before"] is None:
            counts.created += 1
        elif row["before"] == document.content_hash and set(row["chunks"]) == new:
            counts.unchanged += 1
            continue
        else:
            counts.replaced += 1
            if row["uri_before"] != document.uri:
                counts.moved.append(document.document_id)
        changed.append(document)
        stale.extend(one for one in row["chunks"] if one not in new)
    counts.chunks_removed = len(stale)
    counts.num_moved = len(counts.moved)
    return counts, changed, stale


def _groups(documents: list[Document]) -> Iterator[list[_Placed]]:
    """The chunks of documents in groups of bounded size."""
    group: list[_Placed] = []
    size = 0
    for document in documents:
        for chunk in document.chunks:
            if group and (size + len(chunk.text) > BATCH or len(group) == BATCH_ROWS):
                yield group
                group, size = [], 0
            group.append((chunk, document.document_id))
            size += len(chunk.text)
    if group:
        yield group


def _merge_chunks(transaction: Transaction, graph: str, placed: list[_Placed]) -> Outcome:
    return transaction.run(
        queries.get("load/merge_chunks"),
        graph=graph,
        ids=[chunk.chunk_id for chunk, _ in placed],
        documents=[document_id for _, document_id in placed],
        texts=[chunk.text for chunk, _ in placed],
        starts=[chunk.start for chunk, _ in placed],
        ends=[chunk.end for chunk, _ in placed],
        indexes=[chunk.index for chunk, _ in placed],
    )
