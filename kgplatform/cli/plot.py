"""``kgp plot``: pictures of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, progress_bar
from kgplatform.errors import RunError, UnknownNameError

if TYPE_CHECKING:
    from kgplatform.training.artifacts import Run
    from kgplatform.training.scatter import Method

NO_COLOR = "none"


@click.command()
@click.argument("run")
@click.option(
    "--kind",
    type=click.Choice(["curves", "relations", "projection"]),
    default="curves",
    show_default=True,
    help="Curves of the training; MRR by relation; or the vectors in two dimensions.",
)
@click.option(
    "--method",
    type=click.Choice(["pca", "umap"]),
    default="pca",
    show_default=True,
    help="How vectors are flattened; umap needs the extra `umap`.",
)
@click.option(
    "--color",
    metavar="NAME",
    help="What colours the vectors: a category among the projection's features, `none`, or by "
    "default the projection's labels, else the labels of the graph's nodes.",
)
@click.option("--to", type=click.Path(path_type=Path), help="File to draw into (png, svg, pdf).")
@json_option
def plot(
    run: str, kind: str, method: Method, color: str | None, to: Path | None, as_json: bool
) -> None:
    """Draw RUN: its learning curves, its MRR by relation, or its vectors.

    \b
    kgp plot latest
    kgp plot latest --kind relations --to relations.svg
    kgp plot latest --kind projection --method umap
    """
    from kgplatform.settings import load_settings
    from kgplatform.training.artifacts import METRICS_FILE, find_run, load_run
    from kgplatform.training.plots import LEARNING_CURVE, plot_learning_curve, plot_relations

    folder = find_run(load_settings().kgp_runs, run)
    if kind == "curves":
        picture = plot_learning_curve(folder / METRICS_FILE, to or folder / LEARNING_CURVE)
    elif kind == "relations":
        split, values = _results(load_run(folder))
        picture = plot_relations(split, values, to or folder / "plots" / "relations.png")
    else:
        default = folder / "plots" / f"projection_{method}.png"
        picture = _projection(load_run(folder), method, color, to or default)
    emit({"run": folder.name, "kind": kind, "picture": str(picture)}, as_json, str(picture))


def _results(run: Run) -> tuple[str, dict[str, Any]]:
    """The last split of a run's metrics that has relations: test, where there is one."""
    having = [item for item in run.metrics.items() if "relations" in item[1]]
    if not having:
        raise RunError(
            f"run {run.id} has no results by relation",
            hint="train it again on a graph with validation or test facts",
        )
    return having[-1]


def _projection(run: Run, method: Method, color: str | None, picture: Path) -> Path:
    from kgplatform.training.artifacts import entity_vectors
    from kgplatform.training.scatter import chosen_points, flattened, plot_projection

    entities, vectors = entity_vectors(run)
    chosen = chosen_points(len(entities), run.config.seed)
    labels = _colors(run, [entities[at] for at in chosen.tolist()], color)
    places, axes = flattened(vectors[chosen], method, run.config.seed)
    title = f"{run.config.model}, {len(chosen):,} of {len(entities):,} entities"
    return plot_projection(places, axes, labels, title, picture)


def _colors(run: Run, entities: Sequence[str], color: str | None) -> list[str | None]:
    """What colours each entity; None where it has nothing of the kind."""
    from kgplatform.cli.connection import snapshot_of_run
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.labels import labels_of

    if color == NO_COLOR:
        return [None] * len(entities)
    settings = load_settings()
    graph = run.source.get("graph")
    of_projection = "projection" in run.source or run.source.get("snapshot")
    if color is None and not of_projection:
        if graph is None:
            return [None] * len(entities)
        with open_store(settings) as store:
            return labels_of(store, graph, entities)
    with progress_bar() as progress:
        snapshot = snapshot_of_run(settings, run.source, run.snapshot_digest, progress)
    labels = [snapshot.labels] if snapshot.labels is not None else []
    categories = {one.name: one for one in (*snapshot.features, *labels) if one.texts}
    if color is None:
        if not labels:
            return [None] * len(entities)
        color = labels[0].name
    if color not in categories:
        raise UnknownNameError("category", color, {*categories, NO_COLOR})
    feature = categories[color]
    codes = dict(zip(snapshot.entities, feature.values.tolist(), strict=True))
    found = (codes.get(name, -1) for name in entities)
    return [feature.texts[code] if code >= 0 else None for code in found]
