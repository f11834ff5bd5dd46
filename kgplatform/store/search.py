"""Reading what was written back: the nearest entities through the active vector index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kgplatform import queries
from kgplatform.errors import InputError, KGPlatformError, UnknownEntityError
from kgplatform.store.client import Store
from kgplatform.store.lucene import MOST_ALIKE, words_of
from kgplatform.store.statements import Statement

NAMES_COMPARED = 20_000
"""Names that a misspelt one is compared with; of a larger graph the index of names is asked."""

ALIKE_COMPARED = 50
"""Names that the index gives, to compare a misspelt one with."""

NAME_INDEX = "entity_names"
"""The full-text index of names, which search makes."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One entity or chunk found.

    Attributes:
        id: Its entity_id, or the chunk's id.
        name: What it is called; of a chunk, its document's title.
        score: From 0 to 1. Of similar entities, Neo4j's similarity, (1 + cosine) / 2; of a search,
            what ``kgplatform.answer.fuse`` makes of the channels' ranks.
        reasons: Why it was found; of similar entities, facts that both have, the rarest first.
        labels: Its own, without ``Entity``.
        kind: What it is.
        text: An entity's description, a chunk's text.
        source: Where a chunk comes from; None of an entity.
        statements: Facts and predicted links that speak for it, or say more of it.
    """

    id: str
    name: str
    score: float
    reasons: tuple[str, ...]
    labels: tuple[str, ...] = ()
    kind: Literal["entity", "chunk"] = "entity"
    text: str = ""
    source: str | None = None
    statements: tuple[Statement, ...] = ()


def find_entity(store: Store, graph: str, text: str) -> str:
    """The entity_id that an id or a name stands for.

    Raises:
        UnknownEntityError: No entity has that id or name (the hint suggests some).
        InputError: Several have.
    """
    rows = store.rows(queries.get("search/find_entity"), graph=graph, text=text)
    exact = [row for row in rows if row["id"] == text] or rows
    if len(exact) == 1:
        return str(exact[0]["id"])
    if exact:
        listed = ", ".join(str(row["id"]) for row in exact)
        raise InputError(f"{text!r} names several entities", hint=f"use an id: {listed}")
    suggestions = _suggest(store, graph, text)
    hint = f"did you mean: {', '.join(suggestions)}" if suggestions else "see `kgp status`"
    raise UnknownEntityError(f"graph {graph!r} has no entity {text!r}", hint=hint)


def names_of(store: Store, graph: str, ids: Sequence[str]) -> dict[str, str]:
    """What entities are called; those that the graph does not have are left out."""
    rows = store.rows(queries.get("search/list_entity_titles"), graph=graph, ids=list(ids))
    return {row["id"]: row["name"] or row["id"] for row in rows}


def name_of(store: Store, graph: str, key: str) -> str:
    """What an entity is called; its id where it has no name or is not there."""
    return names_of(store, graph, [key]).get(key, key)


def similar(
    store: Store, graph: str, entity: str, top_k: int, kind: str | None = None
) -> list[Hit]:
    """The nearest entities to one, by the graph's active set of vectors.

    Args:
        store: The database.
        graph: Their graph.
        entity: An id or a name.
        top_k: How many.
        kind: Of which vectors, one of ``kgplatform.store.writeback.KINDS``; None for the first of
            them that the graph has.

    Raises:
        InputError: No such entity, no active vectors, or none for this entity.
    """
    entity_id = find_entity(store, graph, entity)
    active = _active_set(store, graph, kind)
    while True:
        try:
            rows = _nearest(store, graph, entity_id, active, top_k)
        except KGPlatformError:
            now = _active_set(store, graph, kind)
            if now == active:
                raise
        else:
            now = active if rows else _active_set(store, graph, kind)
            if now == active:
                break
        # A write or an undo has put another set in use since, and taken this one away.
        active = now
    if not rows:
        raise InputError(
            f"{entity!r} has no vector of kind {active['kind']!r}, or no other entity has one",
            hint="`kgp embed-new` gives one to entities that came after the training",
        )
    return [Hit(row["id"], row["name"], row["score"], tuple(row["shared"])) for row in rows]


def _nearest(
    store: Store, graph: str, entity_id: str, active: Mapping[str, Any], top_k: int
) -> list[dict[str, Any]]:
    return store.rows(
        queries.fill("search/find_similar", property=active["property"]),
        graph=graph,
        id=entity_id,
        index=active["index"],
        top_k=top_k,
    )


def _active_set(store: Store, graph: str, kind: str | None) -> dict[str, Any]:
    sets = store.rows(queries.get("search/get_active_set"), graph=graph, label="Entity", kind=kind)
    if not sets:
        made = "train a model, then `kgp write RUN`"
        if kind in ("text", "image"):
            made = "`kgp encode --write`" + (" with --images" if kind == "image" else "")
        of_kind = f" of kind {kind!r}" if kind else ""
        raise InputError(f"graph {graph!r} has no vectors{of_kind} yet", hint=made)
    return sets[0]


def _suggest(store: Store, graph: str, text: str) -> list[str]:
    from rapidfuzz import fuzz, process

    record = store.rows(queries.get("read/get_graph"), graph=graph)
    if record and record[0]["entities"] > NAMES_COMPARED:
        rows, scorer = _alike(store, graph, text), fuzz.ratio
    else:
        rows = store.rows(queries.get("search/list_names"), graph=graph, limit=NAMES_COMPARED)
        scorer = fuzz.WRatio
    names = {str(row["id"]): str(row["name"]) for row in rows}
    found = process.extract(text, names, scorer=scorer, limit=3, score_cutoff=60)
    return [f"{name} ({key})" if name != key else name for name, _, key in found]


def _alike(store: Store, graph: str, text: str) -> list[dict[str, Any]]:
    """Entities with a word like one of a text, by the index of names; none where there is none."""
    words = words_of(text)[:MOST_ALIKE]
    indexes = {row["name"] for row in store.rows(queries.get("read/list_indexes"))}
    if not words or NAME_INDEX not in indexes:
        return []
    # Two letters may be wrong, of words that then still say something.
    query = " ".join(f"{word} {word}~2" if len(word) > 4 else f"{word}~1" for word in words)
    return store.rows(
        queries.get("search/find_named"),
        graph=graph,
        texts=[query],
        index=NAME_INDEX,
        top_k=ALIKE_COMPARED,
        aliases="aliases",
    )
