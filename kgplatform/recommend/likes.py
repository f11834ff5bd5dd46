"""Who likes what: one relation of a graph as feedback, split for each user, and the facts beside.

A relationship says that a user likes an item; that there is none says nothing, so the feedback is
implicit (Hu, Koren and Volinsky 2008, "Collaborative Filtering for Implicit Feedback Datasets").
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from kgplatform.errors import InputError, UnknownNameError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.recommend.settings import RecommendSettings
from kgplatform.triples import SPLITS, Split

TRAIN, VALID, TEST = range(len(SPLITS))


@dataclass(frozen=True, eq=False)
class Likes:
    """Feedback of users on items, split, and what else the graph knows.

    Attributes:
        entities: entity_id by entity_index, [N].
        relation: What stands between a user and an item.
        users: entity_index, ascending, int64 [U].
        items: Likewise, [I]; also those that nobody likes.
        pairs: Rows of ``users`` and ``items``, int64 [E, 2].
        split: 0 train, 1 valid, 2 test; int8 [E].
        side: Facts of other relations, (head, relation, tail) by entity_index, int64 [S, 3].
        side_relations: Their names.
    """

    entities: Sequence[str]
    relation: str
    users: Tensor
    items: Tensor
    pairs: Tensor
    split: Tensor
    side: Tensor
    side_relations: tuple[str, ...]

    def of(self, *splits: Split) -> Tensor:
        """Pairs of some splits, [E', 2]."""
        codes = torch.tensor([SPLITS.index(split) for split in splits], dtype=torch.int8)
        return self.pairs[torch.isin(self.split, codes)]

    def matrix(self, *splits: Split) -> csr_matrix:
        """Users by items, 1 where a user likes an item in one of the splits; [U, I]."""
        rows, columns = self.of(*splits).T.numpy()
        shape = len(self.users), len(self.items)
        return csr_matrix((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)

    def liked(self) -> Tensor:
        """How many users like an item in train, int64 [I]."""
        return torch.bincount(self.of("train")[:, 1], minlength=len(self.items))


def likes_of(
    snapshot: KGSnapshot,
    relation: str,
    settings: RecommendSettings,
    also: Collection[str] = (),
) -> Likes:
    """The likes of a graph, split for each user, and its other facts.

    Args:
        snapshot: The graph; facts that its source marks valid or test are no side facts.
        relation: Whose heads are users and whose tails are items.
        settings: Split, shares, thresholds, seed.
        also: entity_ids that are items, too, though nobody may like them yet.

    Raises:
        UnknownNameError: There is no such relation.
        InputError: A weight or time is needed and not there, or no likes are left.
    """
    if relation not in snapshot.relations:
        raise UnknownNameError("relation", relation, snapshot.relations)
    kind = snapshot.edge_type.numpy()
    here = kind == list(snapshot.relations).index(relation)
    kept = np.flatnonzero(here & _heavy_enough(snapshot, settings))
    heads, tails = snapshot.edge_index.numpy()[:, kept]
    # Several relationships of one pair, at several times, are one like: the first.
    _, first = np.unique(heads * snapshot.num_entities + tails, return_index=True)
    kept, heads, tails = kept[first], heads[first], tails[first]
    enough = np.bincount(heads, minlength=snapshot.num_entities) >= settings.least_likes
    kept, heads, tails = (each[enough[heads]] for each in (kept, heads, tails))
    if not kept.size:
        raise InputError(
            f"no {relation} relationship is left as a like",
            hint="lower least_weight or least_likes, or check the query",
        )
    more = {name: row for row, name in enumerate(snapshot.entities)} if also else {}
    users, user_row = np.unique(heads, return_inverse=True)
    items = np.union1d(tails, np.array([more[each] for each in also if each in more], dtype=int))
    side = np.flatnonzero(~here & (snapshot.split.numpy() < VALID))
    likes = Likes(
        snapshot.entities,
        relation,
        torch.from_numpy(users),
        torch.from_numpy(items.astype(np.int64)),
        torch.from_numpy(np.stack((user_row, np.searchsorted(items, tails)), axis=1)),
        torch.zeros(len(kept), dtype=torch.int8),
        snapshot.triples()[torch.from_numpy(side)],
        tuple(snapshot.relations),
    )
    time = None if snapshot.time is None else snapshot.time.numpy()[kept]
    split = _split(likes, snapshot.split.numpy()[kept], time, settings)
    return replace(likes, split=torch.from_numpy(split))


def _heavy_enough(snapshot: KGSnapshot, settings: RecommendSettings) -> np.ndarray:
    if settings.least_weight == 0:
        return np.ones(snapshot.num_edges, dtype=bool)
    if snapshot.weight is None:
        raise InputError(
            "least_weight compares weights, and the source returns none",
            hint="RETURN … AS weight in a query, as in coalesce(r.rating, 1.0) AS weight",
        )
    heavy: np.ndarray = snapshot.weight.numpy() >= settings.least_weight
    return heavy


def _split(
    likes: Likes, given: np.ndarray, time: np.ndarray | None, settings: RecommendSettings
) -> np.ndarray:
    """Codes of likes, int8 [E].

    Raises:
        InputError: A split or times are asked for that the source does not have.
    """
    published = bool((given >= VALID).any())
    by = settings.split
    if by == "auto":
        by = "given" if published else "random" if time is None else "time"
    if by == "given":
        if not published:
            raise InputError(
                "no like is marked valid or test", hint="leave split, or set split=random"
            )
        return np.where(given < 0, TRAIN, given).astype(np.int8)
    order = np.random.default_rng(settings.seed).permutation(len(given))
    if by == "time":
        if time is None:
            raise InputError(
                "a split by time needs times, and the source returns none",
                hint="RETURN … AS time in a query, or set split=random",
            )
        order = order[np.argsort(time[order], kind="stable")]
    users = likes.pairs[:, 0].numpy()
    order = order[np.argsort(users[order], kind="stable")]
    counts = np.bincount(users, minlength=len(likes.users))
    start = np.cumsum(counts) - counts
    place = np.arange(len(order)) - start[users[order]]
    test, valid = _held_out(counts, settings)
    from_end = counts[users[order]] - place
    codes = np.full(len(order), TRAIN, dtype=np.int8)
    codes[from_end <= (test + valid)[users[order]]] = VALID
    codes[from_end <= test[users[order]]] = TEST
    split = np.empty(len(order), dtype=np.int8)
    split[order] = codes
    return split


def _held_out(counts: np.ndarray, settings: RecommendSettings) -> tuple[np.ndarray, np.ndarray]:
    """How many likes of each user are for the test and for validation, [U] each.

    At least one of each where a user has four; who has fewer than three is trained on alone.
    """
    shares = (settings.test_share, 3), (settings.valid_share, 4)
    test, valid = (
        np.where(counts >= least, np.maximum(1, np.round(counts * share)), 0).astype(np.int64)
        if share
        else np.zeros_like(counts)
        for share, least in shares
    )
    return test, valid
