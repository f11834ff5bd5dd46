"""A run folder of a recommender: all that it takes to recommend, also to users that came later.

``recommend.json`` has the settings and how probabilities are told; ``recommend.safetensors`` the
likes and the ranker. The vectors in ``weights.safetensors`` are those of items and users together,
to be written and searched as those of any run; an entity that is both has its vector as an item.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from scipy.sparse import csr_matrix
from torch import Tensor

from kgplatform.errors import RunError, UsageError
from kgplatform.parsed import parsed_json
from kgplatform.recommend.baselines import ItemKnn, Popularity
from kgplatform.recommend.confidence import Confidence
from kgplatform.recommend.likes import Likes
from kgplatform.recommend.settings import RecommendSettings, settings_of
from kgplatform.recommend.vectors import Ranker, Vectors
from kgplatform.training.artifacts import TRAIN_AGAIN, Run, save_tensors, write_atomically
from kgplatform.training.vector_run import save_vector_run

TASK = "recommend"
SETTINGS_FILE = "recommend.json"
TENSORS_FILE = "recommend.safetensors"

KNOWN_USER, FOLD_IN, POPULAR = "run", "fold_in", "popularity"
"""How items are ranked for a user: by what the run learned of them, by the mean vector of what they
like, or by what all like where nothing is known of them."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A ranker and what its rows stand for.

    Attributes:
        ranker: Of rows of users and items.
        popularity: What is recommended to those of whom nothing is known.
        settings: How it was trained.
        relation: What stands between a user and what they like.
        users: entity_ids, [U].
        items: entity_ids, [I].
        train: Pairs of rows that it was trained on, int64 [E, 2].
        confidence: How probabilities are told, by how items were ranked.
    """

    ranker: Ranker
    popularity: Popularity
    settings: RecommendSettings
    relation: str
    users: tuple[str, ...]
    items: tuple[str, ...]
    train: Tensor
    confidence: Mapping[str, Confidence]


def trained_of(
    ranker: Ranker,
    likes: Likes,
    settings: RecommendSettings,
    popularity: Popularity,
    confidence: Mapping[str, Confidence],
) -> Trained:
    """What a run keeps of a ranker that was fitted to likes."""
    users, items = (
        tuple(likes.entities[row] for row in rows.tolist()) for rows in (likes.users, likes.items)
    )
    pairs = likes.of("train")
    return Trained(ranker, popularity, settings, likes.relation, users, items, pairs, confidence)


def save_recommender(
    folder: Path,
    trained: Trained,
    source: Mapping[str, Any],
    digest: str,
    metrics: Mapping[str, Any],
    seconds: float,
) -> Run:
    """Keep a recommender as a run."""
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "settings": trained.settings.to_json(),
        "relation": trained.relation,
        "users": list(trained.users),
        "items": list(trained.items),
        "confidence": {by: asdict(each) for by, each in trained.confidence.items()},
    }
    write_atomically(folder / SETTINGS_FILE, json.dumps(said, ensure_ascii=False) + "\n")
    ranker = trained.ranker
    tensors = {"train": trained.train.int(), "popularity": trained.popularity.liked}
    if isinstance(ranker, Vectors):
        tensors |= {"user": ranker.user, "item": ranker.item}
    elif isinstance(ranker, ItemKnn):
        near = ranker.near
        tensors |= {
            "near_data": torch.from_numpy(near.data),
            "near_indices": torch.from_numpy(near.indices.astype(np.int32)),
            "near_indptr": torch.from_numpy(near.indptr.astype(np.int64)),
        }
    save_tensors(folder / TENSORS_FILE, tensors)
    entities, table = _table(trained)
    return save_vector_run(
        folder,
        TASK,
        entities,
        table,
        {**source, "task": TASK, "relation": trained.relation, "ranks_by": trained.settings.model},
        snapshot_digest=digest,
        metrics=metrics,
        seconds=seconds,
    )


def load_recommender(run: Run) -> Trained:
    """What :func:`save_recommender` kept.

    Raises:
        RunError: It is another kind of run, or its files are damaged.
    """
    if run.source.get("task") != TASK:
        raise RunError(
            f"run {run.id} recommends nothing", hint="kgp train recommend makes one that does"
        )
    try:
        said = parsed_json((run.folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        tensors = load_file(run.folder / TENSORS_FILE)
        users, items = tuple(said["users"]), tuple(said["items"])
        popularity = Popularity(tensors["popularity"])
        train = tensors["train"].long()
        return Trained(
            _ranker(tensors, popularity, train, (len(users), len(items))),
            popularity,
            settings_of(said["settings"]),
            said["relation"],
            users,
            items,
            train,
            {by: Confidence(**each) for by, each in said["confidence"].items()},
        )
    except (OSError, ValueError, TypeError, KeyError, SafetensorError, UsageError) as error:
        detail = " ".join(str(error).split())[:300]
        raise RunError(f"{run.folder} cannot be read: {detail}", hint=TRAIN_AGAIN) from None


def _ranker(
    tensors: Mapping[str, Tensor], popularity: Popularity, train: Tensor, shape: tuple[int, int]
) -> Ranker:
    if "user" in tensors:
        return Vectors(tensors["user"], tensors["item"])
    if "near_data" in tensors:
        data, indices, start = (
            tensors[f"near_{name}"].numpy() for name in ("data", "indices", "indptr")
        )
        near = csr_matrix((data, indices, start), shape=(shape[1], shape[1]))
        rows, columns = train.T.numpy()
        ones = np.ones(len(rows), dtype=np.float32)
        return ItemKnn(csr_matrix((ones, (rows, columns)), shape=shape), near)
    return popularity


def _table(trained: Trained) -> tuple[list[str], np.ndarray]:
    """Entities with their vectors, items first; for models without, how many like an item."""
    ranker, taken = trained.ranker, set(trained.items)
    others = [row for row, user in enumerate(trained.users) if user not in taken]
    entities = [*trained.items, *(trained.users[row] for row in others)]
    if isinstance(ranker, Vectors):
        return entities, torch.cat((ranker.item, ranker.user[others])).numpy()
    table = torch.zeros(len(entities), 1)
    table[: len(trained.items), 0] = trained.popularity.liked
    return entities, table.numpy()
