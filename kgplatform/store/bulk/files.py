"""All of a source as the importer's files, in a folder that is used once."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kgplatform.errors import InputError
from kgplatform.progress import Progress, silent
from kgplatform.store.bulk import frames
from kgplatform.store.bulk.entities import EntityFiles
from kgplatform.store.bulk.facts import COLUMNS, FactFiles, Workers
from kgplatform.store.bulk.left import LeftOver
from kgplatform.store.bulk.repeats import (
    Fact,
    Repeats,
    join_repeated,
    read_described,
    set_apart,
)
from kgplatform.store.bulk.rows import NEW_NAMES
from kgplatform.store.bulk.tables import Table, Tables, write_header
from kgplatform.store.bulk.values import quoted
from kgplatform.store.load_counts import LoadCounts
from kgplatform.triples import Entity, Triple

COPIED_AT_ONCE = 1 << 20

_RECORD = (
    ":ID",
    "name:string",
    "next_nid:long",
    "version:long",
    "loading:string[]",
    ":LABEL",
)


@dataclass(frozen=True)
class BulkFiles:
    """What the importer reads, and what is left to be done when it has.

    Attributes:
        nodes: The tables of nodes.
        relationships: Those of relationships.
        left: Properties to be set afterwards.
        counts: What the load does.
        began: When it began, by the monotonic clock.
    """

    nodes: tuple[Table, ...]
    relationships: tuple[Table, ...]
    left: LeftOver
    counts: LoadCounts
    began: float


def write_files(
    folder: Path,
    graph: str,
    entities: Iterable[Entity],
    triples: Iterable[Triple],
    *,
    source: str,
    progress: Progress = silent,
) -> BulkFiles:
    """Write a source as files for the importer, with the result that ``load`` would have.

    The ids of all entities are kept in memory, about 120 bytes each; nothing of the facts is.

    Args:
        folder: An empty folder.
        graph: The graph's name.
        entities: What the source says of entities.
        triples: Its facts, each checked by its source.
        source: What the facts come from.
        progress: Told of entities and facts read.

    Raises:
        InputError: The source cannot be read, or something of it cannot be imported.
    """
    began = time.monotonic()
    if not source.isprintable():
        raise InputError(
            f"the source's name {source!r} holds a control character",
            hint="load it without --bulk, or give the file another name",
        )
    known: dict[str, int] = {}
    described = EntityFiles(folder, known)
    with Workers(folder, graph, source) as workers:
        described.read(entities, partial(workers.send, frames.TOLD), progress)
        workers.send(frames.NAMES, frames.column(list(known)))
        facts = FactFiles(folder, workers)
        facts.read(triples, progress)
        hashed = workers.end()
    _add_names(folder, known)
    with LeftOver(folder / "left-over") as left:
        repeats, relationships = _finish_facts(facts, folder, left, known)
        counts = LoadCounts(
            created=facts.relations - repeats.unchanged - repeats.conflicting,
            unchanged=repeats.unchanged,
            entities_created=len(known),
            entities_described=described.rows,
            num_conflicts=repeats.conflicting.total(),
            conflicts=list(repeats.conflicts(list(known))) if repeats.conflicting else [],
            hash=hashed,
        )
        nodes = described.write(graph, source, left.add_entity)
    nodes.append(_record(folder, graph, source, len(known)))
    return BulkFiles(tuple(nodes), tuple(relationships), left, counts, began)


def _add_names(folder: Path, known: dict[str, int]) -> None:
    """Take in the entities that facts alone have named."""
    path = folder / NEW_NAMES
    # Not line by line: Python's lines also end where an id may hold a separator.
    names = path.read_bytes().decode().split("\n")[:-1]
    known.update(zip(names, range(len(known), len(known) + len(names)), strict=True))
    path.unlink()


def _finish_facts(
    facts: FactFiles, folder: Path, left: LeftOver, known: dict[str, int]
) -> tuple[Repeats, list[Table]]:
    repeated = facts.find_repeated()
    segments = facts.segments
    plain = [segment for segment in segments if not segment.described]
    tables = Tables(folder, "described-facts", COLUMNS, facts.kinds.layouts())
    ids: list[str] = []

    def write(fact: Fact) -> None:
        if rest := tables.write(fact.fields, fact.properties):
            if not ids:
                ids.extend(known)
            left.add_fact(fact, ids[fact.start], ids[fact.end], rest)

    repeats = Repeats()
    if repeated is not None:
        set_apart(segments, repeated, folder)
        repeats = join_repeated(folder, write)
    for segment in segments:
        if segment.described:
            for fact in read_described(segment):
                write(fact)
            segment.path.unlink()
    relationships = tables.close()
    if plain:
        header, together = folder / "facts-header.csv", folder / "facts.csv"
        write_header(header, COLUMNS)
        _join([segment.path for segment in plain], together)
        relationships.append(Table(header, (together,)))
    return repeats, relationships


def _join(paths: Sequence[Path], together: Path) -> None:
    """Make one file of several, which go.

    The importer first reads and encodes a sample of every file, 4 MiB of each, with one core.
    """
    paths[0].rename(together)
    with together.open("ab") as whole:
        for path in paths[1:]:
            with path.open("rb") as part:
                shutil.copyfileobj(part, whole, COPIED_AT_ONCE)
            path.unlink()


def _record(folder: Path, graph: str, source: str, entities: int) -> Table:
    """The graph's record; it says that a load is under way, as ``load`` says it."""
    header, file = folder / "record-header.csv", folder / "record.csv"
    write_header(header, _RECORD)
    fields = (
        str(entities),
        quoted(graph),
        str(entities),
        "1",
        quoted(source),
        quoted("KnowledgeGraph"),
    )
    file.write_text("\t".join(fields) + "\n", encoding="utf-8")
    return Table(header, (file,))
