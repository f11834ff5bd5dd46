"""Vectors for entities that came after a training, with everything that was trained left as it is.

By *features* where a model's entity vectors are made of them alone: the same projection. By
*neighbourhood* otherwise: the mean of what the entity's facts with known entities ask it to be.
Steps down the run's own loss from there made held-out facts rank worse (docs/decisions/0034).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import RunError
from kgplatform.graph.features import matrix
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import VECTORS_ONLY, LinkModel
from kgplatform.models.vector_table import refuse_scores
from kgplatform.training.artifacts import TRAIN_AGAIN, Run, load_model, load_vocabulary
from kgplatform.triples import SPLITS

Origin = Literal["features", "neighbourhood", "text"]


@dataclass(frozen=True)
class NewVectors:
    """Vectors of entities that a run was not trained on.

    Attributes:
        entities: entity_ids, [M].
        vectors: float32 [M, d].
        origin: What they are made of.
        without: Entities that got none: nothing joins them to what the run knows.
    """

    entities: tuple[str, ...]
    vectors: np.ndarray
    origin: Origin
    without: tuple[str, ...]


@dataclass(frozen=True)
class NewFacts:
    """Facts between a new entity and a known one.

    Attributes:
        new: Row of the new entity, int64 [F].
        relation: The run's relation, [F].
        known: The run's entity at the other end, [F].
        is_head: Whether the new entity is the head, bool [F].
    """

    new: Tensor
    relation: Tensor
    known: Tensor
    is_head: Tensor


def embed_new(run: Run, snapshot: KGSnapshot) -> NewVectors:
    """Vectors for the entities of a graph that the run was not trained on.

    Facts of the splits valid and test are not looked at, nor those between two new entities.

    Args:
        run: A complete run.
        snapshot: The graph as it is now.

    Raises:
        RunError: The run has no model that scores, or its features are no longer there.
    """
    if run.config.model in VECTORS_ONLY:
        refuse_scores()
    entities, relations = load_vocabulary(run)
    model = load_model(run)
    known = set(entities)
    names = tuple(name for name in snapshot.entities if name not in known)
    if run.config.inputs == "features" and run.config.encoder is None:
        vectors = _projected(model, snapshot, entities, names)
        return NewVectors(names, vectors, "features", ())
    facts = facts_of_new(snapshot, names, entities, relations)
    joined = torch.unique(facts.new)
    vectors = by_neighbourhood(model, facts, len(names))[joined.numpy()]
    rows = set(joined.tolist())
    return NewVectors(
        tuple(names[row] for row in joined.tolist()),
        vectors,
        "neighbourhood",
        tuple(name for row, name in enumerate(names) if row not in rows),
    )


def facts_of_new(
    snapshot: KGSnapshot,
    names: tuple[str, ...],
    entities: tuple[str, ...],
    relations: tuple[str, ...],
) -> NewFacts:
    """Facts of a graph that join one of ``names`` to an entity and by a relation of the run."""
    row_of = {name: row for row, name in enumerate(names)}
    index_of = {name: index for index, name in enumerate(entities)}
    relation_of = {name: index for index, name in enumerate(relations)}
    new = torch.tensor([row_of.get(name, -1) for name in snapshot.entities])
    old = torch.tensor([index_of.get(name, -1) for name in snapshot.entities])
    relation = torch.tensor([relation_of.get(name, -1) for name in snapshot.relations])
    head, tail = snapshot.edge_index
    kind = relation[snapshot.edge_type]
    held_out = (snapshot.split == SPLITS.index("valid")) | (snapshot.split == SPLITS.index("test"))
    usable = (kind >= 0) & ~held_out
    forth = usable & (new[head] >= 0) & (old[tail] >= 0)
    back = usable & (old[head] >= 0) & (new[tail] >= 0)
    return NewFacts(
        torch.cat((new[head[forth]], new[tail[back]])),
        torch.cat((kind[forth], kind[back])),
        torch.cat((old[tail[forth]], old[head[back]])),
        torch.arange(int(forth.sum() + back.sum())) < int(forth.sum()),
    )


@torch.no_grad()
def by_neighbourhood(model: LinkModel, facts: NewFacts, count: int) -> np.ndarray:
    """Vectors of ``count`` new entities: the mean of the queries that each answers, [count, d].

    Of a dot product only the direction of a query is known, so the mean is made as long as
    trained vectors are on average, for distances too. An entity without facts has the mean of
    all trained vectors, as have all where queries are no entity vectors (TransH).

    Args:
        model: Trained; nothing of it changes.
        facts: Of the new entities.
        count: M.
    """
    model.eval()
    trained = model.vectors()
    start = trained.entity.mean(0).repeat(count, 1)
    if not len(facts.new):
        return np.asarray(start.numpy())
    heads = model.head_queries(trained, facts.relation, facts.known)
    tails = model.tail_queries(trained, facts.known, facts.relation)
    queries = torch.where(facts.is_head.unsqueeze(1), heads, tails)
    if queries.shape[1] != trained.entity.shape[1]:
        return np.asarray(start.numpy())
    total = torch.zeros_like(start).index_add_(0, facts.new, queries)
    length = total.norm(dim=1, keepdim=True)
    usual = trained.entity.norm(dim=1).mean()
    found = torch.where(length > 0, total / length.clamp_min(1e-12) * usual, start)
    return np.asarray(found.numpy())


def _projected(
    model: LinkModel, snapshot: KGSnapshot, entities: tuple[str, ...], names: tuple[str, ...]
) -> np.ndarray:
    """Vectors of ``names`` by the model's projection of their features, float32 [M, d].

    Columns are standardised by what they were in training, read off the trained entities.

    Raises:
        RunError: The graph's features are others than those of the training.
    """
    index_of = {name: index for index, name in enumerate(snapshot.entities)}
    values = matrix(snapshot.features, snapshot.num_entities)
    seen = [index for index, name in enumerate(entities) if name in index_of]
    was = model.features[seen]
    now = values[[index_of[entities[index]] for index in seen]]
    changed = RunError(
        "the entities' features are not those that the run was trained on",
        hint=TRAIN_AGAIN,
    )
    if was.shape != now.shape or len(seen) < 2:
        raise changed
    # was = (now - mean) / spread: two numbers a column, by least squares.
    scale = (was - was.mean(0)).square().sum(0).sqrt()
    spread = torch.where(scale > 0, (now - now.mean(0)).square().sum(0).sqrt() / scale, 1.0)
    mean = now.mean(0) - was.mean(0) * spread
    if not torch.allclose((now - mean) / spread, was, atol=1e-3):
        raise changed
    rows = [index_of[name] for name in names]
    assert model.project is not None
    with torch.no_grad():
        return np.asarray((((values[rows] - mean) / spread) @ model.project).numpy())
