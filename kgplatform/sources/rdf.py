"""RDF: N-Triples, N-Quads, Turtle, TriG, RDF/XML and JSON-LD, compressed or not.

Read by pyoxigraph; see ``rdf_statements`` for what becomes of a statement and ``iris`` for the
names of resources.

A blank node's id has a hash of the source's and the file's name behind it
(``_:b0@5e1f0a2b``), so that two files do not share one; one without a label in the file gets
its number among those of the file (``_:[0]@5e1f0a2b``). Both are the same on every load of a
file of that name. Of these unlabelled ones about 200 bytes each are held in memory, and a
JSON-LD file whose outermost value is one object is held as a whole; all else is streamed.

A relative IRI is one below ``file:///NAME``, where NAME is the file's name without its folder,
so that a file has the same names on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from pyoxigraph import RdfFormat, parse

from kgplatform.errors import InputError
from kgplatform.sources.files import check_exists, open_binary, plain_name
from kgplatform.sources.iris import Prefixes
from kgplatform.sources.rdf_statements import Located, Part, read_entities, read_triples
from kgplatform.sources.source import OnReject, Options, Source
from kgplatform.triples import Entity, Reject, Triple

FORMATS: dict[str, RdfFormat] = {
    ".nt": RdfFormat.N_TRIPLES,
    ".nq": RdfFormat.N_QUADS,
    ".ttl": RdfFormat.TURTLE,
    ".trig": RdfFormat.TRIG,
    ".rdf": RdfFormat.RDF_XML,
    ".owl": RdfFormat.RDF_XML,
    ".xml": RdfFormat.RDF_XML,
    ".jsonld": RdfFormat.JSON_LD,
    ".json": RdfFormat.JSON_LD,
}
"""A file's ending, before that of its compression → how it is written."""

_IN_FOLDERS = FORMATS.keys() - {".xml", ".json"}
"""Endings that are RDF wherever they stand; the others only if the file itself is named."""

_LINE_FORMATS = (RdfFormat.N_TRIPLES, RdfFormat.N_QUADS)
_LOOKED_AT = 65_536
_LONGEST = 16 << 20
"""Bytes of a text or tag that are held; the parsers of the other formats have the same bound."""

_TURTLE = re.compile(rb"\s*(@prefix|@base|prefix\s|base\s|#|<[a-z]+:/)", re.IGNORECASE)
_RDF_ROOT = re.compile(rb"<([\w.-]+:)?RDF[\s>]")
_OWL_XML = re.compile(rb"<([\w.-]+:)?Ontology\s[^>]*xmlns")
_OWL_TEXT = re.compile(rb"\s*(Prefix|Ontology)\s*[(:]")
_PLACE = re.compile(r"Parser error [^:]*: ")


@dataclass(frozen=True)
class RdfFile:
    """A file of statements.

    Attributes:
        path: The file.
        format: How it is written.
        part: What its statements carry.
    """

    path: Path
    format: RdfFormat
    part: Part


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open files of RDF, or folders of them.

    The beginning of each file is read: the prefixes that stand before its first statement give
    names to IRIs, in all files alike.

    Args:
        given: Paths. Of a folder, the files whose ending is one of RDF are read, by name.
        options: ``languages`` is used.

    Raises:
        InputError: Nothing is there, or a file is not RDF or is wrong in its beginning.
    """
    paths, others = _find([Path(one) for one in given])
    name = ", ".join(dict.fromkeys(Path(one).resolve().name for one in given))
    files = [_open_file(path, name, paths) for path in paths]
    declared: dict[str, str] = {}
    for file in files:
        if file.format not in _LINE_FORMATS:
            declared = {**_declared(file), **declared}
    prefixes = Prefixes(declared)

    def triples(on_reject: OnReject) -> Iterator[Triple]:
        return read_triples(_statements(files, on_reject), prefixes, on_reject)

    def entities(on_reject: OnReject) -> Iterator[Entity]:
        # An empty file is told of once, by the pass over the triples.
        statements = _statements(files, lambda _: None)
        return read_entities(statements, prefixes, options.languages, on_reject)

    notes = [language_note(options)]
    if others:
        notes.append(f"files that are not read: {', '.join(path.name for path in others)}")
    return Source(name, "rdf", triples, entities, notes=tuple(notes), prefixes=prefixes.used)


def language_note(options: Options) -> str:
    """What is to be said of texts in several languages."""
    listed = ", ".join((*options.languages, "none", "any other"))
    return f"of a text in several languages, one is kept, by this order: {listed}"


def parse_file(file: RdfFile) -> Iterator[Located]:
    """The statements of a file, one at a time.

    Raises:
        InputError: The file cannot be read, or breaks the rules of its format; what came
            before that has been passed on.
    """
    done = 0
    with open_binary(file.path) as raw:
        stream = _Stream(raw, by_line=file.format == RdfFormat.RDF_XML)
        try:
            for quad in parse(stream, file.format, base_iri=_base(file.path)):  # type: ignore[arg-type]
                yield file.part, quad
                done += 1
        except SyntaxError as error:
            raise _wrong(file, error, stream.line, done) from error
        except MemoryError as error:
            raise _too_long(file, error) from None


class _Stream:
    """The bytes of a file for the parser, without a byte order mark.

    The parser of XML does not say where an error is. It is given a line at a time, so that the
    last one that it took is where it stopped. Nor has it an end of what it holds: a text without
    one would end the process.
    """

    def __init__(self, stream: BinaryIO, *, by_line: bool) -> None:
        self._stream = stream
        self._by_line = by_line
        self._started = False
        self._ended = True
        self._lines = self._held = 0

    @property
    def line(self) -> int | None:
        return self._lines if self._by_line else None

    def read(self, size: int = -1) -> bytes:
        data = self._stream.readline(size) if self._by_line else self._stream.read(size)
        if not self._started:
            self._started = True
            data = data.removeprefix(b"\xef\xbb\xbf")
        if data:
            self._lines += self._ended
            self._ended = data.endswith(b"\n")
        if self._by_line:
            begun = data.rfind(b"<")
            self._held = self._held + len(data) if begun < 0 else len(data) - begun
            if self._held > _LONGEST:
                raise MemoryError(f"more than {_LONGEST >> 20} MiB without a tag")
        return data


def _find(given: list[Path]) -> tuple[list[Path], list[Path]]:
    """The files to read, and those that lie beside them in folders and are not read."""
    found: list[Path] = []
    others: list[Path] = []
    for path in given:
        check_exists(path)
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        usable = [p for p in inside if plain_name(p).suffix.lower() in _IN_FOLDERS]
        if not usable:
            raise InputError(
                f"{path} holds no files of RDF",
                hint=f"their names end in {', '.join(sorted(_IN_FOLDERS))}",
            )
        found += usable
        others += [p for p in inside if p not in usable]
    return found, others


def _open_file(path: Path, source: str, all_paths: list[Path]) -> RdfFile:
    # Files of one name in two folders: their blank nodes must differ as well.
    alike = [other for other in all_paths if other.name == path.name]
    place = f"#{alike.index(path)}" if len(alike) > 1 else ""
    form = _format_of(path)
    part = Part(str(path), f"{source}/{path.name}{place}", form in _LINE_FORMATS)
    return RdfFile(path, form, part)


def _format_of(path: Path) -> RdfFormat:
    suffix = plain_name(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(
            f"{path}: its name does not say how its RDF is written",
            hint=f"rename it so that it ends in one of {', '.join(FORMATS)}",
        )
    with open_binary(path) as stream:
        start = stream.read(_LOOKED_AT).removeprefix(b"\xef\xbb\xbf")
    if FORMATS[suffix] != RdfFormat.RDF_XML or _RDF_ROOT.search(start):
        return FORMATS[suffix]
    if _OWL_XML.search(start) or _OWL_TEXT.match(start):
        raise InputError(
            f"{path} is an ontology that is not written as RDF",
            hint="save it as RDF/XML or Turtle (Protégé: Save as; ROBOT: robot convert)",
        )
    # Ontologies in Turtle are often called .owl.
    return RdfFormat.TURTLE if _TURTLE.match(start) else RdfFormat.RDF_XML


def _declared(file: RdfFile) -> dict[str, str]:
    """The prefixes before the first statement.

    Later ones are not used: an IRI must not have one name before them and another after.
    """
    with open_binary(file.path) as raw:
        stream = _Stream(raw, by_line=file.format == RdfFormat.RDF_XML)
        parser = parse(stream, file.format, base_iri=_base(file.path))  # type: ignore[arg-type]
        try:
            next(parser, None)
        except SyntaxError as error:
            raise _wrong(file, error, stream.line, 0) from error
        except MemoryError as error:
            raise _too_long(file, error) from None
        return dict(parser.prefixes)


def _statements(files: list[RdfFile], on_reject: OnReject) -> Iterator[Located]:
    for file in files:
        empty = True
        for located in parse_file(file):
            empty = False
            yield located
        if empty:
            reason = "it holds no statements"
            if file.format == RdfFormat.JSON_LD:
                reason += " (JSON-LD ignores what its @context does not name)"
            on_reject(Reject(str(file.path), 0, reason, ""))


def _base(path: Path) -> str:
    return f"file:///{quote(plain_name(path).name)}"


def _too_long(file: RdfFile, error: MemoryError) -> InputError:
    """Of a name or text without an end, of which the parser holds no more than 16 MiB."""
    return InputError(
        f"{file.path}: a name or text in it is too long: {error}",
        hint="correct or shorten it; what is in the graph stays as it is",
    )


def _wrong(file: RdfFile, error: SyntaxError, line: int | None, done: int) -> InputError:
    number = error.lineno or line
    place = f"{file.path}, line {number}" if number else str(file.path)
    reason = _PLACE.sub("", error.msg)
    if "LoadDocumentCallback" in reason:
        return InputError(
            f"{place}: its @context is at another address, which is not fetched",
            hint="put the context itself into the file, or convert it to N-Triples",
        )
    read = f"its first {done:,} statements were read" if done else "none of it was read"
    return InputError(
        f"{place}: {reason}; {read}",
        hint="correct it there and load it again; what is in the graph stays as it is",
    )
