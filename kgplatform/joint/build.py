"""From texts, a graph and settings to a classifier with its first weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from kgplatform.errors import InputError, TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.classifier import JointClassifier
from kgplatform.joint.dataset import LinkedTexts
from kgplatform.joint.fit import Fit, Task, fit, task_of
from kgplatform.joint.nodes import HOPS, Modality, Nodes, hop_means
from kgplatform.joint.relations import Relations
from kgplatform.joint.settings import JointSettings
from kgplatform.joint.structure import Structure, link_loss, new_link_model, trained_structure
from kgplatform.joint.text_side import FrozenTokens, PooledTexts, TextSide, TunedTokens, WordsLSTM
from kgplatform.models import Edges, LinkModel
from kgplatform.progress import Progress, silent
from kgplatform.text.encode import TextEncoder

TEXT, STRUCTURE, TABLE = "text", "structure", "table"
"""Modalities that are made here: text vectors of entities, vectors of a link prediction model,
and a table that is learnt with the task. Others are vectors that the graph has."""

StructureKey = tuple[str, str, int, int, int]
"""Digest of the graph, model, width, epochs and seed."""


@dataclass(frozen=True, eq=False)
class Joint:
    """What a joint classification is made of.

    Attributes:
        dataset: Texts.
        snapshot: The graph; no fact of it is held back, as facts are not what is predicted.
        encoder: Reads the texts, unless they are read by an LSTM.
        text_vectors: Pooled vectors of the texts, float32 [T, D]; for ``pooled``.
        modalities: What is known of entities, by name; ``text`` for the strategy ``gnn``.
        relation_vectors: Of a link prediction model, [R, d'] or [2R, d']; for ``relations``.
        token_states: Frozen states of the texts' tokens, made when first asked for.
        structures: Trained link prediction models, by what they depend on; likewise.
    """

    dataset: LinkedTexts
    snapshot: KGSnapshot
    encoder: TextEncoder | None = None
    text_vectors: Tensor | None = None
    modalities: Mapping[str, Modality] = field(default_factory=dict)
    relation_vectors: Tensor | None = None
    token_states: list[FrozenTokens] = field(default_factory=list)
    structures: dict[StructureKey, Structure] = field(default_factory=dict)


def structure_of(joint: Joint, settings: JointSettings, progress: Progress = silent) -> Structure:
    """What a link prediction model knows of the graph; trained when first asked for.

    It depends on nothing but the graph and these settings, so that controls with the same graph and
    seed share one, bit for bit.
    """
    key = (
        joint.snapshot.digest,
        settings.embedding,
        settings.width,
        settings.link_epochs,
        settings.seed,
    )
    if key not in joint.structures:
        joint.structures[key] = trained_structure(joint.snapshot, settings, progress)
    return joint.structures[key]


def train_joint(
    joint: Joint,
    settings: JointSettings,
    progress: Progress = silent,
    *,
    sees_text: bool = True,
    sees_graph: bool = True,
) -> tuple[Fit, Task]:
    """Make a classifier and train it.

    Args:
        joint: Texts and graph.
        settings: Of the training; its seed decides all that is drawn.
        progress: Told of epochs.
        sees_text: Without, the model is "graph only".
        sees_graph: Without, the model is "text only".

    Raises:
        TrainingError: Something that the settings ask for is missing, or there is nothing to learn.
    """
    task = task_of(joint.dataset, joint.snapshot, settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        modalities = dict(joint.modalities)
        links, extra = None, None
        if settings.link_weight and sees_graph:
            links = new_link_model(joint.snapshot, settings)
            present = torch.ones(joint.snapshot.num_entities, dtype=torch.bool)
            modalities[STRUCTURE] = Modality(links.entity, present)
            extra = link_loss(links, joint.snapshot)
        model = JointClassifier(
            _text_side(joint, settings, progress),
            _nodes(joint, settings, modalities, sees_text=sees_text),
            settings,
            len(joint.dataset.classes),
            sees_text=sees_text,
            sees_graph=sees_graph,
            links=links,
            relations=_relations(joint, settings, links) if sees_graph else None,
        )
        return fit(model, task, settings, extra, progress), task


def _relations(joint: Joint, settings: JointSettings, links: LinkModel | None) -> Relations | None:
    """What reads the relations between a text's entities, if the settings ask for it."""
    if not settings.relations:
        return None
    vectors = joint.relation_vectors if links is None else links.relation
    if vectors is None:
        raise TrainingError(
            "relations=true needs vectors of relations", hint="train a link prediction model first"
        )
    return Relations(vectors, joint.snapshot.num_relations, settings.width, settings.dropout)


def _nodes(
    joint: Joint, settings: JointSettings, modalities: dict[str, Modality], *, sees_text: bool
) -> Nodes:
    """The graph's side. "Graph only" has no text of an entity but what means of others are of."""
    snapshot = joint.snapshot
    edges = Edges(snapshot.edge_index, snapshot.edge_type)
    graph_network = settings.strategy == "gnn"
    if graph_network and settings.encoder == HOPS:
        if not modalities:
            raise TrainingError(
                "encoder=sgc takes means of what is known of entities, and nothing is known",
                hint="give their texts or vectors, or another encoder, which learns a table",
            )
        # Beyond two hops, means hold a little of the entity itself.
        hops = settings.layers if sees_text else min(settings.layers, 2)
        modalities |= _hops(modalities, edges, hops)
        graph_network = False
    if not sees_text:
        modalities.pop(TEXT, None)
    if not modalities:
        # Nothing is known of the entities but their edges.
        table = nn.Parameter(0.1 * torch.randn(snapshot.num_entities, settings.width))
        present = torch.ones(snapshot.num_entities, dtype=torch.bool)
        modalities = {TABLE: Modality(table, present)}
    for name, each in modalities.items():
        if len(each.values) != snapshot.num_entities:
            raise InputError(
                f"modality {name!r} has {len(each.values):,} rows, the graph "
                f"{snapshot.num_entities:,} entities",
                hint="give a row for each entity of the snapshot, in its order",
            )
    tells = graph_network and settings.tell_classes
    return Nodes(
        modalities,
        settings.width,
        edges,
        snapshot.num_relations,
        encoder=settings.encoder if graph_network else None,
        layers=settings.layers,
        dropout=settings.dropout,
        num_classes=len(joint.dataset.classes) if tells else 0,
    )


def _hops(modalities: Mapping[str, Modality], edges: Edges, hops: int) -> dict[str, Modality]:
    """The means of neighbours of each modality, as modalities ``name+1``, ``name+2``, …"""
    has = torch.bincount(
        edges.index.flatten(), minlength=len(next(iter(modalities.values())).present)
    )
    return {
        f"{name}+{hop}": Modality(values, has > 0)
        for name, each in modalities.items()
        if not isinstance(each.values, nn.Parameter)
        for hop, values in enumerate(hop_means(each.values, edges, hops), start=1)
    }


def _text_side(joint: Joint, settings: JointSettings, progress: Progress) -> TextSide:
    if settings.text == "lstm":
        known = joint.dataset.rows("train")
        return WordsLSTM(joint.dataset.texts, known, settings.width, settings.text_dropout)
    if settings.text == "pooled":
        if joint.text_vectors is None:
            raise TrainingError("there are no vectors of the texts", hint="encode them first")
        return PooledTexts(joint.text_vectors)
    if joint.encoder is None:
        raise TrainingError(f"text={settings.text} needs an encoder", hint="load one first")
    if settings.text == "tuned":
        from kgplatform.text.encode import load_encoder

        # One of its own, as training changes it.
        return TunedTokens(load_encoder(joint.encoder.name), joint.dataset.texts)
    if not joint.token_states:
        joint.token_states.append(FrozenTokens(joint.encoder, joint.dataset.texts, progress))
    return joint.token_states[0]
