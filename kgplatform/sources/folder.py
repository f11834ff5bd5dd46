"""What a path holds: which files are triples, which describe entities, which are neither."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from kgplatform.errors import InputError, UsageError
from kgplatform.sources.files import check_exists, plain_name
from kgplatform.sources.records import read_entities, read_triples
from kgplatform.sources.rejects import REJECTS_ENDING
from kgplatform.sources.source import Options, Source
from kgplatform.sources.table_files import (
    SPLIT_NAMES,
    Files,
    entity_file,
    holds_entities,
    open_any,
    stem,
    triple_file,
)
from kgplatform.triples import Split

_SUFFIXES = {".tsv", ".csv", ".txt", ".parquet", ".jsonl", ".ndjson"}
_ENTITY_STEMS = ("entities", "entity2text", "entity2textlong")
_SOLE_STEMS = {"graph", "triples", "edges", "facts"}
_NO_TRIPLES = ("readme", "license", "licence", "relations", "relation2text")


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open a table of triples or entities, or a folder of them.

    Tables are TSV and CSV (by gzip, bzip2 or zstd compressed or not), JSON Lines (likewise)
    and Parquet. Columns are found by their names: ``head``, ``relation``, ``tail``, and
    perhaps ``split`` and ``weight``, in any order, or go by ``options.columns``.

    Args:
        given: One file or folder.
        options: ``columns`` and ``entities`` are heeded.

    Raises:
        InputError: As ``find``.
        UsageError: There are several paths, or ``options.columns`` does not fit.
    """
    if len(given) != 1:
        raise UsageError(
            f"tables are loaded from one file or folder, not from {len(given)}",
            hint="put the files into a folder as train, valid and test, or load one at a time",
        )
    path = Path(given[0])
    files = find(path, options.entities, options.columns)
    return Source(
        name=path.name or path.resolve().name,
        format="table",
        triples=partial(read_triples, files),
        entities=partial(read_entities, files),
        notes=_notes(files),
    )


def find(path: Path, entities: Path | None = None, columns: tuple[str, ...] | None = None) -> Files:
    """Say what of a file or folder is to be loaded, and check that it can be read.

    A file is a table of triples, or of entities if its name or header says so. In a folder,
    ``train``, ``valid`` (``dev``) and ``test`` with ``.tsv``, ``.csv``, ``.txt``, ``.jsonl``,
    ``.ndjson`` or ``.parquet``, compressed or not, are the triples, each with that split;
    without a ``train`` file the one file of triples is, without a split. ``entities``,
    ``entity2text`` and ``entity2textlong`` describe entities. All else, negative examples
    before all, is listed in ``ignored`` and never loaded.

    Args:
        path: A file or a folder.
        entities: A file of entities beside it, in place of those that the folder holds.
        columns: Names of the columns of triples, in order, for files without a header; ``-``
            for one that is not read.

    Raises:
        InputError: Nothing is there, nothing of it is usable, it is not clear which file is
            meant, or a file cannot be read as UTF-8 text.
        UsageError: ``columns`` does not fit, or the files name their columns themselves.
    """
    check_exists(path)
    files = _find_in_folder(path, columns) if path.is_dir() else _find_in_file(path, columns)
    if entities is None:
        return files
    unused = tuple(file.table.path for file in files.entities)
    chosen = entity_file(entities, gloss=True)
    ignored = tuple(p for p in (*files.ignored, *unused) if p.resolve() != entities.resolve())
    return Files(files.triples, (chosen,), ignored)


def _notes(files: Files) -> tuple[str, ...]:
    notes = [
        f"not loaded: {path.name} (not a file of facts or entities to load)"
        for path in files.ignored
    ]
    unused = [(file.table.path, file.unused) for file in files.triples]
    unused += [(file.table.path, file.unused) for file in files.entities]
    notes += [
        f"{path.name}: columns not read: {', '.join(columns)}"
        for path, columns in unused
        if columns
    ]
    return tuple(notes)


def _find_in_file(path: Path, columns: tuple[str, ...] | None) -> Files:
    if columns is None and stem(path) in _ENTITY_STEMS:
        return Files(triples=(), entities=(entity_file(path, gloss=True),))
    table = open_any(path)
    if columns is None and holds_entities(table):
        return Files(triples=(), entities=(entity_file(path, gloss=False),))
    return Files(triples=(triple_file(table, None, columns),))


def _find_in_folder(folder: Path, columns: tuple[str, ...] | None) -> Files:
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    # What an earlier load of the same folder, from within it, could not use.
    files = [p for p in files if not p.name.endswith(REJECTS_ENDING)]
    usable = [p for p in files if plain_name(p).suffix.lower() in _SUFFIXES]
    described = [p for p in usable if stem(p) in _ENTITY_STEMS]
    triples = _split_files(folder, usable) or _sole_file(folder, usable, described)
    if not triples and not described:
        raise _nothing_usable(folder, files)
    gloss = not any(stem(p) == "entity2textlong" for p in described)
    taken = {*triples, *described}
    return Files(
        triples=tuple(triple_file(open_any(p), split, columns) for p, split in triples.items()),
        entities=tuple(entity_file(p, gloss) for p in described),
        ignored=tuple(p for p in files if p not in taken),
    )


def _split_files(folder: Path, files: list[Path]) -> dict[Path, Split | None]:
    """The files whose names are splits, train first; none if there are none."""
    found: dict[Split, Path] = {}
    for path in files:
        split = SPLIT_NAMES.get(stem(path))
        if split is None:
            continue
        if split in found:
            raise InputError(
                f"{folder} has two files for the split {split}: "
                f"{found[split].name} and {path.name}",
                hint="move one of them out of the folder, or name the file to load",
            )
        found[split] = path
    if found and "train" not in found:
        names = ", ".join(path.name for path in found.values())
        raise InputError(
            f"{folder} has {names} but no train file",
            hint="add train.tsv, or name the file to load",
        )
    order: tuple[Split, ...] = ("train", "valid", "test")
    return {found[split]: split for split in order if split in found}


def _sole_file(folder: Path, files: list[Path], described: list[Path]) -> dict[Path, Split | None]:
    """The one file that can only be the triples; none if no file can be."""
    candidates = [
        p
        for p in files
        if p not in described and not stem(p).startswith(_NO_TRIPLES) and "negative" not in stem(p)
    ]
    named = [p for p in candidates if stem(p) in _SOLE_STEMS]
    chosen = named if len(named) == 1 else candidates
    if len(chosen) > 1:
        raise InputError(
            f"{folder} has several files that may be the triples: "
            + ", ".join(p.name for p in chosen),
            hint=f"name one of them, e.g. {chosen[0]}, or call them train, valid and test",
        )
    return dict.fromkeys(chosen)


def _nothing_usable(folder: Path, files: list[Path]) -> InputError:
    there = ", ".join(p.name for p in files[:5]) + (", …" if len(files) > 5 else "")
    return InputError(
        f"{folder} holds no triples" + (f" (only {there})" if files else ": it has no files"),
        hint="a folder has train.tsv, valid.tsv and test.tsv, or one graph.tsv (or .csv, "
        ".jsonl, .parquet); unpack archives first",
    )
