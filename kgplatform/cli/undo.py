"""``kgp undo``: what a run wrote, out of the graph again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option

if TYPE_CHECKING:
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store


@click.command()
@click.argument("run")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@json_option
def undo(run: str, dry_run: bool, as_json: bool) -> None:
    """Remove from the graph what RUN wrote: vectors, index, predicted links, answers, record.

    RUN is an id, the beginning of one, or ``latest``: the newest that has written.
    """
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.undo import planned_undo
    from kgplatform.store.undo import undo as undo_run

    settings = load_settings()
    with open_store(settings) as store:
        run_id = written_run(store, settings, run)
        if dry_run:
            planned = {"run": run_id, **planned_undo(store, run_id)}
            emit(planned, as_json, f"would remove {_removed_text(planned)}; nothing was removed")
            return
        data = {"run": run_id, **undo_run(store, run_id)}
    lines = [f"removed {_removed_text(data)}"]
    if data["restored"]:
        lines.append(f"{data['restored']} is active again")
    emit(data, as_json, "\n".join(lines))


def _removed_text(data: dict[str, Any]) -> str:
    """What an undo removes, for a person; answers, which few runs write, only where there are."""
    text = f"{data['vectors']:,} vectors and {data['predicted']:,} predicted links"
    text += f" and {data['answers']:,} answers" if data["answers"] else ""
    if "candidates" in data:
        text += f", {data['candidates']:,} candidates from texts with their facts"
    return text


def written_run(store: Store, settings: Settings, name: str) -> str:
    """The run's id; its folder need not be here, since the database remembers it.

    ``latest`` is the newest that has written into the database, not the newest of the folder:
    what has been trained since has nothing there. Another's newest run is not guessed at.

    Raises:
        InputError: ``latest`` is a run that was not made here.
        UnknownNameError: No run or more than one has that name.
    """
    from kgplatform.errors import InputError, UnknownNameError
    from kgplatform.store.undo import written_runs
    from kgplatform.training.artifacts import find_run

    written = written_runs(store)
    if name == "latest" and written:
        if (settings.kgp_runs / written[0]).is_dir():
            return written[0]
        raise InputError(
            f"the newest run in this database, {written[0]}, was not made in this folder",
            hint="say its id if you mean it",
        )
    matching = [run for run in written if run.startswith(name)] if name else []
    if name in written or len(matching) == 1:
        return name if name in written else matching[0]
    try:
        return find_run(settings.kgp_runs, name).name
    except UnknownNameError:
        raise UnknownNameError("run in this database", name, matching or written) from None
