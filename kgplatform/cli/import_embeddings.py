"""``kgp import-embeddings``: vectors trained elsewhere become a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar
from kgplatform.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.progress import Progress
    from kgplatform.store.client import Store
    from kgplatform.store.writeback import Target

EXAMPLES = 5


@click.command(name="import-embeddings")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--from", "tool", required=True, help="pykeen, openke, dglke, torchkge, …")
@click.option("--graph", help="Graph of the entities.  [default: default]")
@click.option("--label", help="Label of your own nodes, in place of a graph.")
@click.option("--key", help="With --label: the property that identifies them.")
@click.option("--name", help="Name of the run; by default its time and the toolkit.")
@click.option(
    "--max-unmatched",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Share of the vectors that may belong to no node.",
)
@click.option("--trust-pickle", is_flag=True, help="Open a pickle, which can run any code.")
@click.option("--python", type=click.Path(path_type=Path), help="Python that has AmpliGraph.")
@json_option
def import_embeddings(
    path: Path,
    tool: str,
    graph: str | None,
    label: str | None,
    key: str | None,
    name: str | None,
    max_unmatched: float,
    trust_pickle: bool,
    python: Path | None,
    as_json: bool,
) -> None:
    """Make a run of the vectors in PATH, joined by name with the entities of a graph.

    Toolkits are pykeen, openke, dglke, torchkge, ampligraph and table (Parquet, NPY, text). The
    run is like one of ours: `kgp write`, `similar` and `undo` take it, and `evaluate` and
    `predict`, too, if it is a TransE or DistMult of PyKEEN, DGL-KE or AmpliGraph.
    """
    import numpy as np

    from kgplatform.connection import open_store
    from kgplatform.graph.interchange import Opening, read_vectors
    from kgplatform.settings import load_settings
    from kgplatform.training.imported import save_model, save_vectors, why_no_scores

    if bool(label) != bool(key) or (label and graph):
        raise UsageError(
            "the entities are in --graph, or under --label with --key", hint="--label P --key email"
        )
    settings = load_settings()
    folder = settings.kgp_runs / _run_id(tool, name, settings.kgp_runs)
    vectors = read_vectors(tool, path, Opening(trust_pickle, python))
    with open_store(settings) as store, progress_bar() as progress:
        target, missing = _match(store, graph, label, key, vectors.entities)
        _check_matched(vectors.entities, missing, max_unmatched)
        snapshot, source = _projection(store, target, progress, wanted=vectors.score is not None)
    source["imported"] = {"tool": tool, "model": vectors.model, "path": str(path)}
    reason = why_no_scores(vectors, snapshot)
    if reason is None and snapshot is not None:
        with progress_bar() as progress:
            run = save_model(vectors, snapshot, folder, source, progress)
    else:
        note(f"vectors alone: {reason}")
        keep = np.setdiff1d(np.arange(len(vectors.entities)), missing)
        run = save_vectors(vectors, keep, folder, source)
    data = {
        "run": run.id,
        "folder": str(run.folder),
        "model": run.config.model,
        "entities": len(vectors.entities) - len(missing),
        "unmatched": len(missing),
        "dimension": run.config.embedding_dim,
        "vectors_alone": reason,
        "metrics": dict(run.metrics),
    }
    emit(
        data,
        as_json,
        f"run {run.id}: {data['entities']:,} vectors of {data['dimension']} numbers, "
        f"{len(missing):,} unmatched\nnext: kgp write {run.id}",
    )


def _run_id(tool: str, name: str | None, runs: Path) -> str:
    from kgplatform.training.artifacts import RUN_FILE, is_begun, new_run_id

    if name is None:
        return new_run_id(tool, runs)
    if not name.replace("-", "").replace("_", "").isalnum() or name == "latest":
        raise UsageError(f"{name!r} is no name for a run", hint="use letters, digits, - and _")
    folder = runs / name
    if (folder / RUN_FILE).exists():
        raise UsageError(f"there is a run {name!r} already", hint="name it otherwise")
    # Without that file, a folder of a run is what an import has left that was killed.
    if folder.exists() and not is_begun(folder):
        raise UsageError(f"{folder} is there, and no run", hint="name the run otherwise")
    return name


def _match(
    store: Store,
    graph: str | None,
    label: str | None,
    key: str | None,
    entities: Sequence[str],
) -> tuple[Target, list[int]]:
    """The nodes that the names mean, and the positions of those that mean none."""
    from kgplatform.store.writeback import Target, unmatched

    if not label or not key:
        target = Target(graph=graph or "default")
        return target, unmatched(store, target, entities)
    target = Target(label=label, key=key, graph=None)
    missing = unmatched(store, target, entities)
    if len(missing) == len(entities) and all(name.isdecimal() for name in entities):
        # Their ids are numbers, which toolkits have as text.
        target = Target(label=label, key=key, graph=None, integer_keys=True)
        missing = unmatched(store, target, entities)
    return target, missing


def _check_matched(entities: Sequence[str], missing: list[int], most: float) -> None:
    if len(missing) == len(entities) or len(missing) > most * len(entities):
        examples = ", ".join(repr(entities[row]) for row in missing[:EXAMPLES])
        raise InputError(
            f"{len(missing):,} of {len(entities):,} names have no node, such as {examples}",
            hint="name the graph that was exported, or allow more with --max-unmatched",
        )


def _projection(
    store: Store, target: Target, progress: Progress, *, wanted: bool
) -> tuple[KGSnapshot | None, dict[str, Any]]:
    """The facts among the nodes, if they are wanted, and what the run remembers of where."""
    from kgplatform import queries
    from kgplatform.cli.connection import snapshot_of_source

    source: dict[str, Any] = {"graph": target.graph}
    if target.graph is None:
        query = queries.fill("read/project_label", label=target.label, key=target.key)
        source |= {"cypher": query, "params": {}, "label": target.label, "key": target.key}
        source["integer_keys"] = target.integer_keys
    if not wanted:
        return None, source
    try:
        return snapshot_of_source(store, source, progress)
    except InputError as error:
        note(str(error))
        return None, source
