"""From a graph in the database to its split, fact by fact."""

from __future__ import annotations

import numpy as np

from kgplatform.graph.snapshot import KGSnapshot, from_columns
from kgplatform.graph.split import SplitBy, ensure_split
from kgplatform.store.splits import GraphFacts


def split_of_facts(
    facts: GraphFacts, by: SplitBy, seed: int, valid_share: float, test_share: float
) -> tuple[KGSnapshot, np.ndarray]:
    """The snapshot of a graph's facts with its split, and the split of each fact as it was read.

    Returns:
        The snapshot, and 0, 1 or 2 for each fact, int64 [E].

    Raises:
        UsageError: The shares leave nothing for training.
        InputError: The facts lack what the strategy needs.
    """
    names = sorted(set(facts.relations))
    code = {name: position for position, name in enumerate(names)}
    relation = np.fromiter(map(code.__getitem__, facts.relations), np.int64, len(facts.relations))
    columns = (facts.entities, names, facts.head, relation, facts.tail, facts.given)
    snapshot = from_columns(*columns, time=facts.time)
    split = ensure_split(snapshot, seed=seed, valid_share=valid_share, test_share=test_share, by=by)
    place = {name: index for index, name in enumerate(snapshot.entities)}
    index = np.fromiter(map(place.__getitem__, facts.entities), np.int64, len(facts.entities))

    def keys(head: np.ndarray, relation: np.ndarray, tail: np.ndarray) -> np.ndarray:
        combined: np.ndarray = (head * len(names) + relation) * len(index) + tail
        return combined

    heads, tails = snapshot.edge_index.numpy()
    # A snapshot's edges are in the order of their keys. One triple at several times has one split.
    ordered = keys(heads, snapshot.edge_type.numpy(), tails)
    at = np.searchsorted(ordered, keys(index[facts.head], relation, index[facts.tail]))
    return split, split.split.numpy()[at].astype(np.int64)
