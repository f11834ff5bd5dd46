"""Vectors in two dimensions, coloured by what their entities are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from kgplatform.training.extras import missing
from kgplatform.training.plots import new_figure, plain, saved

Method = Literal["pca", "umap"]

MOST_POINTS = 20_000
"""Entities that are drawn; of more, as many at random."""

MOST_COLORS = 12
"""Labels that have a colour, the most frequent; the others share grey."""


def chosen_points(total: int, seed: int = 0) -> np.ndarray:
    """Which entities are drawn: all, or ``MOST_POINTS`` at random, ascending; int64 [m]."""
    if total <= MOST_POINTS:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, MOST_POINTS, replace=False))


def flattened(vectors: np.ndarray, method: Method, seed: int = 0) -> tuple[np.ndarray, str]:
    """Vectors [m, d] in two dimensions, float [m, 2], and what the axes are.

    Raises:
        UsageError: UMAP is not installed.
    """
    vectors = vectors.reshape(len(vectors), -1).astype(np.float64)
    if method == "umap" and len(vectors) > 3:
        return _umap(vectors, seed), "UMAP (cosine); distances between far groups mean little"
    from sklearn.decomposition import PCA

    parts = min(2, *vectors.shape)
    fitted = PCA(n_components=parts, random_state=seed)
    # Of one vector, or of equal ones, there is no variance to share out.
    with np.errstate(invalid="ignore"):
        places = fitted.fit_transform(vectors)
    if parts < 2:
        places = np.column_stack((places, np.zeros(len(places))))
    share = float(np.nan_to_num(fitted.explained_variance_ratio_).sum())
    return places, f"the two principal components, {share:.0%} of the variance"


def plot_projection(
    places: np.ndarray, axes_text: str, labels: Sequence[str | None], title: str, picture: Path
) -> Path:
    """Draw points [m, 2], each in the colour of its label.

    Args:
        places: From :func:`flattened`.
        axes_text: What the axes are.
        labels: A label of each point, None for none, [m].
        title: Above the picture.
        picture: Where to write.

    Raises:
        InputError: A picture of that suffix cannot be made.
    """
    counts = Counter(label for label in labels if label is not None)
    named = [label for label, _ in counts.most_common(MOST_COLORS)]
    figure = new_figure(8, 6)
    axes = figure.subplots()
    of_label = np.array([named.index(label) if label in named else -1 for label in labels])
    size = float(np.clip(20_000 / max(1, len(places)), 2, 25))
    for code in range(-1, len(named)):
        these = places[of_label == code]
        if not len(these):
            continue
        text = f"{plain(named[code])} ({len(these):,})" if code >= 0 else f"other ({len(these):,})"
        color = f"C{code}" if 0 <= code < 10 else {-1: "lightgrey", 10: "navy", 11: "black"}[code]
        axes.scatter(these[:, 0], these[:, 1], s=size, color=color, label=text, linewidths=0)
    axes.set(title=title, xlabel=axes_text, xticks=[], yticks=[])
    if named:
        axes.legend(fontsize="small", markerscale=max(1.0, 5 / size**0.5), loc="best")
    return saved(figure, picture)


def _umap(vectors: np.ndarray, seed: int) -> np.ndarray:
    try:
        from umap import UMAP
    except ImportError:
        raise missing("umap", "UMAP") from None
    neighbors = min(15, len(vectors) - 1)
    # n_jobs=1: more threads give another picture each time.
    made = UMAP(n_components=2, n_neighbors=neighbors, metric="cosine", random_state=seed, n_jobs=1)
    places: np.ndarray = made.fit_transform(vectors)
    return places
