"""What entities are called in the graph, for whoever looks for them in texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kgplatform import queries
from kgplatform.progress import Progress, silent
from kgplatform.store.client import RECORDS_AHEAD, Store
from kgplatform.store.stream import graph_record
from kgplatform.store.texts import TOLD_EVERY, as_text

STAGE = "reading names"


@dataclass(frozen=True)
class EntityNames:
    """A graph's entities and what they are called.

    Attributes:
        names: Names and aliases by entity_id, in order.
        texts: What an encoder is to read of each, [N]: its name and description.
        facts: How many facts each has, int64 [N].
    """

    names: dict[str, tuple[str, ...]]
    texts: list[str]
    facts: np.ndarray


def read_names(
    store: Store, graph: str, aliases: str = "aliases", progress: Progress = silent
) -> EntityNames:
    """Names, aliases and descriptions of a graph's entities, by their ids.

    Args:
        store: The database.
        graph: The graph.
        aliases: The property of further names: a list, or one text.
        progress: Told of entities read.

    Raises:
        InputError: There is no such graph.
    """
    names: dict[str, tuple[str, ...]] = {}
    texts: list[str] = []
    facts: list[int] = []
    with store.reading(RECORDS_AHEAD) as transaction:
        graph_record(transaction, graph)
        query = queries.get("read/list_entity_names")
        for key, name, others, description, count in transaction.stream(
            query, {"graph": graph, "aliases": aliases}
        ):
            names[key] = (as_text(name), *_listed(others))
            texts.append(": ".join(filter(None, (as_text(name), as_text(description)))))
            facts.append(count)
            if len(facts) % TOLD_EVERY == 0:
                progress(STAGE, len(facts), None)
    progress(STAGE, len(facts), len(facts))
    return EntityNames(names, texts, np.array(facts, dtype=np.int64))


def read_all_names(
    store: Store,
    graph: str,
    without: Collection[str] = (),
    aliases: str = "aliases",
    progress: Progress = silent,
) -> EntityNames:
    """Names of a graph's entities and of what texts name that is none yet; those after these.

    Args:
        store: The database.
        graph: The graph.
        without: Ids that are left out.
        aliases: The property of further names: a list, or one text.
        progress: Told of entities read.

    Raises:
        InputError: There is no such graph.
    """
    known = read_names(store, graph, aliases, progress)
    rows = zip(known.names.items(), known.texts, known.facts.tolist(), strict=True)
    kept = [(key, names, text, facts) for (key, names), text, facts in rows if key not in without]
    for row in store.rows(queries.get("read/list_new_names"), graph=graph):
        if row["id"] not in without:
            name = as_text(row["name"])
            kept.append((row["id"], (name, *_listed(row["aliases"])), name, 0))
    return EntityNames(
        {key: names for key, names, _, _ in kept},
        [text for _, _, text, _ in kept],
        np.array([facts for _, _, _, facts in kept], dtype=np.int64),
    )


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [as_text(each) for each in values]


def end_names(store: Store, graph: str, ids: Sequence[str]) -> dict[str, str]:
    """What ends of candidates are called, also those that texts alone name; by entity_id."""
    rows = store.rows(queries.get("read/list_end_names"), graph=graph, ids=list(ids))
    return {row["id"]: str(row["name"] or row["id"]) for row in rows}
