"""Schema changes: the files of ``cypher/schema/``, applied in order and recorded."""

import hashlib

from kgplatform import queries
from kgplatform.errors import InputError, SchemaError
from kgplatform.store.client import Store
from kgplatform.triples import fault_of_name

KEY = "V023"
"""The schema change since which there is one record of each."""


def migrate(store: Store) -> list[str]:
    """Apply the schema changes that this database has not seen.

    Each change is safe to apply twice (``IF NOT EXISTS``), so those that were applied but not
    recorded, because the process died before that, are just applied again.

    Returns:
        Versions applied now, for example ``["V001"]``; empty when all were there.

    Raises:
        SchemaError: A recorded change differs from the file of the same version, or is one that
            this kgplatform does not know; nothing is changed then.
    """
    recorded = known_changes(store)
    if recorded and KEY not in recorded:
        store.run(_get("write/join_migrations"))
    applied = []
    for name in queries.names("schema/"):
        version, _, title = name.removeprefix("schema/").partition("__")
        if version not in recorded:
            text = queries.get(name)
            store.command(text)
            applied.append({"version": version, "name": title, "checksum": _checksum(text)})
    if applied:
        # Once: each change has the server forget its plans, so that a record each is planned anew.
        store.run(_get("write/record_migrations"), changes=applied)
    return [change["version"] for change in applied]


def known_changes(store: Store) -> dict[str, str]:
    """The schema changes that this database has seen: checksums by their versions.

    Raises:
        SchemaError: One of them is unknown, so that a newer kgplatform has made the database and
            may keep in it what this one would break, or it differs from the file of its version.
    """
    recorded = {row["version"]: row["checksum"] for row in store.rows(_get("read/list_migrations"))}
    files = {
        name.removeprefix("schema/").partition("__")[0]: _checksum(queries.get(name))
        for name in queries.names("schema/")
    }
    if unknown := sorted(set(recorded) - set(files)):
        raise SchemaError(
            f"a newer kgplatform has changed this database: its schema has {', '.join(unknown)}, "
            f"this kgplatform knows {max(files)} at most",
            hint="update kgplatform (pip install --upgrade kgplatform), or use another database",
        )
    if differing := sorted(each for each in recorded if recorded[each] != files[each]):
        raise SchemaError(
            f"schema change {', '.join(differing)} of this database differs from this kgplatform's",
            hint="use the version of kgplatform that made this database, or a new database",
        )
    return recorded


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def prepare(store: Store, graph: str) -> None:
    """Make sure that a graph may have its name, and bring the schema up to date, before a load.

    Raises:
        InputError: The name is empty, too long or holds a control character.
        SchemaError: As ``migrate``.
    """
    check_name(graph)
    migrate(store)


def check_name(graph: str) -> None:
    """Make sure that a graph may have its name.

    Raises:
        InputError: The name is empty, too long or holds a control character.
    """
    if fault := fault_of_name("graph", graph):
        raise InputError(f"the name of the {fault}", hint="give another with --graph")


def require_key(store: Store, label: str, key: str) -> None:
    """Make sure that ``key`` identifies the nodes of ``label``.

    Without a constraint, racing writers make several nodes of one key, and each lookup scans
    all nodes of the label.

    Raises:
        SchemaError: No uniqueness or key constraint holds it; the hint is the Cypher to run.
    """
    if store.rows(_get("read/find_key_constraint"), label=label, key=key):
        return
    raise SchemaError(
        f"no constraint makes {key!r} unique for the nodes labelled {label!r}",
        hint=f"run: CREATE CONSTRAINT FOR (n:{queries.quote(label)}) "
        f"REQUIRE n.{queries.quote(key)} IS UNIQUE",
    )


_get = queries.get
