"""Undo: what a run wrote comes out of the graph again, and nothing else."""

from __future__ import annotations

from functools import partial
from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.store.answers import count_answers, remove_answers
from kgplatform.store.batches import in_transactions
from kgplatform.store.client import Store
from kgplatform.store.extractions import count_extracted, read_extraction, undo_extraction
from kgplatform.store.writeback import count_vectors, marks_of_set, switch

ROWS = 5_000
"""Vectors or links that one transaction removes, at most."""


def written_runs(store: Store) -> list[str]:
    """Ids of the runs that have written into the database, the newest first."""
    return [str(row["run"]) for row in store.rows(queries.get("read/list_runs"))]


def planned_undo(store: Store, run_id: str) -> dict[str, int]:
    """What ``undo`` would remove: numbers of ``vectors``, ``predicted`` links and ``answers``.

    Of an extraction also its ``candidates``, those of them that are ``facts``, and the
    ``documents`` that it has read.

    Raises:
        InputError: The database has no such run.
    """
    vectors = sum(
        count_vectors(store, record["label"], record["property"]) for record in _sets(store, run_id)
    )
    predicted = _count_predicted(store, run_id)
    planned = {"vectors": vectors, "predicted": predicted, "answers": count_answers(store, run_id)}
    if extraction := read_extraction(store, run_id):
        found = count_extracted(store, extraction["graph"], run_id)
        planned["candidates"] = found["accepted"] + found["staged"] + found["rejected"]
        planned["facts"] = found["accepted"]
        planned["documents"] = found["documents"]
    return planned


def undo(store: Store, run_id: str) -> dict[str, Any]:
    """Remove what a run wrote: vectors, index, predicted links, answers, record; nothing else.

    Of an extraction that is all that nothing else supports: candidates, accepted facts, entities,
    mentions, and the documents that it has brought itself.

    Readers are moved off the vectors first, back to the set that these replaced. Safe to
    repeat: a cut undo is completed by the next.

    Returns:
        ``vectors``, ``predicted``, ``answers`` (removed), ``restored`` (name of the set put back,
        or None); of an extraction also ``candidates`` and ``documents``.

    Raises:
        InputError: The database has no such run.
    """
    removed: dict[str, Any] = {"vectors": 0, "predicted": 0, "restored": None}
    for record in _sets(store, run_id):
        restored = switch(store, "write/retire_set", record["name"])["restored"]
        removed["restored"] = restored or removed["restored"]
        store.command(queries.fill("write/drop_index", index=record["index"]))
        # Bytes of a write that was cut are there before the record says so.
        marks = marks_of_set(record["label"], record["property"])
        removed["vectors"] += in_transactions(
            store,
            queries.fill("write/remove_vectors", **marks),
            ROWS,
            partial(count_vectors, store, record["label"], record["property"]),
        )
    removed["predicted"] = in_transactions(
        store,
        queries.get("write/remove_predicted"),
        ROWS,
        lambda: _count_predicted(store, run_id),
        run=run_id,
    )
    removed["answers"] = remove_answers(store, run_id)
    if extraction := read_extraction(store, run_id):
        removed |= undo_extraction(store, run_id, extraction["graph"], extraction["claim"])
    store.run(queries.get("write/remove_run"), run=run_id)
    return removed


def _count_predicted(store: Store, run_id: str) -> int:
    (row,) = store.rows(queries.get("read/count_predicted"), run=run_id)
    return int(row["predicted"])


def _sets(store: Store, run_id: str) -> list[dict[str, Any]]:
    """The embedding sets of a run that is in the database."""
    found = store.rows(queries.get("read/get_run_sets"), run=run_id)
    if not found:
        known = written_runs(store)
        raise InputError(
            f"run {run_id} has written nothing into this database",
            hint=f"runs that have: {', '.join(known)}" if known else "see `kgp runs`",
        )
    return list(found[0]["sets"])
