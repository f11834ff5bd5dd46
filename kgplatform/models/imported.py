"""Vectors that another toolkit has trained under a score function that is none of ours."""

from __future__ import annotations

from typing import NoReturn

from torch import Tensor

from kgplatform.errors import RunError
from kgplatform.models.base import LinkModel


class ImportedVectors(LinkModel):
    """A table of entity vectors, which scores nothing.

    Args:
        num_entities: Rows of the entity table, N.
        num_relations: Must be 0: nothing is known of relations.
        embedding_dim: Length of every vector, d.
        reciprocal: Without meaning here.
        generator: Without meaning here; the weights are loaded.
    """

    def tail_query(self, head: Tensor, relation: Tensor) -> Tensor:
        """Refused; see :func:`refuse_scores`."""
        refuse_scores()

    def match(self, queries: Tensor, entities: Tensor) -> Tensor:
        """Refused; see :func:`refuse_scores`."""
        refuse_scores()

    def match_rows(self, queries: Tensor, entities: Tensor) -> Tensor:
        """Refused; see :func:`refuse_scores`."""
        refuse_scores()


def refuse_scores() -> NoReturn:
    """Say that a run of imported vectors has no scores.

    Raises:
        RunError: Always.
    """
    raise RunError(
        "this run holds imported vectors without their score function",
        hint="`kgp write` and `kgp similar` use them; predict and evaluate in the toolkit, or "
        "import a TransE or DistMult from a toolkit that says how it scores",
    )
