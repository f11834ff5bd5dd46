"""Candidates: facts that texts state, with their evidence, and the facts that were accepted.

A batch of documents and all that was read out of them is one transaction: a process that is
killed leaves either nothing of a batch or all of it, so the same command again completes the work
and comes to the same graph. What is written depends on the content alone, never on when or how
often it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kgplatform import queries
from kgplatform.errors import StoreError
from kgplatform.store.client import Store, Transaction
from kgplatform.store.documents import DocumentCounts, write_documents
from kgplatform.store.lanes import take_graph
from kgplatform.store.name_pairs import write_name_pairs
from kgplatform.store.retract import (
    Lost,
    retract_documents,
    settle,
    settle_entities,
    withdraw,
)
from kgplatform.store.stream import graph_record
from kgplatform.triples import Document

LLM = "llm"
"""What stands among the ``sources`` of facts and entities that texts claim."""

MOST_RIVALS = 50
"""A relation with more tails of one head is not one where they speak against one another."""

STATUSES = ("staged", "accepted", "rejected")


class ChangedError(StoreError):
    """Somebody else has changed the graph since it was read; read it again."""


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A piece of a chunk that states a candidate, as the graph keeps it.

    Attributes:
        chunk: The chunk's id.
        document: Its document's id.
        properties: ``start``, ``end``, ``head_start``, ``head_end``, ``tail_start``,
            ``tail_end``, ``confidence``, ``extractor``, ``link_confidence``, ``valid_from``,
            ``valid_to``; what is None is not kept.
        run: The extraction that has found it; None for the one that is writing.
    """

    chunk: str
    document: str
    properties: Mapping[str, Any]
    run: str | None = None


@dataclass(frozen=True, slots=True)
class KnownCandidate:
    """A candidate that the graph has.

    Attributes:
        id: The id of the fact.
        head: entity_id.
        relation: Relation.
        tail: entity_id.
        proposed: Whether the relation is not of the schema.
        status: What has become of it.
        applied: The status that the facts of the graph are in line with; another than ``status``
            where somebody has set that by hand.
        evidence: All of it, in a fixed order.
        properties: What else it carries.
    """

    id: str
    head: str
    relation: str
    tail: str
    proposed: bool
    status: str
    applied: str | None
    evidence: tuple[EvidenceRow, ...]
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A candidate as it is to stand in the graph.

    Attributes:
        id: The id of the fact.
        head: entity_id.
        relation: Relation.
        tail: entity_id.
        status: One of :data:`STATUSES`.
        properties: What else it carries: ``confidence``, ``reason`` and more.
        fact: What the fact carries if it is accepted: ``confidence``, ``run``, ``evidence`` (ids
            of chunks), ``valid_from``, ``valid_to``.
        added: Evidence that is new.
    """

    id: str
    head: str
    relation: str
    tail: str
    status: str
    properties: Mapping[str, Any]
    fact: Mapping[str, Any]
    added: tuple[EvidenceRow, ...] = ()


@dataclass(frozen=True)
class ExtractedBatch:
    """All that one transaction writes.

    Attributes:
        documents: The documents, by what claims them.
        marks: By the document's id, what stands for its content and the settings; None for a
            document that could not be read to its end, so that it is read again.
        entities: New entities: maps of ``id``, ``name``, ``label``.
        mentions: Where texts name entities: maps of ``id``, ``chunk``, ``start``, ``end``.
        candidates: Each with its new evidence.
        version: Of the graph when it was read for this.
        pairs: Names that were, or may be, taken for another's: maps of ``id``, ``status``,
            ``properties``.
    """

    documents: Mapping[str, list[Document]]
    marks: Mapping[str, str | None]
    entities: Sequence[Mapping[str, Any]]
    mentions: Sequence[Mapping[str, Any]]
    candidates: Sequence[CandidateRow]
    version: int
    pairs: Sequence[Mapping[str, Any]] = ()


@dataclass
class WrittenCounts:
    """What a batch did to the graph.

    Attributes:
        documents: To documents.
        candidates_removed: Candidates that nothing supports any more.
        facts_created: Facts that were new.
        missing: Accepted candidates one of whose ends is gone.
    """

    documents: DocumentCounts = field(default_factory=DocumentCounts)
    candidates_removed: int = 0
    facts_created: int = 0
    missing: int = 0


def graph_version(store: Store, graph: str) -> int:
    """The version of a graph; whoever changes its facts raises it."""
    with store.reading() as transaction:
        return int(graph_record(transaction, graph)["version"])


def read_extracted(
    store: Store, graph: str, documents: Sequence[str]
) -> dict[str, tuple[list[str], list[str]]]:
    """What was extracted (``run@key``) from documents that are there, and who claims them."""
    rows = store.rows(queries.get("read/list_extracted"), graph=graph, ids=list(documents))
    return {row["id"]: (list(row["extractions"] or []), list(row["sources"])) for row in rows}


def read_supported(store: Store, graph: str, run: str, documents: Sequence[str]) -> set[str]:
    """Ids of the candidates that an extraction has found in documents."""
    (row,) = store.rows(
        queries.get("read/list_supported"), graph=graph, run=run, documents=list(documents)
    )
    return set(row["ids"])


def read_only_mentioned(store: Store, graph: str, documents: Sequence[str]) -> frozenset[str]:
    """Ids of entities that only texts know, and of these only given documents."""
    (row,) = store.rows(
        queries.get("read/list_only_mentioned"), graph=graph, documents=list(documents)
    )
    return frozenset(row["ids"])


def read_rivals(store: Store, graph: str, pairs: Iterable[tuple[str, str]]) -> set[str]:
    """Ids of the candidates of heads and relations, of each pair not more than fifty."""
    ordered = sorted(set(pairs))
    (row,) = store.rows(
        queries.get("read/list_rivals"),
        graph=graph,
        heads=[head for head, _ in ordered],
        relations=[relation for _, relation in ordered],
        limit=MOST_RIVALS,
    )
    return set(row["ids"])


def read_candidates(store: Store, graph: str, ids: Iterable[str]) -> dict[str, KnownCandidate]:
    """Candidates by their ids, with all their evidence; those that are not there are left out."""
    found = store.rows(queries.get("read/list_candidate_evidence"), graph=graph, ids=sorted(ids))
    known = (_known(row["properties"], row["evidence"]) for row in found)
    return {each.id: each for each in known}


def read_decided(store: Store, graph: str, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The status that people have given facts, and who has, by the facts' ids."""
    rows = store.rows(queries.get("read/list_decided"), graph=graph, ids=sorted(ids))
    return {row["id"]: (row["status"], row["by"]) for row in rows}


def _known(own: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]) -> KnownCandidate:
    return KnownCandidate(
        own["id"],
        own["head"],
        own["relation"],
        own["tail"],
        bool(own.get("proposed")),
        own["status"],
        own.get("applied"),
        tuple(
            EvidenceRow(one.pop("chunk"), one.pop("document"), one, one.pop("run"))
            for one in map(dict, evidence)
        ),
        own,
    )


def write_extracted(
    store: Store, graph: str, run: str, run_properties: Mapping[str, Any], batch: ExtractedBatch
) -> WrittenCounts:
    """Write a batch in one transaction, in place of what the extraction had of its documents.

    Raises:
        ChangedError: The graph has changed since ``batch`` was made.
        StoreError: The database failed; nothing of the batch is in the graph, or all of it.
    """
    return store.write(lambda tx: _write(tx, graph, run, run_properties, batch))


def _write(
    transaction: Transaction,
    graph: str,
    run: str,
    run_properties: Mapping[str, Any],
    batch: ExtractedBatch,
) -> WrittenCounts:
    lock_unchanged(transaction, graph, batch.version)
    counts = WrittenCounts()
    transaction.run(queries.get("write/merge_run"), run=run, run_properties=dict(run_properties))
    lost = retract_documents(transaction, graph, run, list(batch.marks))
    for claim, documents in batch.documents.items():
        counts.documents.add(write_documents(transaction, graph, documents, claim))
    transaction.run(
        queries.get("write/merge_new_entities"),
        graph=graph,
        run=run,
        items=list(batch.entities),
    )
    _write_candidates(transaction, graph, run, batch.candidates)
    transaction.run(
        queries.get("write/merge_mentions"), graph=graph, run=run, items=list(batch.mentions)
    )
    write_name_pairs(transaction, graph, run, list(batch.marks), batch.pairs)
    made = apply_statuses(transaction, graph, batch.candidates)
    counts.facts_created, counts.missing = made
    named = {each["id"] for each in batch.mentions}
    touched = {end for row in batch.candidates for end in (row.head, row.tail)}
    lost = Lost(lost.candidates, lost.entities | named)
    counts.candidates_removed = settle(transaction, graph, lost, touched)
    # What could not be read to its end keeps a mark without content, so that an undo finds it.
    transaction.run(
        queries.get("write/mark_extracted"),
        graph=graph,
        run=run,
        ids=list(batch.marks),
        keys=[mark or "" for mark in batch.marks.values()],
    )
    return counts


def lock_unchanged(transaction: Transaction, graph: str, version: int) -> None:
    """Take the lock on the graph's record, if nobody has changed the graph since ``version``.

    Raises:
        ChangedError: Somebody has.
    """
    take_graph(transaction, graph, "changed")
    now = graph_record(transaction, graph)["version"]
    if now != version + 1:
        raise ChangedError(
            f"graph {graph!r} was changed by somebody else meanwhile",
            hint="repeat when nobody else writes to it; nothing is lost by repeating",
        )


def _write_candidates(
    transaction: Transaction, graph: str, run: str, candidates: Sequence[CandidateRow]
) -> None:
    transaction.run(
        queries.get("write/merge_candidates"),
        graph=graph,
        items=[
            {
                "id": row.id,
                "status": row.status,
                "properties": {
                    **row.properties,
                    "head": row.head,
                    "relation": row.relation,
                    "tail": row.tail,
                },
            }
            for row in candidates
        ],
    )
    transaction.run(
        queries.get("write/create_evidence"),
        graph=graph,
        run=run,
        items=[
            {"id": row.id, "chunk": one.chunk, "properties": dict(one.properties)}
            for row in candidates
            for one in row.added
        ],
    )


def apply_statuses(
    transaction: Transaction, graph: str, candidates: Sequence[CandidateRow]
) -> tuple[int, int]:
    """Make facts of accepted candidates, and withdraw those of all others.

    Returns:
        Facts that were made, and accepted candidates one of whose ends is not there.
    """
    accepted = [row for row in candidates if row.status == "accepted"]
    others = [
        {"head": row.head, "relation": row.relation, "tail": row.tail}
        for row in candidates
        if row.status != "accepted"
    ]
    withdraw(transaction, graph, others)
    if not accepted:
        return 0, 0
    transaction.run(
        queries.get("write/promote_entities"),
        graph=graph,
        ids=sorted({end for row in accepted for end in (row.head, row.tail)}),
    )
    outcome = transaction.run(
        queries.get("write/accept_facts"),
        graph=graph,
        items=[
            {
                "id": row.id,
                "head": row.head,
                "relation": row.relation,
                "tail": row.tail,
                "properties": dict(row.fact),
            }
            for row in accepted
        ],
    ).row
    return int(outcome["made"]), len(accepted) - int(outcome["rows"])


def rewrite_candidates(
    store: Store, graph: str, candidates: Sequence[CandidateRow], version: int
) -> tuple[int, int]:
    """Bring candidates that are there in line with what is thought of them now.

    Returns:
        Facts that were made, and accepted candidates one of whose ends is not there.

    Raises:
        ChangedError: The graph has changed since ``version``.
    """
    return store.write(lambda tx: rewrite_in(tx, graph, candidates, version))


def rewrite_in(
    transaction: Transaction, graph: str, candidates: Sequence[CandidateRow], version: int
) -> tuple[int, int]:
    """The same in a transaction that does more."""
    lock_unchanged(transaction, graph, version)
    _write_candidates(transaction, graph, "", candidates)
    made = apply_statuses(transaction, graph, candidates)
    touched = {end for row in candidates for end in (row.head, row.tail)}
    settle_entities(transaction, graph, touched)
    return made
