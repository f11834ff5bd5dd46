"""The pages that Browser takes from us, made of what the graph holds when they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from kgplatform.browser.contents import Contents, read_contents
from kgplatform.browser.guide import guide
from kgplatform.browser.html import escape
from kgplatform.browser.saved import as_csv, as_zip
from kgplatform.browser.style import as_grass, as_json, style_sheet
from kgplatform.connection import open_store
from kgplatform.errors import UnknownNameError
from kgplatform.settings import Settings

PATHS = ("/", "/guide.html", "/style.json", "/style.grass", "/queries.zip", "/queries.csv")
"""All that there is; nothing is read from a disk, so that no path leads out of it."""


@dataclass(frozen=True)
class Page:
    """What an address gives: its type, its bytes, and the name of its file, if it is to be kept."""

    content_type: str
    body: bytes
    file: str | None = None


@dataclass
class Site:
    """The pages of the graphs of one database.

    Attributes:
        settings: Where the database is; read anew by every request, as it may have moved.
        base: The address that the pages are served at.
        graph: The graph where none is named; None for the largest.
    """

    settings: Settings
    base: str
    graph: str | None = None
    _known: dict[str, tuple[str, Contents]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, path: str, query: Mapping[str, str]) -> Page | None:
        """The page at a path; None where there is none.

        Raises:
            KGPlatformError: The database does not answer.
        """
        if path not in PATHS:
            return None
        if path == "/":
            return Page("text/html; charset=utf-8", self._index().encode())
        try:
            contents = self._contents(query.get("graph", self.graph))
        except UnknownNameError:
            if "graph" in query:
                return None
            # The graph that it was installed for is gone.
            contents = self._contents(None)
        return _page(path, contents, self.base)

    def _contents(self, graph: str | None) -> Contents:
        """What a graph holds; read again only if the database has changed since."""
        name = graph or ""
        # One at a time: Browser asks for guide and style at once, and both need the same.
        with self._lock, open_store(self.settings) as store:
            state = store.state()
            if name not in self._known or self._known[name][0] != state:
                self._known[name] = (state, read_contents(store, graph))
            return self._known[name][1]

    def _index(self) -> str:
        listed = "".join(f'<li><a href="{path}">{path}</a></li>' for path in PATHS[1:])
        return (
            "<!doctype html><title>kgplatform</title><h1>kgplatform in Neo4j Browser</h1>"
            f"<p>In Browser: <code>:play {escape(self.base)}/guide.html</code> and "
            f"<code>:style {escape(self.base)}/style.json</code></p><ul>{listed}</ul>"
        )


def _page(path: str, contents: Contents, base: str) -> Page:
    if path == "/guide.html":
        return Page("text/html; charset=utf-8", guide(contents, base).encode())
    if path == "/style.json":
        return Page("application/json", as_json(style_sheet(contents)).encode())
    if path == "/style.grass":
        text = as_grass(style_sheet(contents))
        return Page("text/plain; charset=utf-8", text.encode(), "kgplatform.grass")
    if path == "/queries.zip":
        return Page("application/zip", as_zip(contents), "kgplatform-queries.zip")
    return Page("text/csv; charset=utf-8", as_csv(contents).encode(), "kgplatform-queries.csv")
