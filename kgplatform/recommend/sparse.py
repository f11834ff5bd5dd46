"""Products of a constant sparse matrix with vectors that are trained."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sparse:
    """A matrix and its transpose, both by rows, so that neither way of a product is slow.

    Attributes:
        forth: CSR [M, N].
        back: CSR [N, M].
    """

    forth: Tensor
    back: Tensor

    def __matmul__(self, vectors: Tensor) -> Tensor:
        """The product with dense [N, d], [M, d]."""
        product: Tensor = _Product.apply(vectors, self)  # type: ignore[no-untyped-call]
        return product


def sparse(matrix: csr_matrix) -> Sparse:
    """A matrix of scipy for products in training."""
    return Sparse(_csr(matrix), _csr(matrix.T.tocsr()))


def _csr(matrix: csr_matrix) -> Tensor:
    with warnings.catch_warnings():
        # torch says of every CSR tensor that their support is in beta.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support")
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            matrix.shape,
        )


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, matrix: Sparse) -> Tensor:
        ctx.matrix = matrix
        return matrix.forth @ vectors

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return ctx.matrix.back @ gradient, None
