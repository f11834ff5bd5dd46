"""``kgp train`` and ``kgp evaluate``: from a projection in the database to a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar
from kgplatform.cli.results import results_text
from kgplatform.cli.source import pairs, source_options
from kgplatform.cli.training_view import training_view
from kgplatform.errors import UsageError
from kgplatform.parsed import parsed_yaml

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.training.artifacts import Run
    from kgplatform.training.config import TrainingConfig
    from kgplatform.training.distributed import Group
    from kgplatform.training.watch import Moment, Watch

NO_METRICS = "no validation or test facts, so no metrics"


@click.command()
@click.argument("model")
@source_options(own_nodes=True, frozen=True)
@click.option("--set", "settings_given", multiple=True, metavar="K=V", help="A training setting.")
@click.option("--config", type=click.Path(path_type=Path), help="A YAML file of settings.")
@click.option(
    "--rejected",
    type=click.Path(path_type=Path),
    help="TSV of facts that people rejected: hard negatives.",
)
@click.option("--resume", metavar="RUN", help="Continue an interrupted run.")
@click.option(
    "--track",
    multiple=True,
    type=click.Choice(["tensorboard", "mlflow"]),
    help="Follow the training there, too; needs the extra `track`.",
)
@json_option
def train(
    model: str,
    source: dict[str, Any],
    settings_given: tuple[str, ...],
    config: Path | None,
    rejected: Path | None,
    resume: str | None,
    track: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train MODEL on what a graph or a Cypher query names.

    MODEL is a score function: transe, transh, rotate, distmult, complex, simple, tucker, conve;
    or an encoder over one (--set decoder=complex): gcn, sage, gat, rgcn, compgcn. With
    --set task=classify an encoder learns the labels that a projection gives its entities.
    Of texts and graph together: joint-classify, joint-qa, text-link; an agent that walks: walker;
    what users like next: recommend; each with its own --help.

    \b
    kgp train distmult --graph umls
    kgp train transe --graph umls --set embedding_dim=64 --set seed=1
    kgp train distmult --snapshot snapshots/3f9ac02b117e45d8
    kgp train sage --project papers --set task=classify --set inputs=features
    kgp train gcn --cypher 'MATCH (a:Person)-[r]->(b:Person)
        RETURN a.email AS head, type(r) AS relation, b.email AS tail'
        --label Person --key email

    Several processes train it together where torchrun starts them (docs/guide/cluster.md):

    \b
    torchrun --nproc-per-node 2 -m kgplatform train distmult --snapshot FOLDER
    """
    from kgplatform.settings import load_settings
    from kgplatform.training.distributed import launched_group

    settings = load_settings()
    if track:
        from kgplatform.training.trackers import check_tracker

        for name in track:
            check_tracker(name)
    if rejected is not None and resume is not None:
        raise UsageError(
            "a run that is resumed has its own rejected facts", hint="leave --rejected"
        )
    with launched_group() as group:
        if resume is not None:
            run = _resume(model, resume, settings, track, group)
        else:
            overrides = {**from_file(config), **pairs("--set", settings_given)}
            run = _train(model, source, overrides, settings, track, group, rejected)
    if group.first:
        emit(run_data(run), as_json, run_text(run))


@click.command()
@click.argument("run")
@click.option("--relations", default=20, show_default=True, help="Relations to list.")
@json_option
def evaluate(run: str, relations: int, as_json: bool) -> None:
    """Evaluate RUN's model again on its validation and test splits.

    They are read from the graph, or from the snapshot's folder that it was trained on. Results
    are by cardinality and relation, too, with a 95 % interval of the MRR, beside what rules
    (symmetry, inverses, duplicates, how often a relation has an entity) reach without a model.
    """
    from kgplatform.cli.connection import snapshot_of_run
    from kgplatform.settings import load_settings
    from kgplatform.training.artifacts import find_run, load_run
    from kgplatform.training.reevaluate import evaluate_run

    settings = load_settings()
    trained = load_run(find_run(settings.kgp_runs, run))
    with progress_bar() as progress:
        snapshot = snapshot_of_run(settings, trained.source, trained.snapshot_digest, progress)
    with progress_bar() as progress:
        metrics = evaluate_run(trained, snapshot, progress)
    text = results_text(metrics, most_relations=relations) if metrics else NO_METRICS
    emit({"run": trained.id, "metrics": metrics}, as_json, text)


def run_data(run: Run) -> dict[str, Any]:
    """A run as the command line's JSON has it."""
    return {
        "run": run.id,
        "folder": str(run.folder),
        "model": run.config.model,
        "epochs": run.epochs,
        "best_epoch": run.best_epoch,
        "seconds": run.seconds,
        "complete": run.complete,
        "source": dict(run.source),
        "metrics": dict(run.metrics),
    }


def run_text(run: Run) -> str:
    """A run for a person: its metrics and what can be done next."""
    lines = [f"run {run.id}: {run.epochs} epochs in {run.seconds:.1f} s, best {run.best_epoch}"]
    if run.metrics:
        lines.append(results_text(run.metrics))
    else:
        lines.append(NO_METRICS)
    lines.append(f"next: kgp write {run.id}   kgp predict {run.id}   kgp plot {run.id}")
    return "\n".join(lines)


def _train(
    model: str,
    source: dict[str, Any],
    overrides: dict[str, Any],
    settings: Settings,
    track: tuple[str, ...],
    group: Group,
    rejected: Path | None,
) -> Run:
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.connection import open_store
    from kgplatform.training.artifacts import new_run_id
    from kgplatform.training.config import resolve_config
    from kgplatform.training.loop import train
    from kgplatform.training.rejected import read_rejected

    facts = [] if rejected is None else read_rejected(rejected)
    check_model(model, joint_names())
    if "snapshot" in source:
        snapshot, source = opened(Path(source["snapshot"]))
    elif group.size > 1:
        raise UsageError(
            "several processes train on a snapshot's folder, not on what each reads for itself",
            hint="make one with `kgp snapshot` where all of them see it, and give --snapshot",
        )
    else:
        with open_store(settings) as store, progress_bar() as progress:
            snapshot, source = snapshot_of_source(store, source, progress)
    config = resolve_config(model, snapshot, overrides)
    folder = settings.kgp_runs / group.told(new_run_id(model, settings.kgp_runs))
    text = (
        f"run {folder.name}: {snapshot.num_edges:,} facts, {snapshot.num_entities:,} "
        f"entities, {snapshot.num_relations:,} relations"
    )
    if config.task == "classify":
        if facts:
            raise UsageError("labels are learnt without rejected facts", hint="leave --rejected")
        note(text)
        return _classified(snapshot, config, folder, source, track, group)
    with _followed(track, folder, config, group, text) as (progress, watch, finish):
        run = train(
            snapshot,
            config,
            folder,
            source=source,
            progress=progress,
            watch=watch,
            group=group,
            rejected=facts,
        )
        finish(run)
    return run


@contextlib.contextmanager
def _followed(
    track: tuple[str, ...], folder: Path, config: TrainingConfig, group: Group, text: str
) -> Iterator[tuple[Progress, Watch, Callable[[Run], None]]]:
    """What to give a training as progress and watch, and what to give its run in the end.

    Of several processes the first one is followed, and says ``text`` before.
    """
    from kgplatform.progress import silent
    from kgplatform.training.trackers import Tracked
    from kgplatform.training.watch import unwatched

    if not group.first:
        yield silent, unwatched, lambda _: None
        return
    note(text if group.size == 1 else f"{text}; {group.size} processes")
    with Tracked(track, folder, config) as tracked, training_view() as (progress, show):

        def watch(moment: Moment) -> None:
            show(moment)
            tracked.watch(moment)

        yield progress, watch, tracked.finish


def _classified(
    snapshot: KGSnapshot,
    config: TrainingConfig,
    folder: Path,
    source: dict[str, Any],
    track: tuple[str, ...],
    group: Group,
) -> Run:
    from kgplatform.training.classify_nodes import train_classifier

    if track:
        raise UsageError("--track does not follow a node classification", hint="leave it out")
    if group.size > 1:
        raise UsageError(
            "a node classification is trained by one process", hint="start it without torchrun"
        )
    with progress_bar() as progress:
        return train_classifier(snapshot, config, folder, source=source, progress=progress)


def _resume(model: str, name: str, settings: Settings, track: tuple[str, ...], group: Group) -> Run:
    from kgplatform.cli.connection import snapshot_of_run
    from kgplatform.training.artifacts import find_run, load_run
    from kgplatform.training.loop import resume

    folder = find_run(settings.kgp_runs, name)
    interrupted = load_run(folder, allow_incomplete=True)
    if interrupted.config.model != model:
        raise UsageError(
            f"run {interrupted.id} trains {interrupted.config.model}, not {model}",
            hint=f"kgp train {interrupted.config.model} --resume {interrupted.id}",
        )
    with progress_bar() as progress:
        snapshot = snapshot_of_run(
            settings, interrupted.source, interrupted.snapshot_digest, progress
        )
    text = f"run {interrupted.id} goes on"
    with _followed(track, folder, interrupted.config, group, text) as (progress, watch, finish):
        run = resume(folder, snapshot, progress, watch=watch, group=group)
        finish(run)
    return run


def opened(folder: Path) -> tuple[KGSnapshot, dict[str, Any]]:
    """A folder's snapshot, and the source of a run on it: its own, and where the folder is."""
    from kgplatform.graph.snapshot_folder import describe_snapshot, open_snapshot

    source = describe_snapshot(folder).source
    return open_snapshot(folder), {**source, "snapshot": str(folder)}


def joint_names() -> list[str]:
    """What else `kgp train` takes, each a command of its own."""
    from kgplatform.cli import COMMANDS

    return [name.removeprefix("train ") for name in COMMANDS if name.startswith("train ")]


def check_model(model: str, others: Iterable[str] = ()) -> None:
    """Make sure that there is such a model; a message names ``others``, too.

    Raises:
        UnknownNameError: There is none.
    """
    from kgplatform.errors import UnknownNameError
    from kgplatform.models import MODELS

    if model not in MODELS:
        raise UnknownNameError("model", model, [*MODELS, *others])


def from_file(path: Path | None) -> dict[str, Any]:
    """Settings of a YAML file; none without one.

    Raises:
        UsageError: It cannot be read, or holds something else.
    """
    if path is None:
        return {}
    try:
        values = parsed_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        detail = " ".join(str(error).split())
        raise UsageError(f"{path} cannot be read: {detail}", hint="check the file") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path} holds no settings", hint="a line a setting: embedding_dim: 64")
    return {str(name): value for name, value in values.items()}
