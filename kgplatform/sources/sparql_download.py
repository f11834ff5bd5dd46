"""What a SPARQL endpoint answers, page by page into a folder, so that a cut costs one page.

A page is a file ``page-000007-10000.nt`` (its number and its rows), or ``.tsv`` for the rows of
a SELECT query. It gets this name only when it has come whole and could be read, so what
has a name is good. A download that was cut goes on after its last page; when nothing more
comes, a file ``complete`` says so.
"""

from __future__ import annotations

import contextlib
import filecmp
import hashlib
import json
import random
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx
from pyoxigraph import QueryResultsFormat, QuerySolutions, RdfFormat, parse, parse_query_results

from kgplatform.errors import InputError
from kgplatform.hosts import CERTIFICATE_REMEDY, fault_of_certificate
from kgplatform.retry_after import retry_after
from kgplatform.sources.sparql_query import Query, columns

PAGE_ROWS = 10_000
"""Rows asked for at once; many public servers give no more, whatever they are asked for."""

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each repetition of a page that did not come, give or take a quarter."""

LONGEST_WAIT = 300.0
"""Most seconds that are waited because a server asks for it (Retry-After)."""

SECONDS_PER_ANSWER = 120.0

LARGEST_ANSWER = 4 << 30
"""Most bytes of one answer, unpacked: one without an end would fill the disk."""

USER_AGENT = "kgplatform (loads a knowledge graph in pages, one request at a time)"

PASSES = ("triples", "entities")

_PACKED = frozenset({"gzip", "identity"})
_TRIPLES_WANTED = "application/n-triples, text/turtle;q=0.8, application/rdf+xml;q=0.6"
_ROWS_WANTED = "application/sparql-results+json, application/sparql-results+xml;q=0.8"
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_HEADER = "?head\t?relation\t?tail\n"
_LONGEST_ROW = 16 << 20
_LONGEST_GET = 2_000
_REFUSAL_SHOWN = 65_536
_PAGE_NAME = re.compile(r"page-(\d{6})-(\d+)\.(nt|tsv)\Z")


class _PassingError(Exception):
    """A failure that may be over at the next attempt; ``wait`` is what the server asks for."""

    def __init__(self, problem: str, wait: float | None = None) -> None:
        super().__init__(problem)
        self.wait = wait


@dataclass(frozen=True)
class Page:
    """A page that has come.

    Attributes:
        path: Its file.
        rows: How many rows it has.
    """

    path: Path
    rows: int


@dataclass(frozen=True)
class Download:
    """A query's answer and the folder that it comes into.

    Attributes:
        url: The endpoint.
        query: What it is asked.
        folder: Where the pages lie; each endpoint and query have one of their own.
    """

    url: httpx.URL
    query: Query
    folder: Path

    @property
    def shown(self) -> str:
        """The address as messages may show it: without a password."""
        return str(self.url.copy_with(userinfo=b""))

    @property
    def complete(self) -> bool:
        """Whether all of it has come."""
        return (self.folder / "complete").exists()

    def pages(self) -> list[Page]:
        """The pages that have come, in order, as far as none is missing."""
        found: dict[int, Page] = {}
        for path in self.folder.glob("page-*"):
            if match := _PAGE_NAME.match(path.name):
                found[int(match[1])] = Page(path, int(match[2]))
        last = next(number for number in range(1, len(found) + 2) if number not in found)
        return [found[number] for number in range(1, last)]

    def mark_read(self, name: str) -> None:
        """Note that a pass over the whole of it came to its end."""
        with _kept(self):
            (self.folder / f"read-{name}").touch()


def begin(url: httpx.URL, query: Query, parent: Path) -> Download:
    """The download of a query: the one that is under way, or a new one.

    One that is complete and was read to its end by both passes has done its work: it is
    removed, and all is fetched anew.
    """
    key = json.dumps([str(url), query.text, PAGE_ROWS])
    folder = parent / "downloads" / hashlib.sha256(key.encode()).hexdigest()[:16]
    download = Download(url, query, folder)
    with _kept(download):
        if download.complete and all((folder / f"read-{name}").exists() for name in PASSES):
            shutil.rmtree(folder)
        if not download.complete:
            # Half a page of a run that was killed, and what would come behind a page missing.
            for path in set(folder.glob("page-*")) - {page.path for page in download.pages()}:
                path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        about = {"url": download.shown, "query": query.text, "rows a page": PAGE_ROWS}
        (folder / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
    return download


def fetch(download: Download, most: int | None = None) -> None:
    """Fetch the pages that have not come yet, or the first ``most`` of them.

    One request is made at a time. A page that does not come is asked for again after a pause;
    a server's ``Retry-After`` is honoured.

    Raises:
        InputError: The endpoint refuses, is none, or does not answer; the pages until then are
            kept, and the next call goes on behind them.
    """
    if download.complete:
        return
    pages = download.pages()
    with _kept(download), _client() as client:
        while most is None or len(pages) < most:
            page = _fetch_page(client, download, pages)
            if page is not None:
                _check_progress(download, pages, page)
                pages.append(page)
            if page is None or download.query.order is None:
                (download.folder / "complete").touch()
                return


def _fetch_page(client: httpx.Client, download: Download, pages: list[Page]) -> Page | None:
    """The next page; None if there are no more rows."""
    number = len(pages) + 1
    query = download.query
    # The rows that came are counted, not those asked for: a server may have a limit of its own.
    offset = sum(p.rows for p in pages) if query.counted else len(pages) * PAGE_ROWS
    asked = query.page(offset, PAGE_ROWS)
    part = download.folder / f"page-{number:06}.part"
    answer = download.folder / f"page-{number:06}.answer"
    for pause in (*PAUSES, None):
        try:
            media = _ask(client, download, asked, answer)
            rows = _write_page(download, answer, media, part)
            break
        except MemoryError as error:
            raise InputError(
                f"{download.shown}: a row of page {number} is too long: {error}",
                hint="leave it out with a --query of your own",
            ) from None
        except (httpx.RequestError, _PassingError, SyntaxError) as error:
            if fault := fault_of_certificate(error):
                raise InputError(
                    f"the certificate of {download.shown} is refused, and nothing was sent: "
                    f"{fault}",
                    hint=CERTIFICATE_REMEDY,
                ) from error
            wait = error.wait if isinstance(error, _PassingError) else None
            if pause is None or (wait or 0.0) > LONGEST_WAIT:
                raise _gave_up(download, number, error, wait) from error
            jitter = pause * random.uniform(0.75, 1.25)  # noqa: S311 (not a secret)
            time.sleep(jitter if wait is None else wait)
        finally:
            answer.unlink(missing_ok=True)
    if rows == 0 and query.order is not None:
        part.unlink()
        return None
    ending = "tsv" if query.selects else "nt"
    return Page(part.replace(download.folder / f"page-{number:06}-{rows}.{ending}"), rows)


def _ask(client: httpx.Client, download: Download, query: str, answer: Path) -> str:
    """Send a query and write the answer into a file; returns its media type."""
    method, sent = "POST", {"data": {"query": query}}
    url = download.url
    if len(query) < _LONGEST_GET:
        method, sent, url = "GET", {}, url.copy_merge_params({"query": query})
    accept = _ROWS_WANTED if download.query.selects else _TRIPLES_WANTED
    headers = {"Accept": accept}
    with client.stream(method, url, headers=headers, **sent) as response:  # type: ignore[arg-type]
        if response.headers.get("content-encoding", "identity").lower() not in _PACKED:
            # Packed twice, a few bytes of an answer are gigabytes in memory.
            raise InputError(
                f"{download.shown} packs its answer in another way than gzip, which was asked for",
                hint="it does not keep to HTTP; load from another endpoint",
            )
        if response.status_code != httpx.codes.OK:
            raise _refused(download, response)
        size = 0
        with answer.open("wb") as stream:
            for data in response.iter_bytes():
                size += len(data)
                if size > LARGEST_ANSWER:
                    raise _too_large(download)
                stream.write(data)
        return str(response.headers.get("content-type", ""))


def _write_page(download: Download, answer: Path, media: str, part: Path) -> int:
    """Turn an answer into a page; returns its rows.

    All of it is read here: an answer that was cut, or ends in an error message, becomes none.
    """
    if download.query.selects:
        lines = _rows(download, answer, media)
        header = _HEADER
    else:
        lines = _triples(download, answer, media)
        header = ""
    rows = 0
    with part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(header)
        for line in lines:
            stream.write(line)
            rows += 1
    return rows


def _triples(download: Download, answer: Path, media: str) -> Iterator[str]:
    form = RdfFormat.from_media_type(media)
    if form is None:
        raise _no_endpoint(download, media)
    with answer.open("rb") as stream:
        held = _Held(stream)
        for quad in parse(held, form, base_iri=download.shown):  # type: ignore[arg-type]
            held.bytes = 0
            yield f"{quad.triple} .\n"


def _rows(download: Download, answer: Path, media: str) -> Iterator[str]:
    form = QueryResultsFormat.from_media_type(media)
    # Others were not asked for; a long line of TSV takes the parser time by its square.
    if form not in (QueryResultsFormat.JSON, QueryResultsFormat.XML):
        raise _no_endpoint(download, media)
    with answer.open("rb") as stream:
        held = _Held(stream)
        solutions = parse_query_results(held, form)  # type: ignore[arg-type]
        if not isinstance(solutions, QuerySolutions):
            raise _no_endpoint(download, f"{media} of a yes or no")
        chosen = columns([variable.value for variable in solutions.variables])
        for solution in solutions:
            held.bytes = 0
            yield "\t".join(str(solution[name] or "") for name in chosen) + "\n"


class _Held:
    """An answer for a parser, which has no end of what it holds: no text of a row is that long."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.bytes = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.bytes += len(data)
        if self.bytes > _LONGEST_ROW:
            raise MemoryError(f"more than {_LONGEST_ROW >> 20} MiB without a row")
        return data


def _check_progress(download: Download, pages: list[Page], page: Page) -> None:
    """Notice a server that ignores OFFSET, before it is asked the same for ever."""
    if not pages or not download.query.counted:
        return
    if not filecmp.cmp(page.path, pages[-1].path, shallow=False):
        return
    with page.path.open(encoding="utf-8", newline="\n") as lines:
        different = {hash(line) for line in lines if line != _HEADER}
    # In the order that was asked for, two full pages can be alike if all their rows are one row.
    if page.rows != PAGE_ROWS or len(different) != 1:
        page.path.unlink()
        raise InputError(
            f"{download.shown} gives page {len(pages)} again as page {len(pages) + 1}",
            hint="it does not heed OFFSET; give a --query with a LIMIT of its own",
        )


def _client() -> httpx.Client:
    return httpx.Client(
        timeout=SECONDS_PER_ANSWER,
        follow_redirects=True,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
        event_hooks={"response": [_check_redirect]},
    )


def _check_redirect(response: httpx.Response) -> None:
    """Refuse to be sent to another host: it may be one that only this machine reaches."""
    if not response.has_redirect_location:
        return
    asked = response.request.url
    try:
        target = asked.join(response.headers["location"])
        at_home = target.host == asked.host and target.scheme in ("http", "https")
    except (ValueError, httpx.InvalidURL):
        target, at_home = None, False
    if not at_home:
        where = "nowhere" if target is None else str(target.copy_with(userinfo=b"", query=None))
        raise InputError(
            f"{asked.copy_with(userinfo=b'', query=None)} sends on to {where[:300]}, another host",
            hint="if you trust it, give that address itself",
        )


@contextlib.contextmanager
def _kept(download: Download) -> Iterator[None]:
    """Turn failures of the disk into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot keep the download in {download.folder}: {error.strerror}",
            hint="make room or give write permission there",
        ) from error


def _refused(download: Download, response: httpx.Response) -> Exception:
    status = f"{response.status_code} {response.reason_phrase}".strip()
    said = b""
    for data in response.iter_bytes():
        said += data
        if len(said) > _REFUSAL_SHOWN:
            break
    shown = said[:_REFUSAL_SHOWN].decode(errors="replace")
    text = " ".join(re.sub(r"<[^<>]*>", " ", shown).split())[:300]
    problem = f"it answers {status}" + (f": {text}" if text else "")
    if response.status_code in _PASSING:
        headers = response.headers
        return _PassingError(problem, retry_after(headers.get("retry-after"), headers.get("date")))
    hints = {
        400: "the server does not take the query; try it there first",
        401: "put user and password into the address: https://USER:PASSWORD@…",
        403: "the server does not allow it",
        404: "check the address; endpoints often end in /sparql or /query",
    }
    hint = hints.get(response.status_code, "check the address")
    return InputError(f"{download.shown}: {problem}", hint=hint)


def _too_large(download: Download) -> InputError:
    return InputError(
        f"{download.shown} answers with more than {LARGEST_ANSWER >> 20:,} MiB at once",
        hint="give a --query that asks for less at once, with LIMIT and OFFSET of its own",
    )


def _no_endpoint(download: Download, media: str) -> InputError:
    what = "a web page" if "html" in media else f"{media or 'something without a type'}"
    return InputError(
        f"{download.shown} answers with {what}, not with "
        + ("rows of a query" if download.query.selects else "RDF"),
        hint="is it the address of a SPARQL endpoint? They often end in /sparql or /query",
    )


def _gave_up(download: Download, number: int, error: Exception, wait: float | None) -> InputError:
    problem = str(error) or type(error).__name__
    if isinstance(error, SyntaxError):
        problem = f"its answer is cut or damaged: {error.msg}"
    when = f"wait {wait:,.0f} seconds as the server asks, then " if wait is not None else ""
    kept = f"pages 1 to {number - 1} are kept" if number > 2 else "page 1 is kept"
    hint = f"{when}run the same again to go on: {kept}" if number > 1 else f"{when}run it again"
    if number == 1 and isinstance(error, httpx.ConnectError):
        hint = "check the address, and that the server is running"
    return InputError(f"{download.shown}: page {number} does not come: {problem}", hint=hint)
