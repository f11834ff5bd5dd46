"""``kgp load``: files into the graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar

if TYPE_CHECKING:
    from kgplatform.sources.folder import Source
    from kgplatform.store.load import LoadCounts

REJECTS_SHOWN = 3


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--graph", default="default", show_default=True, help="Graph to load into.")
@click.option(
    "--entities",
    type=click.Path(path_type=Path),
    help="File of entities: id, and name, description, types.",
)
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Where rejected rows go; by default GRAPH.rejects.tsv in this folder.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything; write nothing.")
@json_option
def load(
    source: Path,
    graph: str,
    entities: Path | None,
    rejects: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Load triples and entities from SOURCE, a file or folder, into the graph.

    A triple file is TSV or CSV: head, relation, tail and, if there is one, split. A folder
    may hold train, valid and test files, and files of entities. Loading the same again
    changes nothing; a load that was cut is completed by running it again.
    """
    from kgplatform.cli.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.sources.folder import find
    from kgplatform.sources.records import read_entities, read_triples
    from kgplatform.sources.rejects import RejectsFile
    from kgplatform.store.load import load as load_into

    found = find(source, entities)
    _tell(found)
    rejects_path = rejects or Path(f"{graph.replace('/', '_')}.rejects.tsv")
    with RejectsFile(rejects_path) as rejected:
        described, triples = read_entities(found, rejected.add), read_triples(found, rejected.add)
        if dry_run:
            data: dict[str, Any] = {
                "entities": sum(1 for _ in described),
                "triples": sum(1 for _ in triples),
                "dry_run": True,
            }
        else:
            with open_store(load_settings()) as store, progress_bar() as progress:
                counts = load_into(
                    store, graph, described, triples, source=source.name, progress=progress
                )
            rejected.add_conflicts(counts.conflicts)
            data = _data(counts)
    data = {
        "graph": graph,
        **data,
        "rejected": rejected.count,
        "rejects_file": str(rejects_path) if rejected.count else None,
    }
    emit(data, as_json, _text(data, rejected.first))


def _tell(found: Source) -> None:
    for path in found.ignored:
        note(f"not loaded: {path.name} (not a file of facts or entities to load)")
    unused = [(file.table.path, file.unused) for file in found.triples]
    unused += [(file.table.path, file.unused) for file in found.entities]
    for path, columns in unused:
        if columns:
            note(f"{path.name}: columns not read: {', '.join(columns)}")


def _data(counts: LoadCounts) -> dict[str, Any]:
    return {
        "created": counts.facts_created,
        "unchanged": counts.facts_unchanged,
        "entities_created": counts.entities_created,
        "entities_described": counts.entities_described,
        "conflicts": counts.num_conflicts,
    }


def _text(data: dict[str, Any], first_rejects: list[str]) -> str:
    if data.get("dry_run"):
        lines = [
            f"{data['triples']:,} facts and {data['entities']:,} rows of entities could be loaded "
            f"into graph {data['graph']!r}; nothing was written"
        ]
    else:
        lines = [
            f"graph {data['graph']!r}: {data['created']:,} facts created, "
            f"{data['unchanged']:,} unchanged; {data['entities_created']:,} entities created"
        ]
    if data["rejected"]:
        lines.append(f"{data['rejected']:,} rows rejected, see {data['rejects_file']}:")
        lines += [f"  {text}" for text in first_rejects[:REJECTS_SHOWN]]
    return "\n".join(lines)
