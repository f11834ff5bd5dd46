"""One formula a file; models know nothing of jobs or databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kgplatform.models.base import LinkModel
from kgplatform.models.distmult import DistMult
from kgplatform.models.gcn import GCN
from kgplatform.models.imported import ImportedVectors
from kgplatform.models.transe import TransE

__all__ = ["GCN", "IMPORTED", "MODELS", "SPECS", "DistMult", "LinkModel", "ModelSpec", "TransE"]


@dataclass(frozen=True)
class ModelSpec:
    """A model as the registry knows it.

    Attributes:
        model: The class.
        summary: What it is, in a line, for help and model cards.
        options: Settings of a training that its constructor takes beside the common ones.
        passes_messages: Whether its constructor takes the training graph's ``edge_index``.
        defaults: Settings that suit it better than the common defaults.
    """

    model: type[LinkModel]
    summary: str
    options: tuple[str, ...] = ()
    passes_messages: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)


MODELS: dict[str, ModelSpec] = {
    "transe": ModelSpec(
        TransE,
        "a relation is a translation: -‖h + r - t‖",
        options=("norm",),
    ),
    "distmult": ModelSpec(
        DistMult,
        "a relation weighs the coordinates of a dot product: Σ hᵢ rᵢ tᵢ",
        defaults={"dropout": 0.4},
    ),
    "gcn": ModelSpec(
        GCN,
        "a two-layer graph convolutional encoder with a DistMult decoder",
        passes_messages=True,
        defaults={"dropout": 0.4, "optimizer": "adam", "learning_rate": 0.02},
    ),
}
"""Models by the name that ``kgp train`` takes; docs/log.md has how their defaults were found."""

IMPORTED = "imported"

SPECS: dict[str, ModelSpec] = {
    **MODELS,
    IMPORTED: ModelSpec(ImportedVectors, "vectors of another toolkit, which are not scored"),
}
"""``MODELS``, and what a run may hold that was trained elsewhere."""
