"""``kgp load`` and ``kgp rm``: sources into the graph, and graphs out of the database."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.load_report import Rows, dry_rows, relation_rows, rows_data, rows_text
from kgplatform.cli.look import emit_linked
from kgplatform.cli.output import emit, json_option, note, progress_bar
from kgplatform.cli.stopping import stopped_promptly

if TYPE_CHECKING:
    from kgplatform.ingest import Found, Ingested
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.sources.rejects import RejectsFile
    from kgplatform.sources.source import Source
    from kgplatform.store.load_counts import LoadCounts

REJECTS_SHOWN = 3
REASONS_SHOWN = 5
TYPES_SHOWN = 12
AGAIN = "the same command again completes the load; until then the graph is marked as incomplete"


@click.command()
@click.argument("source", nargs=-1, required=True)
@click.option("--graph", default="default", show_default=True, help="Graph to load into.")
@click.option("--format", "format_name", help="Format of the source; found by looking if absent.")
@click.option(
    "--columns",
    help="Columns of a table without a header, e.g. tail,head,relation; - for one to skip.",
)
@click.option(
    "--entities",
    type=click.Path(path_type=Path),
    help="File of entities: id, and name, description, types.",
)
@click.option(
    "--language",
    "languages",
    multiple=True,
    default=("en",),
    show_default=True,
    help="Preferred language of names (RDF); several in their order.",
)
@click.option("--query", help="SPARQL CONSTRUCT or SELECT of what to read, or a file of it.")
@click.option("--replace", is_flag=True, help="Remove what the source once had and has no more.")
@click.option(
    "--bulk",
    is_flag=True,
    help="Fill the empty database of this project's own server several times as fast; "
    "the server stops for a while.",
)
@click.option("--strict", is_flag=True, help="Stop at the first row that cannot be used.")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Where rejected rows go; by default GRAPH.rejects.tsv in this folder.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything; write nothing.")
@json_option
def load(
    source: tuple[str, ...],
    graph: str,
    format_name: str | None,
    columns: str | None,
    entities: Path | None,
    languages: tuple[str, ...],
    query: str | None,
    replace: bool,
    bulk: bool,
    strict: bool,
    rejects: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Load SOURCE into the graph: files, a folder, sparql:URL or pykeen:NAME.

    The format is found by looking: tables of triples (TSV, CSV, Parquet, JSON Lines), RDF,
    Neo4j-admin CSV, APOC's JSON Lines, GraphML, folders of OpenKE and DGL-KE, and documents.
    Loading the same again changes nothing; a load that was cut is completed by running it again.
    """
    from kgplatform.ingest import count_records
    from kgplatform.settings import load_settings
    from kgplatform.sources import open_source
    from kgplatform.sources.rejects import REJECTS_ENDING, RejectsFile
    from kgplatform.sources.source import Options

    settings = load_settings()
    if bulk:
        _check_bulk(settings, replace)
    options = Options(
        columns=tuple(name.strip() for name in columns.split(",")) if columns else None,
        entities=entities,
        languages=languages,
        query=_text_or_file(query),
        folder=settings.kgp_home,
    )
    opened = open_source(source, options, format_name)
    for line in opened.notes:
        note(line)
    rejects_path = rejects or Path(f"{graph.replace('/', '_')}{REJECTS_ENDING}")
    _check_not_a_source(rejects_path, source)
    # A bulk load starts the server again before it ends.
    stopping = contextlib.nullcontext() if bulk else stopped_promptly(AGAIN)
    with stopping, RejectsFile(rejects_path, strict) as rejected:
        if dry_run:
            found = count_records(opened, rejected)
            rows = dry_rows(found.relations, rejected)
            data = {"dry_run": True, **found.as_dict(), "relations": rows_data(rows)}
            text = _dry_text(found, rows, graph)
        else:
            with progress_bar() as progress:
                if bulk:
                    loaded = _load_in_bulk(settings, graph, opened, rejected, progress)
                else:
                    loaded = _load_over_bolt(settings, graph, opened, rejected, replace, progress)
            rows = relation_rows(loaded.facts, rejected)
            data = {
                **_data(loaded.facts),
                "relations": rows_data(rows),
                "documents": _documents_data(loaded),
            }
            text = _text(loaded.facts, rows, graph) + _documents_text(loaded)
    _report(data, text, graph, opened, rejected, as_json)


@click.command()
@click.option("--graph", required=True, help="Graph to remove.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@json_option
def rm(graph: str, dry_run: bool, as_json: bool) -> None:
    """Remove a graph: its entities, facts and documents. Runs trained on it stay on disk."""
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.remove import planned_removal, remove_graph

    with open_store(load_settings()) as store, progress_bar() as progress:
        planned = planned_removal(store, graph)
        removed = planned if dry_run else remove_graph(store, graph, progress)
    told = ", ".join(f"{number:,} {what}" for what, number in removed.items())
    said = "would be removed" if dry_run else "removed"
    data = {"graph": graph, "dry_run": dry_run, **removed}
    emit(data, as_json, f"graph {graph!r}: {told} {said}")


def _check_bulk(settings: Settings, replace: bool) -> None:
    from kgplatform.errors import UsageError

    if replace:
        raise UsageError(
            "--bulk fills an empty database, in which there is nothing to --replace",
            hint="leave one of the two out",
        )
    if settings.neo4j_uri:
        raise UsageError(
            "--bulk needs the project's own server, and NEO4J_URI names an existing one",
            hint="load without --bulk, or unset NEO4J_URI",
        )


def _load_over_bolt(
    settings: Settings,
    graph: str,
    source: Source,
    rejected: RejectsFile,
    replace: bool,
    progress: Progress,
) -> Ingested:
    from kgplatform.connection import open_store
    from kgplatform.ingest import ingest

    with open_store(settings) as store:
        return ingest(store, graph, source, rejected, replace=replace, progress=progress)


def _load_in_bulk(
    settings: Settings, graph: str, source: Source, rejected: RejectsFile, progress: Progress
) -> Ingested:
    from kgplatform import server
    from kgplatform.bulk import bulk_load

    ran = server.running(settings) is not None
    loaded = bulk_load(settings, graph, source, rejected, progress=progress)
    info = server.running(settings)
    if info is not None and not ran:
        note(f"the local Neo4j was started: {info.browser}")
    return loaded


def _text_or_file(query: str | None) -> str | None:
    if query is None or not Path(query).is_file():
        return query
    return Path(query).read_text(encoding="utf-8")


def _report(
    data: dict[str, Any],
    text: str,
    graph: str,
    source: Source,
    rejected: RejectsFile,
    as_json: bool,
) -> None:
    data = {
        "graph": graph,
        "source": source.name,
        "format": source.format,
        **data,
        "rejected": rejected.count,
        "reasons": dict(rejected.by_reason.most_common()),
        "problems": rejected.first,
        "rejects_file": str(rejected.path) if rejected.count else None,
    }
    lines = [text]
    if rejected.count:
        lines.append(f"{rejected.count:,} rows rejected, see {rejected.path}:")
        reasons = rejected.by_reason.most_common(REASONS_SHOWN)
        lines += [f"  {number:,} times: {reason}" for reason, number in reasons if number > 1]
        lines += [f"  {row}" for row in rejected.first[:REJECTS_SHOWN]]
    text = "\n".join(lines)
    if data.get("dry_run"):
        emit(data, as_json, text)
        return
    only_documents = not data["created"] + data["unchanged"]
    query = "show_documents" if only_documents else "show_graph"
    emit_linked(data, as_json, text, query, graph=graph)


def _data(counts: LoadCounts) -> dict[str, Any]:
    return {
        "created": counts.facts_created,
        "unchanged": counts.facts_unchanged,
        "removed": counts.facts_removed,
        "entities_created": counts.entities_created,
        "entities_described": counts.entities_described,
        "entities_removed": counts.entities_removed,
        "conflicts": counts.num_conflicts,
        "hash": counts.hash,
        "seconds": round(counts.seconds, 3),
        "facts_per_second": round(_rate(counts)),
    }


def _text(counts: LoadCounts, rows: Rows, graph: str) -> str:
    lines = [rows_text(rows)] if rows else []
    lines.append(
        f"graph {graph!r}: {counts.facts_created:,} facts created, "
        f"{counts.facts_unchanged:,} unchanged; {counts.entities_created:,} entities created "
        f"({counts.seconds:.1f} s, {_rate(counts):,.0f} facts a second)"
    )
    if counts.facts_removed or counts.entities_removed:
        lines.append(
            f"removed, as the source has them no more: {counts.facts_removed:,} facts, "
            f"{counts.entities_removed:,} entities"
        )
    return "\n".join(lines)


def _documents_data(loaded: Ingested) -> dict[str, int]:
    counts = loaded.documents
    return {
        "created": counts.created,
        "unchanged": counts.unchanged,
        "replaced": counts.replaced,
        "removed": loaded.documents_removed,
        "chunks_created": counts.chunks_created,
        "chunks_removed": counts.chunks_removed,
    }


def _documents_text(loaded: Ingested) -> str:
    data = _documents_data(loaded)
    if not any(data.values()):
        return ""
    text = (
        f"\ndocuments: {data['created']:,} created, {data['replaced']:,} replaced, "
        f"{data['unchanged']:,} unchanged, {data['removed']:,} removed; "
        f"chunks: {data['chunks_created']:,} created, {data['chunks_removed']:,} removed"
    )
    if moved := loaded.documents.moved:
        text += f"\nreplaced by one from another place: {', '.join(moved[:REJECTS_SHOWN])}"
    return text


def _dry_text(found: Found, rows: Rows, graph: str) -> str:
    lines = [rows_text(rows)] if rows else []
    lines.append(
        f"{found.triples:,} facts, {found.entities:,} rows of entities and "
        f"{found.documents:,} documents could be loaded into graph {graph!r}; "
        "nothing was written to it"
    )
    if found.types:
        lines.append(f"types: {', '.join(found.types[:TYPES_SHOWN])}")
    return "\n".join(lines)


def _check_not_a_source(rejects: Path, source: tuple[str, ...]) -> None:
    """The file of an earlier load's rejects is removed; what is to be loaded must not be."""
    from kgplatform.errors import UsageError

    if any(rejects.resolve() == Path(given).resolve() for given in source):
        raise UsageError(
            f"rejected rows would be written over {rejects}, which is to be loaded",
            hint="name another file with --rejects",
        )


def _rate(counts: LoadCounts) -> float:
    return (counts.facts_created + counts.facts_unchanged) / max(counts.seconds, 1e-9)
