"""How plausible trained models of links find triples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from kgplatform.facts.background import UNKNOWN, Background, TrainedModel
from kgplatform.models import LinkModel
from kgplatform.training.classify_triples import FEATURES, triple_features

CORRUPTIONS = 200
"""False triples of a relation that its scores are compared with."""

SCORES = tuple(FEATURES.index(name) for name in ("score", "score_as_head"))
USED = tuple(name for name in FEATURES if not name.endswith("degree"))
"""How often the ends occur is counted in the graph as it is now (``graph_features``)."""


def model_features(triples: np.ndarray, background: Background) -> dict[str, np.ndarray]:
    """Columns of the group ``model``, float64 [n]; NaN where a model does not know a part.

    Of either side, the triple as an answer of (h, r, ?) and of (?, r, t): its score, in standard
    deviations from the mean of false triples of its relation; the logarithms of its share in the
    softmax and of its rank, among entities that are no answer already. Of several models the mean.
    """
    total = np.zeros((len(triples), len(FEATURES)))
    for trained in background.models:
        total += _of_one(triples, background, trained) / len(background.models)
    columns = dict(zip(FEATURES, total.T, strict=True))
    return {f"model_{name}": columns[name] for name in USED}


def _of_one(triples: np.ndarray, background: Background, trained: TrainedModel) -> np.ndarray:
    """:data:`FEATURES` by one model, [n, 8]."""
    entity = _rows(background.entities, trained.entities)
    relation = _rows(background.relations, trained.relations)
    asked = _translated(triples, entity, relation)
    facts = _translated(background.facts, entity, relation)
    facts = facts[(facts != UNKNOWN).all(axis=1)]
    known = np.flatnonzero((asked != UNKNOWN).all(axis=1))
    found = np.full((len(triples), len(FEATURES)), np.nan)
    if not len(known):
        return found
    values = triple_features(trained.model, torch.from_numpy(asked[known]), torch.from_numpy(facts))
    mean, spread = false_scores(trained.model, facts, len(trained.relations))
    of = asked[known, 1]
    values[:, SCORES] = (values[:, SCORES] - mean[of]) / spread[of]
    found[known] = values
    return found


def _rows(names: Sequence[str], among: Sequence[str]) -> np.ndarray:
    """Where names stand among others; one more row, so that ``UNKNOWN`` stays what it is."""
    place = {name: row for row, name in enumerate(among)}
    return np.array([*(place.get(name, UNKNOWN) for name in names), UNKNOWN], dtype=np.int64)


def _translated(triples: np.ndarray, entity: np.ndarray, relation: np.ndarray) -> np.ndarray:
    head, kind, tail = triples.T
    return np.stack([entity[head], relation[kind], entity[tail]], axis=1)


def false_scores(
    model: LinkModel, facts: np.ndarray, num_relations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of both scores of made-up triples of each relation, [R, 2] each.

    Heads and tails that the relation has are put together anew; what is a fact is left out.

    Args:
        model: On the CPU.
        facts: By the model's rows, int64 [E, 3].
        num_relations: R.
    """
    drawn = np.random.default_rng(0)
    mean, spread = np.zeros((num_relations, 2)), np.ones((num_relations, 2))
    for relation in range(num_relations):
        rows = facts[facts[:, 1] == relation]
        if not len(rows):
            continue
        head, tail = (drawn.choice(rows[:, column], CORRUPTIONS) for column in (0, 2))
        true = np.isin(
            head * model.num_entities + tail, rows[:, 0] * model.num_entities + rows[:, 2]
        )
        if (~true).sum() < 2:
            continue
        scores = _scores(model, head[~true], relation, tail[~true])
        mean[relation] = scores.mean(axis=0)
        spread[relation] = np.maximum(scores.std(axis=0), 1e-6)
    return mean, spread


@torch.no_grad()
def _scores(model: LinkModel, head: np.ndarray, relation: int, tail: np.ndarray) -> np.ndarray:
    """Scores of triples as answers from either side, [n, 2]."""
    model.eval()
    heads, tails = torch.from_numpy(head), torch.from_numpy(tail)
    relations = torch.full_like(heads, relation)
    # Only among each other: a large graph has many more entities than are asked about.
    of_tail = model.score_tails(heads, relations, tails).diagonal()
    of_head = model.score_heads(relations, tails, heads).diagonal()
    return np.asarray(torch.stack((of_tail, of_head), dim=1).double().numpy())
