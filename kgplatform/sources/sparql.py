"""SPARQL endpoints: ``sparql:https://…``.

All triples are loaded, or what a CONSTRUCT or SELECT query gives; each row of the latter is a
head, a relation and a tail. What becomes of a triple is the same as in a file of RDF; see
``rdf``. See ``sparql_query`` for how a query is cut into pages.

The pages come into ``Options.folder / "downloads"``. They stay there until they have been read
to the end, as triples and as entities: a load that fails before goes on with them when it is
run again. The next load after that removes them and fetches all anew. What an
endpoint changes in the middle of a download may be missed or come half.

Blank nodes are told apart by the labels that the endpoint gives them. Jena and RDF4J keep these
from page to page; of an endpoint that does not, give a query that leaves blank nodes out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
from pyoxigraph import (
    BlankNode,
    NamedNode,
    Quad,
    QueryResultsFormat,
    QuerySolution,
    QuerySolutions,
    RdfFormat,
    parse_query_results,
)

from kgplatform.errors import UsageError
from kgplatform.hosts import shown_uri
from kgplatform.sources.iris import Prefixes
from kgplatform.sources.rdf import RdfFile, language_note, parse_file
from kgplatform.sources.rdf_statements import Located, Part, read_entities, read_triples
from kgplatform.sources.source import OnReject, Options, Source
from kgplatform.sources.sparql_download import Download, Page, begin, fetch
from kgplatform.sources.sparql_query import look_at
from kgplatform.triples import Entity, Reject, Triple

_SCHEME = "sparql:"
_CUT_LOGIN = re.compile(r"//(?:[^/?#]*@|[^/?#]*:(?=[/?#]))[^?#]*[/?#].*@")
"""A login that a /, ? or # of its password has ended: there is an @ behind it."""


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open an endpoint and fetch its first page, so that a wrong address fails at once.

    Args:
        given: One address, ``sparql:URL``.
        options: ``query``, ``folder`` and ``languages`` are used.

    Raises:
        UsageError: There are several addresses, or it is none, or the query gives no triples.
        InputError: Nothing answers there, or what answers is no endpoint.
    """
    download = begin(_address(given), look_at(options.query), options.folder)
    notes = [language_note(options), *_found(download)]
    fetch(download, most=1)
    prefixes = Prefixes()

    def triples(on_reject: OnReject) -> Iterator[Triple]:
        fetch(download)
        yield from read_triples(_statements(download, on_reject), prefixes, on_reject)
        download.mark_read("triples")

    def entities(on_reject: OnReject) -> Iterator[Entity]:
        fetch(download)
        # Rows that are no statements are told of once, by the pass over the triples.
        statements = _statements(download, lambda _: None)
        yield from read_entities(statements, prefixes, options.languages, on_reject)
        download.mark_read("entities")

    name = download.shown
    return Source(name, "sparql", triples, entities, notes=tuple(notes), prefixes=prefixes.used)


def _address(given: tuple[str, ...]) -> httpx.URL:
    if len(given) > 1:
        raise UsageError(
            f"one endpoint at a time: {', '.join(given)}", hint="load them one after the other"
        )
    text, shown = given[0].removeprefix(_SCHEME), shown_uri(given[0])
    hint = "the address is sparql:https://HOST/PATH"
    if shown != given[0]:
        hint += (
            ", or https://USER:PASSWORD@HOST/PATH, where a password has %40 for @, %2F for /, "
            "%3F for ? and %23 for #"
        )
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        # Its words are not told: what it takes for a port may be the password of whoever has
        # not written a character of it as an address needs it.
        raise UsageError(f"{shown} is not an address", hint=hint) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"{shown} is not the address of an endpoint", hint=hint)
    if _CUT_LOGIN.search(text):
        # Else what stands before that character would be asked as a host, the rest be told.
        raise UsageError(f"{shown}: its login has a character as it is", hint=hint)
    return url


def _found(download: Download) -> list[str]:
    pages = len(download.pages())
    if download.complete:
        return [f"the download in {download.folder} is complete and is used"]
    if pages:
        return [f"goes on behind the {pages} pages of an earlier run in {download.folder}"]
    return []


def _statements(download: Download, on_reject: OnReject) -> Iterator[Located]:
    part = Part(download.shown, download.shown, labelled=True)
    before = 0
    for page in download.pages():
        if download.query.selects:
            yield from _rows(page, part, before, on_reject)
        else:
            yield from parse_file(RdfFile(page.path, RdfFormat.N_TRIPLES, part))
        before += page.rows
    if before == 0:
        on_reject(Reject(part.file, 0, "it gives no rows", download.query.text))


def _rows(page: Page, part: Part, before: int, on_reject: OnReject) -> Iterator[Located]:
    solutions = parse_query_results(path=page.path, format=QueryResultsFormat.TSV)
    assert isinstance(solutions, QuerySolutions)  # as the download wrote it
    for number, row in enumerate(solutions, start=before + 1):
        head, relation, tail = row["head"], row["relation"], row["tail"]
        if (
            isinstance(head, NamedNode | BlankNode)
            and isinstance(relation, NamedNode)
            and tail is not None
        ):
            yield part, Quad(head, relation, tail)
        else:
            on_reject(_reject(part, number, row))


def _reject(part: Part, number: int, row: QuerySolution) -> Reject:
    terms = {name: row[name] for name in ("head", "relation", "tail")}
    missing = [name for name, term in terms.items() if term is None]
    if missing:
        reason = f"{' and '.join(missing)} of the row has no value"
    elif isinstance(terms["relation"], NamedNode):
        reason = "head is a text where an IRI belongs"
    else:
        reason = "relation is not an IRI"
    return Reject(part.file, number, reason, "\t".join(str(term or "") for term in terms.values()))
