"""What every format opens to: records to be read, and what of the source is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Never

from kgplatform.triples import Document, Entity, Reject, Triple

OnReject = Callable[[Reject], None]


@dataclass(frozen=True)
class Options:
    """What a user may say of a source beyond its address.

    Attributes:
        columns: Names of a table's columns, in order, for files without a header.
        entities: A file of entities beside the triples.
        languages: Preferred languages of names and descriptions, the best first.
        query: A SPARQL query that says what is read of an endpoint.
        folder: Where work that must survive a cut is kept (a download in pages).
        chunk_tokens: Longest chunk of a document, in tokens.
        overlap_tokens: How much of a chunk the next one repeats.
    """

    columns: tuple[str, ...] | None = None
    entities: Path | None = None
    languages: tuple[str, ...] = ("en",)
    query: str | None = None
    folder: Path = Path(".kgplatform")
    chunk_tokens: int = 256
    overlap_tokens: int = 32


def _nothing(_: OnReject) -> Iterator[Never]:
    return iter(())


@dataclass(frozen=True)
class Source:
    """Something that can be loaded, opened and looked at but not yet read.

    Each of ``entities``, ``triples`` and ``documents`` begins a new pass over the source, in
    bounded memory. A row that cannot be used goes to the function that it is given, and reading
    goes on; what cannot be read at all is an InputError with its place.

    Attributes:
        name: What the facts of it carry as their source; the same on every load of it.
        format: The name of its format: a key of ``FORMATS``, or of a kind of Python object.
        triples: Its facts.
        entities: What it says of entities beyond facts.
        documents: Its texts.
        notes: What the user should know: files and columns that are not read.
        prefixes: Prefix → namespace by which IRIs were shortened. Filled while reading.
    """

    name: str
    format: str
    triples: Callable[[OnReject], Iterator[Triple]] = _nothing
    entities: Callable[[OnReject], Iterator[Entity]] = _nothing
    documents: Callable[[OnReject], Iterator[Document]] = _nothing
    notes: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict)
