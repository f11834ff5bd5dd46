"""From the settings to a connected store and the snapshot that a command asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.store.writeback import Target


@contextlib.contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """The server that NEO4J_URI names, or the project's running local one.

    Raises:
        UnavailableError: Neither is there, or it does not answer.
        AuthenticationError: The login was refused.
    """
    from kgplatform import server
    from kgplatform.errors import UnavailableError
    from kgplatform.store.client import connect

    if settings.neo4j_uri:
        given = settings.neo4j_password
        password = given.get_secret_value() if given else None
        uri, username, database = (
            settings.neo4j_uri,
            settings.neo4j_username,
            settings.neo4j_database,
        )
    else:
        info = server.running(settings)
        if info is None:
            raise UnavailableError(
                "no local Neo4j is running here", hint="start it with `kgp up`, or set NEO4J_URI"
            )
        # The local server has one user and, being Community, one database for graphs.
        with _place_named(info.home), connect(info.uri, info.username, info.password) as store:
            yield store
        return
    with connect(uri, username, password, database) as store:
        yield store


@contextlib.contextmanager
def _place_named(home: Path) -> Iterator[None]:
    """Say of a local database that could not write where it is, and how much room is there."""
    import shutil

    from kgplatform.errors import DatabaseStoppedError

    try:
        yield
    except DatabaseStoppedError as error:
        free = shutil.disk_usage(home).free >> 20
        raise DatabaseStoppedError(
            f"{error} ({free:,} MiB are free in {home})",
            hint="make room there, `kgp up`, which starts it anew, then the same command again; "
            "what was committed is kept",
        ) from error


def snapshot_of_source(
    store: Store, source: Mapping[str, Any], progress: Progress
) -> tuple[KGSnapshot, dict[str, Any]]:
    """Export what a run's ``source`` names, and complete the source by what was learned.

    Args:
        store: The database.
        source: ``cypher`` and ``params``, or ``graph``; as ``kgp train`` keeps it in the run.
        progress: Told of relationships read.
    """
    from kgplatform.graph.projection import snapshot_of_graph, snapshot_of_query

    if source.get("cypher") is None:
        return snapshot_of_graph(store, source["graph"], progress), dict(source)
    snapshot, integers = snapshot_of_query(store, source["cypher"], source["params"], progress)
    return snapshot, {**source, "integer_keys": integers}


def snapshot_of_run(
    settings: Settings, source: Mapping[str, Any], digest: str, progress: Progress
) -> KGSnapshot:
    """What a run was trained on: its folder, if that is there still, else an export.

    Args:
        settings: For the connection.
        source: The run's; ``snapshot`` is the folder if it was trained on one.
        digest: The run's ``snapshot_digest``.
        progress: Told of relationships read.
    """
    from pathlib import Path

    from kgplatform.errors import InputError
    from kgplatform.graph.snapshot_folder import open_snapshot

    if source.get("snapshot"):
        # Moved, removed or replaced by another one: the source itself may still give the same.
        with contextlib.suppress(InputError):
            snapshot = open_snapshot(Path(source["snapshot"]))
            if snapshot.digest == digest:
                return snapshot
    with open_store(settings) as store:
        return snapshot_of_source(store, source, progress)[0]


def target_of_source(
    source: Mapping[str, Any], graph: str | None, label: str | None, key: str | None
) -> Target:
    """The nodes that a run's entities stand for: the flags, else what the run was told.

    Raises:
        UsageError: Nothing says where the entities of a query are, or label lacks its key.
    """
    from kgplatform.errors import UsageError
    from kgplatform.store.writeback import Target

    label = label or (None if graph else source.get("label"))
    key = key or source.get("key")
    integers = bool(source.get("integer_keys", False))
    if label and key:
        return Target(label=label, key=key, graph=None, integer_keys=integers)
    if label or (key and not (graph or source.get("graph"))):
        raise UsageError(
            "a user's own nodes need both a label and a key",
            hint="for example --label Person --key email",
        )
    graph = graph or source.get("graph")
    if graph is None:
        raise UsageError(
            "the run was trained on a query, which does not say where its entities are",
            hint="add --graph G for kgplatform's own nodes, or --label L --key PROPERTY",
        )
    return Target(graph=graph)
