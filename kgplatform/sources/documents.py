"""Documents: text, Markdown, web pages, PDF, and JSON Lines with a text in each record."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kgplatform.errors import InputError
from kgplatform.parsed import parsed_json
from kgplatform.sources.files import check_exists, open_binary
from kgplatform.sources.html_text import read_html
from kgplatform.sources.pdf_text import read_pdf
from kgplatform.sources.source import OnReject, Options, Source
from kgplatform.text.chunk import check_limits, chunk
from kgplatform.triples import MAX_NAME, Document, Reject, fault_of_name

LONGEST_TEXT = 50_000_000
"""Longest text of a document, in characters: one document is held in memory at a time."""

LARGEST_FILE = 200_000_000
"""Largest file, or line of JSON Lines, in bytes after decompression."""

_TEXT = {".txt", ".text"}
_MARKDOWN = {".md", ".markdown"}
_HTML = {".html", ".htm", ".xhtml"}
_PDF = {".pdf"}
_JSON_LINES = {".jsonl", ".ndjson"}
_IN_FOLDERS = _TEXT | _MARKDOWN | _HTML | _PDF | _JSON_LINES
_COMPRESSED = {".gz", ".bz2", ".zst"}
_READ_OF_RECORD = {"id", "text", "title", "uri", "url"}
_REJECT_TEXT = 1_000

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*")
_UNDERLINE = re.compile(r"\s{0,3}(=+|-+)\s*")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open files of documents, or folders of them.

    Of a folder, the files in it that end in ``.txt``, ``.md``, ``.html``, ``.pdf`` or
    ``.jsonl`` (or their other usual endings, and compressed by gzip, bzip2 or zstd) are read in
    the order of their names; the folders in it are not.

    A file is a document, and its id is the name of its folder and its own, such as
    ``reports/may.pdf``: the same from wherever it is loaded, and after all of the folder has
    moved. A line of JSON Lines is one, too, with the record's ``id``, else its ``uri`` or
    ``url``, else the file's id and a hash of the text. Where an id comes twice, the document
    that comes later replaces the other.

    Raises:
        InputError: Nothing is there, none of it is a document, or two files have one id.
        UsageError: The limits of chunks cannot be.
    """
    files: list[Path] = []
    notes: list[str] = []
    for one in given:
        path = Path(one)
        check_exists(path)
        if path.is_dir():
            files.extend(_files_in(path, notes))
        else:
            _check_file(path, notes)
            files.append(path)
    _check_ids(files)
    names = sorted({Path(one).resolve().name for one in given})
    limits = (options.chunk_tokens, options.overlap_tokens)
    check_limits(*limits)

    def documents(on_reject: OnReject) -> Iterator[Document]:
        for file in files:
            yield from _documents_of(file, limits, on_reject)

    return Source(", ".join(names)[:MAX_NAME], "documents", documents=documents, notes=tuple(notes))


def _files_in(folder: Path, notes: list[str]) -> list[Path]:
    found: list[Path] = []
    others: list[str] = []
    folders: list[str] = []
    for path in _entries(folder):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            folders.append(path.name)
        elif path.is_file() and _suffix(path) in _IN_FOLDERS and _may_be_read(path, notes):
            found.append(path)
        else:
            others.append(path.name)
    if not found:
        raise InputError(
            f"{folder} holds no documents" + (f" (only {_listed(others)})" if others else ""),
            hint=f"name one of its folders, such as {folder / folders[0]}"
            if folders
            else "documents are .txt, .md, .html, .pdf and .jsonl files",
        )
    if others:
        notes.append(f"not read, since they are no documents: {_listed(others)}")
    if folders:
        notes.append(
            f"folders in {folder} are not read, name those that should be: {_listed(folders)}"
        )
    return found


def _check_file(path: Path, notes: list[str]) -> None:
    if not path.is_file():
        raise InputError(f"not a regular file: {path}", hint="name a file or a folder")
    if _suffix(path) not in _IN_FOLDERS | {".json"}:
        raise InputError(
            f"{path} has an ending that no document has",
            hint="documents are .txt, .md, .html, .pdf and .jsonl files; convert it to one",
        )
    if not _has_documents(path, notes):
        raise InputError(
            f"{path}, line 1: no JSON object with a field text that is a text",
            hint='each line is one record: {"id": "1", "title": "…", "text": "…"}',
        )


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"cannot read {folder}: {error.strerror}", hint="check the folder's permissions"
        ) from error


def _check_ids(files: list[Path]) -> None:
    by_id: dict[str, Path] = {}
    for file in files:
        other = by_id.setdefault(_file_id(file), file)
        if other.resolve() != file.resolve():
            raise InputError(
                f"{other} and {file} would be one document: both are {_file_id(file)}",
                hint="rename one of their folders; ids are made of a folder's name and a file's",
            )
    # The same file given twice, or by its folder as well, is read once.
    files[:] = by_id.values()


def _suffix(path: Path) -> str:
    inner = Path(path.stem) if path.suffix.lower() in _COMPRESSED else path
    return inner.suffix.lower()


def _is_lines(path: Path) -> bool:
    return _suffix(path) in _JSON_LINES | {".json"}


def _may_be_read(path: Path, notes: list[str]) -> bool:
    try:
        return _has_documents(path, notes)
    except InputError:
        # It is rejected with the reason when it is read; the others of its folder are not.
        return True


def _has_documents(path: Path, notes: list[str]) -> bool:
    """Whether the first record of JSON Lines has a text; notes its fields that are not read."""
    if not _is_lines(path):
        return True
    try:
        record = parsed_json(next((line for _, line in _lines(path)), b"null"))
    except (ValueError, RecursionError):
        return False
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        return False
    if unread := [name for name in record if name not in _READ_OF_RECORD]:
        notes.append(f"{path.name}: fields that are not read: {_listed(unread)}")
    return True


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _file_id(path: Path) -> str:
    folder = path.parent.resolve().name
    return f"{folder}/{path.name}" if folder else path.name


def _shown(path: Path) -> str:
    """The path, also where its bytes are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")


@dataclass(frozen=True)
class _Text:
    """A document before it is cut."""

    document_id: str
    uri: str
    title: str
    text: str


def _documents_of(path: Path, limits: tuple[int, int], on_reject: OnReject) -> Iterator[Document]:
    for line, read, shown in _texts_of_lines(path) if _is_lines(path) else _text_of(path):
        fault = read if isinstance(read, str) else _fault(read)
        if fault is not None:
            on_reject(Reject(_shown(path), line, fault, shown[:_REJECT_TEXT]))
        elif not isinstance(read, str):
            yield _cut(read, limits)


def _fault(read: _Text) -> str | None:
    if fault := fault_of_name("id", read.document_id):
        return fault
    for kind in ("document_id", "uri", "title", "text"):
        if _has_surrogate(getattr(read, kind)):
            return f"{kind.removeprefix('document_')} holds half a character (a lone surrogate)"
    if len(read.text) > LONGEST_TEXT:
        return f"the text is longer than {LONGEST_TEXT:,} characters"
    if not read.text or read.text.isspace():
        return "it holds no text"
    return None


def _has_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _cut(read: _Text, limits: tuple[int, int]) -> Document:
    max_tokens, overlap_tokens = limits
    return Document(
        read.document_id,
        read.uri,
        " ".join(read.title.split())[:MAX_NAME],
        hashlib.sha256(read.text.encode("utf-8")).hexdigest(),
        chunk(read.document_id, read.text, max_tokens=max_tokens, overlap_tokens=overlap_tokens),
    )


def _text_of(path: Path) -> Iterator[tuple[int, _Text | str, str]]:
    """The document that a file is, or what is wrong with it; no line, and no row to show."""
    try:
        with open_binary(path) as stream:
            data = stream.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise InputError(f"the file is larger than {LARGEST_FILE:,} bytes")
        title, text = _readers(_suffix(path))(data)
    except InputError as error:
        yield 0, str(error), ""
        return
    yield 0, _Text(_file_id(path), path.resolve().as_uri(), title or path.name, text), ""


def _readers(suffix: str) -> Callable[[bytes], tuple[str | None, str]]:
    if suffix in _PDF:
        return lambda data: read_pdf(data, LONGEST_TEXT)
    if suffix in _HTML:
        return lambda data: read_html(_decoded(data, _declared(data)))
    if suffix in _MARKDOWN:
        return lambda data: _with_heading(_decoded(data))
    return lambda data: (None, _decoded(data))


def _declared(data: bytes) -> str:
    """The encoding that a page says it has, as browsers take it."""
    found = _CHARSET.search(data[:1024])
    name = found[1].decode("ascii", "replace").lower() if found else "utf-8"
    if name in {"iso-8859-1", "latin1", "us-ascii", "ascii"}:
        return "cp1252"
    # Whoever can read the declaration as ASCII has no UTF-16 before him.
    return "utf-8" if name.startswith("utf-16") else name


def _decoded(data: bytes, encoding: str = "utf-8") -> str:
    """The text, without a byte order mark; its lines end at LF, as Python's text files do.

    Raises:
        InputError: It is binary, or in another encoding.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError("it is UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InputError(f"it is not a text file: NUL byte on line {line}")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"it is not {encoding.upper()}: line {line}, byte {error.start}; "
            "convert it, if it is Latin-1 for instance: iconv -f ISO-8859-1 -t UTF-8"
        ) from error
    except (LookupError, UnicodeError) as error:
        raise InputError(f"it says to be in an unknown encoding: {encoding}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _with_heading(text: str) -> tuple[str | None, str]:
    """The first heading of Markdown, outside of code and of what stands in front, and all."""
    fence = before = ""
    in_front = text.startswith("---\n")
    for number, line in enumerate(text.split("\n")):
        if in_front:
            in_front = number == 0 or line.rstrip() not in {"---", "..."}
            continue
        if marked := _FENCE.match(line):
            fence = "" if fence == marked[1] else fence or marked[1]
        elif fence:
            continue
        elif heading := _HEADING.fullmatch(line):
            if heading[1]:
                return heading[1], text
        elif before.strip() and _UNDERLINE.fullmatch(line):
            return before.strip(), text
        before = "" if marked else line
    return None, text


def _texts_of_lines(path: Path) -> Iterator[tuple[int, _Text | str, str]]:
    """The documents of JSON Lines, or what is wrong with them, with their lines and rows."""
    lines = _lines(path)
    while True:
        try:
            following = next(lines, None)
        except InputError as error:
            yield 0, str(error), ""
            return
        if following is None:
            return
        number, data = following
        shown = data[: 4 * _REJECT_TEXT].decode("utf-8", "replace").strip()
        if len(data) > LARGEST_FILE:
            yield number, f"the line is longer than {LARGEST_FILE:,} bytes", shown
        else:
            yield number, _of_record(path, data), shown


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines that are not blank, with their numbers; of one that is too long, its beginning."""
    number = 0
    with open_binary(path) as stream:
        while line := stream.readline(LARGEST_FILE + 1):
            number += 1
            rest = line
            while len(rest) > LARGEST_FILE and not rest.endswith(b"\n"):
                rest = stream.readline(LARGEST_FILE + 1)
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                yield number, line


def _of_record(path: Path, line: bytes) -> _Text | str:
    try:
        record = parsed_json(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return f"it is not UTF-8 (byte {error.start} of the line)"
    except (ValueError, RecursionError) as error:
        return f"it is not JSON ({error})"
    if not isinstance(record, dict):
        return "it is not a JSON object"
    text = record.get("text")
    if not isinstance(text, str):
        return "it has no field text, or one that is not a text"
    uri = record.get("uri") or record.get("url") or ""
    title = record.get("title") or ""
    given = record.get("id")
    if not isinstance(uri, str) or not isinstance(title, str):
        return "its title or uri is not a text"
    if given is not None and (isinstance(given, bool) or not isinstance(given, str | int)):
        return "its id is neither a text nor a whole number"
    if given is None:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        given = uri or f"{_file_id(path)}#{digest[:16]}"
    if not title.strip():
        title = path.name if record.get("id") is None else str(given)
    return _Text(str(given), uri or path.resolve().as_uri(), title, text)
