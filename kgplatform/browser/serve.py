"""A small server of the guide, the style and the saved queries, for this machine alone.

What it shows is what the database holds, and it asks for no login of its own. So it listens on
loopback, answers to its own names only (a page elsewhere cannot reach it by a name of its own that
leads here), and lets a script of another origin read it only if that is on this machine, too, or
was named.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from kgplatform.browser.site import Page, Site
from kgplatform.errors import KGPlatformError, ServerError
from kgplatform.server.config import HOST, is_free
from kgplatform.settings import Settings

GUIDE_PORT = 7400
PORTS = 100
HOME_HEADER = "X-Kgplatform-Home"
LOOPBACK = ("127.0.0.1", "localhost", "::1")

log = logging.getLogger(__name__)


def guide_base(port: int) -> str:
    """The address of the server at a port."""
    return f"http://{HOST}:{port}"


def home_mark(settings: Settings) -> str:
    """What tells the guide of one project from that of another; says nothing of the folder."""
    home = str(settings.kgp_home.expanduser().resolve())
    return hashlib.sha256(home.encode()).hexdigest()[:16]


def choose_guide_port(preferred: int | None = None) -> int:
    """A free port: the one that is preferred, or one near the usual one."""
    near = range(GUIDE_PORT, GUIDE_PORT + PORTS)
    for port in near if preferred is None else (preferred, *near):
        if is_free(port):
            return port
    raise ServerError(
        f"no port from {GUIDE_PORT} to {GUIDE_PORT + PORTS - 1} is free",
        hint="name a free one with --port",
    )


def open_server(
    settings: Settings, port: int, graph: str | None = None, origins: Collection[str] = ()
) -> ThreadingHTTPServer:
    """A server that listens already; ``serve_forever`` lets it answer.

    Args:
        settings: Where the database is.
        port: The port, of loopback; 0 for any.
        graph: The graph where a request names none; None for the largest.
        origins: Other origins whose scripts may read it, such as ``https://browser.neo4j.io``.

    Raises:
        ServerError: The port is taken.
    """
    try:
        opened = ThreadingHTTPServer((HOST, port), BaseHTTPRequestHandler)
    except OSError as error:
        raise ServerError(
            f"cannot listen on {HOST}:{port}: {error.strerror}", hint="name another with --port"
        ) from error
    opened.daemon_threads = True
    port = opened.server_port
    opened.RequestHandlerClass = _handler(
        Site(settings, guide_base(port), graph),
        hosts=frozenset(f"{name}:{port}" for name in (HOST, "localhost")),
        origins=frozenset(origin.rstrip("/") for origin in origins),
        mark=home_mark(settings),
    )
    return opened


def allowed_origin(origin: str | None, others: Collection[str] = ()) -> bool:
    """Whether a script of an origin may read the pages."""
    if origin is None:
        return False
    try:
        return origin in others or urlsplit(origin).hostname in LOOPBACK
    except ValueError:
        return False


def _handler(
    site: Site, hosts: frozenset[str], origins: frozenset[str], mark: str
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "kgplatform"
        sys_version = ""
        timeout = 30

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_OPTIONS(self) -> None:
            self._send(204 if self._is_ours() else 421, None)

        def _answer(self, body: bool) -> None:
            if not self._is_ours():
                self._send(421, _text("this server is asked for by another name"), body)
                return
            try:
                asked = urlsplit(self.path)
                page = site.page(asked.path, dict(parse_qsl(asked.query)))
            except ValueError:
                page = None
            except KGPlatformError as error:
                hint = f" ({error.hint})" if error.hint else ""
                self._send(503, _text(f"{error}{hint}"), body)
                return
            if page is None:
                self._send(404, _text("there is no such page"), body)
            else:
                self._send(200, page, body)

        def _is_ours(self) -> bool:
            return self.headers.get("Host") in hosts

        def _send(self, status: int, page: Page | None, body: bool = True) -> None:
            self.send_response(status)
            origin = self.headers.get("Origin")
            self.send_header("Vary", "Origin")
            if origin is not None and allowed_origin(origin, origins):
                self.send_header("Access-Control-Allow-Origin", origin)
                self.send_header("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
                # What Browser asks a guide with; and a page of the network asks for the last.
                self.send_header("Access-Control-Allow-Headers", "cache-control, pragma")
                self.send_header("Access-Control-Allow-Private-Network", "true")
            self.send_header(HOME_HEADER, mark)
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header(
                "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"
            )
            if page is not None:
                self.send_header("Content-Type", page.content_type)
                if page.file:
                    self.send_header("Content-Disposition", f'attachment; filename="{page.file}"')
            self.send_header("Content-Length", str(len(page.body) if page else 0))
            self.end_headers()
            if page is not None and body:
                self.wfile.write(page.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            log.debug(format, *args)

    return Handler


def _text(message: str) -> Page:
    return Page("text/plain; charset=utf-8", message.encode())
