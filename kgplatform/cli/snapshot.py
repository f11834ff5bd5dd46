"""``kgp snapshot``: a projection frozen into a folder, renewed, and verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, progress_bar
from kgplatform.cli.source import NOTHING_SAID, source_options
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.graph.snapshot_folder import SnapshotFolder
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store

_FOLDER = click.Path(path_type=Path)


@click.command()
@source_options(own_nodes=True)
@click.option("--to", "path", type=_FOLDER, help="The folder to make, instead of a named one.")
@click.option("--refresh", type=_FOLDER, metavar="FOLDER", help="Make a folder's snapshot anew.")
@click.option("--verify", type=_FOLDER, metavar="FOLDER", help="Compare a folder with its digest.")
@json_option
def snapshot(
    source: dict[str, Any],
    path: Path | None,
    refresh: Path | None,
    verify: Path | None,
    as_json: bool,
) -> None:
    """Freeze a graph, or what a query names, into a folder to train on.

    The folder is made below `snapshots` and named by what it holds. --refresh looks whether
    anything was committed since; only then it reads again, and what has changed gives a new
    folder beside the old one.

    \b
    kgp snapshot --graph umls
    kgp train distmult --snapshot snapshots/3f9ac02b117e45d8
    kgp snapshot --refresh snapshots/3f9ac02b117e45d8
    """
    from kgplatform.graph.snapshot_folder import describe_snapshot, verify_snapshot
    from kgplatform.settings import load_settings

    settings = load_settings()
    given = path is not None or source != NOTHING_SAID
    if (refresh or verify) and (given or (refresh and verify)):
        raise UsageError(
            "--refresh and --verify take a folder and no other flag",
            hint="its description says what it was made from",
        )
    if verify is not None:
        folder = verify_snapshot(verify)
        emit(_data(folder) | {"verified": True}, as_json, f"verified: {_text(folder)}")
        return
    if refresh is not None:
        old = describe_snapshot(refresh)
        folder, read = _refreshed(settings, old)
        changed = folder.digest != old.digest
        how = "changed" if changed else "read again: unchanged" if read else "nothing committed"
        data = _data(folder) | {"read": read, "changed": changed}
        emit(data, as_json, f"{how}: {_text(folder)}")
        return
    from kgplatform.connection import open_store

    with open_store(settings) as store, progress_bar() as progress:
        folder = _made(store, source, settings.kgp_snapshots, path, progress)
    emit(_data(folder), as_json, _text(folder))


def _made(
    store: Store,
    source: dict[str, Any],
    parent: Path,
    path: Path | None,
    progress: Progress,
) -> SnapshotFolder:
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.graph.snapshot_folder import save_snapshot
    from kgplatform.store.state import database_state

    if path is not None and path.exists():
        raise UsageError(f"{path} exists", hint="name another folder, or renew it with --refresh")
    state = database_state(store)
    frozen, source = snapshot_of_source(store, source, progress)
    return save_snapshot(frozen, parent, source=source, state=state, path=path)


def _refreshed(settings: Settings, old: SnapshotFolder) -> tuple[SnapshotFolder, bool]:
    """The folder of what the source holds now, and whether it had to be read."""
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.connection import open_store
    from kgplatform.graph.snapshot_folder import renew_snapshot, save_snapshot
    from kgplatform.store.state import database_state

    with open_store(settings) as store, progress_bar() as progress:
        state = database_state(store)
        if state == old.state:
            return old, False
        frozen, source = snapshot_of_source(store, dict(old.source), progress)
    if frozen.digest == old.digest:
        return renew_snapshot(old, state), True
    return save_snapshot(frozen, old.path.parent, source=source, state=state), True


def _data(folder: SnapshotFolder) -> dict[str, Any]:
    return {
        "folder": str(folder.path),
        "digest": folder.digest,
        "entities": folder.entities,
        "relations": folder.relations,
        "facts": folder.edges,
        "bytes": folder.size,
        "source": dict(folder.source),
    }


def _text(folder: SnapshotFolder) -> str:
    return (
        f"{folder.path}: {folder.edges:,} facts, {folder.entities:,} entities, "
        f"{folder.relations:,} relations, {folder.size / 1e6:,.1f} MB, digest {folder.digest}"
    )
