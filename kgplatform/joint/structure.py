"""Vectors of a graph's entities and relations by a link prediction model: first, or along."""

from __future__ import annotations

import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.fit import ExtraLoss
from kgplatform.joint.settings import JointSettings
from kgplatform.models import LinkModel
from kgplatform.progress import Progress, silent
from kgplatform.training.artifacts import build_model, entity_vectors, load_model
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train

LINKS_A_STEP = 1024
OTHERS = 256
MOST_FOR_ALL = 5_000
"""Entities; a larger graph's facts are compared with drawn entities in both ways to train them, as
1-vs-all over ten thousand would take longer than all that a classification does otherwise."""

HELD_BACK = 2_000
"""Facts that say when to stop are ranked among all entities, and need not be more."""


@dataclass(frozen=True, eq=False)
class Structure:
    """What a link prediction model knows.

    Attributes:
        entity: float32 [N, d].
        relation: float32 [R, d'], or [2R, d'] with the opposite directions behind.
    """

    entity: Tensor
    relation: Tensor


def trained_structure(
    snapshot: KGSnapshot, settings: JointSettings, progress: Progress = silent
) -> Structure:
    """Vectors of a link prediction model, trained on all facts.

    A tenth of the facts, and at most 2,000, is held back to say when to stop.
    """
    given: dict[str, object] = {
        "embedding_dim": settings.width,
        "seed": settings.seed,
        "split": "random",
        "test_share": 0.0,
        "valid_share": min(0.1, HELD_BACK / max(1, snapshot.num_edges)),
    }
    if snapshot.num_entities > MOST_FOR_ALL:
        given |= {"candidates": "sampled", "negatives": OTHERS, "batch_size": LINKS_A_STEP}
    if settings.link_epochs:
        given["epochs"] = settings.link_epochs
    config = resolve_config(settings.embedding, snapshot, given)
    with tempfile.TemporaryDirectory() as folder:
        run = train(
            snapshot, config, Path(folder) / "links", source={}, splits=(), progress=progress
        )
        entity = torch.from_numpy(entity_vectors(run)[1].copy())
        return Structure(entity, load_model(run).relation_vectors().detach().clone())


def new_link_model(snapshot: KGSnapshot, settings: JointSettings) -> LinkModel:
    """A link prediction model with its first weights, to be trained along with the task."""
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
