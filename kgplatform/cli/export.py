"""``kgp export``: a projection as files of another toolkit."""

from __future__ import annotations

from pathlib import Path

import click

from kgplatform.cli.output import emit, json_option, progress_bar
from kgplatform.cli.train import source_of
from kgplatform.errors import UsageError


@click.command()
@click.option("--to", "path", type=click.Path(path_type=Path), required=True, help="What to make.")
@click.option("--format", "form", required=True, help="pykeen, openke, parquet, …; see the guide.")
@click.option("--graph", help="The graph.  [default: default]")
@click.option("--cypher", help="A reading query, or a file: RETURN head, relation, tail[, split].")
@click.option("--match", help="A pattern instead: '(h:Person)-[r:KNOWS|LIKES]->(t)'.")
@click.option("--where", help="With --match: a condition, as in 'h.age > $age'.")
@click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter of the query.")
@click.option("--seeds", multiple=True, metavar="ID", help="Only what is around this entity.")
@click.option("--hops", type=click.IntRange(1), default=2, help="With --seeds: how far.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@json_option
def export(
    path: Path,
    form: str,
    graph: str | None,
    cypher: str | None,
    match: str | None,
    where: str | None,
    params: tuple[str, ...],
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
    from kgplatform.cli.connection import open_store, snapshot_of_source
    from kgplatform.graph.interchange import check_target
    from kgplatform.graph.interchange import export as write
    from kgplatform.graph.projection import snapshot_of_seeds
    from kgplatform.settings import load_settings
    from kgplatform.store.prefixes import prefixes_of

    check_target(path, form, force=force)
    if seeds and (cypher is not None or match is not None):
        raise UsageError(
            "--seeds are of a graph, and a query names another part of it",
            hint="leave --cypher or --match, or --seeds",
        )
    source = source_of(graph, cypher, params, match=match, where=where)
    with open_store(load_settings()) as store, progress_bar() as progress:
        if seeds:
            snapshot = snapshot_of_seeds(store, source["graph"], seeds, hops, progress)
        else:
            snapshot, source = snapshot_of_source(store, source, progress)
        prefixes = prefixes_of(store, source["graph"]) if source["graph"] else {}
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
