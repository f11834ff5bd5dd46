"""How well items are ranked for users: of all items, and among a hundred drawn ones.

Full ranking puts every item that the user has not liked before in order. Ranking among drawn items
gives far higher figures and may order models differently (Krichene and Rendle 2020, "On Sampled
Metrics for Item Recommendation"); it is reported under names of its own, because papers quote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import TrainingError
from kgplatform.recommend.likes import Likes
from kgplatform.triples import Split

CUTS = (10, 20)
DRAWN = 100
USERS_AT_ONCE = 256

Scores = Callable[[Tensor], Tensor]
"""Rows of users [B] → scores of all items [B, I]."""

Figures = dict[str, np.ndarray]
"""Of each user that has something to find, by the metric's name."""


def figures(
    scores: Scores,
    likes: Likes,
    split: Split,
    *,
    among: Tensor | None = None,
    drawn: bool = True,
    seed: int = 0,
) -> Figures:
    """Recall@k and NDCG@k of each user, in full and among drawn items.

    An item's rank is the mean of the best and the worst that its ties allow, so a model that says
    the same of all items gains nothing. What a user liked in earlier splits is not ranked.

    Args:
        scores: The model.
        likes: The data.
        split: ``valid`` or ``test``.
        among: Which items are ranked at all, bool [I]; likes of others are not asked for.
        drawn: Whether likes are ranked among drawn items, too, which takes most of the time.
        seed: Of the drawn items.

    Returns:
        ``recall_at_10`` and the like, float [U']; ``user``, their rows.

    Raises:
        TrainingError: A score is NaN.
    """
    asked = likes.of(split)
    if among is not None:
        asked = asked[among[asked[:, 1]]]
    seen = likes.matrix("train") if split == "valid" else likes.matrix("train", "valid")
    every = likes.matrix("train", "valid", "test")
    draw = torch.Generator().manual_seed(seed)
    users, row, counts = torch.unique(asked[:, 0], return_inverse=True, return_counts=True)
    order = torch.argsort(row, stable=True)
    wanted = torch.split(asked[order, 1], counts.tolist())
    parts: list[Figures] = []
    for start in range(0, len(users), USERS_AT_ONCE):
        rows = users[start : start + USERS_AT_ONCE]
        items = torch.nn.utils.rnn.pad_sequence(
            list(wanted[start : start + USERS_AT_ONCE]), batch_first=True, padding_value=-1
        )
        found = scores(rows).float()
        if bool(torch.isnan(found).any()):
            raise TrainingError("a score is NaN", hint="train again with a lower learning_rate")
        hidden = torch.from_numpy(seen[rows.numpy()].toarray() > 0)
        if among is not None:
            hidden |= ~among
        ranks = _ranks(found.masked_fill(hidden, -torch.inf), items)
        parts.append(_by_user(ranks, items, ""))
        if drawn:
            known = hidden | torch.from_numpy(every[rows.numpy()].toarray() > 0)
            ranks = _ranks_among_drawn(found, items, known, draw)
            parts[-1] |= _by_user(ranks, items, "sampled_")
    if not parts:
        return {"user": users.numpy()}
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return joined | {"user": users.numpy()}


def means(found: Mapping[str, np.ndarray]) -> dict[str, float | int]:
    """The mean of each metric over users, and how many they are; empty where there is none."""
    if not len(found["user"]):
        return {}
    values = {name: float(of.mean()) for name, of in found.items() if name != "user"}
    return {**values, "users": len(found["user"])}


def _ranks(scores: Tensor, items: Tensor) -> Tensor:
    """Mean ranks of items [B, P] among all [B, I]; padding gives anything."""
    own = scores.gather(1, items.clamp(min=0)).contiguous()
    # numpy's sort, as torch's also keeps the order and takes ten times as long.
    ascending = torch.from_numpy(np.sort(scores.numpy(), axis=1))
    above = scores.shape[1] - torch.searchsorted(ascending, own, right=True)
    from_here = scores.shape[1] - torch.searchsorted(ascending, own)
    return (above + 1 + from_here) / 2


def _ranks_among_drawn(
    scores: Tensor, items: Tensor, known: Tensor, draw: torch.Generator
) -> Tensor:
    """Mean ranks of items [B, P] each among items that the user is not known to like."""
    # The items that may be drawn first; which of them, by a number below their count.
    free = torch.argsort(known.to(torch.int8), dim=1, stable=True)
    count = (~known).sum(dim=1)
    places = torch.rand((*items.shape, DRAWN), generator=draw) * count[:, None, None]
    chosen = free.gather(1, places.long().flatten(1)).view_as(places)
    others = scores.gather(1, chosen.flatten(1)).view_as(places)
    # Where a user is known to like all items, none is drawn: they are not compared.
    others[count == 0] = -torch.inf
    own = scores.gather(1, items.clamp(min=0))[:, :, None]
    return 1 + (others > own).sum(dim=2) + (others == own).sum(dim=2) / 2


def _by_user(ranks: Tensor, items: Tensor, prefix: str) -> Figures:
    """Metrics of users from the ranks of what they like [B, P].

    NDCG with binary gains (Järvelin and Kekäläinen 2002); recall is of all that a user likes, as
    He et al. 2020 have it. Among drawn items each like is ranked for itself, and both are means
    over likes.
    """
    there = items >= 0
    count = there.sum(dim=1)
    gains = torch.where(there, 1 / torch.log2(1 + ranks.double()), 0.0)
    discounts = 1 / torch.log2(torch.arange(2, max(CUTS) + 2, dtype=torch.float64))
    found = {}
    for k in CUTS:
        within = there & (ranks <= k)
        recall = within.sum(dim=1) / count
        gain = (gains * within).sum(dim=1)
        best = discounts[:k].cumsum(0)[count.clamp(max=k) - 1]
        found[f"{prefix}recall_at_{k}"] = recall.double().numpy()
        found[f"{prefix}ndcg_at_{k}"] = (gain / (count if prefix else best)).numpy()
    return found
