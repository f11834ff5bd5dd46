"""From the settings to a connected store."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from kgplatform import server
from kgplatform.errors import DatabaseStoppedError, UnavailableError
from kgplatform.settings import Settings, load_settings
from kgplatform.store.client import Store, connect
from kgplatform.store.schema import known_changes


@contextlib.contextmanager
def open_store(settings: Settings | None = None) -> Iterator[Store]:
    """The server that NEO4J_URI names, or the project's running local one.

    Args:
        settings: None for those of the place where this runs.

    Raises:
        UnavailableError: Neither is there, or it does not answer.
        AuthenticationError: The login was refused.
        SchemaError: A newer kgplatform has changed the database.
    """
    settings = settings or load_settings()
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
            known_changes(store)
            yield store
        return
    with connect(uri, username, password, database) as store:
        known_changes(store)
        yield store


@contextlib.contextmanager
def _place_named(home: Path) -> Iterator[None]:
    """Say of a local database that could not write where it is, and how much room is there."""
    try:
        yield
    except DatabaseStoppedError as error:
        free = shutil.disk_usage(home).free >> 20
        raise DatabaseStoppedError(
            f"{error} ({free:,} MiB are free in {home})",
            hint="make room there, `kgp up`, which starts it anew, then the same command again; "
            "what was committed is kept",
        ) from error
