"""Models that give each user and each item a vector: BPR-MF, LightGCN, and one of all facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.sparse import bmat, csr_matrix, diags
from torch import Tensor, nn
from torch.nn.functional import dropout, normalize

from kgplatform.recommend.likes import Likes
from kgplatform.recommend.settings import RecommendSettings
from kgplatform.recommend.sparse import Sparse, sparse

START = 0.1
"""Standard deviation of vectors at the start (He et al. 2020 take it, too)."""


class Ranker(Protocol):
    """Whatever scores items for users."""

    def scores(self, users: Tensor) -> Tensor:
        """Scores of all items for rows of users [B], [B, I]."""

    def fold_in(self, liked: Tensor) -> Tensor:
        """Scores of all items for whoever likes some, by their rows [L]; [I]."""

    def nearness(self, item: int, others: Tensor) -> Tensor:
        """How near an item is to others, by their rows [M]; [M]."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """A ranker by dot products.

    Attributes:
        user: float32 [U, d].
        item: float32 [I, d].
    """

    user: Tensor
    item: Tensor

    def scores(self, users: Tensor) -> Tensor:
        """Scores of all items, [B, I]."""
        return self.user[users] @ self.item.T

    def fold_in(self, liked: Tensor) -> Tensor:
        """The mean vector of what is liked, as if it were a user's, [I]."""
        return self.item @ self.item[liked].mean(dim=0)

    def nearness(self, item: int, others: Tensor) -> Tensor:
        """Cosines, [M]."""
        return normalize(self.item[others], dim=1) @ normalize(self.item[item], dim=0)


class Factors(nn.Module):
    """A vector a user and an item, as they are learned: the MF of Rendle et al. 2009.

    Args:
        likes: The data.
        settings: Length of the vectors.
    """

    def __init__(self, likes: Likes, settings: RecommendSettings) -> None:
        super().__init__()
        self.num_users = len(likes.users)
        self.table = nn.Parameter(
            START * torch.randn(self.num_users + len(likes.items), settings.embedding_dim)
        )

    def start(self) -> Tensor:
        """What vectors are made of, [U + I, d]; it is what the penalty is on."""
        return self.table

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors of users [U, d] and items [I, d], and what they are made of [U + I, d]."""
        start = self.start()
        return start[: self.num_users], start[self.num_users :], start


class LightGCN(Factors):
    """Vectors smoothed over who likes what; nothing else is learned but the vectors themselves.

    He et al. 2020, "LightGCN: Simplifying and Powering Graph Convolution Network for
    Recommendation", eq. 8: E = 1/(K+1) Σ_k Â^k E⁰, with Â = D^-½ A D^-½.

    Args:
        likes: The data; the graph is of the likes in train.
        settings: Length and rounds.
    """

    def __init__(self, likes: Likes, settings: RecommendSettings) -> None:
        super().__init__(likes, settings)
        self.layers = settings.layers
        self.smoothing = smoothing(likes)

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors of users [U, d] and items [I, d], and what they are made of [U + I, d]."""
        start = self.start()
        total, vectors = start, start
        for _ in range(self.layers):
            vectors = self.smoothing @ vectors
            total = total + vectors
        total = total / (self.layers + 1)
        return total[: self.num_users], total[self.num_users :], start


class GraphAware(LightGCN):
    """LightGCN whose first vectors know the facts beside the likes, and texts.

    A user's or item's first vector is its own, plus a projection of its text, plus R-GCN's sum over
    its facts: Σ_r 1/c Σ_j w_r ∘ x_j, both directions, with matrices that are diagonal
    (Schlichtkrull et al. 2018, "Modeling Relational Data with Graph Convolutional Networks", eq. 2
    and 4 with blocks of one). As in LightGCN there is no non-linearity.

    An item that nobody likes in train has no vector of its own; in training a share of the others
    is told without theirs, so that facts and texts learn to stand for them.

    Args:
        likes: The data.
        settings: Length, rounds, shares.
        texts: Vectors of all entities' texts, float32 [N, D], if they are to be read.
    """

    texts: Tensor | None
    rows: Tensor
    known: Tensor

    def __init__(
        self, likes: Likes, settings: RecommendSettings, texts: Tensor | None = None
    ) -> None:
        super().__init__(likes, settings)
        self.alone, self.share = settings.alone, settings.dropout
        self.register_buffer("texts", texts, persistent=False)
        self.register_buffer("rows", torch.cat((likes.users, likes.items)), persistent=False)
        known = torch.ones(len(self.table), 1)
        known[self.num_users :, 0] = (likes.liked() > 0).float()
        self.register_buffer("known", known, persistent=False)
        self.others = nn.Parameter(START * torch.randn(len(likes.entities), settings.embedding_dim))
        self.rounds = settings.side_layers if settings.side else 0
        self.facts = facts_by_relation(likes) if settings.side else []
        self.weights = nn.Parameter(torch.ones(len(self.facts), settings.embedding_dim))
        self.project: nn.Linear | None = None
        if texts is not None:
            self.project = nn.Linear(texts.shape[1], settings.embedding_dim, bias=False)
            nn.init.normal_(self.project.weight, std=START)

    def start(self) -> Tensor:
        """First vectors of users and items, [U + I, d]."""
        own = self.table * self._present()
        # Users and items in the places of the graph's entities; the rest are the facts' other ends.
        every = self.others.index_put((self.rows,), own) if self.rounds else own
        if self.project is not None and self.texts is not None:
            texts = self.texts if self.rounds else self.texts[self.rows]
            every = every + dropout(self.project(texts), self.share, self.training)
        for _ in range(self.rounds):
            around = [
                (matrix @ every) * weight
                for matrix, weight in zip(self.facts, self.weights, strict=True)
            ]
            every = every + torch.stack(around).sum(dim=0) if around else every
        return every[self.rows] if self.rounds else every

    def _present(self) -> Tensor:
        """Whose own vector counts, [U + I, 1]."""
        if not self.training or not self.alone:
            return self.known
        kept = torch.rand_like(self.known) >= self.alone
        kept[: self.num_users] = True
        return self.known * kept


def smoothing(likes: Likes) -> Sparse:
    """Â of the likes in train, users before items, [U + I, U + I]."""
    between = likes.matrix("train")
    both = bmat([[None, between], [between.T, None]]).tocsr()
    degree = np.asarray(both.sum(axis=1)).ravel()
    scale = diags(1 / np.sqrt(np.maximum(degree, 1)))
    return sparse((scale @ both @ scale).tocsr())


def facts_by_relation(likes: Likes) -> list[Sparse]:
    """Means over the other ends of facts, a matrix [N, N] for each relation and direction."""
    size = len(likes.entities)
    found = []
    for relation in torch.unique(likes.side[:, 1]).tolist():
        heads, _, tails = likes.side[likes.side[:, 1] == relation].T.numpy()
        for rows, columns in ((heads, tails), (tails, heads)):
            ones = np.ones(len(rows), dtype=np.float32)
            matrix = csr_matrix((ones, (rows, columns)), shape=(size, size))
            degree = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1)
            found.append(sparse((diags(1 / degree) @ matrix).tocsr()))
    return found
