"""To and from the toolkits of this field: files of their own formats, and their vectors.

``INTERCHANGE`` names what is written, ``READERS`` whose vectors are read. A format is a module
with ``write(content, path) -> lines``, a toolkit one with ``read(path, opening) -> Vectors``.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.graph.interchange.content import Content, Writer
from kgplatform.graph.interchange.networkx import to_networkx
from kgplatform.graph.interchange.vectors import Opening, Vectors
from kgplatform.graph.snapshot import KGSnapshot

__all__ = [
    "INTERCHANGE",
    "READERS",
    "Exported",
    "Opening",
    "Vectors",
    "export",
    "read_vectors",
    "to_networkx",
]

_HERE = "kgplatform.graph.interchange"

INTERCHANGE: dict[str, str] = {
    "pykeen": f"{_HERE}.pykeen",
    "openke": f"{_HERE}.openke",
    "dglke": f"{_HERE}.dglke",
    "torchkge": f"{_HERE}.torchkge",
    "ampligraph": f"{_HERE}.ampligraph",
    "dgl": f"{_HERE}.dgl",
    "pyg": f"{_HERE}.pyg",
    "parquet": f"{_HERE}.parquet",
    "ntriples": f"{_HERE}.ntriples",
    "graphml": f"{_HERE}.graphml",
    "neo4j-csv": f"{_HERE}.neo4j_csv",
}
"""Format → its module."""

READERS: dict[str, str] = {
    "pykeen": f"{_HERE}.pykeen",
    "openke": f"{_HERE}.openke",
    "dglke": f"{_HERE}.dglke",
    "torchkge": f"{_HERE}.torchkge",
    "ampligraph": f"{_HERE}.ampligraph",
    "table": f"{_HERE}.vector_tables",
}
"""Toolkit → the module that reads its vectors."""


@dataclass(frozen=True)
class Exported:
    """What an export has written.

    Attributes:
        path: The file or folder.
        format: Its format.
        entities: Entities of the projection.
        facts: Facts of the projection.
        files: Names of the files, the path itself where it is one.
        not_held: What of the projection the format could not take, a line each.
    """

    path: Path
    format: str
    entities: int
    facts: int
    files: tuple[str, ...]
    not_held: tuple[str, ...]


def export(
    snapshot: KGSnapshot,
    path: Path,
    form: str,
    *,
    prefixes: Mapping[str, str] | None = None,
    force: bool = False,
) -> Exported:
    """Write a projection in a toolkit's format, whole or not at all.

    Args:
        snapshot: The projection.
        path: The file or folder to make; its folder must exist.
        form: A key of ``INTERCHANGE``.
        prefixes: Prefix → namespace of a graph from RDF, for formats of IRIs.
        force: Whether what is there may be replaced.

    Raises:
        UnknownNameError: There is no such format.
        UsageError: The path is taken, or its folder is not there.
        InputError: The format cannot hold a name; says which.
    """
    check_target(path, form, force=force)
    write: Writer = import_module(INTERCHANGE[form]).write
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        not_held = write(Content(snapshot, prefixes or {}), temporary)
        _put(temporary, path)
    finally:
        _remove(temporary)
    files = sorted(file.name for file in path.iterdir()) if path.is_dir() else [path.name]
    return Exported(
        path, form, snapshot.num_entities, snapshot.num_edges, tuple(files), tuple(not_held)
    )


def check_target(path: Path, form: str, *, force: bool) -> None:
    """Refuse an export that cannot be written, before anything is read.

    Raises:
        UnknownNameError: There is no such format.
        UsageError: The path is taken, or its folder is not there.
    """
    if form not in INTERCHANGE:
        raise UnknownNameError("format", form, INTERCHANGE)
    if not path.name or not path.parent.is_dir():
        raise UsageError(f"{path.parent} is not a folder", hint="make it, or name another path")
    if path.exists() and not force:
        raise UsageError(f"{path} exists", hint="name another path, or replace it with --force")


def read_vectors(tool: str, path: Path, opening: Opening) -> Vectors:
    """Read what a toolkit has trained.

    Args:
        tool: A key of ``READERS``.
        path: What it has saved.
        opening: What may be done to read it.

    Raises:
        UnknownNameError: There is no such toolkit.
        InputError: A file is missing or wrong, or vectors and names do not fit.
        UsageError: The file is a pickle, and nobody said that it is trusted.
    """
    if tool not in READERS:
        raise UnknownNameError("toolkit", tool, READERS)
    if not path.exists():
        raise InputError(f"there is no {path}", hint="check the path")
    read: Vectors = import_module(READERS[tool]).read(path, opening)
    return read


def _put(temporary: Path, path: Path) -> None:
    """Give what was written its name; what had it goes when the new one is in its place."""
    if not path.is_dir() and not temporary.is_dir():
        temporary.replace(path)
        return
    # A folder cannot take the place of another in one step.
    old = temporary.with_name(f"{temporary.name}.old")
    if path.exists():
        path.rename(old)
    try:
        temporary.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
