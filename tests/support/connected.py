"""Connections beside the one of the fixture ``store``: of modules, threads and helpers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kgplatform.settings import Settings
from kgplatform.store.client import Store, connect


@contextmanager
def connected(settings: Settings) -> Iterator[Store]:
    """A connection to the server that the tests' settings name."""
    assert settings.neo4j_uri is not None
    assert settings.neo4j_password is not None
    password = settings.neo4j_password.get_secret_value()
    with connect(settings.neo4j_uri, settings.neo4j_username, password) as store:
        yield store
