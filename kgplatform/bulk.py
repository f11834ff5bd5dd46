"""A source into an empty local database through Neo4j's offline importer: ``kgp load --bulk``.

1. The source is read into files for the importer, while the server runs.
2. The importer makes a database of them, in a folder of its own; meanwhile the server stops.
3. That database takes the place of the empty one, and the server starts.
4. Over Bolt: schema, documents, and the few properties that the importer cannot hold.

Cut before the third step, all is as it was. Cut after it, the graph's record says that a load is
under way, and the same command completes it as a load over Bolt.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from kgplatform import server
from kgplatform.errors import ServerError, StoreError, UsageError
from kgplatform.ingest import Ingested, add_the_rest, ingest
from kgplatform.progress import Progress, silent
from kgplatform.server import importer, swap
from kgplatform.server.config import Folders, folders, make_home
from kgplatform.server.locks import held
from kgplatform.server.process import paused
from kgplatform.settings import Settings
from kgplatform.sources.rejects import RejectsFile
from kgplatform.sources.source import Source
from kgplatform.store.bulk.database import check_empty, complete
from kgplatform.store.bulk.files import BulkFiles, write_files
from kgplatform.store.bulk.tables import Table
from kgplatform.store.client import Store, connect
from kgplatform.store.schema import check_name


def bulk_load(
    settings: Settings,
    graph: str,
    source: Source,
    rejects: RejectsFile,
    *,
    progress: Progress = silent,
) -> Ingested:
    """Load a source into the empty database of the project's own server.

    The server is stopped meanwhile, if it runs, and runs afterwards.

    Args:
        settings: Where the project is; they must not name an existing server.
        graph: The graph to load into.
        source: What ``open_source`` or one of the ``from_…`` functions gave.
        rejects: Where rows go that cannot be used.
        progress: Told of what is done.

    Raises:
        UsageError: The settings name an existing server.
        StoreError: The database is not empty; or it failed, and the load can be repeated.
        InputError: The source cannot be read to its end; the database is as it was.
        ServerError: The import failed; the database is as it was.
    """
    if settings.neo4j_uri:
        raise UsageError(
            "--bulk needs the project's own server, and NEO4J_URI names an existing one",
            hint="load without --bulk, or unset NEO4J_URI",
        )
    check_name(graph)
    where = folders(settings)
    folder = where.home.parent / "bulk-load"
    try:
        make_home(where)
        with held(where.home.parent / "bulk-load.lock", "another bulk load", progress):
            importer.clear(folder)
            if (cut := _cut_load(where, settings, graph, source, progress)) is not None:
                with cut as store:
                    loaded = ingest(store, graph, source, rejects, progress=progress)
                swap.completed(where)
                return loaded
            try:
                folder.mkdir()
                return _load(settings, where, folder, graph, source, rejects, progress)
            finally:
                importer.clear(folder)
    except OSError as error:
        raise importer.disk_error(error, folder) from error


def _load(
    settings: Settings,
    where: Folders,
    folder: Path,
    graph: str,
    source: Source,
    rejects: RejectsFile,
    progress: Progress,
) -> Ingested:
    files = write_files(
        folder,
        graph,
        source.entities(rejects.add),
        source.triples(rejects.add),
        source=source.name,
        progress=progress,
    )
    rejects.add_conflicts(files.counts.conflicts, files.counts.num_conflicts)
    _import(settings, where, folder, files, swap.Import(graph, source.name), progress)
    with _connected(settings) as store:
        progress("indexes", 0, None)
        complete(store, graph, source.name, files)
        files.counts.seconds = time.monotonic() - files.began
        loaded = add_the_rest(store, graph, source, rejects, files.counts, progress=progress)
    swap.completed(where)
    return loaded


def _import(
    settings: Settings,
    where: Folders,
    folder: Path,
    files: BulkFiles,
    done: swap.Import,
    progress: Progress,
) -> None:
    with contextlib.ExitStack() as stack:

        def stop() -> None:
            # The log of transactions is looked at before the database is, and again when the
            # server has stopped: what somebody else writes in between is not lost.
            before = swap.fingerprint(where)
            if swap.exists(where):
                with _connected(settings) as store:
                    check_empty(store)
            stack.enter_context(paused(settings, progress))
            if swap.fingerprint(where) != before:
                raise StoreError(
                    "something else was written into the database during the bulk load",
                    hint="load without --bulk, which adds to what is there",
                )

        data = importer.run_importer(
            settings, folder, _arguments(files), meanwhile=stop, progress=progress
        )
        swap.swap(where, data, done)


def _cut_load(
    where: Folders, settings: Settings, graph: str, source: Source, progress: Progress
) -> contextlib.AbstractContextManager[Store] | None:
    """Make sure that the database is empty; or the same load was cut when it was imported."""
    if not swap.exists(where):
        return None
    server.start(settings, progress)
    cut = swap.uncompleted(where)
    if cut == swap.Import(graph, source.name):
        return _connected(settings)
    with _connected(settings) as store:
        try:
            check_empty(store)
        except StoreError as error:
            if cut is not None:
                error.hint = (
                    f"the bulk load of {cut.source} into {cut.graph} was cut: repeat it, which "
                    f"completes it; or {error.hint}"
                )
            raise
    return None


@contextlib.contextmanager
def _connected(settings: Settings) -> Iterator[Store]:
    info = server.running(settings)
    if info is None:
        raise ServerError("the local Neo4j has been stopped", hint="repeat the load")
    with connect(info.uri, info.username, info.password) as store:
        yield store


def _arguments(files: BulkFiles) -> list[str]:
    """The importer's options; its files are named within the folder that it works in."""
    arguments = ["--id-type=actual", "--delimiter=TAB", "--array-delimiter=U+001F"]
    arguments += [f"--nodes={_named(table)}" for table in files.nodes]
    arguments += [f"--relationships={_named(table)}" for table in files.relationships]
    tables = (*files.nodes, *files.relationships)
    if several := [path.name for table in tables for path in table.multiline]:
        arguments += [f"--multiline-fields={','.join(several)}", "--multiline-fields-format=v2"]
    return arguments


def _named(table: Table) -> str:
    return ",".join(path.name for path in (table.header, *table.files))
