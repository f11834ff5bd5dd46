"""What a gain by the graph must survive: the same model with a graph that says nothing.

Each control keeps all that a model can profit from without knowing anything of the entities: its
size, the norms of the vectors, the degrees of the graph.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.build import Joint
from kgplatform.joint.dataset import LinkedTexts
from kgplatform.joint.nodes import Modality
from kgplatform.triples import SPLITS

SWAPS_AN_EDGE = 10


def permuted(joint: Joint, seed: int = 0) -> Joint:
    """Each entity is taken for another one, always the same: its vector is that of a stranger."""
    generator = torch.Generator().manual_seed(seed)
    place = torch.randperm(joint.snapshot.num_entities, generator=generator)
    other = place[joint.dataset.entity_index]
    return dataclasses.replace(
        joint, dataset=dataclasses.replace(joint.dataset, entity_index=other)
    )


def shuffled(joint: Joint, seed: int = 0) -> Joint:
    """Edges between random entities; each entity keeps its degree in each relation."""
    return dataclasses.replace(joint, snapshot=shuffled_edges(joint.snapshot, seed))


def shuffled_edges(snapshot: KGSnapshot, seed: int = 0) -> KGSnapshot:
    """The same degrees, other edges: tails of two edges of a relation are swapped, many times.

    Maslov and Sneppen 2002, "Specificity and Stability in Topology of Protein Networks". Swaps that
    would make a loop or a second edge of the same kind are not made.
    """
    draw = np.random.default_rng(seed)
    head, tail = (each.copy() for each in snapshot.edge_index.numpy())
    kind = snapshot.edge_type.numpy()
    entities = snapshot.num_entities
    for relation in range(snapshot.num_relations):
        rows = np.flatnonzero(kind == relation)
        if len(rows) > 1:
            tail[rows] = _swapped(head[rows], tail[rows], entities, draw)
    order = np.lexsort((tail, kind, head))
    edges = torch.from_numpy(np.stack((head[order], tail[order])))
    return KGSnapshot(
        entities=snapshot.entities,
        relations=snapshot.relations,
        edge_index=edges,
        edge_type=torch.from_numpy(kind[order]),
        split=torch.full((len(order),), -1, dtype=torch.int8),
    )


def _swapped(
    head: np.ndarray, tail: np.ndarray, entities: int, draw: np.random.Generator
) -> np.ndarray:
    """Tails after rounds in which edges are paired at random and swap where that is allowed."""
    tail = tail.copy()
    for _ in range(SWAPS_AN_EDGE):
        order = draw.permutation(len(head))
        one, other = order[: len(order) // 2], order[len(order) // 2 : 2 * (len(order) // 2)]
        first, second = head[one] * entities + tail[other], head[other] * entities + tail[one]
        wanted = np.concatenate((first, second))
        _, place, count = np.unique(wanted, return_inverse=True, return_counts=True)
        fresh = (count[place] == 1) & ~np.isin(wanted, head * entities + tail)
        half = len(one)
        allowed = fresh[:half] & fresh[half:]
        allowed &= (head[one] != tail[other]) & (head[other] != tail[one])
        one, other = one[allowed], other[allowed]
        tail[one], tail[other] = tail[other], tail[one]
    return tail


def random_vectors(joint: Joint, seed: int = 0) -> Joint:
    """The vectors of each modality and of relations in random directions, of the same norms."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(values: torch.Tensor) -> torch.Tensor:
        others = torch.randn(values.shape, generator=generator)
        others *= values.norm(dim=1, keepdim=True) / others.norm(dim=1, keepdim=True)
        return others

    modalities = {
        name: Modality(drawn(each.values), each.present) for name, each in joint.modalities.items()
    }
    relations = None if joint.relation_vectors is None else drawn(joint.relation_vectors)
    return dataclasses.replace(joint, modalities=modalities, relation_vectors=relations)


def majority(dataset: LinkedTexts) -> np.ndarray:
    """For each test text, the class that training has most often."""
    counts = torch.bincount(dataset.labels[dataset.rows("train")])
    return np.full(len(dataset.rows("test")), int(counts.argmax()))


def tfidf(dataset: LinkedTexts) -> np.ndarray:
    """Classes of test texts by TF-IDF of words and pairs, and logistic regression.

    Its strength of regularisation is chosen on validation texts.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=1)
    try:
        known = words.fit([dataset.texts[row] for row in dataset.rows("train").tolist()])
    except ValueError:
        # No training text has a word of two letters.
        return majority(dataset)
    parts = [
        known.transform([dataset.texts[row] for row in dataset.rows(split).tolist()])
        for split in SPLITS
    ]
    return logistic(parts, dataset)


def logistic(parts: list[np.ndarray], dataset: LinkedTexts) -> np.ndarray:
    """Classes of test texts by logistic regression; C is chosen on validation texts.

    Args:
        parts: Features of the texts of train, valid and test.
        dataset: For their classes.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    train, valid = (dataset.labels[dataset.rows(name)].numpy() for name in SPLITS[:2])
    best, found = -1.0, np.empty(0)
    for strength in (1.0, 3.0, 10.0, 30.0, 100.0):
        model = LogisticRegression(C=strength, max_iter=2000).fit(parts[0], train)
        value = float(f1_score(valid, model.predict(parts[1]), average="macro"))
        if value > best:
            best, found = value, model.predict(parts[2])
    return found
