"""``kgp export``: a projection as files of another toolkit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kgplatform.cli.output import emit, json_option, progress_bar
from kgplatform.cli.source import source_options
from kgplatform.errors import UsageError


@click.command()
@click.option("--to", "path", type=click.Path(path_type=Path), required=True, help="What to make.")
@click.option("--format", "form", required=True, help="pykeen, openke, parquet, …; see the guide.")
@source_options()
@click.option("--seeds", multiple=True, metavar="ID", help="Only what is around this entity.")
@click.option("--hops", type=click.IntRange(1), default=2, help="With --seeds: how far.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@json_option
def export(
    path: Path,
    form: str,
    source: dict[str, Any],
    seeds: tuple[str, ...],
    hops: int,
    force: bool,
    as_json: bool,
) -> None:
    """Write a graph, or what a query names, in a toolkit's format.

    The formats are pykeen, openke, dglke, torchkge, ampligraph, dgl, pyg (a HeteroData), parquet,
    ntriples, graphml and neo4j-csv. Splits become files where a format has them; what a format
    cannot hold is said. The file or folder is there whole or not at all.

    \b
    kgp export --graph umls --format pykeen --to umls-pykeen
    kgp export --graph umls --seeds virus --hops 2 --format graphml --to virus.graphml
    """
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.connection import open_store
    from kgplatform.graph.interchange import check_target
    from kgplatform.graph.interchange import export as write
    from kgplatform.graph.projection import snapshot_of_seeds
    from kgplatform.settings import load_settings
    from kgplatform.store.prefixes import prefixes_of

    check_target(path, form, force=force)
    if seeds and source.keys() != {"graph"}:
        raise UsageError(
            "--seeds are of a graph, and a query names another part of it",
            hint="leave --cypher, --match or --project, or --seeds",
        )
    with open_store(load_settings()) as store, progress_bar() as progress:
        if seeds:
            snapshot = snapshot_of_seeds(store, source["graph"], seeds, hops, progress)
        else:
            snapshot, source = snapshot_of_source(store, source, progress)
        prefixes = prefixes_of(store, source["graph"]) if source.get("graph") else {}
    done = write(snapshot, path, form, prefixes=prefixes, force=force)
    data = {
        "path": str(done.path),
        "format": done.format,
        "entities": done.entities,
        "facts": done.facts,
        "files": list(done.files),
        "not_held": list(done.not_held),
    }
    lines = [f"{done.facts:,} facts of {done.entities:,} entities in {path}"]
    lines += [f"not held by {form}: {line}" for line in done.not_held]
    emit(data, as_json, "\n".join(lines))
