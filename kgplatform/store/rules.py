"""Rules in the graph: a node a rule, held by the record of the set that it was mined with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kgplatform import queries
from kgplatform.errors import InputError, UnknownNameError
from kgplatform.progress import Progress, silent
from kgplatform.store.batches import Batches, in_transactions
from kgplatform.store.client import Store
from kgplatform.store.schema import migrate

RULES_A_BATCH = 1_000
REMOVED_AT_ONCE = 5_000


def write_rules(
    store: Store,
    set_id: str,
    graph: str,
    record: Mapping[str, Any],
    rules: Sequence[Mapping[str, Any]],
    progress: Progress = silent,
) -> int:
    """Write rules as ``(:RuleSet)-[:HOLDS]->(:Rule)``; repeating it changes nothing.

    Args:
        store: The database.
        set_id: The set's id; a rule's is this and its place.
        graph: The graph that they are of; it is there.
        record: What the set's node carries.
        rules: Properties of each, the best first.
        progress: Told of rules written.

    Returns:
        How many stand in the graph now.

    Raises:
        InputError: There is no such graph, or the set was written to another one.
    """
    if not store.rows(queries.get("read/get_graph"), graph=graph):
        known = [row["name"] for row in store.rows(queries.get("read/list_graphs"))]
        raise InputError(
            f"there is no graph {graph!r} in this database",
            hint=f"graphs: {', '.join(known)}" if known else "load one with `kgp load`",
        )
    migrate(store)
    kept = store.run(
        queries.get("write/merge_rule_set"), id=set_id, record={**record, "graph": graph}
    ).row["graph"]
    if kept != graph:
        raise InputError(
            f"the rules {set_id} stand in graph {kept!r} already",
            hint=f"run `kgp rules undo {set_id}` first to write them elsewhere",
        )
    written = 0

    def write(places: Sequence[int]) -> None:
        nonlocal written
        written += store.run(
            queries.get("write/merge_rules"),
            id=set_id,
            graph=graph,
            ids=[f"{set_id}/{place + 1}" for place in places],
            properties=[dict(rules[place]) for place in places],
        ).row["written"]
        progress("rules", written, len(rules))

    Batches(RULES_A_BATCH).write(range(len(rules)), write)
    return written


def written_set(store: Store, name: str) -> tuple[str, int]:
    """The id of a set of rules in the database, and how many rules it holds.

    Args:
        store: The database.
        name: Its id, the start of one, or ``latest``.

    Raises:
        UnknownNameError: There is none, or there are several.
    """
    rows = store.rows(queries.get("read/list_rule_sets"))
    held = {str(row["id"]): int(row["rules"]) for row in rows}
    if name == "latest" and held:
        name = next(iter(held))
    matching = [name] if name in held else [each for each in held if each.startswith(name)]
    if len(matching) != 1 or not name:
        raise UnknownNameError("set of rules in this database", name, matching or held)
    return matching[0], held[matching[0]]


def remove_rules(store: Store, set_id: str) -> int:
    """Remove a set with its rules, and nothing else; a removal that was cut can be repeated.

    Returns:
        How many rules were removed.
    """
    removed = in_transactions(
        store,
        queries.get("write/remove_rules"),
        REMOVED_AT_ONCE,
        lambda: written_set(store, set_id)[1],
        id=set_id,
    )
    store.run(queries.get("write/remove_rule_set"), id=set_id)
    return removed
