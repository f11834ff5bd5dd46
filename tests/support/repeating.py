"""An endpoint of triples and of a language model that repeats what it is sent in its errors."""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER_PASSWORD = "canary-of-an-address"
ROWS = b"<http://x.y/a> <http://x.y/r> <http://x.y/b> .\n"


class Endpoint(BaseHTTPRequestHandler):
    """Triples for whoever has the login; an error that repeats what it was sent for all else."""

    logins: list[str]

    def do_GET(self) -> None:
        login = self.headers.get("Authorization", "")
        self.logins.append(login)
        wanted = base64.b64encode(f"reader:{USER_PASSWORD}".encode()).decode()
        asked = self.path.replace("%20", "+")
        if login == f"Basic {wanted}":
            self._say(200, "application/n-triples", ROWS if "OFFSET+0" in asked else b"")
        else:
            self._say(403, "text/plain", f"not {self.headers} {self.path}".encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = f'{{"error": {{"message": "no such key: {self.headers["Authorization"]}"}}}}'
        self._say(401, "application/json", said.encode())

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@contextlib.contextmanager
def repeating() -> Iterator[str]:
    """Host and port of the endpoint."""
    Endpoint.logins = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
