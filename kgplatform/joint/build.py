"""From texts, a graph and settings to a classifier with its first weights."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from kgplatform.errors import InputError, TrainingError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.classifier import JointClassifier
from kgplatform.joint.dataset import LinkedTexts
from kgplatform.joint.fit import ExtraLoss, Fit, Task, fit, task_of
from kgplatform.joint.nodes import HOPS, Modality, Nodes, hop_means
from kgplatform.joint.settings import JointSettings
from kgplatform.joint.text_side import FrozenTokens, PooledTexts, TextSide, TunedTokens, WordsLSTM
from kgplatform.models import Edges, LinkModel
from kgplatform.progress import Progress, silent
from kgplatform.text.encode import TextEncoder
from kgplatform.training.artifacts import build_model, entity_vectors
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train

TEXT, STRUCTURE, TABLE = "text", "structure", "table"
"""Modalities that are made here: text vectors of entities, vectors of a link prediction model,
and a table that is learnt with the task. Others are vectors that the graph has."""

LINKS_A_STEP = 1024
OTHERS = 256


@dataclass(frozen=True, eq=False)
class Joint:
    """What a joint classification is made of.

    Attributes:
        dataset: Texts.
        snapshot: The graph; no fact of it is held back, as facts are not what is predicted.
        encoder: Reads the texts, unless they are read by an LSTM.
        text_vectors: Pooled vectors of the texts, float32 [T, D]; for ``pooled``.
        modalities: What is known of entities, by name; ``text`` for the strategy ``gnn``.
        token_states: Frozen states of the texts' tokens, made when first asked for.
    """

    dataset: LinkedTexts
    snapshot: KGSnapshot
    encoder: TextEncoder | None = None
    text_vectors: Tensor | None = None
    modalities: Mapping[str, Modality] = field(default_factory=dict)
    token_states: list[FrozenTokens] = field(default_factory=list)


def structure_vectors(
    snapshot: KGSnapshot, settings: JointSettings, progress: Progress = silent
) -> Tensor:
    """Entity vectors of a link prediction model, trained on all facts; float32 [N, d].

    A tenth of the facts is held back to say when to stop.
    """
    given = {"embedding_dim": settings.width, "seed": settings.seed, "test_share": 0.0}
    config = resolve_config(settings.embedding, snapshot, {**given, "split": "random"})
    with tempfile.TemporaryDirectory() as folder:
        run = train(
            snapshot, config, Path(folder) / "links", source={}, splits=(), progress=progress
        )
        return torch.from_numpy(entity_vectors(run)[1].copy())


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
            links = _link_model(joint.snapshot, settings)
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
        )
        return fit(model, task, settings, extra, progress), task


def _nodes(
    joint: Joint, settings: JointSettings, modalities: dict[str, Modality], *, sees_text: bool
) -> Nodes:
    """The graph's side. "Graph only" has no text of an entity but what means of others are of."""
    snapshot = joint.snapshot
    edges = Edges(snapshot.edge_index, snapshot.edge_type)
    graph_network = settings.strategy == "gnn"
    if graph_network and settings.encoder == HOPS:
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


def _link_model(snapshot: KGSnapshot, settings: JointSettings) -> LinkModel:
    config = resolve_config(
        settings.embedding, snapshot, {"embedding_dim": settings.width, "seed": settings.seed}
    )
    config = dataclasses.replace(config, device="cpu")
    return build_model(
        config, snapshot.num_entities, snapshot.num_relations, edges=None, features=None
    )


def link_loss(model: LinkModel, snapshot: KGSnapshot) -> ExtraLoss:
    """-log softmax of the true tail and the true head of some facts, among drawn entities.

    The tails of a batch and random entities are what each is compared with; the same as
    ``kgp train`` does with shared negatives (Lacroix et al. 2018 has the softmax).
    """
    triples = snapshot.triples()
    entities, relations = snapshot.num_entities, snapshot.num_relations

    def loss() -> Tensor:
        chosen = triples[torch.randint(len(triples), (min(LINKS_A_STEP, len(triples)),))]
        head, relation, tail = chosen.unbind(1)
        vectors = model.vectors()
        drawn = torch.randint(entities, (OTHERS,))
        found = torch.zeros(())
        for source, kind, target in ((head, relation, tail), (tail, relation + relations, head)):
            among, place = torch.unique(torch.cat((target, drawn)), return_inverse=True)
            queries = (
                model.tail_queries(vectors, source, kind)
                if model.reciprocal or source is head
                else model.head_queries(vectors, relation, tail)
            )
            scores = model.match(queries, vectors.entity[among])
            found = found + cross_entropy(scores, place[: len(target)])
        return found / 2

    return loss
