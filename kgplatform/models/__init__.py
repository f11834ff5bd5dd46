"""One formula a file; models know nothing of jobs or databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kgplatform.models.base import LinkModel, Vectors
from kgplatform.models.compgcn import CompGCN
from kgplatform.models.complex import ComplEx
from kgplatform.models.conve import ConvE
from kgplatform.models.distmult import DistMult
from kgplatform.models.encoder import Edges, Encoder
from kgplatform.models.gat import GAT
from kgplatform.models.gcn import GCN
from kgplatform.models.rgcn import RGCN
from kgplatform.models.rotate import RotatE
from kgplatform.models.sage import GraphSAGE
from kgplatform.models.simple import SimplE
from kgplatform.models.transe import TransE
from kgplatform.models.transh import TransH
from kgplatform.models.tucker import TuckER
from kgplatform.models.vector_table import VectorTable

__all__ = [
    "DECODERS",
    "ENCODERS",
    "GAT",
    "GCN",
    "IMPORTED",
    "MODELS",
    "RGCN",
    "SPECS",
    "VECTORS_ONLY",
    "CompGCN",
    "ComplEx",
    "ConvE",
    "DistMult",
    "Edges",
    "Encoder",
    "EncoderSpec",
    "GraphSAGE",
    "LinkModel",
    "ModelSpec",
    "RotatE",
    "SimplE",
    "TransE",
    "TransH",
    "TuckER",
    "Vectors",
]


@dataclass(frozen=True)
class ModelSpec:
    """A score function as the registry knows it.

    Attributes:
        model: The class.
        summary: What it is, in a line, for help and model cards.
        options: Settings of a training that its constructor takes beside the common ones.
        multiple_of: What ``embedding_dim`` must be a multiple of.
        defaults: Settings that suit it better than the common defaults.
        large: Settings that suit it better than these on graphs of many entities.
    """

    model: type[LinkModel]
    summary: str
    options: tuple[str, ...] = ()
    multiple_of: int = 1
    defaults: Mapping[str, Any] = field(default_factory=dict)
    large: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EncoderSpec:
    """An encoder as the registry knows it, with the same attributes as :class:`ModelSpec`."""

    encoder: type[Encoder]
    summary: str
    options: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    large: Mapping[str, Any] = field(default_factory=dict)


DECODERS: dict[str, ModelSpec] = {
    "transe": ModelSpec(
        TransE,
        "a relation is a translation: -‖h + r - t‖",
        options=("norm",),
    ),
    "transh": ModelSpec(TransH, "a translation on a hyperplane of the relation: -‖h⊥ + r - t⊥‖"),
    "rotate": ModelSpec(
        RotatE,
        "a relation turns complex coordinates: -‖h ∘ e^{iθ} - t‖",
        options=("norm",),
        multiple_of=2,
        # Distances grow with the length of vectors, and a sharp softmax needs long ones.
        defaults={"embedding_dim": 256, "learning_rate": 0.5, "dropout": 0.2},
    ),
    "distmult": ModelSpec(
        DistMult,
        "a relation weighs the coordinates of a dot product: Σ hᵢ rᵢ tᵢ",
        defaults={"dropout": 0.4},
    ),
    "complex": ModelSpec(
        ComplEx,
        "a trilinear product of complex vectors: Re Σ hᵢ rᵢ t̄ᵢ",
        multiple_of=2,
        defaults={"embedding_dim": 512, "dropout": 0.2, "regularization": 0.01},
        large={"embedding_dim": 256, "dropout": 0.0, "regularization": 0.1},
    ),
    "simple": ModelSpec(
        SimplE, "an entity has a vector as a head and one as a tail", multiple_of=2
    ),
    "tucker": ModelSpec(TuckER, "a core tensor mixes the coordinates of a triple"),
    "conve": ModelSpec(
        ConvE, "a convolution over head and relation laid out as an image", multiple_of=32
    ),
}
"""Score functions by the name that ``kgp train`` takes; docs/log.md: how defaults were found."""

_ADAM = {"dropout": 0.4, "optimizer": "adam", "learning_rate": 0.02}

ENCODERS: dict[str, EncoderSpec] = {
    "gcn": EncoderSpec(GCN, "graph convolutions, blind to relations", defaults=_ADAM),
    "sage": EncoderSpec(
        GraphSAGE, "GraphSAGE: the mean of the neighbours beside oneself", defaults=_ADAM
    ),
    "gat": EncoderSpec(GAT, "neighbours weighed by attention", defaults=_ADAM),
    "rgcn": EncoderSpec(
        RGCN,
        "a matrix a relation, built of few",
        options=("decomposition",),
        defaults=_ADAM | {"embedding_dim": 256},
        large={"embedding_dim": 128},
    ),
    "compgcn": EncoderSpec(
        CompGCN,
        "messages are compositions of entity and relation",
        options=("composition",),
        defaults=_ADAM,
    ),
}
"""Encoders, over the score function that the setting ``decoder`` names."""

MODELS: dict[str, ModelSpec | EncoderSpec] = {**DECODERS, **ENCODERS}
"""What ``kgp train`` takes."""

IMPORTED = "imported"

VECTORS_ONLY: dict[str, ModelSpec | EncoderSpec] = {
    IMPORTED: ModelSpec(VectorTable, "vectors of another toolkit, which are not scored"),
    "text": ModelSpec(VectorTable, "what a language model makes of names and descriptions"),
    "image": ModelSpec(VectorTable, "what a network for images makes of them"),
    "joint": ModelSpec(VectorTable, "vectors of text and graph, trained together"),
    "walker": ModelSpec(VectorTable, "vectors of an agent that walks to its answers"),
    "recommend": ModelSpec(VectorTable, "vectors of users and what they like"),
}
"""Runs that have vectors of entities and no score function."""

SPECS: dict[str, ModelSpec | EncoderSpec] = {**MODELS, **VECTORS_ONLY}
"""``MODELS``, and what a run may hold that ``kgp train`` did not train on links."""
