"""Review: what people decide on candidates, kept, and brought into the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from kgplatform.errors import InputError, UnknownNameError
from kgplatform.facts.attempts import until_unchanged
from kgplatform.facts.compose import candidate_row, composed, decided_row
from kgplatform.facts.records import CandidateFact, Judged, NewEntity
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches
from kgplatform.store.candidates import (
    STATUSES,
    graph_version,
    read_candidates,
    read_decided,
    rewrite_candidates,
)
from kgplatform.store.client import Store
from kgplatform.store.review import find_candidates, page_candidates, read_marked, write_decisions

Judging = Callable[[Sequence[CandidateFact], Sequence[NewEntity]], list[Judged]]

AT_ONCE = 500
"""Candidates that one transaction decides on or judges again."""


@dataclass(frozen=True)
class Applied:
    """What decisions did.

    Attributes:
        decided: Candidates that were decided on.
        facts_created: Facts that are new in the graph.
        missing: Accepted candidates one of whose ends is not in the graph.
    """

    decided: int = 0
    facts_created: int = 0
    missing: int = 0

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            self.decided + other.decided,
            self.facts_created + other.facts_created,
            self.missing + other.missing,
        )


def candidate_ids(store: Store, graph: str, names: Sequence[str]) -> list[str]:
    """Ids of candidates that are given by the beginnings of their ids.

    Raises:
        UnknownNameError: One is the beginning of none or of several.
    """
    found = []
    for name in names:
        matching = find_candidates(store, graph, name) if name else []
        if len(matching) != 1:
            raise UnknownNameError("candidate", name, matching)
        found += matching
    return found


def decide(
    store: Store, graph: str, ids: Sequence[str], status: str, *, by: str, why: str | None = None
) -> Applied:
    """Accept or reject candidates, or put them back for review, and keep who has and why.

    A decision outlives the candidate: when a text states the same fact again, it holds.

    Raises:
        InputError: The status is none.
        StoreError: The database failed, or the graph is changed all the time; repeat it.
    """
    if status not in STATUSES:
        raise InputError(f"{status!r} is no status", hint=f"one of {', '.join(STATUSES)}")
    done = Applied()

    def write(some: Sequence[str]) -> None:
        nonlocal done
        done += until_unchanged(partial(_decide, store, graph, some, status, by, why))

    Batches(AT_ONCE).write(ids, write)
    return done


def _decide(
    store: Store, graph: str, ids: Sequence[str], status: str, by: str, why: str | None
) -> Applied:
    version = graph_version(store, graph)
    known = read_candidates(store, graph, ids)
    rows = [decided_row(each, status, by) for each in known.values()]
    made, missing = write_decisions(store, graph, rows, version, status=status, by=by, why=why)
    return Applied(len(rows), made, missing)


def apply_marked(store: Store, graph: str) -> tuple[Applied, list[str]]:
    """Take over statuses that were set by hand, in Browser for example.

    Returns:
        What that did, and the ids of candidates with a status that is none.
    """
    marked = read_marked(store, graph)
    groups: dict[tuple[str, str, str | None], list[str]] = {}
    wrong = []
    for one in marked:
        if one["status"] in STATUSES:
            key = (one["status"], one["by"], one["why"])
            groups.setdefault(key, []).append(one["id"])
        else:
            wrong.append(one["id"])
    done = Applied()
    for (status, by, why), ids in groups.items():
        done += decide(store, graph, ids, status, by=by, why=why)
    return done, wrong


def judge_again(store: Store, graph: str, judge: Judging, ids: Sequence[str]) -> Applied:
    """Judge candidates by the evidence that they have now; what people decided stays."""
    done = Applied()

    def once(some: Sequence[str]) -> Applied:
        version = graph_version(store, graph)
        known = read_candidates(store, graph, some)
        decided = read_decided(store, graph, known)
        facts = [
            composed(each.head, each.relation, each.tail, each.evidence, each.proposed)
            for each in known.values()
        ]
        judged = judge(facts, ())
        rows = [
            candidate_row(each.id, one, decided.get(each.id), each.evidence, (), "")
            for each, one in zip(known.values(), judged, strict=True)
        ]
        made, missing = rewrite_candidates(store, graph, rows, version)
        return Applied(len(rows), made, missing)

    def write(some: Sequence[str]) -> None:
        nonlocal done
        done += until_unchanged(partial(once, some))

    Batches(max(len(ids), 1)).write(ids, write)
    return done


def judge_all_again(
    store: Store, graph: str, judge: Judging, progress: Progress = silent
) -> Applied:
    """Judge all candidates of a graph again that no person has decided on."""
    done = Applied()
    for ids in _pages(store, graph):
        done += judge_again(store, graph, judge, ids)
        progress("candidates", done.decided, None)
    return done


def _pages(store: Store, graph: str) -> Iterator[list[str]]:
    after = ""
    while ids := page_candidates(store, graph, after, AT_ONCE):
        yield ids
        after = ids[-1]
