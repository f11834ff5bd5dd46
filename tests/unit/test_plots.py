"""Pictures of runs: that they are drawn, and that what they show is so."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from kgplatform.errors import InputError, RunError, UsageError
from kgplatform.training.plots import plot_comparison, plot_relations
from kgplatform.training.scatter import (
    MOST_POINTS,
    chosen_points,
    flattened,
    plot_projection,
)


def results(relations: int) -> dict[str, Any]:
    return {
        "mrr": 0.5,
        "baseline": {"mrr": 0.3},
        "relations": {
            f"r${i}": {"mrr": i / 100, "count": 2 * (100 - i), "cardinality": ("1-1", "N-N")[i % 2]}
            for i in range(relations)
        },
    }


@pytest.mark.parametrize("relations", [1, 60])
def test_relations_are_drawn(relations: int, tmp_path: Path) -> None:
    picture = plot_relations("test", results(relations), tmp_path / "deep" / "r.png")
    assert imread(picture).std() > 0.01


def test_runs_are_drawn_over_each_other(tmp_path: Path) -> None:
    for name in "ab":
        lines = [{"epoch": i, "loss": 1 / i} for i in range(1, 5)]
        lines[-1]["valid_mrr"] = 0.4
        (tmp_path / name).write_text("\n".join(json.dumps(line) for line in lines))
    picture = plot_comparison([(n, tmp_path / n) for n in "ab"], tmp_path / "c.svg")
    text = picture.read_text()
    assert "<svg" in text
    with pytest.raises(RunError, match="cannot be read"):
        plot_comparison([("c", tmp_path / "none")], tmp_path / "c.png")
    with pytest.raises(InputError, match="no format of pictures") as caught:
        plot_comparison([("a", tmp_path / "a")], tmp_path / "c.xyz")
    assert ".png" in caught.value.hint


def test_principal_components_equal_those_of_a_singular_value_decomposition() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 8)) * np.arange(1, 9)
    places, text = flattened(vectors.astype(np.float32), "pca")
    left, values, _ = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)
    assert np.abs(places) == pytest.approx(np.abs(left[:, :2] * values[:2]), rel=1e-3)
    share = (values[:2] ** 2).sum() / (values**2).sum()
    assert f"{share:.0%}" in text


@pytest.mark.parametrize("shape", [(1, 4), (2, 1), (3, 3)])
def test_even_a_few_vectors_are_drawn(shape: tuple[int, int], tmp_path: Path) -> None:
    places, text = flattened(np.ones(shape, dtype=np.float32), "pca")
    assert places.shape == (shape[0], 2)
    picture = plot_projection(places, text, [None] * shape[0], "few", tmp_path / "p.png")
    assert picture.stat().st_size


def test_many_points_are_sampled_alike_each_time() -> None:
    chosen = chosen_points(MOST_POINTS * 3, seed=4)
    assert len(set(chosen.tolist())) == MOST_POINTS
    assert (chosen == chosen_points(MOST_POINTS * 3, seed=4)).all()
    assert chosen_points(5).tolist() == [0, 1, 2, 3, 4]


def test_labels_have_colours_and_a_legend(tmp_path: Path) -> None:
    places = np.random.default_rng(0).normal(size=(200, 2))
    labels = [f"kind {i % 20}" if i % 3 else None for i in range(200)]
    picture = plot_projection(places, "axes", labels, "title", tmp_path / "p.png")
    pixels = imread(picture)[..., :3].reshape(-1, 3)
    assert len(np.unique((pixels * 8).astype(int), axis=0)) > 12


def test_umap_keeps_groups_together(tmp_path: Path) -> None:
    pytest.importorskip("umap", reason="needs the extra umap")
    rng = np.random.default_rng(0)
    centers = np.repeat(np.eye(3) * 10, 20, axis=0)
    vectors = (centers + rng.normal(size=(60, 3))).astype(np.float32)
    places, _ = flattened(vectors, "umap", seed=1)
    middles = places.reshape(3, 20, 2).mean(1)
    inside = np.linalg.norm(places.reshape(3, 20, 2) - middles[:, None], axis=2).mean()
    between = np.linalg.norm(middles[0] - middles[1])
    assert between > 2 * inside
    assert np.array_equal(places, flattened(vectors, "umap", seed=1)[0])


def test_without_umap_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UsageError, match="UMAP needs") as caught:
        flattened(np.ones((9, 3), dtype=np.float32), "umap")
    assert "kgplatform[umap]" in caught.value.hint
