"""DGL-KE's folders: triples of names (``raw_udd``, built-in) or of ids (``udd``), with weights.

The format is that of DGL-KE's documentation, "Format of Input Data Used by DGL-KE"
(https://aws-dglke.readthedocs.io/en/latest/format_kg.html), and of its reader:

- ``train``, ``valid`` and ``test`` (``.txt``, ``.tsv``, ``.csv``) hold head, relation and tail,
  cut at tabs, ``|``, ``,`` or ``;``; a fourth column is the weight of the triple.
- ``entities.dict`` and ``relations.dict`` (``.tsv`` where DGL-KE wrote them) hold id and name;
  some examples have them the other way round.
- The order of the columns is part of the format's name: ``raw_udd_htr`` is head, tail, relation.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kgplatform.errors import InputError, UsageError
from kgplatform.sources.files import check_exists, check_text, open_text, plain_name
from kgplatform.sources.frames import fault_of_triple
from kgplatform.sources.openke import Dictionary, DictionaryRow, dictionary, read_entities
from kgplatform.sources.source import OnReject, Options, Source
from kgplatform.sources.table_files import SPLIT_NAMES, TRIPLE_COLUMNS
from kgplatform.sources.tables import columns_of, rejected, width_fault
from kgplatform.triples import Split, Triple

_FORMAT = re.compile(r"(?:^|[-_. ])(raw_)?udd_([a-z]{3})(?=$|[-_. ])", re.IGNORECASE)
_LETTERS = {"h": "head", "r": "relation", "t": "tail"}
_SUFFIXES = {"", ".txt", ".tsv", ".csv"}
_DELIMITERS = "\t|,;"
_PROBE = 100
"""Rows that are looked at to find out whether triples hold names or ids."""


@dataclass(frozen=True)
class _Layout:
    """How the rows of triples are laid out.

    Attributes:
        places: ``head``, ``relation``, ``tail`` and perhaps ``weight`` → their column.
        widths: How many fields a row may have.
    """

    places: dict[str, int]
    widths: tuple[int, ...]


@dataclass(frozen=True)
class _Files:
    """What belongs to the source.

    Attributes:
        triples: File → the split of its rows.
        entities: The dictionary of entities.
        relations: The dictionary of relations.
        others: Names of files that are not read.
    """

    triples: dict[Path, Split | None]
    entities: Path | None
    relations: Path | None
    others: tuple[str, ...]


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open a folder or a file of DGL-KE.

    The order of the columns is ``options.columns``, else what the name of the folder or file
    says (``raw_udd_htr``), else head, relation, tail. Whether triples hold names or ids is what
    that name says, else what their first rows agree with. Names come out, never ids.

    Args:
        given: A folder with ``train`` and perhaps ``valid`` and ``test``, or one file.
        options: ``columns`` is the order: head, relation, tail and perhaps weight.

    Raises:
        UsageError: Several paths are given, or ``columns`` lacks one.
        InputError: A file is missing or not UTF-8, a dictionary is wrong, or the first rows are
            neither names nor ids of the dictionaries.
    """
    if len(given) != 1:
        raise UsageError("a DGL-KE folder is loaded alone", hint="name one folder or file")
    path = Path(given[0])
    check_exists(path)
    said = _FORMAT.search(path.name if path.is_dir() else _stem(path)) or _FORMAT.search(
        path.resolve().parent.name if path.is_file() else ""
    )
    layout = _layout(path, options.columns, said[2].lower() if said else "hrt")
    files = _files(path)
    for file in (*files.triples, *filter(None, (files.entities, files.relations))):
        check_text(file)
        delimiter_of(file, layout.widths if file in files.triples else (2,))
    by_id = _holds_ids(path, files, layout, said)
    notes = [f"not loaded: {name} (not a file of facts or of names)" for name in files.others]
    if files.relations is not None and not by_id:
        notes.append(f"not loaded: {files.relations.name} (the facts hold names)")
    entities = files.entities
    return Source(
        path.name or path.resolve().name,
        "dglke",
        triples=lambda on_reject: _triples(files, layout, by_id, on_reject),
        entities=lambda on_reject: (
            iter(())
            if entities is None
            else read_entities(entities, _dictionary_rows(entities), on_reject)
        ),
        notes=tuple(notes),
    )


def delimiter_of(file: Path, widths: tuple[int, ...]) -> str:
    """What separates the fields of a file, by its first row.

    Args:
        file: The file.
        widths: How many fields a row may have.

    Raises:
        InputError: Nothing cuts the row into as many fields.
    """
    with open_text(file) as stream:
        first = next((line.rstrip("\r\n") for line in stream if line.strip()), "")
    for delimiter in _DELIMITERS:
        if len(_cut(first, delimiter)) in widths:
            return delimiter
    expected = " or ".join(map(str, widths))
    raise InputError(
        f"{file}, line 1: {first[:60]!r} has not {expected} fields",
        hint="separate the fields by tabs, |, commas or semicolons",
    )


def _layout(path: Path, columns: tuple[str, ...] | None, order: str) -> _Layout:
    if columns is not None:
        known = {name: TRIPLE_COLUMNS[name] for name in (*_LETTERS.values(), "weight")}
        places, _ = columns_of(list(columns), known)
        missing = [name for name in _LETTERS.values() if name not in places]
        if missing:
            raise UsageError(
                f"the columns {', '.join(columns)} have no {missing[0]}",
                hint="name them in their order: head, relation, tail and perhaps weight",
            )
        return _Layout(places, (len(columns),))
    if sorted(order) != ["h", "r", "t"]:
        raise InputError(
            f"{path}: {order} in its name is no order of h, r and t",
            hint="call it raw_udd_hrt, say, or name the columns",
        )
    places = {_LETTERS[letter]: place for place, letter in enumerate(order)}
    return _Layout({**places, "weight": 3}, (3, 4))


def _files(path: Path) -> _Files:
    folder = path if path.is_dir() else path.parent
    there = sorted(file for file in folder.iterdir() if file.is_file())
    entities = _first(folder, "entities.dict", "entities.tsv")
    relations = _first(folder, "relations.dict", "relation.dict", "relations.tsv")
    dictionaries = {file for file in (entities, relations) if file is not None}
    if path.is_file():
        return _Files({path: None}, entities, relations, ())
    found: dict[Path, Split | None] = {}
    for file in there:
        split = SPLIT_NAMES.get(_FORMAT.sub("", _stem(file)).strip("-_. ").lower())
        if (
            split is None
            or file in dictionaries
            or plain_name(file).suffix.lower() not in _SUFFIXES
        ):
            continue
        if split in found.values():
            raise InputError(
                f"{folder} has two files for the split {split}, {file.name} among them",
                hint="move one of them out of the folder, or name the file to load",
            )
        found[file] = split
    if "train" not in found.values():
        raise InputError(
            f"{folder} has no train file", hint="call it train.tsv, or name the file to load"
        )
    order = ("train", "valid", "test")
    triples = dict(sorted(found.items(), key=lambda item: order.index(item[1] or "train")))
    taken = {*triples, *dictionaries}
    return _Files(triples, entities, relations, tuple(f.name for f in there if f not in taken))


def _first(folder: Path, *names: str) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _stem(file: Path) -> str:
    inner = plain_name(file)
    return inner.stem if inner.suffix.lower() in _SUFFIXES else inner.name


def _holds_ids(path: Path, files: _Files, layout: _Layout, said: re.Match[str] | None) -> bool:
    """Whether the triples hold ids of the dictionaries; checks the dictionaries, too."""
    if files.entities is None or files.relations is None:
        if said is not None and said[1] is None:
            raise InputError(
                f"{path} is of ids by its name, but entities.dict or relations.dict is missing",
                hint="put both beside the triples, or call it raw_udd_hrt if it holds names",
            )
        return False
    entities, relations = _dictionaries(files.entities, files.relations)
    if said is not None:
        return said[1] is None
    known_entities, known_relations = set(entities.names.values()), set(relations.names.values())
    names = ids = 0
    for _, _, fields in islice(_rows(next(iter(files.triples)), layout), _PROBE):
        if len(fields) in layout.widths:
            head, relation, tail = (fields[layout.places[name]] for name in _LETTERS.values())
            names += {head, tail} <= known_entities and relation in known_relations
            ids += {head, tail} <= entities.names.keys() and relation in relations.names
    if not names and not ids:
        raise InputError(
            f"the first {_PROBE} rows of {next(iter(files.triples))} hold neither names nor ids "
            f"of {files.entities.name} and {files.relations.name}",
            hint="name the columns in their order, or call the folder raw_udd_htr if it is that",
        )
    # Where both fit, names that are numbers among them, the built-in data sets have names.
    return ids > names


def _dictionaries(entities: Path, relations: Path) -> tuple[Dictionary, Dictionary]:
    return (
        dictionary(entities, "id", _dictionary_rows(entities)),
        dictionary(relations, "relation", _dictionary_rows(relations)),
    )


def _dictionary_rows(file: Path) -> Iterator[DictionaryRow]:
    """The rows of a dictionary, whichever column holds the ids."""
    delimiter = delimiter_of(file, (2,))
    id_at = _id_column(file, delimiter)
    for number, text, fields in _lines(file, delimiter):
        if len(fields) != 2 or not fields[id_at].isdecimal() or not fields[1 - id_at]:
            raise InputError(
                f"{file}, line {number}: {text[:60]!r} is not an id and a name",
                hint="correct the row: without the ids it is open what the triples mean",
            )
        yield number, fields[id_at], fields[1 - id_at]


def _id_column(file: Path, delimiter: str) -> int:
    """The column whose fields are all whole numbers; the first if both are."""
    possible = [0, 1]
    for _, _, fields in _lines(file, delimiter):
        still = [place for place in possible if len(fields) == 2 and fields[place].isdecimal()]
        possible = still or possible
        if len(possible) == 1:
            break
    return possible[0]


def _rows(file: Path, layout: _Layout) -> Iterator[tuple[int, str, list[str]]]:
    return _lines(file, delimiter_of(file, layout.widths))


def _lines(file: Path, delimiter: str) -> Iterator[tuple[int, str, list[str]]]:
    """The lines that are not blank: number, text, fields without spaces around them."""
    with open_text(file) as stream:
        for number, line in enumerate(stream, start=1):
            text = line.rstrip("\r\n")
            if text.strip():
                yield number, text, _cut(text, delimiter)


def _cut(text: str, delimiter: str) -> list[str]:
    fields = text.split(delimiter)
    if delimiter != "\t" and '"' in text:
        try:
            # One line at a time: in this format no field spans lines.
            fields = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))
        except csv.Error:
            return []
    return [field.strip() for field in fields]


def _triples(files: _Files, layout: _Layout, by_id: bool, on_reject: OnReject) -> Iterator[Triple]:
    dictionaries = None
    if by_id and files.entities is not None and files.relations is not None:
        dictionaries = _dictionaries(files.entities, files.relations)
    for file, split in files.triples.items():
        for number, text, fields in _rows(file, layout):
            if len(fields) not in layout.widths:
                on_reject(rejected(file, number, width_fault(fields, layout.widths), text))
                continue
            triple = _triple(fields, layout.places, split, dictionaries)
            fault_or_none = triple if isinstance(triple, str) else fault_of_triple(triple)
            if isinstance(triple, str) or fault_or_none is not None:
                relation = _relation(fields[layout.places["relation"]], dictionaries)
                on_reject(rejected(file, number, fault_or_none or "", text, relation))
            else:
                yield triple


def _relation(field: str, dictionaries: tuple[Dictionary, Dictionary] | None) -> str | None:
    """The name of the relation that a row has, if it is known."""
    return field if dictionaries is None else dictionaries[1].names.get(field)


def _triple(
    fields: list[str],
    places: dict[str, int],
    split: Split | None,
    dictionaries: tuple[Dictionary, Dictionary] | None,
) -> Triple | str:
    """The triple of a row, or what is wrong with it."""
    parts = {name: fields[places[name]] for name in _LETTERS.values()}
    if dictionaries is not None:
        entities, relations = dictionaries
        for kind, key in parts.items():
            read = relations if kind == "relation" else entities
            if key not in read.names:
                return read.fault_of(kind, key)
            parts[kind] = read.names[key]
    properties = None
    place = places.get("weight", len(fields))
    if place < len(fields) and fields[place]:
        try:
            properties = {"weight": float(fields[place])}
        except ValueError:
            return f"weight {fields[place][:60]!r} is not a finite number"
    return Triple(parts["head"], parts["relation"], parts["tail"], split, properties=properties)
