"""The schema that a graph's facts show: which labels its relations join, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from kgplatform import queries
from kgplatform.progress import Progress, silent
from kgplatform.store.client import Store
from kgplatform.store.stream import graph_record
from kgplatform.text.extract.schema import RelationType, Schema
from kgplatform.text.words import relation_words

RARE = 0.02
"""The share of a relation's facts that may be of labels which its domain or range leaves out."""

FEWEST_HEADS = 5
"""Heads from which on a relation may be called functional or symmetric."""

FUNCTIONAL = 0.97
"""The share of heads that have one tail where a relation is functional; sources have mistakes."""

SYMMETRIC = 0.9
"""The share of facts that stand both ways where a relation is symmetric."""

STAGE = "reading relations"

Ends = Mapping[frozenset[str], int]
"""How many facts end in nodes of each set of labels."""


def schema_of_graph(store: Store, graph: str, progress: Progress = silent) -> Schema:
    """The labels and relation types of a graph, with what its facts say of each.

    A domain or range is the fewest labels that nearly all facts begin or end in; an end that nodes
    without a label have is open to any. Of what a relation means, its name alone is known: the
    descriptions are for a person to write.

    Args:
        store: The database.
        graph: The graph.
        progress: Told of relations.

    Raises:
        InputError: There is no such graph.
    """
    with store.reading() as transaction:
        graph_record(transaction, graph)
    heads: dict[str, Counter[frozenset[str]]] = {}
    tails: dict[str, Counter[frozenset[str]]] = {}
    for row in store.rows(queries.get("read/count_edge_types"), graph=graph):
        for side, labels in ((heads, row["heads"]), (tails, row["tails"])):
            own = frozenset(label for label in labels if label != "Entity")
            side.setdefault(row["relation"], Counter())[own] += row["facts"]
    relations: dict[str, RelationType] = {}
    for done, name in enumerate(sorted(heads), 1):
        relations[name] = _relation(store, graph, name, heads[name], tails[name])
        progress(STAGE, done, len(heads))
    labels = {
        label for side in (*heads.values(), *tails.values()) for found in side for label in found
    }
    return Schema(dict.fromkeys(sorted(labels), ""), relations)


def cover(ends: Ends, rare: float = RARE) -> tuple[str, ...]:
    """The labels that nearly all ends have one of, the commonest first; none where many have none.

    A greedy set cover: each time the label that most of the ends not yet covered have.
    """
    left = dict(ends)
    most = rare * sum(ends.values())
    found: list[str] = []
    while sum(left.values()) > most:
        counts: Counter[str] = Counter()
        for labels, facts in left.items():
            counts.update(dict.fromkeys(labels, facts))
        if not counts:
            return ()
        best = max(counts, key=lambda label: (counts[label], label))
        found.append(best)
        left = {labels: facts for labels, facts in left.items() if best not in labels}
    return tuple(found)


def _relation(store: Store, graph: str, name: str, heads: Ends, tails: Ends) -> RelationType:
    (counts,) = store.rows(queries.fill("read/count_relation_ends", relation=name), graph=graph)
    named = list(store.rows(queries.fill("read/find_relation_example", relation=name), graph=graph))
    enough = counts["heads"] >= FEWEST_HEADS
    return RelationType(
        name,
        cover(heads),
        cover(tails),
        example=_example(name, named),
        functional=enough and counts["single"] >= FUNCTIONAL * counts["heads"],
        symmetric=enough and counts["returned"] >= SYMMETRIC * counts["facts"],
    )


def _example(name: str, named: Iterable[Mapping[str, str]]) -> tuple[str, str, str] | None:
    """A fact of the graph as a sentence; with its words in order, if without style."""
    for row in named:
        head, tail = row["head"].strip(), row["tail"].strip()
        if head and tail:
            return f"{head} {relation_words(name)} {tail}.", head, tail
    return None
