"""Which format a source has, by its address, its names and its first lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kgplatform.errors import UsageError
from kgplatform.parsed import parsed_json
from kgplatform.sources.files import check_exists, open_text, plain_name

RDF_SUFFIXES = {".nt", ".nq", ".ttl", ".trig", ".rdf", ".owl", ".jsonld"}
DOCUMENT_SUFFIXES = {".md", ".markdown", ".html", ".htm", ".pdf"}
TABLES_OF_ADMIN = {".csv", ".tsv"}

_LOOKED_AT = 1 << 20
"""Characters of a first line that are read."""


def detect(given: Sequence[str]) -> str:
    """The name of the format, a key of ``FORMATS``.

    Several paths are one source if they are of one format. What has no sign of another format
    is a table.

    Raises:
        InputError: A path does not exist or cannot be read.
        UsageError: The paths are of different formats.
    """
    names = {path: _detect(path) for path in given}
    found = sorted(set(names.values()))
    if found == ["neo4j-csv", "table"]:
        # A file of rows whose header is in another file looks like a table.
        return "neo4j-csv"
    if len(found) > 1:
        examples = ", ".join(
            f"{next(path for path, name in names.items() if name == one)} is {one}" for one in found
        )
        raise UsageError(
            f"these are of different formats: {examples}", hint="load one format at a time"
        )
    return found[0]


def _detect(given: str) -> str:
    for scheme in ("sparql", "pykeen"):
        if given.startswith(f"{scheme}:"):
            return scheme
    path = Path(given)
    check_exists(path)
    return _folder(path) if path.is_dir() else _file(path)


def _folder(folder: Path) -> str:
    names = {path.name for path in folder.iterdir()}
    if "train2id.txt" in names:
        return "openke"
    if names & {"entities.dict", "relations.dict"} or "udd_" in folder.name:
        return "dglke"
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    for path in files:
        if _suffix(path) in TABLES_OF_ADMIN and path.stat().st_size and _file(path) == "neo4j-csv":
            return "neo4j-csv"
    kinds = {_suffix(path) for path in files}
    if kinds & RDF_SUFFIXES:
        return "rdf"
    tables = {".tsv", ".csv", ".parquet", ".jsonl", ".ndjson"}
    if kinds & DOCUMENT_SUFFIXES and not kinds & tables:
        return "documents"
    return "table"


def _file(path: Path) -> str:
    suffix = _suffix(path)
    if suffix in RDF_SUFFIXES:
        return "rdf"
    if suffix in DOCUMENT_SUFFIXES:
        return "documents"
    if suffix == ".graphml":
        return "graphml"
    if suffix in {".json", ".jsonl", ".ndjson"}:
        return _json_lines(path)
    if suffix in TABLES_OF_ADMIN and _is_neo4j_header(_first_line(path)):
        return "neo4j-csv"
    if suffix == ".txt" and not any(mark in _first_line(path) for mark in "\t,"):
        return "documents"
    return "table"


def _suffix(path: Path) -> str:
    """The ending that tells the format: the one before ``.gz`` and the like."""
    return plain_name(path).suffix.lower()


def _first_line(path: Path) -> str:
    with open_text(path) as stream:
        # A file, a compressed one above all, may be one line without an end.
        while line := stream.readline(_LOOKED_AT):
            if line.strip():
                return line.rstrip("\r\n")
    return ""


def _is_neo4j_header(line: str) -> bool:
    return any(mark in line for mark in (":ID", ":START_ID"))


def _json_lines(path: Path) -> str:
    try:
        record = parsed_json(_first_line(path))
    except ValueError:
        return "table"
    if not isinstance(record, dict):
        return "table"
    if record.get("type") in ("node", "relationship"):
        return "apoc"
    return "documents" if "text" in record and "head" not in record else "table"
