"""Mined rules on disk: a folder with ``rules.arrow``, a row a rule with its names, and
``rules.json``, what they were mined from and how.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from kgplatform.errors import InputError, UnknownNameError
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.parsed import parsed_json
from kgplatform.rules.mine import MiningConfig
from kgplatform.rules.table import MOST_ATOMS, RuleTable, rule_text
from kgplatform.training.artifacts import new_run_id

FORMAT = 1
TABLE_FILE = "rules.arrow"
RECORD_FILE = "rules.json"
MINE_AGAIN = "mine again with `kgp rules`"


@dataclass(frozen=True)
class RuleSet:
    """Rules that were mined together.

    Attributes:
        id: Name of the set and of its folder.
        folder: Where it is.
        source: Where the facts came from, as in ``run.json``.
        digest: SHA-256 of the snapshot.
        created: Local time, ISO 8601 with offset.
        config: How they were mined.
        rules: How many there are.
        facts: How many facts they were mined from.
    """

    id: str
    folder: Path
    source: Mapping[str, Any]
    digest: str
    created: str
    config: MiningConfig
    rules: int
    facts: int


def new_set_id(parent: Path) -> str:
    """A name like ``20261123-221530-rules-3f9a``, after all that are in the folder."""
    return new_run_id("rules", parent)


def save_rules(
    parent: Path,
    snapshot: KGSnapshot,
    rules: RuleTable,
    config: MiningConfig,
    source: Mapping[str, Any],
    facts: int,
) -> RuleSet:
    """Write rules into a new folder; it has its name only when it is whole."""
    set_id = new_set_id(parent)
    found = RuleSet(
        set_id,
        parent / set_id,
        source,
        snapshot.digest,
        datetime.now().astimezone().isoformat(timespec="seconds"),
        config,
        len(rules),
        facts,
    )
    temporary = parent / f".{set_id}.tmp"
    temporary.mkdir(parents=True)
    table = _to_arrow(rules, snapshot.entities, snapshot.relations)
    with (
        pa.OSFile(str(temporary / TABLE_FILE), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table)
    values = {"format": FORMAT, **asdict(found)}
    del values["folder"]
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    (temporary / RECORD_FILE).write_text(text + "\n", encoding="utf-8")
    for name in (TABLE_FILE, RECORD_FILE):
        with (temporary / name).open("rb+") as file:
            os.fsync(file.fileno())
    temporary.rename(found.folder)
    return found


def find_rules(parent: Path, name: str) -> RuleSet:
    """A set by its id, the start of one, or ``latest``.

    Raises:
        UnknownNameError: No set or more than one has that name.
        InputError: Its record cannot be read.
    """
    ids = sorted(file.parent.name for file in parent.glob(f"[!.]*/{RECORD_FILE}"))
    if name == "latest" and ids:
        return _read_record(parent / ids[-1])
    matching = [name] if name in ids else [each for each in ids if each.startswith(name)]
    if len(matching) != 1 or not name:
        raise UnknownNameError("set of rules", name, matching or ids)
    return _read_record(parent / matching[0])


def list_rules(parent: Path) -> list[RuleSet]:
    """All sets of a folder, the oldest first."""
    ids = sorted(file.parent.name for file in parent.glob(f"[!.]*/{RECORD_FILE}"))
    return [_read_record(parent / each) for each in ids]


def read_table(found: RuleSet) -> pa.Table:
    """A set's rules by name, by falling confidence: ``rule`` (text), ``head``, ``length``, …

    Raises:
        InputError: The file is missing or damaged.
    """
    path = found.folder / TABLE_FILE
    try:
        with pa.ipc.open_file(pa.BufferReader(path.read_bytes())) as reader:
            return reader.read_all()
    except (OSError, pa.ArrowException) as error:
        detail = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read: {detail}", hint=MINE_AGAIN) from None


def node_properties(found: RuleSet, most: int) -> list[dict[str, Any]]:
    """What the nodes of a set's surest rules carry in the graph, at most ``most`` of them."""
    columns = ["rule", "head", "length", "support", "body_size", "coverage", "confidence"]
    rows = read_table(found).select([*columns, "sampled"]).slice(0, most).to_pylist()
    return [
        row | {"body": row["rule"].partition(" <- ")[2], "rules": found.id, "name": row["rule"]}
        for row in rows
    ]


def load_rules(found: RuleSet, snapshot: KGSnapshot) -> RuleTable:
    """A set's rules by index in the snapshot that they were mined from.

    Raises:
        InputError: The snapshot is another one, or a file is damaged.
    """
    if snapshot.digest != found.digest:
        raise InputError(
            f"the graph is not the one that the rules {found.id} were mined from: it has changed",
            hint=MINE_AGAIN,
        )
    table = read_table(found)
    columns = {name: table[name].to_numpy() for name in table.column_names if name != "rule"}
    body = np.stack([columns[f"body_{atom}"] for atom in range(1, MOST_ATOMS + 1)], axis=1)
    names = ("head", "head_entity", "body_entity", "support", "body_size", "head_size", "sampled")
    given = {name: columns[name if name != "head" else "head_code"] for name in names}
    return RuleTable(body=body, **given)


def _read_record(folder: Path) -> RuleSet:
    path = folder / RECORD_FILE
    try:
        values = parsed_json(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError("it is of another version of kgplatform")
        config = MiningConfig(**values.pop("config"))
        return RuleSet(folder=folder, config=config, **values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        detail = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read: {detail}", hint=MINE_AGAIN) from None


def _to_arrow(rules: RuleTable, entities: Sequence[str], relations: Sequence[str]) -> pa.Table:
    count = len(relations)
    texts = [rule_text(rules, row, entities, relations) for row in range(len(rules))]
    columns = {
        "rule": pa.array(texts, pa.string()),
        "head": pa.array([relations[code % count] for code in rules.head.tolist()], pa.string()),
        "length": rules.length,
        "support": rules.support,
        "body_size": rules.body_size,
        "head_size": rules.head_size,
        "coverage": rules.coverage,
        "confidence": rules.confidence,
        "sampled": rules.sampled,
        "head_code": rules.head,
        "head_entity": rules.head_entity,
        "body_entity": rules.body_entity,
    }
    atoms = {f"body_{atom + 1}": rules.body[:, atom] for atom in range(MOST_ATOMS)}
    return pa.table(columns | atoms)
