"""What a bulk load asks of the database before the import, and what it does after it."""

from __future__ import annotations

from kgplatform import queries
from kgplatform.errors import StoreError
from kgplatform.store.bulk.files import BulkFiles
from kgplatform.store.client import Store
from kgplatform.store.schema import prepare

SHOWN = 5
SECONDS_TO_INDEX = 3600
BESIDE = ("schema/V002__entity_nid", "schema/V003__entity_name")
"""Schema changes that return at once, and whose indexes take long where there are entities."""


def check_empty(store: Store) -> None:
    """Make sure that a database holds nothing but the record of its schema.

    Raises:
        StoreError: It holds more; says what.
    """
    (row,) = store.rows(queries.get("read/list_contents"))
    own = {name.partition("__")[2] for name in queries.names("schema/")}
    indexes = [
        index["name"]
        for index in store.rows(queries.get("read/list_indexes"))
        if index["type"] != "LOOKUP" and index["name"] not in own
    ]
    held = []
    if row["graphs"]:
        held.append(f"graph {_listed(row['graphs'])}")
    if row["nodes"]:
        held.append(f"{row['nodes']:,} nodes ({_listed(row['labels']) or 'without labels'})")
    if indexes:
        held.append(f"index {_listed(indexes)}")
    if held:
        raise StoreError(
            f"a bulk load needs an empty database, and this one holds {', '.join(held)}",
            hint="load without --bulk, or empty it (`kgp rm --graph G`), or set KGP_HOME to a "
            "new folder",
        )


def complete(store: Store, graph: str, source: str, files: BulkFiles) -> None:
    """Bring a database that was imported to where ``load`` would have left it.

    Raises:
        StoreError: It does not hold what was to be imported.
    """
    (row,) = store.rows(queries.get("read/list_contents"))
    counts = files.counts
    expected = counts.entities_created + 1, counts.facts_created
    if (row["nodes"], row["relationships"]) != expected:
        raise StoreError(
            f"the import made {row['nodes']:,} nodes and {row['relationships']:,} relationships, "
            f"not {expected[0]:,} and {expected[1]:,}",
            hint="repeat without --bulk, which completes it",
        )
    for name in BESIDE:
        # Begun first, they are filled while the constraint is made, which lets one wait.
        store.command(queries.get(name))
    prepare(store, graph)
    store.command(queries.get("write/await_indexes"), seconds=SECONDS_TO_INDEX)
    files.left.write(store, graph)
    store.run(queries.get("load/end_load"), graph=graph, source=source, owner="")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(sorted(names)[:SHOWN]) + more
