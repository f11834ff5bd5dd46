"""Training of a recommender: one loss for all models, stopped by what validation says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from kgplatform.errors import TrainingError
from kgplatform.progress import Progress, silent
from kgplatform.recommend.baselines import item_knn, popularity
from kgplatform.recommend.evaluate import figures, means
from kgplatform.recommend.likes import Likes
from kgplatform.recommend.settings import TRAINED, RecommendSettings
from kgplatform.recommend.vectors import Factors, GraphAware, LightGCN, Ranker, Vectors

BEST_BY = "ndcg_at_20"


@dataclass(frozen=True)
class Epoch:
    """One round over the likes.

    Attributes:
        epoch: From 1.
        loss: Mean over its steps.
        ndcg: NDCG@20 on validation, where it was evaluated.
        recall: Recall@20, likewise.
    """

    epoch: int
    loss: float
    ndcg: float | None = None
    recall: float | None = None


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained ranker.

    Attributes:
        ranker: With the weights that were best on validation.
        curve: Its epochs; none where nothing is learned.
        best_epoch: The one whose weights were kept; 0 where nothing is learned.
    """

    ranker: Ranker
    curve: tuple[Epoch, ...] = ()
    best_epoch: int = 0


def fit(
    likes: Likes,
    settings: RecommendSettings,
    texts: Tensor | None = None,
    progress: Progress = silent,
    watch: Callable[[Epoch], None] = lambda _: None,
) -> Fitted:
    """Train what the settings name.

    Args:
        likes: The data.
        settings: The model and how it is trained.
        texts: Vectors of all entities' texts, float32 [N, D]; read by ``graph`` alone.
        progress: Told of epochs.
        watch: Told of each epoch.

    Raises:
        TrainingError: The loss is not finite.
    """
    if settings.model not in TRAINED:
        if settings.model == "popularity":
            return Fitted(popularity(likes))
        return Fitted(item_knn(likes, settings.neighbours))
    # Weights, batches, negatives and dropout all come from torch's own generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return _learned(likes, settings, texts, progress, watch)


def _learned(
    likes: Likes,
    settings: RecommendSettings,
    texts: Tensor | None,
    progress: Progress,
    watch: Callable[[Epoch], None],
) -> Fitted:
    model = _new_model(likes, settings, texts)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    batches = _Batches(likes, settings)
    judged = len(likes.of("valid")) > 0
    curve: list[Epoch] = []
    best, best_epoch, best_state, waited = -1.0, 0, None, 0
    for epoch in range(1, settings.epochs + 1):
        loss = _round(model, optimizer, batches, settings)
        said = Epoch(epoch, loss)
        if judged and epoch % settings.evaluate_every == 0:
            found = means(figures(vectors_of(model).scores, likes, "valid", drawn=False))
            said = Epoch(epoch, loss, float(found[BEST_BY]), float(found["recall_at_20"]))
            waited += 1
            if found[BEST_BY] > best:
                best, best_epoch, waited = float(found[BEST_BY]), epoch, 0
                best_state = copy.deepcopy(model.state_dict())
        curve.append(said)
        watch(said)
        progress("epochs", epoch, settings.epochs)
        if waited >= settings.patience:
            break
    if best_state is not None:
        model.load_state_dict(best_state)
    return Fitted(vectors_of(model), tuple(curve), best_epoch or len(curve))


def vectors_of(model: Factors) -> Vectors:
    """A model's vectors as they are now, without dropout."""
    model.eval()
    with torch.no_grad():
        user, item, _ = model()
    model.train()
    return Vectors(user.detach().clone(), item.detach().clone())


def _new_model(likes: Likes, settings: RecommendSettings, texts: Tensor | None) -> Factors:
    if settings.model == "bpr":
        return Factors(likes, settings)
    if settings.model == "lightgcn":
        return LightGCN(likes, settings)
    return GraphAware(likes, settings, texts)


class _Batches:
    """Likes of train in random order, with what is liked already."""

    def __init__(self, likes: Likes, settings: RecommendSettings) -> None:
        self.pairs = likes.of("train")
        self.num_items = len(likes.items)
        self.size = settings.batch_size
        self.train = likes.matrix("train")
        # Whether a user likes an item, by one number a pair, sorted.
        self.known = torch.sort(self.pairs[:, 0] * self.num_items + self.pairs[:, 1]).values

    def liked(self, users: Tensor, items: Tensor) -> Tensor:
        """Whether users like items, both [B]."""
        keys = users * self.num_items + items
        place = torch.searchsorted(self.known, keys).clamp(max=len(self.known) - 1)
        return self.known[place] == keys

    def liked_among(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Where users [B] like one of some distinct items [M]: rows and columns."""
        column = np.full(self.num_items, -1)
        column[items.numpy()] = np.arange(len(items))
        rows = self.train[users.numpy()].tocoo()
        found = column[rows.col]
        here = found >= 0
        return torch.from_numpy(rows.row[here].astype(np.int64)), torch.from_numpy(found[here])

    def drawn(self) -> tuple[Tensor, ...]:
        """Batches of one epoch, [B, 2] each."""
        return torch.split(self.pairs[torch.randperm(len(self.pairs))], self.size)


def _round(
    model: Factors,
    optimizer: torch.optim.Optimizer,
    batches: _Batches,
    settings: RecommendSettings,
) -> float:
    total, steps = 0.0, 0
    for batch in batches.drawn():
        optimizer.zero_grad()
        loss = _loss(model, batch, batches, settings)
        if not bool(torch.isfinite(loss)):
            raise TrainingError(
                "the loss is not finite", hint="lower learning_rate or raise regularization"
            )
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total, steps = total + float(loss.detach()), steps + 1
    return total / max(steps, 1)


def _loss(model: Factors, batch: Tensor, batches: _Batches, settings: RecommendSettings) -> Tensor:
    """The loss of a batch and the penalty on the first vectors of what it touches."""
    users, items = batch.T
    user, item, start = model()
    if settings.loss == "bpr":
        other = torch.randint(batches.num_items, (len(batch),))
        # Drawn once more where it is liked; what is liked even then is left out of the loss.
        again = torch.randint(batches.num_items, (len(batch),))
        other = torch.where(batches.liked(users, other), again, other)
        apart = (user[users] * (item[items] - item[other])).sum(dim=1)
        loss = softplus(-apart)[~batches.liked(users, other)].sum() / len(batch)
        touched = torch.cat((users, model.num_users + items, model.num_users + other))
    else:
        loss = _softmax(user, item, batch, batches, settings)
        touched = torch.cat((users, model.num_users + items))
    penalty = start[touched].square().sum() / len(batch)
    whole: Tensor = loss + settings.regularization * penalty
    return whole


def _softmax(
    user: Tensor, item: Tensor, batch: Tensor, batches: _Batches, settings: RecommendSettings
) -> Tensor:
    """Cross-entropy of each like among drawn items that its user does not like."""
    users, items = batch.T
    # Each user once, however many of their likes are in the batch.
    each, place = torch.unique(users, return_inverse=True)
    drawn = torch.randperm(batches.num_items)[: settings.negatives]
    others = user[each] @ item[drawn].T / settings.temperature
    mask = torch.zeros_like(others)
    mask[batches.liked_among(each, drawn)] = -torch.inf
    against = torch.logsumexp(others + mask, dim=1)[place]
    own = (user[users] * item[items]).sum(dim=1) / settings.temperature
    return (torch.logaddexp(own, against) - own).mean()
