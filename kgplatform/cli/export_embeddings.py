"""``kgp export-embeddings``: vectors that stand in the graph as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar

if TYPE_CHECKING:
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.store.writeback import Target


@click.command(name="export-embeddings")
@click.argument("run", required=False)
@click.option(
    "--to",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="A file .npy, .parquet or .safetensors.",
)
@click.option("--graph", help="Graph of the entities.  [default: default]")
@click.option("--label", help="Label of your own nodes, in place of a graph.")
@click.option("--key", help="With --property: the property that identifies them.")
@click.option("--property", "name", help="A property with vectors that no run wrote.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@json_option
def export_embeddings(
    run: str | None,
    path: Path,
    graph: str | None,
    label: str | None,
    key: str | None,
    name: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write the vectors that RUN wrote into the graph as a file, with the ids of their nodes.

    Without RUN, those that are active in the graph or on the label. `import-embeddings --from
    table` reads the file back; a .npy has its ids in a .txt beside it, a name a line. The file is
    there whole or not at all.

    \b
    kgp export-embeddings --graph umls --to umls.parquet
    kgp export-embeddings latest --to vectors.npy
    """
    from kgplatform.connection import open_store
    from kgplatform.errors import UsageError
    from kgplatform.graph.interchange import vector_tables
    from kgplatform.settings import load_settings
    from kgplatform.store.stream_vectors import read_set, read_vectors
    from kgplatform.store.writeback import Target

    if label and graph:
        raise UsageError("nodes are in a --graph or under a --label", hint="leave one of them")
    if run and (name or label or graph):
        raise UsageError("RUN says where its vectors are", hint="leave the other options")
    if (label is not None and name is not None) != (key is not None):
        raise UsageError(
            "--property of a --label needs the --key that identifies its nodes",
            hint="--label Person --key email --property vector",
        )
    vector_tables.check_path(path, force=force)
    target = Target(label, key or "", None) if label else Target(graph=graph or "default")
    settings = load_settings()
    with open_store(settings) as store, progress_bar() as progress:
        if name is not None:
            read = read_vectors(store, target, name, progress=progress)
        else:
            name = _set_name(store, settings, run, target)
            read = read_set(store, name, progress=progress)
    if read.stale:
        note(
            f"the bytes of {read.stale[0]!r} are not what its list says, so the lists were read; "
            "`kgp write --bytes` of another run keeps new ones"
        )
    files = vector_tables.write(path, read.ids, read.values)
    data = {
        "from": name,
        "read": read.source,
        "entities": len(read.ids),
        "dimension": int(read.values.shape[1]),
        "files": [str(file) for file in files],
        "stale": list(read.stale),
    }
    emit(
        data,
        as_json,
        f"{data['entities']:,} vectors of {data['dimension']} numbers of {name}, read from "
        f"{read.source}, in {path}",
    )


def _set_name(store: Store, settings: Settings, run: str | None, target: Target) -> str:
    from kgplatform.cli.undo import written_run
    from kgplatform.errors import InputError
    from kgplatform.store.stream_vectors import active_set, sets_of_run

    if run is not None:
        run = written_run(store, settings, run)
        names = sets_of_run(store, run)
        if not names:
            raise InputError(f"run {run} has no vectors in this database", hint=f"kgp write {run}")
        return names[0]
    name = active_set(store, target)
    if name is None:
        where = f"graph {target.graph!r}" if target.graph else f"label {target.label!r}"
        raise InputError(f"{where} has no active vectors", hint="`kgp write RUN` writes some")
    return name
