"""From documents to facts: chunks, extraction, snapping, resolution, judgement, the graph.

Documents go through in batches; one batch is in memory at a time, and one transaction writes it.
What a batch leads to depends on the graph as the batches before have left it and on its own texts,
so that a run that was killed and is repeated comes to the graph of one that was not.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from kgplatform import queries
from kgplatform.facts.attempts import until_unchanged
from kgplatform.facts.compose import (
    candidate_id,
    candidate_row,
    composed,
    mention_rows,
    new_evidence,
    remaining,
)
from kgplatform.facts.mentions import Mentioned
from kgplatform.facts.name_decisions import with_name_decisions
from kgplatform.facts.records import CandidateFact, NewEntity
from kgplatform.facts.review import apply_marked, judge_again
from kgplatform.facts.stage_records import ExtractionCounts, ReadFacts, Resolution, Stages
from kgplatform.progress import Progress, silent
from kgplatform.sources.source import OnReject, Source
from kgplatform.store.batches import Batches
from kgplatform.store.candidates import (
    STATUSES,
    CandidateRow,
    EvidenceRow,
    ExtractedBatch,
    KnownCandidate,
    WrittenCounts,
    graph_version,
    read_candidates,
    read_decided,
    read_extracted,
    read_only_mentioned,
    read_rivals,
    read_supported,
    write_extracted,
)
from kgplatform.store.client import Store
from kgplatform.store.documents import batches_of_documents
from kgplatform.store.extractions import (
    count_extracted,
    extraction_claim,
    read_extraction,
    release_extraction,
    stale_candidates,
)
from kgplatform.store.name_pairs import name_decisions
from kgplatform.store.schema import prepare
from kgplatform.text.extract.records import ExtractedFact
from kgplatform.triples import Document, Reject, fault_of_name

DOCUMENTS_A_BATCH = 200
CHARACTERS_A_BATCH = 1_000_000


def extraction_id(graph: str, source: str, extractor: str) -> str:
    """The name of an extraction.

    The same documents by the same extractor into the same graph are one extraction, which is
    repeated to follow them; what it found by another schema is replaced.
    """
    parts = "\0".join((graph, source, extractor))
    plain = "".join(letter if letter.isalnum() else "-" for letter in extractor.lower())
    return f"extract-{plain[:24].strip('-')}-{hashlib.sha256(parts.encode()).hexdigest()[:8]}"


def extract_documents(
    store: Store,
    graph: str,
    source: Source,
    stages: Stages,
    *,
    on_reject: OnReject,
    replace: bool = False,
    dry_run: bool = False,
    batch: int = DOCUMENTS_A_BATCH,
    progress: Progress = silent,
) -> ExtractionCounts:
    """Read documents, and bring the graph in line with what they say.

    Args:
        store: The database; its schema is brought up to date first.
        graph: The graph's name; made if there is none.
        source: The documents.
        stages: What turns texts into facts.
        on_reject: Told of what cannot be used.
        replace: Whether what documents said that the source has no more leaves the graph.
        dry_run: Whether to write nothing.
        batch: Documents a transaction.
        progress: Told of documents read and of facts.

    Raises:
        InputError: The source cannot be read to its end.
        StoreError: The database failed; the same call again completes it.
    """
    began = time.monotonic()
    if not dry_run:
        prepare(store, graph)
        store.run(queries.get("load/merge_graph"), graph=graph)
        apply_marked(store, graph)
    run = extraction_id(graph, source.name, stages.read.name)
    work = _Extraction(store, graph, run, source.name, stages, on_reject, dry_run, batch)
    kept: set[str] = set()
    documents = source.documents(on_reject)
    for some in batches_of_documents(documents, CHARACTERS_A_BATCH, batch):
        work.batch(some, progress)
        kept.update(document.document_id for document in some)
        progress("documents", work.counts.documents, None)
    if replace and not dry_run:
        removed = release_extraction(
            store, graph, run, extraction_claim(source.name), kept, progress
        )
        work.counts.documents_removed = removed["documents"]
        work.counts.candidates_removed += removed["candidates"]
    if not dry_run:
        while stale := stale_candidates(store, graph):
            judge_again(store, graph, stages.judge, stale)
    work.count_statuses()
    work.counts.seconds = time.monotonic() - began
    return work.counts


class _Extraction:
    """One call's work: batch after batch."""

    def __init__(
        self,
        store: Store,
        graph: str,
        run: str,
        source: str,
        stages: Stages,
        on_reject: OnReject,
        dry_run: bool,
        batch: int,
    ) -> None:
        self._store = store
        self._graph = graph
        self._run = run
        self._claim = extraction_claim(source)
        self._source = source
        self._stages = stages
        self._on_reject = on_reject
        self._dry_run = dry_run
        self._batches = Batches(batch)
        self._final: dict[str, str] = {}
        self.counts = ExtractionCounts()

    def batch(self, documents: Sequence[Document], progress: Progress) -> None:
        """Read a batch and write it."""
        marks = {each.document_id: self._mark(each) for each in documents}
        before = read_extracted(self._store, self._graph, list(marks))
        pending = [
            each
            for each in documents
            if f"{self._run}@{marks[each.document_id]}"
            not in before.get(each.document_id, ([],))[0]
        ]
        self.counts.documents += len(documents)
        self.counts.done_before += len(documents) - len(pending)
        if not pending:
            return
        read = self._stages.read(pending, progress)
        usable = [self._usable(each) for each in read.chunks]
        incomplete = self._incomplete(pending, read)
        done = {
            each.document_id: marks[each.document_id]
            for each in pending
            if each.document_id not in incomplete
        }

        def write(some: Sequence[Document]) -> None:
            names = {each.document_id for each in some}
            said = [each for each in usable if each.source in names]
            until_unchanged(partial(self._write, some, said, done, before))

        self._batches.write(pending, write)
        self._count(read)
        progress("facts", self.counts.extracted, None)

    def count_statuses(self) -> None:
        """What has become of the extraction's candidates: of all that the graph has."""
        if self._dry_run:
            self.counts.statuses = Counter(self._final.values())
        else:
            found = count_extracted(self._store, self._graph, self._run)
            self.counts.statuses = Counter({name: found[name] for name in STATUSES})
        self.counts.candidates = self.counts.statuses.total()

    def _mark(self, document: Document) -> str:
        """What stands for a document's chunks and for all that changes what is found in them."""
        digest = hashlib.sha256(self._stages.read.digest.encode())
        for chunk in document.chunks:
            digest.update(chunk.chunk_id.encode())
        return digest.hexdigest()[:24]

    def _usable(self, chunk: Mentioned) -> Mentioned:
        """A chunk's facts without those that the graph could not hold, which are rejected."""

        def kept(facts: Sequence[ExtractedFact]) -> tuple[ExtractedFact, ...]:
            return tuple(fact for fact in facts if not self._refused(chunk, fact))

        return replace(chunk, facts=kept(chunk.facts), proposed=kept(chunk.proposed))

    def _refused(self, chunk: Mentioned, fact: ExtractedFact) -> bool:
        fault = fault_of_name("relation", fact.relation)
        for kind, phrase in (("head", fact.head), ("tail", fact.tail)):
            fault = fault or fault_of_name(kind, phrase.name)
            if phrase.label is not None:
                fault = fault or fault_of_name("type", phrase.label)
        if fault is None:
            return False
        self.counts.unusable += 1
        said = f"{fact.head.name} {fact.relation} {fact.tail.name}"
        self._on_reject(Reject(chunk.source, 0, fault, said))
        return True

    def _incomplete(self, documents: Sequence[Document], read: ReadFacts) -> set[str]:
        """Documents of which a chunk could not be read; they are tried again by the next call."""
        incomplete = set()
        for document in documents:
            for chunk in document.chunks:
                if fault := read.failed.get(chunk.chunk_id):
                    incomplete.add(document.document_id)
                    self._on_reject(Reject(document.document_id, 0, fault, chunk.text))
        return incomplete

    def _write(
        self,
        documents: Sequence[Document],
        chunks: Sequence[Mentioned],
        done: dict[str, str],
        before: dict[str, tuple[list[str], list[str]]],
    ) -> None:
        version = 0 if self._dry_run else graph_version(self._store, self._graph)
        again = [each.document_id for each in documents if before.get(each.document_id)]
        own = read_only_mentioned(self._store, self._graph, again) if again else frozenset()
        resolved = with_name_decisions(
            self._stages.resolve(chunks, own),
            chunks,
            name_decisions(self._store, self._graph, [each.document_id for each in documents]),
        )
        rows, needed = self._rows(documents, resolved)
        if self._dry_run:
            written = WrittenCounts()
        else:
            by_claim: dict[str, list[Document]] = {}
            for document in documents:
                claims = before.get(document.document_id, ([], []))[1]
                by_claim.setdefault(claims[0] if claims else self._claim, []).append(document)
            marks = {each.document_id: done.get(each.document_id) for each in documents}
            written = write_extracted(
                self._store,
                self._graph,
                self._run,
                self._run_properties(),
                ExtractedBatch(
                    by_claim,
                    marks,
                    [{"id": e.entity_id, "name": e.name, "label": e.label} for e in needed],
                    mention_rows(resolved.candidates),
                    rows,
                    version,
                    resolved.pairs,
                ),
            )
        self._counted(resolved, rows, needed, written)

    def _rows(
        self, documents: Sequence[Document], resolved: Resolution
    ) -> tuple[list[CandidateRow], list[NewEntity]]:
        """Candidates that the documents had or have, judged by all evidence there is now."""
        now = {
            each.document_id: frozenset(chunk.chunk_id for chunk in each.chunks)
            for each in documents
        }
        found = {candidate_id(self._graph, each): each for each in resolved.candidates}
        ids = set(found)
        ids |= read_supported(self._store, self._graph, self._run, list(now))
        known = read_candidates(self._store, self._graph, ids)
        # What speaks against what has changed is judged anew with it.
        pairs = {(each.head, each.relation) for each in found.values()}
        pairs |= {(each.head, each.relation) for each in known.values()}
        rivals = read_rivals(self._store, self._graph, pairs) - ids
        known |= read_candidates(self._store, self._graph, rivals)
        ids |= rivals
        composed_facts: dict[str, tuple[CandidateFact, list[EvidenceRow], Sequence[EvidenceRow]]]
        composed_facts = {}
        for key in sorted(ids):
            added = new_evidence(found[key]) if key in found else ()
            rows = [*remaining(known.get(key), self._run, now), *added]
            if rows:
                one: CandidateFact | KnownCandidate = found.get(key) or known[key]
                fact = composed(one.head, one.relation, one.tail, rows, one.proposed)
                composed_facts[key] = (fact, rows, added)
        decided = read_decided(self._store, self._graph, composed_facts)
        facts = [fact for fact, _, _ in composed_facts.values()]
        judged = self._stages.judge(facts, resolved.entities) if facts else []
        made = [
            candidate_row(key, one, decided.get(key), rows, added, self._run)
            for (key, (_, rows, added)), one in zip(composed_facts.items(), judged, strict=True)
        ]
        ends = {end for row in made for end in (row.head, row.tail)}
        return made, [each for each in resolved.entities if each.entity_id in ends]

    def _run_properties(self) -> dict[str, object]:
        known = read_extraction(self._store, self._run)
        created = known["created"] if known else datetime.now(UTC).isoformat(timespec="seconds")
        return {
            "model": "extract",
            "graph": self._graph,
            "source": self._source,
            "claim": self._claim,
            "extractor": self._stages.read.name,
            "settings": self._stages.read.digest,
            "created": created,
        }

    def _counted(
        self,
        resolved: Resolution,
        rows: Sequence[CandidateRow],
        needed: Sequence[NewEntity],
        written: WrittenCounts,
    ) -> None:
        counts = self.counts
        counts.merged += resolved.merged
        counts.new_entities += len(needed)
        counts.facts_created += written.facts_created
        counts.candidates_removed += written.candidates_removed
        counts.loaded.add(written.documents)
        if self._dry_run:
            # A candidate that several batches state counts once, as the last of them left it.
            self._final.update((row.id, row.status) for row in rows)

    def _count(self, read: ReadFacts) -> None:
        counts = self.counts
        counts.chunks += len(read.chunks)
        counts.extracted += read.extracted
        counts.invented += read.invented
        counts.dropped += read.dropped
        counts.failed_chunks += len(read.failed)
