"""Schema changes: the files of ``cypher/schema/``, applied in order and recorded."""

import hashlib

from kgplatform import queries
from kgplatform.errors import InputError, SchemaError
from kgplatform.store.client import Store
from kgplatform.triples import fault_of_name


def migrate(store: Store) -> list[str]:
    """Apply the schema changes that this database has not seen.

    Each change is safe to apply twice (``IF NOT EXISTS``), so one that was applied but not
    recorded, because the process died between the two, is just applied again.

    Returns:
        Versions applied now, for example ``["V001"]``; empty when all were there.

    Raises:
        SchemaError: A recorded change differs from the file of the same version.
    """
    recorded = {row["version"]: row["checksum"] for row in store.rows(_get("read/list_migrations"))}
    applied = []
    for name in queries.names("schema/"):
        version, _, title = name.removeprefix("schema/").partition("__")
        text = queries.get(name)
        checksum = hashlib.sha256(text.encode("utf-8")).hexdigest()
        if recorded.get(version, checksum) != checksum:
            raise SchemaError(
                f"schema change {version} of this database differs from this kgplatform's",
                hint="use the version of kgplatform that made this database, or a new database",
            )
        if version not in recorded:
            store.command(text)
            store.run(
                _get("write/record_migration"), version=version, name=title, checksum=checksum
            )
            applied.append(version)
    return applied


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
