"""A server of the benchmark's own, in a temporary folder, gone afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kgplatform import server
from kgplatform.settings import Settings
from kgplatform.store.client import Store, connect


@contextmanager
def own_server() -> Iterator[tuple[Store, server.ServerInfo]]:
    """A connection to an empty local server with default settings, and its address and login."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(neo4j_uri=None, kgp_home=Path(folder))
        info = server.start(settings)
        try:
            with connect(info.uri, info.username, info.password) as store:
                yield store, info
        finally:
            server.stop(settings)
