"""Entities as the importer's rows: all that a source says of one of them, joined.

What is said goes to files by ranges of nid, each of which is joined as a whole afterwards.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from kgplatform.errors import InputError
from kgplatform.progress import Progress
from kgplatform.store.bulk.tables import Kinds, Table, Tables, write_header
from kgplatform.store.bulk.values import ARRAY_DELIMITER, dump, kind_of, quoted, restore
from kgplatform.triples import Entity, Value, is_vector

BATCH = 20_000
RANGE = 50_000
"""Entities whose descriptions are joined at once."""

COLUMNS = (":ID", "nid:long", "graph:string", "id:string", "sources:string[]", ":LABEL")

Tell = Callable[[bytes], None]

LeftOver = Callable[[str, dict[str, Value]], None]
"""Told of an entity's properties that the importer cannot hold."""


@dataclass
class Described:
    """All that was said of an entity so far.

    Attributes:
        types: Its labels beside ``Entity``, as keys.
        values: Its name, its description and its properties.
    """

    types: dict[str, None] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def add(
        self,
        name: str | None,
        description: str | None,
        types: Sequence[str],
        properties: dict[str, Value],
    ) -> None:
        """Take a row in: lists are joined, of vectors and other values the last one holds."""
        self.types.update(dict.fromkeys(types))
        for key, value in properties.items():
            there = self.values.get(key)
            if isinstance(value, list) and there is not None and not is_vector(value):
                self.values[key] = [*(there if isinstance(there, list) else [there]), *value]
            else:
                self.values[key] = value
        if name is not None:
            self.values["name"] = name
        if description is not None:
            self.values["description"] = description


class EntityFiles:
    """Takes in what a source says of entities, and knows afterwards what was there.

    Args:
        folder: Where files go.
        known: Ids of entities and their nid; those that are named here are added.

    Attributes:
        kinds: What properties there are.
        rows: How often an entity was described.
    """

    def __init__(self, folder: Path, known: dict[str, int]) -> None:
        self.kinds = Kinds()
        self.rows = 0
        self._folder = folder
        self._known = known

    def read(self, entities: Iterable[Entity], tell: Tell, progress: Progress) -> None:
        """Keep all that a source says of entities.

        Args:
            entities: What it says.
            tell: Is given what is read, as a load over Bolt hashes it.
            progress: Told of entities described.
        """
        remaining = iter(entities)
        while batch := list(islice(remaining, BATCH)):
            lines: defaultdict[int, list[str]] = defaultdict(list)
            said_all: list[str] = []
            for entity in batch:
                said_all.append(repr(entity))
                nid = self._known.setdefault(entity.entity_id, len(self._known))
                properties = dict(entity.properties or {})
                said = (nid, entity.name, entity.description, entity.types, properties)
                lines[nid // RANGE].append(dump(said))
                self.kinds.add(properties)
            for number, written in lines.items():
                with self._path(number).open("a", encoding="utf-8", newline="\n") as file:
                    file.writelines(f"{line}\n" for line in written)
            tell("".join(said_all).encode())
            self.rows += len(batch)
            progress("entities read", self.rows, None)

    def write(self, graph: str, source: str, left_over: LeftOver) -> list[Table]:
        """Write every entity that is known as a row for the importer.

        Args:
            graph: The graph's name.
            source: The source's name.
            left_over: Told of properties that no table can hold.

        Raises:
            InputError: An entity's lists have values of several kinds.
        """
        layouts = self.kinds.layouts()
        first = {"name": "string", "description": "string"}
        tables = Tables(
            self._folder, "entities", COLUMNS, [{**layout, **first} for layout in layouts]
        )
        plain = self._folder / "names.csv"
        shared = f"{quoted(graph)}\t", f"\t{quoted(source)}\t"
        with plain.open("w", encoding="utf-8", newline="\n") as file:
            remaining = iter(self._known.items())
            number = 0
            while known := list(islice(remaining, RANGE)):
                described = self._joined(number, [name for name, _ in known])
                number += 1
                for name, nid in known:
                    said = described.get(nid)
                    entity_id = quoted(name)
                    begin = f"{nid}\t{nid}\t{shared[0]}{entity_id}{shared[1]}"
                    if said is None:
                        file.write(f'{begin}"Entity"\t{entity_id}\n')
                        continue
                    labels = quoted(ARRAY_DELIMITER.join(("Entity", *said.types)))
                    values = {key: _final(name, key, value) for key, value in said.values.items()}
                    if left := tables.write(f"{begin}{labels}", values):
                        left_over(name, left)
        header = self._folder / "names-header.csv"
        write_header(header, (*COLUMNS, "name:string"))
        return [Table(header, (plain,)), *tables.close()]

    def _joined(self, number: int, names: list[str]) -> dict[int, Described]:
        """What was said of the entities of one range; ``names`` are their ids."""
        path = self._path(number)
        described: dict[int, Described] = {}
        if path.exists():
            with path.open(encoding="utf-8", newline="\n") as lines:
                for line in lines:
                    nid, *said = restore(line)
                    if nid not in described:
                        # What is not named otherwise is called by its id.
                        described[nid] = Described(values={"name": names[nid % RANGE]})
                    described[nid].add(*said)
            path.unlink()
        return described

    def _path(self, number: int) -> Path:
        return self._folder / f"described-{number}"


def _final(entity_id: str, name: str, value: Value) -> Value:
    """A list as Neo4j would have joined it: each value once, sorted; a vector as it is."""
    if not isinstance(value, list) or is_vector(value):
        return value
    if kind_of(value) is None:
        raise InputError(
            f"property {name} of {entity_id} has values of several kinds",
            hint="let the source say them of one kind, all texts for example",
        )
    distinct: dict[Any, Any] = {}
    for item in sorted(value, key=_place):
        distinct.setdefault(_same(item), item)
    return list(distinct.values())


def _place(value: Any) -> Any:
    """Where Neo4j sorts a value: texts by their UTF-16, moments then by their offset."""
    if isinstance(value, str):
        return value.encode("utf-16-be", "surrogatepass")
    if isinstance(value, datetime | time):
        return value, value.utcoffset() or timedelta()
    if isinstance(value, float):
        # -0.0 comes before 0.0, which it is equal to.
        return value, math.copysign(1, value)
    return (value, 1) if isinstance(value, int) else value


def _same(value: Any) -> Any:
    """What two values share that are one to Neo4j: not the moment alone, if zones differ."""
    return (value, str(value.tzinfo)) if isinstance(value, datetime | time) else value
