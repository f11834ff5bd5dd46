"""Candidates for a person: listed, shown, and what was decided on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError
from kgplatform.store.candidates import CandidateRow, rewrite_in
from kgplatform.store.client import Store, Transaction

NEIGHBOURS = 8
"""Asserted facts of each end that are shown beside a candidate."""


def list_candidates(
    store: Store, graph: str, status: str, entity: str | None, relation: str | None, limit: int
) -> list[dict[str, Any]]:
    """Candidates of a status, the most doubtful first, with a sentence that states each."""
    return store.rows(
        queries.get("read/list_candidates"),
        graph=graph,
        status=status,
        entity=entity,
        relation=relation,
        limit=limit,
    )


def show_candidate(store: Store, graph: str, candidate: str) -> dict[str, Any]:
    """A candidate with its evidence, and what is asserted of its ends.

    Raises:
        InputError: There is none of this id.
    """
    rows = store.rows(queries.get("read/show_candidate"), graph=graph, id=candidate)
    if not rows:
        raise InputError(
            f"graph {graph!r} has no candidate {candidate}", hint="see `kgp review list`"
        )
    (found,) = rows
    own = found["candidate"]
    (around,) = store.rows(
        queries.get("read/list_known_around"),
        graph=graph,
        head=own["head"],
        tail=own["tail"],
        limit=NEIGHBOURS,
    )
    return {**found, **around}


def find_candidates(store: Store, graph: str, prefix: str) -> list[str]:
    """Ids of candidates that begin in this way, at most ten."""
    (row,) = store.rows(queries.get("read/find_candidates"), graph=graph, prefix=prefix)
    return list(row["ids"])


def page_candidates(store: Store, graph: str, after: str, limit: int) -> list[str]:
    """The ids that follow ``after`` of candidates that no person has decided on."""
    (row,) = store.rows(queries.get("read/page_candidates"), graph=graph, after=after, limit=limit)
    return list(row["ids"])


def read_marked(store: Store, graph: str) -> list[dict[str, Any]]:
    """Candidates whose status was set by hand: ``id``, ``status``, ``by``, ``why``."""
    return store.rows(queries.get("read/list_marked"), graph=graph)


def read_decisions(store: Store, graph: str) -> list[dict[str, Any]]:
    """All that people have decided on facts of a graph, in a fixed order."""
    return store.rows(queries.get("read/list_decisions"), graph=graph)


def write_decisions(
    store: Store,
    graph: str,
    candidates: Sequence[CandidateRow],
    version: int,
    *,
    status: str,
    by: str,
    why: str | None,
) -> tuple[int, int]:
    """Keep a decision on candidates, and bring the graph in line with it.

    ``staged`` takes decisions back: the candidates are for review again, and for the policy.

    Returns:
        Facts that were made, and accepted candidates one of whose ends is not there.

    Raises:
        ChangedError: The graph has changed since ``version``.
    """
    ids = [row.id for row in candidates]

    def work(transaction: Transaction) -> tuple[int, int]:
        made = rewrite_in(transaction, graph, candidates, version)
        transaction.run(
            queries.get("write/merge_decisions"),
            graph=graph,
            ids=ids,
            status=status,
            by=by,
            why=why,
        )
        if status == "staged":
            transaction.run(queries.get("write/remove_decisions"), graph=graph, ids=ids)
        return made

    return store.write(work)
