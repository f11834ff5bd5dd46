"""One database of the local server in the place of another, whole or not at all.

Neo4j keeps a database in two folders, ``databases/neo4j`` and ``transactions/neo4j``. They are
renamed one after the other, so a note of what is under way is written first. Whoever starts the
server next finds it there, and puts back what was there before.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from kgplatform.errors import ServerError
from kgplatform.parsed import parsed_json
from kgplatform.server.config import Folders, write_private

DATABASE = "neo4j"
_KINDS = ("databases", "transactions")


@dataclass(frozen=True)
class Import:
    """An import of which the database is in place, and which nobody has completed yet.

    Attributes:
        graph: The graph's name.
        source: The source's name.
    """

    graph: str
    source: str


def swap(where: Folders, data: Path, done: Import) -> None:
    """Put an imported database in the place of the empty one; the server is stopped.

    Args:
        where: The server's folders, whose lock is held.
        data: The folder of data that the importer wrote.
        done: What is noted when it is in place, until ``completed``.
    """
    had = [kind for kind in _KINDS if (where.data / kind / DATABASE).exists()]
    _note(where, {"swapping": had})
    _aside(where).mkdir(exist_ok=True)
    for kind in had:
        (where.data / kind / DATABASE).rename(_aside(where) / kind)
    for kind in _KINDS:
        (where.data / kind).mkdir(parents=True, exist_ok=True)
        (data / kind / DATABASE).rename(where.data / kind / DATABASE)
    _note(where, {"graph": done.graph, "source": done.source})
    shutil.rmtree(_aside(where))


def recover(where: Folders) -> None:
    """Undo a swap that was cut, before the server is started; else do nothing.

    What is removed is what the importer wrote; what the server had is put back.

    Raises:
        ServerError: The note cannot be read.
    """
    note = _read(where)
    if note is None:
        return
    aside = _aside(where)
    for kind in _KINDS if "swapping" in note else ():
        there, before = where.data / kind / DATABASE, aside / kind
        if before.exists() or kind not in note["swapping"]:
            if there.exists():
                shutil.rmtree(there)
            if before.exists():
                before.rename(there)
    if "swapping" in note:
        completed(where)
    if aside.exists():
        shutil.rmtree(aside)


def uncompleted(where: Folders) -> Import | None:
    """The import of which the database is in place and was not completed, if there is one."""
    note = _read(where)
    return None if note is None or "swapping" in note else Import(note["graph"], note["source"])


def completed(where: Folders) -> None:
    """Forget the import: all that belongs to it is done."""
    _file(where).unlink(missing_ok=True)


def fingerprint(where: Folders) -> dict[str, tuple[int, int]]:
    """Size and time of the database's log of transactions: it tells whether anybody wrote."""
    logs = (where.data / "transactions" / DATABASE).glob("neostore.transaction.db.*")
    told = {log.name: log.stat() for log in logs}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in told.items()}


def exists(where: Folders) -> bool:
    """Whether the server has a database at all, empty or not."""
    return any((where.data / kind / DATABASE).exists() for kind in _KINDS)


def _file(where: Folders) -> Path:
    return where.home / "import.json"


def _aside(where: Folders) -> Path:
    return where.home / "before-import"


def _note(where: Folders, note: dict[str, object]) -> None:
    write_private(_file(where), json.dumps(note) + "\n")


def _read(where: Folders) -> dict[str, str] | None:
    try:
        text = _file(where).read_text()
    except FileNotFoundError:
        return None
    try:
        note = parsed_json(text)
        if "swapping" in note or {"graph", "source"} <= set(note):
            return dict(note)
    except (ValueError, TypeError):
        pass
    raise ServerError(
        f"{_file(where)} cannot be read, which says how far an import came",
        hint=f"if nobody has edited it: move {where.data} away and load again",
    )
