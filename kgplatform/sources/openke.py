"""OpenKE's folders: names and ids in two files, triples of ids in one file a split.

The format is that of https://github.com/thunlp/OpenKE#data: ``entity2id.txt`` and
``relation2id.txt`` hold a line with their count, then ``name<TAB>id``; ``train2id.txt``,
``valid2id.txt`` and ``test2id.txt`` hold a line with their count, then head, **tail** and
relation as ids, with spaces or tabs between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kgplatform.errors import InputError, UsageError
from kgplatform.sources.files import check_exists, check_text, open_text
from kgplatform.sources.labelled import refuse_table_options
from kgplatform.sources.source import OnReject, Options, Source
from kgplatform.sources.tables import rejected
from kgplatform.triples import Entity, Split, Triple, fault_of_name

_ENTITIES = "entity2id.txt"
_RELATIONS = "relation2id.txt"
_SPLITS: dict[str, Split] = {
    "train2id.txt": "train",
    "valid2id.txt": "valid",
    "test2id.txt": "test",
}


@dataclass(frozen=True)
class Dictionary:
    """Which name an id stands for.

    Attributes:
        file: The file that says so.
        names: Id, as it is written → name.
        faults: Id → what is wrong with its name, for names that cannot be taken.
    """

    file: Path
    names: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def fault_of(self, kind: str, key: str) -> str:
        """Why an id has no name that can be used.

        Args:
            kind: What the id is, for the message: ``head``, ``relation``, ``tail``.
            key: An id that is not among ``names``.
        """
        fault = self.faults.get(key)
        if fault is not None:
            return f"{kind} {key} cannot be used: {fault} ({self.file.name})"
        return f"{kind} {key} is no id of {self.file.name}"


DictionaryRow = tuple[int, str, str]
"""Line (from 1), id, name."""


def dictionary(file: Path, kind: str, rows: Iterable[DictionaryRow]) -> Dictionary:
    """Names by id, held in memory; bounded by the number of names.

    Args:
        file: Where the rows stand.
        kind: ``id`` for entities or ``relation``, for what a name may be.
        rows: The rows of the file.

    Raises:
        InputError: An id or a name occurs twice: then it is open what the triples mean.
    """
    read = Dictionary(file)
    keys: dict[str, str] = {}
    for line, key, name in rows:
        if key in read.names or key in read.faults:
            raise InputError(
                f"{file}, line {line}: the id {key} has a name already", hint="give each id once"
            )
        if name in keys:
            raise InputError(
                f"{file}, line {line}: {name!r} has the id {key} here and {keys[name]} above",
                hint="make the names unique: the platform knows entities and relations by them",
            )
        keys[name] = key
        if fault := fault_of_name(kind, name):
            read.faults[key] = fault
        else:
            read.names[key] = name
    return read


def read_entities(
    file: Path, rows: Iterable[DictionaryRow], on_reject: OnReject
) -> Iterator[Entity]:
    """The entities that a dictionary names, those without any triple among them."""
    for line, key, name in rows:
        if fault := fault_of_name("id", name):
            on_reject(rejected(file, line, fault, f"{key}\t{name}"))
        else:
            yield Entity(name)


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open a folder of OpenKE.

    Names come out, not ids; triples carry the split of their file. Each count is compared with
    the rows that follow: a file that was cut short fails here, before anything is loaded.

    Args:
        given: The folder.
        options: Neither columns nor a file of entities can be said: the format fixes both.

    Raises:
        UsageError: Several paths are given, or options that do not fit.
        InputError: A file is missing, its count is absent or wrong, it is not UTF-8, or a row
            of names is wrong, or names or ids are not unique.
    """
    if len(given) != 1:
        raise UsageError("an OpenKE folder is loaded alone", hint="name one folder")
    refuse_table_options(options, given)
    folder = Path(given[0])
    check_exists(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder of OpenKE", hint="name its folder")
    entities, relations = folder / _ENTITIES, folder / _RELATIONS
    splits = {folder / name: split for name, split in _SPLITS.items() if (folder / name).exists()}
    for file in (entities, relations, folder / "train2id.txt"):
        check_exists(file)
    for file in (entities, relations, *splits):
        check_text(file)
        _check_count(file)
    dictionary(entities, "id", _names(entities))
    dictionary(relations, "relation", _names(relations))
    taken = {entities, relations, *splits}
    others = sorted(path.name for path in folder.iterdir() if path not in taken)
    return Source(
        folder.name or folder.resolve().name,
        "openke",
        triples=lambda on_reject: _triples(entities, relations, splits, on_reject),
        entities=lambda on_reject: read_entities(entities, _names(entities), on_reject),
        notes=tuple(f"not loaded: {name} (not a file of facts or of names)" for name in others),
    )


def _check_count(file: Path) -> None:
    """Make sure that a file has as many rows as its first line says."""
    with open_text(file) as stream:
        first = stream.readline().strip()
        if not first.isdecimal():
            raise InputError(
                f"{file}, line 1: {first[:60]!r} is not the number of rows",
                hint="OpenKE's files begin with a line that holds the number of rows after it",
            )
        rows = sum(1 for line in stream if line.strip())
    if rows != int(first):
        raise InputError(
            f"{file} has {rows:,} rows, but its first line says {int(first):,}",
            hint="fetch the file again if it was cut short, else correct the number in line 1",
        )


def _rows(file: Path) -> Iterator[tuple[int, str]]:
    """The lines after the count that are not blank, with their numbers."""
    with open_text(file) as stream:
        stream.readline()
        for number, line in enumerate(stream, start=2):
            if text := line.strip():
                yield number, text


def _names(file: Path) -> Iterator[DictionaryRow]:
    for number, text in _rows(file):
        # A name may hold spaces: the id is what stands after the last tab, or the last space.
        name, _, key = text.rpartition("\t") if "\t" in text else text.rpartition(" ")
        if not name.strip() or not key.strip().isdecimal():
            raise InputError(
                f"{file}, line {number}: {text[:60]!r} is not a name, a tab and an id",
                hint="correct the row: without the ids it is open what the triples mean",
            )
        yield number, key.strip(), name.strip()


def _triples(
    entities: Path, relations: Path, splits: dict[Path, Split], on_reject: OnReject
) -> Iterator[Triple]:
    entity = dictionary(entities, "id", _names(entities))
    relation = dictionary(relations, "relation", _names(relations))
    for file, split in splits.items():
        for number, text in _rows(file):
            fields = text.split()
            if len(fields) != 3:
                fault = f"{len(fields)} fields where head, tail and relation belong"
                on_reject(rejected(file, number, fault, text))
                continue
            head_id, tail_id, relation_id = fields
            head = entity.names.get(head_id)
            tail = entity.names.get(tail_id)
            name = relation.names.get(relation_id)
            if head is None:
                fault = entity.fault_of("head", head_id)
            elif tail is None:
                fault = entity.fault_of("tail", tail_id)
            elif name is None:
                fault = relation.fault_of("relation", relation_id)
            else:
                yield Triple(head, name, tail, split)
                continue
            on_reject(rejected(file, number, fault, text, name))
