"""Data sets that PyKEEN has (``pykeen:nations``), and its triples factories.

PyKEEN is imported when a data set is opened, not before; it brings torch with it. A factory that
a user passes needs no import at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kgplatform.errors import InputError, UnknownNameError, UsageError
from kgplatform.sources.frames import fault_of_triple
from kgplatform.sources.labelled import refuse_table_options
from kgplatform.sources.source import OnReject, Options, Source
from kgplatform.sources.table_files import SPLIT_NAMES
from kgplatform.sources.tables import rejected
from kgplatform.triples import SPLITS, Entity, Split, Triple, fault_of_name

_SCHEME = "pykeen:"
_BLOCK = 65_536
"""Triples that are turned into Python's objects at a time."""


def open_source(given: tuple[str, ...], options: Options) -> Source:
    """Open a data set of PyKEEN by its name.

    PyKEEN ships some (``nations``, ``kinships``, ``umls``, ``countries``) and downloads others
    into its own cache the first time they are read. Its training, validation and testing parts
    are the splits train, valid and test.

    Args:
        given: ``pykeen:NAME``, with the name as PyKEEN's documentation or command line has it.
        options: Neither columns nor a file of entities can be said.

    Raises:
        UsageError: Several are given, options that do not fit, or PyKEEN is not installed.
        UnknownNameError: PyKEEN has no such data set.
    """
    if len(given) != 1 or not given[0].startswith(_SCHEME):
        raise UsageError(
            f"not the name of one data set of PyKEEN: {', '.join(given)}",
            hint="name it like this: pykeen:nations",
        )
    refuse_table_options(options, given)
    name = given[0].removeprefix(_SCHEME)
    try:
        from pykeen.datasets import dataset_resolver
        from pykeen.datasets.base import CompressedSingleDataset, TabbedDataset
    except ImportError as error:
        raise UsageError(
            f"{given[0]} needs the package pykeen, which cannot be imported: {error}",
            hint="pip install pykeen",
        ) from error
    try:
        found = dataset_resolver.lookup(name)
    except KeyError:
        raise UnknownNameError("data set of PyKEEN", name, dataset_resolver.options) from None
    held: list[Any] = []

    def dataset() -> Any:
        # One load serves entities and triples: a data set is read into memory as a whole.
        if not held:
            held.append(_load(found, name))
        return held[0]

    notes = []
    if issubclass(found, (CompressedSingleDataset, TabbedDataset)):
        notes.append(
            "no split is published with this data set: PyKEEN draws train, valid and test at random"
        )
    return Source(
        f"{_SCHEME}{dataset_resolver.normalize(name)}",
        "pykeen",
        triples=lambda on_reject: _triples_of_dataset(dataset(), given[0], on_reject),
        entities=lambda on_reject: _entities(dataset().training, given[0], on_reject),
        notes=tuple(notes),
    )


def from_triples_factory(factory: Any, name: str, split: Split | None = None) -> Source:
    """The triples of a PyKEEN ``TriplesFactory``, or of a ``CoreTriplesFactory``.

    Args:
        factory: ``mapped_triples`` is its tensor of ids, shape ``[n, 3]``: head, relation, tail.
            Without labels the ids themselves, as text, are the names. Inverse triples that it
            makes while training are none of its triples.
        name: What its facts carry as their source.
        split: The split that all of it belongs to.

    Raises:
        UsageError: There is no such split.
        InputError: It has no triples.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"no such split: {split!r}", hint=f"one of {', '.join(SPLITS)}")
    if not len(factory.mapped_triples):
        raise InputError(f"the factory {name} has no triples", hint="pass one that has some")
    labelled = _labels(factory, "entity") is not None
    note = "the factory has no labels: entities and relations are called by their ids"
    return Source(
        name,
        "pykeen",
        triples=lambda on_reject: _triples(factory, split, name, on_reject),
        entities=lambda on_reject: _entities(factory, name, on_reject),
        notes=() if labelled else (note,),
    )


def _load(found: Any, name: str) -> Any:
    """Read a data set into memory; PyKEEN downloads it if it has not yet."""
    try:
        dataset = found()
        # Reading is lazy: this is when it happens.
        _ = dataset.training
    except ImportError as error:
        raise UsageError(
            f"pykeen:{name} needs a package that is not installed: {error}",
            hint=f"pip install {error.name or name}",
        ) from error
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            f"PyKEEN cannot get the data set {name}: {error}",
            hint="check the network; delete its folder in PyKEEN's cache if a download was cut",
        ) from error
    return dataset


def _triples_of_dataset(dataset: Any, name: str, on_reject: OnReject) -> Iterator[Triple]:
    for part, factory in dataset.factory_dict.items():
        yield from _triples(factory, SPLIT_NAMES[part], f"{name} {part}", on_reject)


def _labels(factory: Any, kind: str) -> Mapping[int, str] | None:
    """Id → label, if the factory has labels; ``kind`` is ``entity`` or ``relation``."""
    labels: Mapping[int, str] | None = getattr(factory, f"{kind}_id_to_label", None)
    return labels


def _triples(
    factory: Any, split: Split | None, place: str, on_reject: OnReject
) -> Iterator[Triple]:
    entities, relations = _labels(factory, "entity"), _labels(factory, "relation")
    mapped = factory.mapped_triples
    for start in range(0, len(mapped), _BLOCK):
        block = mapped[start : start + _BLOCK].tolist()
        for number, (head, relation, tail) in enumerate(block, start=start + 1):
            triple = Triple(
                _name(entities, head), _name(relations, relation), _name(entities, tail), split
            )
            if fault := fault_of_triple(triple):
                text = "\t".join((triple.head, triple.relation, triple.tail))
                on_reject(rejected(place, number, fault, text, triple.relation))
            else:
                yield triple


def _name(labels: Mapping[int, str] | None, key: int) -> str:
    # An id that the labels leave out has no name: the check of names then rejects the triple.
    return str(key) if labels is None else str(labels.get(key, ""))


def _entities(factory: Any, place: str, on_reject: OnReject) -> Iterator[Entity]:
    """All that the factory has an id for, in the order of the ids."""
    labels = _labels(factory, "entity")
    for key in range(factory.num_entities):
        name = _name(labels, key)
        if not name and labels is not None and key not in labels:
            continue
        if fault := fault_of_name("id", name):
            on_reject(rejected(place, key + 1, fault, name))
        else:
            yield Entity(name)
