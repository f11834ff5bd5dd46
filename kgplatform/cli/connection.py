"""From a command's source to the snapshot it asks for, and to the nodes it stands for."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.store.writeback import Target


def snapshot_of_source(
    store: Store, source: Mapping[str, Any], progress: Progress
) -> tuple[KGSnapshot, dict[str, Any]]:
    """Export what a run's ``source`` names, and complete the source by what was learned.

    Args:
        store: The database.
        source: As :func:`kgplatform.cli.source.source_of` gives it or a run keeps it.
        progress: Told of relationships read.
    """
    from kgplatform.graph.projection import snapshot_of
    from kgplatform.store.projections import definition_of

    source = resolved(store, source)
    snapshot, integers = snapshot_of(store, definition_of(source), progress)
    learned = {} if source.get("cypher") is None else {"integer_keys": integers}
    return snapshot, {**source, **learned}


def resolved(store: Store, source: Mapping[str, Any]) -> dict[str, Any]:
    """A source whose projection has been looked up, with all that it takes.

    Raises:
        UnknownNameError: There is no such projection, or it has no such parameter.
        UsageError: It has no such version.
    """
    from kgplatform.store.projections import find_projection

    # With a version, it was looked up when the run was made: that is what the run was trained on.
    if "projection" not in source or "version" in source:
        return dict(source)
    return find_projection(store, source["projection"]).source(source["params"])


def snapshot_of_run(
    settings: Settings, source: Mapping[str, Any], digest: str, progress: Progress
) -> KGSnapshot:
    """What a run was trained on: its folder, if that is there still, else an export.

    Args:
        settings: For the connection.
        source: The run's; ``snapshot`` is the folder if it was trained on one.
        digest: The run's ``snapshot_digest``.
        progress: Told of relationships read.
    """
    from pathlib import Path

    from kgplatform.connection import open_store
    from kgplatform.errors import InputError
    from kgplatform.graph.snapshot_folder import open_snapshot

    if source.get("snapshot"):
        # Moved, removed or replaced by another one: the source itself may still give the same.
        with contextlib.suppress(InputError):
            snapshot = open_snapshot(Path(source["snapshot"]))
            if snapshot.digest == digest:
                return snapshot
    with open_store(settings) as store:
        return snapshot_of_source(store, source, progress)[0]


def target_of_source(
    source: Mapping[str, Any], graph: str | None, label: str | None, key: str | None
) -> Target:
    """The nodes that a run's entities stand for: the flags, else what the run was told.

    Raises:
        UsageError: Nothing says where the entities of a query are, or label lacks its key.
    """
    from kgplatform.errors import UsageError
    from kgplatform.store.writeback import Target

    label = label or (None if graph else source.get("label"))
    key = key or source.get("key")
    integers = bool(source.get("integer_keys", False))
    if label and key:
        return Target(label=label, key=key, graph=None, integer_keys=integers)
    if label or (key and not (graph or source.get("graph"))):
        raise UsageError(
            "a user's own nodes need both a label and a key",
            hint="for example --label Person --key email",
        )
    graph = graph or source.get("graph")
    if graph is None:
        raise UsageError(
            "the run was trained on a query, which does not say where its entities are",
            hint="add --graph G for kgplatform's own nodes, or --label L --key PROPERTY",
        )
    return Target(label="Chunk" if source.get("what") == "chunks" else "Entity", graph=graph)
