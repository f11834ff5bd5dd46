"""Products of a constant sparse matrix with vectors that are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn.functional import embedding_bag


@dataclass(frozen=True, eq=False)
class Rows:
    """A matrix by rows.

    Attributes:
        columns: int64 [E].
        start: Where each row begins, int64 [M].
        values: float32 [E].
    """

    columns: Tensor
    start: Tensor
    values: Tensor

    def times(self, vectors: Tensor) -> Tensor:
        """The product with dense [N, d], [M, d].

        By ``embedding_bag``, which takes a seventh of the time of torch's product of CSR tensors
        (docs/log.md).
        """
        return embedding_bag(
            self.columns, vectors, self.start, mode="sum", per_sample_weights=self.values
        )


@dataclass(frozen=True, eq=False)
class Sparse:
    """A matrix and its transpose, so that neither way of a product is slow.

    Attributes:
        forth: Of [M, N].
        back: Of [N, M].
    """

    forth: Rows
    back: Rows

    def __matmul__(self, vectors: Tensor) -> Tensor:
        """The product with dense [N, d], [M, d]."""
        product: Tensor = _Product.apply(vectors, self)
        return product


def sparse(matrix: csr_matrix) -> Sparse:
    """A matrix of scipy for products in training."""
    return Sparse(_rows(matrix), _rows(matrix.T.tocsr()))


def _rows(matrix: csr_matrix) -> Rows:
    return Rows(
        torch.from_numpy(matrix.indices.astype(np.int64)),
        torch.from_numpy(matrix.indptr[:-1].astype(np.int64)),
        torch.from_numpy(matrix.data.astype(np.float32)),
    )


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, matrix: Sparse) -> Tensor:
        ctx.matrix = matrix
        return matrix.forth.times(vectors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.matrix.back.times(gradient.contiguous()), None
