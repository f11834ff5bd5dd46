"""The part of a graph around the entities that a text names."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.dataset import LinkedTexts


def with_neighbours(dataset: LinkedTexts, snapshot: KGSnapshot, most: int) -> LinkedTexts:
    """The same texts with neighbours of their entities behind their own entities.

    Args:
        dataset: With its links.
        snapshot: The graph.
        most: Neighbours that a text has at most: those with the most edges to its entities, and
            of these those with the fewest edges in all, as they say most.
    """
    if most == 0:
        return dataset
    start, neighbour = undirected(snapshot)
    degree = np.diff(start)
    offsets, entities = dataset.offsets.numpy(), dataset.entity_index.numpy()
    rows: list[np.ndarray] = []
    for at in range(len(dataset)):
        own = entities[offsets[at] : offsets[at + 1]]
        around = np.concatenate([neighbour[start[e] : start[e + 1]] for e in own] or [own])
        found, count = np.unique(around[~np.isin(around, own)], return_counts=True)
        best = np.lexsort((degree[found], -count))[:most]
        rows.append(np.concatenate((own, found[best])))
    places = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=places[1:])
    return dataclasses.replace(
        dataset,
        offsets=torch.from_numpy(places),
        entity_index=torch.from_numpy(np.concatenate([*rows, np.empty(0, np.int64)])).long(),
        span=None,
    )


def undirected(snapshot: KGSnapshot) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours of each entity in both directions, each once: starts [N + 1], neighbours."""
    head, tail = snapshot.edge_index.numpy()
    key = np.unique(_keys(np.r_[head, tail], np.r_[tail, head], snapshot.num_entities))
    source, target = key // snapshot.num_entities, key % snapshot.num_entities
    start = np.zeros(snapshot.num_entities + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=snapshot.num_entities), out=start[1:])
    return start, target


class Between:
    """Looks up which of the entities of a batch have an edge.

    Args:
        snapshot: The graph.
    """

    def __init__(self, snapshot: KGSnapshot) -> None:
        self._entities = snapshot.num_entities
        head, tail = snapshot.edge_index.numpy()
        self._keys = np.unique(_keys(np.r_[head, tail], np.r_[tail, head], self._entities))

    def __call__(self, entities: Tensor) -> Tensor:
        """Whether two entities have an edge, in either direction; [B, M] → bool [B, M, M]."""
        given = entities.numpy()
        wanted = _keys(given[:, :, None], given[:, None, :], self._entities)
        at = np.searchsorted(self._keys, wanted).clip(max=max(0, len(self._keys) - 1))
        found = self._keys[at] == wanted if len(self._keys) else np.zeros(wanted.shape, bool)
        return torch.from_numpy(found)


def _keys(source: np.ndarray, target: np.ndarray, entities: int) -> np.ndarray:
    keys: np.ndarray = source.astype(np.int64) * entities + target
    return keys
