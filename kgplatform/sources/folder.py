"""What a path holds: which files are triples, which describe entities, which are neither."""

from dataclasses import dataclass
from pathlib import Path

from kgplatform.errors import InputError
from kgplatform.sources.files import check_exists
from kgplatform.sources.tables import Table, columns_of, first_row, open_table
from kgplatform.triples import Split

TRIPLE_COLUMNS: dict[str, tuple[str, ...]] = {
    "head": ("head", "source", "subject", "h", "s", "from", "start"),
    "relation": ("relation", "predicate", "type", "r", "p", "rel", "relationship", "edge"),
    "tail": ("tail", "target", "object", "t", "o", "to", "end"),
    "split": ("split",),
}
ENTITY_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "entity", "entity_id"),
    "name": ("name", "label", "title"),
    "description": ("description", "text"),
    "types": ("types", "type", "labels"),
}
SPLIT_NAMES: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "dev": "valid",
    "val": "valid",
    "test": "test",
    "testing": "test",
}

_SUFFIXES = {".tsv", ".csv", ".txt"}
_ENTITY_STEMS = ("entities", "entity2text", "entity2textlong")
_SOLE_STEMS = {"graph", "triples", "edges", "facts"}
_NO_TRIPLES = ("readme", "license", "licence", "relations", "relation2text")


@dataclass(frozen=True)
class TripleFile:
    """A table of triples.

    Attributes:
        table: The file and how it is cut.
        columns: ``head``, ``relation``, ``tail`` and perhaps ``split`` → their place.
        width: How many fields a row has; None if there is no header and it may be 3 or 4.
        header: Whether the first row names the columns.
        split: The split that the file's name gives its rows.
        unused: Columns that the header names and nothing reads.
    """

    table: Table
    columns: dict[str, int]
    width: int | None
    header: bool
    split: Split | None = None
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntityFile:
    """A table of entities.

    Attributes:
        table: The file and how it is cut.
        columns: ``id`` and some of ``name``, ``description``, ``types`` → their place.
        width: How many fields a row has.
        header: Whether the first row names the columns.
        gloss: Whether a name may be followed by a comma and a gloss (``stool, solid waste``),
            as KG-BERT's files have it where no file of long texts stands beside.
        unused: Columns that the header names and nothing reads.
    """

    table: Table
    columns: dict[str, int]
    width: int
    header: bool
    gloss: bool = False
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """What a path turned out to hold.

    Attributes:
        triples: Files of triples, in the order in which they are read.
        entities: Files that name and describe entities.
        ignored: Files that lie in the folder and are not loaded.
    """

    triples: tuple[TripleFile, ...]
    entities: tuple[EntityFile, ...] = ()
    ignored: tuple[Path, ...] = ()


def find(path: Path, entities: Path | None = None) -> Source:
    """Say what of a file or folder is to be loaded, and check that it can be read.

    A file is a table of triples, or of entities if its name or header says so. In a folder,
    ``train``, ``valid`` (``dev``) and ``test`` with ``.tsv``, ``.csv`` or ``.txt`` are the
    triples, each with that split; without a ``train`` file the one file of triples is,
    without a split. ``entities``, ``entity2text`` and ``entity2textlong`` describe entities.
    All else, negative examples before all, is listed in ``ignored`` and never loaded.

    Args:
        path: A file or a folder.
        entities: A file of entities beside it, in place of those that the folder holds.

    Raises:
        InputError: Nothing is there, nothing of it is usable, it is not clear which file is
            meant, or a file cannot be read as UTF-8 text.
    """
    check_exists(path)
    if path.is_dir():
        source = _find_in_folder(path)
    elif _stem(path) in _ENTITY_STEMS:
        source = Source(triples=(), entities=(_entity_file(path, gloss=True),))
    else:
        table = open_table(path)
        if _is_entity_header(first_row(table)):
            source = Source(triples=(), entities=(_entity_file(path, gloss=False),))
        else:
            source = Source(triples=(_triple_file(table, split=None),))
    if entities is None:
        return source
    unused = tuple(file.table.path for file in source.entities)
    chosen = _entity_file(entities, gloss=True)
    ignored = tuple(p for p in (*source.ignored, *unused) if p.resolve() != entities.resolve())
    return Source(source.triples, (chosen,), ignored)


def _find_in_folder(folder: Path) -> Source:
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    usable = [p for p in files if p.suffix.lower() in _SUFFIXES]
    described = [p for p in usable if _stem(p) in _ENTITY_STEMS]
    triples = _split_files(folder, usable) or _sole_file(folder, usable, described)
    if not triples and not described:
        raise _nothing_usable(folder, files)
    gloss = not any(_stem(p) == "entity2textlong" for p in described)
    taken = {*triples, *described}
    return Source(
        triples=tuple(_triple_file(open_table(p), split) for p, split in triples.items()),
        entities=tuple(_entity_file(p, gloss) for p in described),
        ignored=tuple(p for p in files if p not in taken),
    )


def _split_files(folder: Path, files: list[Path]) -> dict[Path, Split | None]:
    """The files whose names are splits, train first; none if there are none."""
    found: dict[Split, Path] = {}
    for path in files:
        split = SPLIT_NAMES.get(_stem(path))
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
        if p not in described
        and not _stem(p).startswith(_NO_TRIPLES)
        and "negative" not in _stem(p)
    ]
    named = [p for p in candidates if _stem(p) in _SOLE_STEMS]
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
        hint="a folder has train.tsv, valid.tsv and test.tsv, or one graph.tsv; decompress "
        "archives first",
    )


def _triple_file(table: Table, split: Split | None) -> TripleFile:
    row = first_row(table)
    columns, others = columns_of(row, TRIPLE_COLUMNS)
    needed = [name for name in ("head", "relation", "tail") if name not in columns]
    if not needed:
        return TripleFile(table, columns, len(row), True, split, tuple(others))
    if len(needed) == 1:
        # Two column names in one row are a header that someone mistyped, not a fact.
        raise InputError(
            f"{table.path}: the header has no column {needed[0]} (it has {', '.join(row)})",
            hint="name the columns head, relation, tail and perhaps split",
        )
    places = {"head": 0, "relation": 1, "tail": 2, "split": 3}
    return TripleFile(table, places, None, False, split)


def _is_entity_header(row: list[str]) -> bool:
    columns, _ = columns_of(row, ENTITY_COLUMNS)
    return len(row) > 1 and "id" in columns and len(columns) > 1


def _entity_file(path: Path, gloss: bool) -> EntityFile:
    table = open_table(path)
    row = first_row(table)
    if _is_entity_header(row):
        columns, others = columns_of(row, ENTITY_COLUMNS)
        return EntityFile(table, columns, len(row), True, unused=tuple(others))
    if _stem(path) == "entity2textlong":
        return EntityFile(table, {"id": 0, "description": 1}, 2, False)
    if _stem(path) == "entity2text":
        return EntityFile(table, {"id": 0, "name": 1}, 2, False, gloss=gloss)
    raise InputError(
        f"{path}: the first line does not name the columns of entities",
        hint="begin it with a header: id, name, description, types (all but id optional)",
    )


def _stem(path: Path) -> str:
    return path.stem.lower()
