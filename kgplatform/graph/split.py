"""A seeded split of edges into train, valid and test, and what gives held-out facts away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from kgplatform.errors import InputError, UsageError
from kgplatform.graph.snapshot import NO_SPLIT, KGSnapshot
from kgplatform.graph.split_by import DIVIDE, TEST, TRAIN, VALID, Strategy

SplitBy = Literal["auto", "given"] | Strategy

INVERSE_SHARE = 0.8
"""Share of a relation's facts that another one repeats or turns round, from which on the two are
taken for one relation told twice (0.8 after Akrami et al. 2020, who look for such relations)."""


def ensure_split(
    snapshot: KGSnapshot,
    *,
    seed: int,
    valid_share: float = 0.1,
    test_share: float = 0.1,
    by: SplitBy = "auto",
) -> KGSnapshot:
    """The snapshot with every edge in a split.

    Edges are set aside such that every entity and relation of valid and test also occurs in
    train: a vector that was never trained cannot be evaluated. Only ``inductive`` holds entities
    out on purpose, and ``chronological`` looks at nothing but time.

    Args:
        snapshot: Any; returned itself if its split is taken and all its edges have one.
        seed: The same seed and snapshot give the same split.
        valid_share: Share of the edges for validation, 0 ≤ share < 1.
        test_share: Share of the edges for testing, likewise.
        by: ``given`` takes the split of the source, whose edges without one join train; ``auto``
            does so if any edge is marked valid or test, else it sets edges aside at random.
            ``random``, ``relation``, ``time``, ``chronological`` and ``inductive``
            (:mod:`kgplatform.graph.split_by`) do not look at what the source says.

    Raises:
        UsageError: The shares leave nothing for training.
        InputError: The snapshot lacks what the strategy needs.
    """
    if valid_share < 0 or test_share < 0 or valid_share + test_share >= 1:
        raise UsageError(
            f"shares {valid_share} and {test_share} leave no edges for training",
            hint="valid_share and test_share must be at least 0 and together below 1",
        )
    split = snapshot.split.numpy().copy()
    published = bool((split >= VALID).any())
    strategy: Strategy = "random"
    if by == "auto" or by == "given":
        edges = np.flatnonzero(split == NO_SPLIT)
        if not edges.size:
            return snapshot
        if by == "given" and not published:
            raise InputError(
                "no fact of the source is marked valid or test",
                hint=f"load a source with a split, or choose {', '.join(DIVIDE)}",
            )
    else:
        edges, published, strategy = np.arange(split.size), False, by
    split[edges] = TRAIN
    if not published:
        shares = {VALID: valid_share, TEST: test_share}
        room = {code: round(edges.size * share) for code, share in shares.items()}
        for code, held in DIVIDE[strategy](
            snapshot, edges, room, np.random.default_rng(seed)
        ).items():
            split[held] = code
    return snapshot.with_split(torch.from_numpy(split))


@dataclass(frozen=True)
class Leaks:
    """What in train gives facts of valid and test away, or keeps them from being judged.

    Attributes:
        pairs: Facts of valid and test whose two entities are joined in train as well.
        unseen_entities: Entities of valid and test that train lacks.
        unseen_relations: Likewise, relations.
        repeated: Pairs of relations (r, s), with the share of r's facts that s repeats.
        inverse: Likewise, that s turns round; (r, r) is a symmetric relation.
    """

    pairs: int
    unseen_entities: int
    unseen_relations: int
    repeated: tuple[tuple[str, str, float], ...]
    inverse: tuple[tuple[str, str, float], ...]


def find_leaks(snapshot: KGSnapshot) -> Leaks:
    """Look for leaks in a split snapshot; a split that is made here has no ``pairs``."""
    heads, tails = snapshot.edge_index.numpy()
    relations = snapshot.edge_type.numpy()
    split = snapshot.split.numpy()
    train, held = split == TRAIN, split >= VALID
    forth = heads * snapshot.num_entities + tails
    back = tails * snapshot.num_entities + heads
    seen = np.isin(forth, forth[train]) | np.isin(forth, back[train])
    ends = np.concatenate((heads[held], tails[held]))
    known = np.concatenate((heads[train], tails[train]))
    return Leaks(
        pairs=int((seen & held).sum()),
        unseen_entities=int(np.setdiff1d(ends, known).size),
        unseen_relations=int(np.setdiff1d(relations[held], relations[train]).size),
        repeated=_told_twice(snapshot, forth, forth),
        inverse=_told_twice(snapshot, forth, np.where(heads == tails, -1, back)),
    )


@dataclass(frozen=True)
class Overlap:
    """How far a split by time divides past from future.

    Attributes:
        since: When the future begins: the least time at which a held-out pair was last heard of.
        train_after: Facts of train that are later than that.
        held_before: Facts of valid and test that are earlier, and earlier than the last of train.
    """

    since: int
    train_after: int
    held_before: int


def time_overlap(snapshot: KGSnapshot) -> Overlap | None:
    """What of train is in the future, and of valid and test in the past; None without times."""
    split = snapshot.split.numpy()
    held = split >= VALID
    if snapshot.time is None or not held.any():
        return None
    time = snapshot.time.numpy()
    heads, tails = snapshot.edge_index.numpy()[:, held]
    keys = np.minimum(heads, tails) * snapshot.num_entities + np.maximum(heads, tails)
    _, pair = np.unique(keys, return_inverse=True)
    latest = np.full(pair.max() + 1, np.iinfo(np.int64).min)
    np.maximum.at(latest, pair, time[held])
    since = int(latest.min())
    train = time[split == TRAIN]
    past = min(since, int(train.max(initial=np.iinfo(np.int64).min)))
    return Overlap(since, int((train > since).sum()), int((time[held] < past).sum()))


def _told_twice(
    snapshot: KGSnapshot, keys: np.ndarray, wanted: np.ndarray
) -> tuple[tuple[str, str, float], ...]:
    """Relations (r, s) with the share of r's facts whose ``wanted`` key a fact of s has."""
    relations, total = snapshot.edge_type.numpy(), snapshot.num_relations
    order = np.argsort(keys, kind="stable")
    first = np.searchsorted(keys[order], wanted, "left")
    number = np.searchsorted(keys[order], wanted, "right") - first
    # For each fact, all facts that have its wanted key, one after the other.
    asking = np.repeat(np.arange(keys.size), number)
    place = np.arange(asking.size) - np.repeat(np.cumsum(number) - number, number)
    found = order[first[asking] + place]
    asking, found = asking[asking != found], found[asking != found]
    # An edge stands once in a snapshot, so each fact of r meets one of s at most.
    both, counts = np.unique(relations[asking] * total + relations[found], return_counts=True)
    of_head = both // max(total, 1)
    shares = counts / np.bincount(relations, minlength=total)[of_head]
    return tuple(
        (snapshot.relations[pair // total], snapshot.relations[pair % total], float(share))
        for pair, share in zip(both.tolist(), shares.tolist(), strict=True)
        if share >= INVERSE_SHARE
    )
