"""Vectors of entities that no score function of ours belongs to: imported, of texts, joint."""

from __future__ import annotations

from typing import NoReturn

from torch import Tensor

from kgplatform.errors import RunError
from kgplatform.models.base import LinkModel


class VectorTable(LinkModel):
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
    """Say that a run of vectors alone has no scores.

    Raises:
        RunError: Always.
    """
    raise RunError(
        "this run holds vectors without a score function of links",
        hint="`kgp write` and `kgp similar` use them; to predict links, train a model on them, or "
        "import one from a toolkit that says how it scores",
    )
