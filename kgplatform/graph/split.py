"""A seeded split of edges into train, valid and test, where the source gives none."""

from __future__ import annotations

import dataclasses

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
        wanted = round(unsplit.size * valid_share), round(unsplit.size * test_share)
        chosen = _dispensable(snapshot, unsplit, sum(wanted), np.random.default_rng(seed))
        # A graph too small for both shares gives each its part of what can be spared.
        valid = chosen.size * wanted[0] // max(1, sum(wanted))
        split[chosen[:valid]] = VALID
        split[chosen[valid:]] = TEST
    return dataclasses.replace(snapshot, split=torch.from_numpy(split))


def _dispensable(
    snapshot: KGSnapshot, edges: np.ndarray, wanted: int, rng: np.random.Generator
) -> np.ndarray:
    """Up to ``wanted`` of ``edges`` in random order, after which train still covers all."""
    heads, tails = snapshot.edge_index.numpy()
    relations = snapshot.edge_type.numpy()
    entity_left = np.bincount(heads, minlength=snapshot.num_entities)
    entity_left += np.bincount(tails, minlength=snapshot.num_entities)
    relation_left = np.bincount(relations, minlength=snapshot.num_relations)
    chosen: list[int] = []
    for edge in rng.permutation(edges):
        if len(chosen) == wanted:
            break
        head, tail, relation = heads[edge], tails[edge], relations[edge]
        entity_left[head] -= 1
        entity_left[tail] -= 1
        relation_left[relation] -= 1
        if entity_left[head] and entity_left[tail] and relation_left[relation]:
            chosen.append(edge)
        else:
            entity_left[head] += 1
            entity_left[tail] += 1
            relation_left[relation] += 1
    return np.array(chosen, dtype=np.int64)
