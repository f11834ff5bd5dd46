"""``kgp tune``: search a model's settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar, table
from kgplatform.cli.source import pairs, source_options
from kgplatform.cli.training_view import training_view
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.settings import Settings
    from kgplatform.training.tune import Outcome, Plan

TRIALS_SHOWN = 10


@click.command()
@click.argument("model")
@source_options(own_nodes=True, frozen=True)
@click.option("--trials", default=20, show_default=True, help="Trials that there shall be in all.")
@click.option(
    "--search",
    multiple=True,
    metavar="K=VALUES",
    help="What a setting may be: 0.01..1:log, 0..0.5 or 64,128,256. By default the settings "
    "that matter most for the model.",
)
@click.option("--set", "settings_given", multiple=True, metavar="K=V", help="A setting for all.")
@click.option("--config", type=click.Path(path_type=Path), help="A YAML file of such settings.")
@click.option("--seed", default=0, show_default=True, help="Of the search.")
@click.option("--resume", metavar="STUDY", help="Go on with a study, after a kill or for more.")
@json_option
def tune(
    model: str,
    source: dict[str, Any],
    trials: int,
    search: tuple[str, ...],
    settings_given: tuple[str, ...],
    config: Path | None,
    seed: int,
    resume: str | None,
    as_json: bool,
) -> None:
    """Search MODEL's settings by MRR on validation; test facts are never ranked.

    Trials that are behind the others' median are given up. The study and its trials' runs are a
    folder among the runs; its best.yaml is for `kgp train --config`. Needs the extra `tune`.

    \b
    kgp tune distmult --graph umls --trials 30
    kgp tune complex --graph umls --search learning_rate=0.01..1:log --search embedding_dim=64,128
    kgp tune distmult --resume 20261126-101500-tune-distmult-3f9a --trials 60
    """
    from kgplatform.cli.train import from_file
    from kgplatform.settings import load_settings
    from kgplatform.training.distributed import was_launched
    from kgplatform.training.tune import tune as run_study

    if was_launched():
        raise UsageError(
            "a study is searched by one process",
            hint="start `kgp tune` without torchrun; its best settings are for any training",
        )
    if trials < 1:
        raise UsageError("--trials must be at least 1", hint="--trials 20")
    settings = load_settings()
    if resume is not None:
        folder, plan, snapshot = _resumed(settings, model, resume)
    else:
        fixed = {**from_file(config), **pairs("--set", settings_given)}
        folder, plan, snapshot = _begun(
            settings, model, source, pairs("--search", search), fixed, seed
        )
    note(f"study {folder.name}: {', '.join(plan.space)}")
    with training_view() as (progress, watch):
        found = run_study(folder, plan, snapshot, trials, progress=progress, watch=watch)
    emit(_data(found, plan), as_json, _text(found, plan))


def _begun(
    settings: Settings,
    model: str,
    source: dict[str, Any],
    search: dict[str, str],
    fixed: dict[str, Any],
    seed: int,
) -> tuple[Path, Plan, KGSnapshot]:
    """A new study: its folder, its plan and its graph."""
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.cli.train import check_model, opened
    from kgplatform.connection import open_store
    from kgplatform.training.artifacts import new_run_id
    from kgplatform.training.search_space import default_space, parsed
    from kgplatform.training.tune import Plan, check_plan, save_plan

    check_model(model)
    space = {name: parsed(name, text) for name, text in search.items()}
    if not space:
        defaults = default_space(model)
        space = {name: among for name, among in defaults.items() if name not in fixed}
    if "snapshot" in source:
        snapshot, source = opened(Path(source["snapshot"]))
    else:
        with open_store(settings) as store, progress_bar() as progress:
            snapshot, source = snapshot_of_source(store, source, progress)
    plan = Plan(model, space, fixed, source, snapshot.digest, seed)
    check_plan(plan, snapshot)
    folder = settings.kgp_runs / new_run_id(f"tune-{model}", settings.kgp_runs)
    save_plan(folder, plan)
    return folder, plan, snapshot


def _resumed(settings: Settings, model: str, name: str) -> tuple[Path, Plan, KGSnapshot]:
    from kgplatform.cli.connection import snapshot_of_run
    from kgplatform.training.tune import find_study, load_plan

    folder = find_study(settings.kgp_runs, name)
    plan = load_plan(folder)
    if plan.model != model:
        raise UsageError(
            f"study {folder.name} searches settings of {plan.model}, not {model}",
            hint=f"kgp tune {plan.model} --resume {folder.name}",
        )
    with progress_bar() as progress:
        snapshot = snapshot_of_run(settings, plan.source, plan.snapshot_digest, progress)
    return folder, plan, snapshot


def _data(found: Outcome, plan: Plan) -> dict[str, Any]:
    from kgplatform.training.tune import BEST_FILE, trial_rows

    return {
        "study": found.folder.name,
        "folder": str(found.folder),
        "model": plan.model,
        "best": {"trial": found.best, "valid_mrr": found.mrr, "settings": dict(found.settings)},
        "config": str(found.folder / BEST_FILE),
        "complete": found.complete,
        "pruned": found.pruned,
        "failed": found.failed,
        "trials": trial_rows(found.folder, plan),
    }


def _text(found: Outcome, plan: Plan) -> str:
    data = _data(found, plan)
    rows = sorted(data["trials"], key=lambda row: -(row["mrr"] or 0.0))[:TRIALS_SHOWN]
    names = list(plan.space)
    cells = [
        [
            str(row["number"]),
            row["state"],
            "-" if row["mrr"] is None else f"{row['mrr']:.4f}",
            str(row["epochs"]),
            *(_short(row["settings"].get(name, "")) for name in names),
        ]
        for row in rows
    ]
    return "\n\n".join(
        (
            f"study {data['study']}: {found.complete} trials complete, {found.pruned} given up, "
            f"{found.failed} failed",
            table(["trial", "", "valid mrr", "epochs", *names], cells),
            f"best: trial {found.best}, validation MRR {found.mrr:.4f}, {data['config']}\n"
            f"next: kgp train {plan.model} --config {data['config']} …",
        )
    )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
