"""Serving: uvicorn with the application, until it is told to stop."""

from __future__ import annotations

import socket

import uvicorn

from kgplatform.errors import UsageError
from kgplatform.service.app import make_app
from kgplatform.service.engine import Engine

MOST_CONNECTIONS = 1_000
KEEP_ALIVE_SECONDS = 5


def make_server(engine: Engine) -> uvicorn.Server:
    """A server that is ready to run; ``should_exit`` stops it, requests under way being ended."""
    config = engine.config
    return uvicorn.Server(
        uvicorn.Config(
            make_app(engine),
            host=config.host,
            port=config.port,
            # The gate logs a line a request, without what was asked.
            access_log=False,
            log_level="warning",
            server_header=False,
            # A header that names another address is anybody's to write.
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(config.stop_seconds),
            ws="none",
        )
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket bound to an address, so that its port is known before anybody is told of it.

    Raises:
        UsageError: The address cannot be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(
            f"the service cannot listen on {host} port {port}: {why}",
            hint="choose another with --port; 0 takes a free one",
        ) from None
    return bound
