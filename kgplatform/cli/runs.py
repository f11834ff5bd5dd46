"""``kgp runs``: the runs of this project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, table
from kgplatform.cli.results import METRICS, interval_text, results_text

if TYPE_CHECKING:
    from kgplatform.training.artifacts import Run


@click.group(invoke_without_command=True)
@click.pass_context
def runs(ctx: click.Context) -> None:
    """List, show, compare or remove runs (RUN: an id, the start of one, or `latest`)."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, as_json=False)


@runs.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List all runs, the newest last."""
    from kgplatform.cli.train import run_data
    from kgplatform.settings import load_settings
    from kgplatform.training.artifacts import list_runs

    found = list_runs(load_settings().kgp_runs)
    emit(
        {"runs": [run_data(run) for run in found]},
        as_json,
        _comparison(found) if found else "no runs yet; `kgp train MODEL` makes one",
    )


@runs.command()
@click.argument("run")
@click.option("--relations", default=20, show_default=True, help="Relations to list.")
@json_option
def show(run: str, relations: int, as_json: bool) -> None:
    """Show RUN: its settings, where its facts came from, its metrics."""
    from kgplatform.cli.train import run_data

    found = _load(run)
    settings = [[name, str(value)] for name, value in found.config.to_json().items()]
    source = [[name, str(value)] for name, value in found.source.items() if value is not None]
    lines = [f"run {found.id}, {found.created}", table(["setting", "value"], settings)]
    lines += [table(["source", "value"], source)]
    if found.metrics:
        lines.append(results_text(found.metrics, most_relations=relations))
    data = run_data(found) | {"settings": found.config.to_json()}
    emit(data, as_json, "\n\n".join(lines))


@runs.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw their learning curves over each other, too (png, svg, pdf).",
)
@json_option
def compare(names: tuple[str, ...], plot: Path | None, as_json: bool) -> None:
    """Set runs side by side: the settings in which they differ, and their metrics.

    Metrics are those of test, where there is one, with the 95 % interval of the MRR.
    """
    from kgplatform.cli.train import run_data

    found = [_load(name) for name in names]
    settings = [run.config.to_json() for run in found]
    differing = [name for name in settings[0] if len({str(s[name]) for s in settings}) > 1]
    rows = [[name, *(str(s[name]) for s in settings)] for name in differing]
    text = _comparison(found)
    if rows:
        text += "\n\n" + table(["setting", *(run.id for run in found)], rows)
    data: dict[str, Any] = {"runs": [run_data(run) for run in found], "differing": differing}
    if plot is not None:
        from kgplatform.training.artifacts import METRICS_FILE
        from kgplatform.training.plots import plot_comparison

        curves = [(run.id, run.folder / METRICS_FILE) for run in found]
        data["picture"] = str(plot_comparison(curves, plot))
        text += f"\n\n{plot}"
    emit(data, as_json, text)


@runs.command()
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def rm(run: str, yes: bool, as_json: bool) -> None:
    """Remove RUN's folder. What it wrote into the graph stays: `kgp undo` removes that."""
    import shutil

    folder = _folder(run)
    if not yes:
        click.confirm(f"remove {folder}?", abort=True, err=True)
    shutil.rmtree(folder)
    emit({"removed": folder.name}, as_json, f"removed {folder}")


def _folder(name: str) -> Path:
    from kgplatform.settings import load_settings
    from kgplatform.training.artifacts import find_run

    return find_run(load_settings().kgp_runs, name)


def _load(name: str) -> Run:
    from kgplatform.training.artifacts import load_run

    return load_run(_folder(name), allow_incomplete=True)


def _comparison(found: list[Run]) -> str:
    rows = []
    for run in found:
        best: dict[str, Any] = run.metrics.get("test") or run.metrics.get("valid") or {}
        shown = [f"{best[name]:.3f}" if name in best else "-" for name in METRICS]
        shown.append(interval_text(best))
        where = run.source.get("graph") or "(query)"
        state = "" if run.complete else "incomplete"
        rows.append([run.id, run.config.model, str(where), *shown, f"{run.seconds:.0f}", state])
    return table(["run", "model", "graph", *METRICS, "95 % of mrr", "seconds", ""], rows)
