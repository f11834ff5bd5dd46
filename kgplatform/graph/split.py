"""A seeded split of edges into train, valid and test, where the source gives none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch

from kgplatform.errors import UsageError
from kgplatform.graph.snapshot import NO_SPLIT, KGSnapshot
from kgplatform.triples import SPLITS

TRAIN, VALID, TEST = range(len(SPLITS))


def ensure_split(
    snapshot: KGSnapshot, *, seed: int, valid_share: float = 0.1, test_share: float = 0.1
) -> KGSnapshot:
    """The snapshot with every edge in a split.

    A published split is kept as it is: if any edge is marked valid or test, edges without a
    split join train. Otherwise a random share of them is set aside, such that every entity
    and relation of valid and test also occurs in train: a vector that was never trained
    cannot be evaluated.

    Args:
        snapshot: Any; returned itself if all its edges have a split.
        seed: The same seed and snapshot give the same split.
        valid_share: Share of the edges for validation, 0 ≤ share < 1.
        test_share: Share of the edges for testing, likewise.

    Raises:
        UsageError: The shares leave nothing for training.
    """
    if valid_share < 0 or test_share < 0 or valid_share + test_share >= 1:
        raise UsageError(
            f"shares {valid_share} and {test_share} leave no edges for training",
            hint="valid_share and test_share must be at least 0 and together below 1",
        )
    split = snapshot.split.numpy().copy()
    unsplit = np.flatnonzero(split == NO_SPLIT)
    if not unsplit.size:
        return snapshot
    published = bool((split >= VALID).any())
    split[unsplit] = TRAIN
    if not published:
        shares = {VALID: valid_share, TEST: test_share}
        room = {code: round(unsplit.size * share) for code, share in shares.items()}
        for code, pairs in _held_out(snapshot, unsplit, room, np.random.default_rng(seed)).items():
            split[pairs] = code
    return dataclasses.replace(snapshot, split=torch.from_numpy(split))


def _held_out(
    snapshot: KGSnapshot, edges: np.ndarray, room: dict[int, int], rng: np.random.Generator
) -> dict[int, list[int]]:
    """Edges for each split, at most ``room`` of them, after which train still covers all.

    Drawn are pairs of entities with all their edges: the edge back, or another relation
    between the two, would give the held-out fact away (docs/decisions/0005).
    """
    heads, tails = snapshot.edge_index.numpy()
    relations = snapshot.edge_type.numpy()
    ends = np.bincount(np.concatenate((heads, tails)), minlength=snapshot.num_entities)
    uses = np.bincount(relations, minlength=snapshot.num_relations)
    held: dict[int, list[int]] = {code: [] for code in room}
    for pair in _pairs(heads, tails, edges, rng):
        unfilled = [code for code in room if len(held[code]) < room[code]]
        if not unfilled:
            break
        # The emptier by its share, so that a graph with little to spare feeds both.
        code = min(unfilled, key=lambda code: len(held[code]) / room[code])
        if len(held[code]) + pair.size > room[code]:
            continue
        touched = np.concatenate((heads[pair], tails[pair]))
        np.subtract.at(ends, touched, 1)
        np.subtract.at(uses, relations[pair], 1)
        if ends[touched].all() and uses[relations[pair]].all():
            held[code].extend(pair.tolist())
        else:
            np.add.at(ends, touched, 1)
            np.add.at(uses, relations[pair], 1)
    return held


def _pairs(
    heads: np.ndarray, tails: np.ndarray, edges: np.ndarray, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Edges by the two entities that they join, pairs in random order.

    A pair of which some edge is in a split already is left out: it stays where that one is.
    """
    low, high = np.minimum(heads, tails), np.maximum(heads, tails)
    _, pair_of = np.unique(low * (int(high.max(initial=0)) + 1) + high, return_inverse=True)
    order = np.argsort(pair_of, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(pair_of[order])) + 1)
    free = np.zeros(heads.size, dtype=bool)
    free[edges] = True
    for index in rng.permutation(len(groups)):
        if free[groups[index]].all():
            yield groups[index]
