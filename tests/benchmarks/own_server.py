"""A server of the benchmark's own, in a temporary folder, gone afterwards."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kgplatform import server
from kgplatform.settings import Settings
from kgplatform.store.client import Store, connect


@contextmanager
def own_server(
    fill: Callable[[Settings], object] | None = None,
) -> Iterator[tuple[Store, server.ServerInfo]]:
    """A connection to a local server with default settings, and its address and login.

    Args:
        fill: Called with the settings of the running, empty server, as for a bulk load.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(neo4j_uri=None, kgp_home=Path(folder))
        info = server.start(settings)
        try:
            if fill is not None:
                fill(settings)
                info = server.running(settings) or info
            with connect(info.uri, info.username, info.password) as store:
                yield store, info
        finally:
            server.stop(settings)
