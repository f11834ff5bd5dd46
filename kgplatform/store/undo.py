"""Undo: what a run wrote comes out of the graph again, and nothing else."""

from __future__ import annotations

from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.store.answers import count_answers, remove_answers
from kgplatform.store.client import Store
from kgplatform.store.writeback import count_vectors, marks_of_set, switch


def written_runs(store: Store) -> list[str]:
    """Ids of the runs that have written into the database, the newest first."""
    return [str(row["run"]) for row in store.rows(queries.get("read/list_runs"))]


def planned_undo(store: Store, run_id: str) -> dict[str, int]:
    """What ``undo`` would remove: numbers of ``vectors``, ``predicted`` links and ``answers``.

    Raises:
        InputError: The database has no such run.
    """
    vectors = sum(
        count_vectors(store, record["label"], record["property"]) for record in _sets(store, run_id)
    )
    (row,) = store.rows(queries.get("read/count_predicted"), run=run_id)
    predicted = int(row["predicted"])
    return {"vectors": vectors, "predicted": predicted, "answers": count_answers(store, run_id)}


def undo(store: Store, run_id: str) -> dict[str, Any]:
    """Remove what a run wrote: vectors, index, predicted links, answers, record; nothing else.

    Readers are moved off the vectors first, back to the set that these replaced. Safe to
    repeat: a cut undo is completed by the next.

    Returns:
        ``vectors``, ``predicted``, ``answers`` (removed), ``restored`` (name of the set put back,
        or None).

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
        (row,) = store.command(queries.fill("write/remove_vectors", **marks))
        removed["vectors"] += row["removed"]
    (row,) = store.command(queries.get("write/remove_predicted"), run=run_id)
    removed["predicted"] = row["removed"]
    removed["answers"] = remove_answers(store, run_id)
    store.run(queries.get("write/remove_run"), run=run_id)
    return removed


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
