"""``kgp load sparql:…`` of a server that dies or hangs, and into a folder that is full."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kgplatform.settings import Settings
from kgplatform.sources import sparql_download

PAGES, PAGE_ROWS = 8, 50


@dataclass
class Endpoint:
    """A server that answers pages of ``OFFSET``, as far as it is alive."""

    address: str
    dies_at: int | None = None
    hangs_at: int | None = None
    row: str = "<http://x.y/e{0}> <http://x.y/r> <http://x.y/e{1}> .\n"
    asked: list[int] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def page(self, query: str) -> bytes | None:
        number = int(query.rsplit("OFFSET", 1)[1]) // PAGE_ROWS + 1
        self.asked.append(number)
        if number == self.hangs_at:
            self.released.wait(60)
        if self.dies_at is not None and number >= self.dies_at:
            return None
        rows = range((number - 1) * PAGE_ROWS, number * PAGE_ROWS) if number <= PAGES else ()
        return "".join(self.row.format(i, i + 1) for i in rows).encode()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(sparql_download, "PAGE_ROWS", PAGE_ROWS)
    monkeypatch.setattr(sparql_download, "PAUSES", (0.0,))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["query"][0]
            body = known.page(query)
            if body is None:
                # The connection ends without an answer, as of a process that was killed.
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/n-triples")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Endpoint(f"sparql:http://127.0.0.1:{server.server_port}/sparql")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield known
    known.released.set()
    server.shutdown()
    server.server_close()


def test_a_server_that_dies_at_page_7(kgp: Any, graph_name: str, endpoint: Endpoint) -> None:
    endpoint.dies_at = 7
    load = ("load", endpoint.address, "--graph", graph_name)
    for _ in range(2):
        died = kgp(*load)
        assert died.code == 1
        assert "page 7 does not come" in died.err
        assert "pages 1 to 6 are kept" in died.err
    endpoint.dies_at = None
    endpoint.asked.clear()
    again = kgp(*load, "--json")
    assert again.json["created"] == PAGES * PAGE_ROWS
    assert endpoint.asked == [7, 8, 9]


def test_a_full_folder_of_the_download(
    kgp: Any, graph_name: str, endpoint: Endpoint, disk_at: Any
) -> None:
    endpoint.row = f"<http://x.y/{'e' * 900}{{0}}> <http://x.y/r> <http://x.y/e{{1}}> .\n"
    load = ("load", endpoint.address, "--graph", graph_name)
    with disk_at(Path(".kgplatform").absolute(), 1) as disk:
        other = disk.path / "other"
        other.write_bytes(b"x" * 800_000)
        full = kgp(*load)
        assert full.code == 1
        assert f"cannot keep the download in {disk.path}" in full.err
        assert "No space left" in full.err
        assert "make room" in full.err
        other.unlink()
        assert kgp(*load, "--json").json["created"] == PAGES * PAGE_ROWS


def test_ctrl_c_does_not_wait_for_a_server_that_hangs(
    settings: Settings, tmp_path: Path, graph_name: str, endpoint: Endpoint
) -> None:
    # The second page is fetched by the thread that reads ahead, which no signal reaches.
    endpoint.hangs_at = 2
    assert settings.neo4j_password is not None
    load = ("load", endpoint.address, "--graph", graph_name)
    process = subprocess.Popen(
        [sys.executable, "-c", "from kgplatform.cli import main; main()", *load],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "NEO4J_URI": str(settings.neo4j_uri),
            "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while 2 not in endpoint.asked and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped by the user" in told
    assert "Traceback" not in told
