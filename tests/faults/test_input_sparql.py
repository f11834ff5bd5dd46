"""Hostile answers of a SPARQL endpoint: broken, endless, packed, of another kind, sent elsewhere.

Each ends in facts or in an error with its reason; nobody but the endpoint is asked, and nothing
outside of the download's folder is opened.
"""

from __future__ import annotations

import gzip
import random
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from campaign import counted, drawn, points
from hostile import Touched, canary, in_child, in_time, mutated, touched

from kgplatform.errors import InputError, KGPlatformError
from kgplatform.sources import sparql_download
from kgplatform.sources.source import Options
from kgplatform.sources.sparql import open_source
from kgplatform.triples import fault_of_name

Headers = list[tuple[str, str]]
SELECT = "SELECT ?s ?p ?o WHERE { ?s ?p ?o }"
PAGE = 5
HEAD = b'{"head":{"vars":["s","p","o"]},"results":{"bindings":['
CELL = b'"%b":{"type":"uri","value":"http://e/%b"}'
ROW = b"{" + b",".join(CELL % (c, c) for c in (b"s", b"p", b"o")) + b"}"
XML = (
    b"<?xml version='1.0'?><sparql xmlns='http://www.w3.org/2005/sparql-results#'><head>"
    b"<variable name='s'/><variable name='p'/><variable name='o'/></head><results><result>"
    + b"".join(
        b"<binding name='%b'><uri>http://e/a</uri></binding>" % c for c in (b"s", b"p", b"o")
    )
    + b"</result></results></sparql>"
)
ROWS_OF_JSON = "application/sparql-results+json"
BODIES: dict[str, tuple[str | None, bytes]] = {
    "application/n-triples": (None, b'<http://e/a> <http://e/p> "x"@en .\n' * 3),
    "text/turtle": (None, b"@prefix e: <http://e/> .\ne:a e:p e:b, [ e:q (1 2) ] .\n"),
    "application/rdf+xml": (
        None,
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:e='http://e/'>"
        b"<rdf:Description rdf:about='http://e/a'><e:p rdf:resource='http://e/b'/>"
        b"</rdf:Description></rdf:RDF>",
    ),
    ROWS_OF_JSON: (SELECT, HEAD + b",".join([ROW] * 3) + b"]}}"),
    "application/sparql-results+xml": (SELECT, XML),
    "text/tab-separated-values": (
        SELECT,
        b"?s\t?p\t?o\n<http://e/a>\t<http://e/p>\t<http://e/b>\n",
    ),
    "text/csv": (SELECT, b"s,p,o\nhttp://e/a,http://e/p,http://e/b\n"),
}
"""By media type: the query, and a whole answer."""

KINDS = (
    *BODIES,
    "text/html",
    "",
    "x" * 5_000,
    "text/turtle; charset=utf-7",
    "multipart/mixed",
    "/",
)
STATUSES = (200, 200, 200, 204, 206, 301, 302, 307, 401, 404, 429, 500, 503, 299, 999)
WAITS = ("\xb2", "9" * 400, "-1", "Fri, 31 Dec 9999 23:59:60 -2359", "\x00", "1e9", "4,2")
PACKINGS = ("gzip", "gzip, gzip", "br", "deflate", "zstd", "x", "identity", ", ")
ELSEWHERE = (
    "file:///etc/hostname", "//127.0.0.1.nip.invalid/x", "http://[::1", "http://\x00/", "",
    "gopher://127.0.0.1/", "data:text/turtle,x", "http://localhost:{port}/sparql", "http://@@@/",
    "javascript:1", "http://" + "a" * 5_000, "\\\\host\\x", "http://127.0.0.1@localhost:{port}/",
)  # fmt: skip


class Speaker:
    """What the endpoint says: set before each question."""

    status = 200
    headers: Headers
    body: bytes | Callable[[], Iterable[bytes]] = b""


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Speaker]]:
    monkeypatch.setattr(sparql_download, "PAGE_ROWS", PAGE)
    monkeypatch.setattr(sparql_download, "PAUSES", ())
    monkeypatch.setattr(sparql_download, "LONGEST_WAIT", 0.0)
    speaker = Speaker()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, said = speaker.status, speaker.headers, speaker.body
            if "OFFSET" in self.path and not self.path.replace("+", "%20").endswith("OFFSET%200"):
                # Behind the first page there is nothing more.
                rows = "SELECT" in self.path
                status, said = 200, HEAD + b"]}}" if rows else b""
                headers = [("Content-Type", ROWS_OF_JSON if rows else "text/turtle")]
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            try:
                for piece in [said] if isinstance(said, bytes) else said():
                    self.wfile.write(piece)
            except OSError:  # whoever asked has heard enough
                pass

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"sparql:http://127.0.0.1:{server.server_port}/sparql", speaker
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Touched:
    return touched(tmp_path_factory.mktemp("sparql"))


def read(address: str, query: str | None, folder: Path) -> str:
    """Read an endpoint to its end as a load does; what became of it."""
    rejects: list[object] = []
    try:
        source = open_source((address,), Options(query=query, folder=folder))
        triples = list(source.triples(rejects.append))
        list(source.entities(rejects.append))
    except KGPlatformError as error:
        return "refused" if error.hint and len(str(error)) < 3_000 else "refused badly"
    for triple in triples:
        for kind in ("head", "relation", "tail"):
            assert fault_of_name(kind, getattr(triple, kind)) is None
    return "rejected by row" if rejects and not triples else "kept"


def hostile_answer(draw: random.Random, speaker: Speaker, port: str) -> str | None:
    """Set an answer in which one to three things are wrong; the query that is asked for it."""
    media = draw.choice(list(BODIES))
    query, body = BODIES[media]
    speaker.status, packing, headers = 200, None, []
    for _ in range(draw.randint(1, 3)):
        wrong = draw.randrange(6)
        if wrong <= 1:
            body = mutated(draw, body, [other for _, other in BODIES.values()])
        elif wrong == 2:
            media = draw.choice(KINDS)
        elif wrong == 3:
            speaker.status = draw.choice(STATUSES)
            headers.append(("Retry-After", draw.choice(WAITS)))
        elif wrong == 4:
            packing = draw.choice(PACKINGS)
            if packing.startswith("gzip") and draw.random() < 0.7:
                body = gzip.compress(body)
        else:
            speaker.status = draw.choice((301, 302, 303, 307, 308))
            headers.append(("Location", draw.choice(ELSEWHERE).replace("{port}", port)))
    headers.append(("Content-Type", media))
    if packing:
        headers.append(("Content-Encoding", packing))
    if draw.random() < 0.3:
        headers.append(("Content-Length", str(draw.choice((0, 1, len(body), 10**30, -1)))))
    speaker.headers, speaker.body = headers, body
    return query


def test_hostile_answers_are_refused_by_a_reason(
    endpoint: tuple[str, Speaker], watched: Touched
) -> None:
    address, speaker = endpoint
    folder = Path(watched.folder) / "x"
    for media, (query, body) in BODIES.items():
        speaker.headers, speaker.body = [("Content-Type", media)], body
        if not media.startswith("text/"):
            shutil.rmtree(folder, ignore_errors=True)
            assert read(address, query, folder) in ("kept", "rejected by row"), media
    draw = drawn("sparql")
    tried = points(60, 2_000)
    outcomes: Counter[str] = Counter()
    with canary() as (place, asked):
        port = place.rsplit(":", 1)[1]
        for _ in range(tried):
            query = hostile_answer(draw, speaker, port)
            shutil.rmtree(folder, ignore_errors=True)
            try:
                with watched.watching(), in_time():
                    outcomes[read(address, query, folder)] += 1
            except BaseException as error:
                error.add_note(f"{speaker.status} {speaker.headers} {speaker.body!r:.1000}")
                raise
        assert asked == []
    assert [each for each in watched.outside if each.startswith("open")] == []
    assert outcomes["refused"] > tried // 4
    assert outcomes["kept"] > 0
    assert not outcomes["refused badly"]
    counted("input", "answers of a SPARQL endpoint", tried, **outcomes)


def test_another_host_is_not_asked(endpoint: tuple[str, Speaker], tmp_path: Path) -> None:
    address, speaker = endpoint
    with canary() as (place, asked):
        there = place.replace("127.0.0.1", "localhost")
        speaker.status, speaker.headers = 302, [("Location", f"{there}/x?secret")]
        with pytest.raises(InputError, match="sends on to http://localhost"):
            open_source((address,), Options(folder=tmp_path))
        assert asked == []
        speaker.headers = [("Location", f"{place}/x")]
        with pytest.raises(InputError, match="not with RDF"):
            open_source((address,), Options(folder=tmp_path))
        assert asked == ["/x"]


MEGABYTE = b"a" * (1 << 20)
NOUGHTS = gzip.compress(b"\0" * (64 << 20), 1)
TURTLE_TEXT = b'<http://e/a> <http://e/p> "'
BOMBS: dict[str, tuple[str | None, Headers, bytes, bytes, int]] = {
    "a text of N-Triples": (None, [("Content-Type", "text/turtle")], TURTLE_TEXT, MEGABYTE, 800),
    "a text of RDF/XML": (
        None, [("Content-Type", "application/rdf+xml")],
        BODIES["application/rdf+xml"][1][:90] + b"<e:a><e:p>", MEGABYTE, 800,
    ),
    "a text of JSON": (
        SELECT, [("Content-Type", ROWS_OF_JSON)],
        HEAD + b'{"s":{"type":"literal","value":"', MEGABYTE, 800,
    ),
    "a text of XML": (
        SELECT, [("Content-Type", "application/sparql-results+xml")],
        XML[: XML.index(b"<uri>")] + b"<uri>", MEGABYTE, 800,
    ),
    "a text of TSV": (
        SELECT, [("Content-Type", "text/tab-separated-values")],
        b"?s\t?p\t?o\n<", MEGABYTE, 800,
    ),
    "lists of JSON": (SELECT, [("Content-Type", ROWS_OF_JSON)], HEAD, b"[" * (1 << 20), 800),
    "a web page without an end": (None, [("Content-Type", "text/html")], b"<p>", MEGABYTE, 4_000),
    "packed twice": (
        None, [("Content-Type", "text/turtle"), ("Content-Encoding", "gzip, gzip")],
        gzip.compress(NOUGHTS * 64), b"", 0,
    ),
    "packed": (
        None, [("Content-Type", "text/turtle"), ("Content-Encoding", "gzip")], NOUGHTS, NOUGHTS, 80,
    ),
    "a page of error": (None, [("X-Status", "404")], b"<p>", MEGABYTE, 4_000),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOMBS)
def test_answers_without_an_end_are_refused_in_little_memory(
    kind: str, endpoint: tuple[str, Speaker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparql_download, "LARGEST_ANSWER", points(64 << 20, 1 << 30))
    address, speaker = endpoint
    query, speaker.headers, head, piece, count = BOMBS[kind]
    speaker.status = int(dict(speaker.headers).get("X-Status", "200"))
    size = points(20, count)
    speaker.body = lambda: (head, *([piece] * min(count, size)))

    def attempt() -> Iterable[str]:
        yield read(address, query, tmp_path / "x")

    lines = in_child(attempt, memory=1 << 30)
    assert lines == ["refused"], lines
    left = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert left < 10_000
    counted("input", f"bombs of a SPARQL endpoint: {kind}", 1, refused=1)
