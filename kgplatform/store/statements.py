"""Facts as answers cite them: asserted or predicted, how sure, and where from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kgplatform import queries
from kgplatform.store.client import Store
from kgplatform.triples import fact_id

Kind = Literal["asserted", "predicted"]

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Statement:
    """A fact of the graph, or a link that a run predicts.

    Attributes:
        id: The fact's, whether it is asserted or predicted.
        head: entity_id.
        head_name: What it is called; its id where it has no name.
        relation: Name.
        tail: entity_id.
        tail_name: As ``head_name``.
        kind: ``asserted`` or ``predicted``.
        confidence: The fact's, from 0 to 1; 1 where it has none.
        sources: Who claims it; empty for predicted ones.
        run: The run that predicted or extracted it, if one did.
        evidence: Ids of the chunks that state it.
        valid_from: When it began to be true, where that is known.
        valid_to: When it ceased to be.
    """

    id: str
    head: str
    head_name: str
    relation: str
    tail: str
    tail_name: str
    kind: Kind
    confidence: float
    sources: tuple[str, ...] = ()
    run: str | None = None
    evidence: tuple[str, ...] = ()
    valid_from: str | None = None
    valid_to: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of a document.

    Attributes:
        id: The chunk's.
        text: What it says.
        start: Where it begins, in characters of the document.
        end: Where it ends.
        document: The document's id.
        title: What it is called, if it is.
        uri: Where it came from, if that is known.
    """

    id: str
    text: str
    start: int
    end: int
    document: str
    title: str | None
    uri: str | None


def statements_around(
    store: Store,
    graph: str,
    ids: Sequence[str],
    *,
    relations: Sequence[str] = (),
    predicted: bool = True,
    limit: int = 100,
) -> dict[str, list[Statement]]:
    """Facts that begin or end in entities: asserted ones first, the surest first.

    Args:
        store: The database.
        graph: The graph.
        ids: entity_ids; those that the graph does not have get no statements.
        relations: Which alone are wanted; empty for all.
        predicted: Whether predicted links, too.
        limit: Most of an entity.

    Returns:
        The statements of each entity given.
    """
    found: dict[str, list[Statement]] = {each: [] for each in ids}
    wanted = list(found)
    for start in range(0, len(wanted), AT_ONCE):
        rows = store.rows(
            queries.get("search/list_statements"),
            graph=graph,
            ids=wanted[start : start + AT_ONCE],
            relations=list(relations),
            predicted=predicted,
            limit=limit,
        )
        for row in rows:
            found[row["id"]].append(statement_of(graph, row))
    return found


def statements_between(
    store: Store, graph: str, pairs: Iterable[tuple[str, str]], *, predicted: bool = True
) -> dict[tuple[str, str], list[Statement]]:
    """Facts that join two entities, whatever their direction: asserted ones first.

    Args:
        store: The database.
        graph: The graph.
        pairs: entity_ids, two each; a pair in either order is one.
        predicted: Whether predicted links, too.

    Returns:
        The statements of each pair that has any, by the pair as it was given.
    """
    wanted = list(dict.fromkeys(pairs))
    found: dict[tuple[str, str], list[Statement]] = {}
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        rows = store.rows(
            queries.get("search/list_statements_between"),
            graph=graph,
            ones=[one for one, _ in part],
            others=[other for _, other in part],
            predicted=predicted,
        )
        for row in rows:
            pair = part[row["at"]]
            found.setdefault(pair, []).append(statement_of(graph, row))
    return found


def passages(store: Store, graph: str, ids: Iterable[str]) -> dict[str, Passage]:
    """Chunks by their ids; those that are gone are left out."""
    rows = store.rows(
        queries.get("search/list_passages"), graph=graph, ids=list(dict.fromkeys(ids))
    )
    return {row["id"]: Passage(**row) for row in rows}


def statement_of(graph: str, row: Mapping[str, Any]) -> Statement:
    """The statement of a row that has the columns of ``search/list_statements``."""
    head, relation, tail = row["head"], row["relation"], row["tail"]
    confidence = row["confidence"]
    return Statement(
        fact_id(graph, head, relation, tail),
        head,
        row["head_name"] or head,
        relation,
        tail,
        row["tail_name"] or tail,
        "predicted" if row["predicted"] else "asserted",
        1.0 if confidence is None else float(confidence),
        tuple(row["sources"] or ()),
        row["run"],
        tuple(row["evidence"] or ()),
        row["valid_from"],
        row["valid_to"],
    )
