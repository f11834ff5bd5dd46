"""What a trained recommender must beat: popularity, and items liked by the same users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from torch import Tensor

from kgplatform.recommend.likes import Likes


@dataclass(frozen=True, eq=False)
class Popularity:
    """The same for all users: how many like an item.

    Attributes:
        liked: float32 [I].
    """

    liked: Tensor

    def scores(self, users: Tensor) -> Tensor:
        """Scores of all items, [B, I]."""
        return self.liked.expand(len(users), -1)

    def fold_in(self, liked: Tensor) -> Tensor:
        """The same for whoever likes some items, [I]."""
        return self.liked

    def nearness(self, item: int, others: Tensor) -> Tensor:
        """Nothing makes one item nearer than another here, [M]."""
        return torch.zeros(len(others))


@dataclass(frozen=True, eq=False)
class ItemKnn:
    """Items by how near they are to what a user likes.

    Sarwar et al. 2001, "Item-Based Collaborative Filtering Recommendation Algorithms", for
    implicit feedback: the sum over the items that a user likes of the cosines with each.

    Attributes:
        train: Users by items, [U, I].
        near: Items by items, the cosines of the nearest, [I, I].
    """

    train: csr_matrix
    near: csr_matrix

    def scores(self, users: Tensor) -> Tensor:
        """Scores of all items, [B, I]."""
        found = self.train[users.numpy()] @ self.near
        return torch.from_numpy(found.toarray())

    def fold_in(self, liked: Tensor) -> Tensor:
        """Scores for whoever likes some items, [I]."""
        return torch.from_numpy(np.asarray(self.near[liked.numpy()].sum(axis=0)).ravel())

    def nearness(self, item: int, others: Tensor) -> Tensor:
        """Cosines of one item with others, [M]."""
        return torch.from_numpy(self.near[others.numpy()][:, [item]].toarray().ravel())


def popularity(likes: Likes) -> Popularity:
    """Items by how many users like them in train."""
    return Popularity(likes.liked().float())


def item_knn(likes: Likes, neighbours: int) -> ItemKnn:
    """Items with their nearest by cosine of who likes them in train.

    Args:
        likes: The data.
        neighbours: Most that an item keeps.
    """
    train = likes.matrix("train")
    lengths = np.sqrt(np.asarray(train.sum(axis=0)).ravel())
    unit = train @ diags((1 / np.maximum(lengths, 1)).astype(np.float32))
    near = (unit.T @ unit).tocsr()
    near.setdiag(0)
    near.eliminate_zeros()
    return ItemKnn(train, _nearest(near, neighbours).T.tocsr())


def _nearest(near: csr_matrix, most: int) -> csr_matrix:
    """The greatest numbers of each row; of equal ones the first columns."""
    rows = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
    order = np.lexsort((near.indices, -near.data, rows))
    place = np.arange(len(order)) - np.repeat(near.indptr[:-1], np.diff(near.indptr))
    kept = order[place < most]
    return csr_matrix((near.data[kept], (rows[kept], near.indices[kept])), shape=near.shape)
