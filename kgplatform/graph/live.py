"""A graph that stays in the database: a connection a process, and its entities."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from kgplatform.connection import open_store
from kgplatform.store.client import Store
from kgplatform.store.neighbors import LiveEntities, properties_of, read_entities

Connect = Callable[[], AbstractContextManager[Store]]


class LiveGraph:
    """A graph in the database that loaders read from; a context manager.

    Each process opens a connection of its own when it first reads, since a driver cannot be
    shared with a worker. Pickled, it carries ``connect`` and the entities' numbers, and no
    password unless ``connect`` does.

    Args:
        graph: The graph's name.
        connect: Opens a connection; by default the one that the settings name.

    Attributes:
        entities: Its entities; a position in them is the entity_index of every loader.
    """

    def __init__(self, graph: str, connect: Connect = open_store) -> None:
        self._connect = connect
        self._store: Store | None = None
        self._begin()
        self.entities: LiveEntities = read_entities(self.store, graph)

    @property
    def store(self) -> Store:
        """This process's connection."""
        if self._process != os.getpid():
            # A worker that was forked: the driver that it inherited is its parent's, and would
            # say goodbye on the parent's connection if it were let go of here.
            self._inherited = self._open
            self._begin()
        with self._lock:
            if self._store is None:
                self._store = self._open.enter_context(self._connect())
            return self._store

    def entity_ids(self, index: np.ndarray) -> list[str]:
        """entity_ids by entity_index."""
        rows = properties_of(self.store, self.entities, np.asarray(index), ["id"])
        return [str(row[0]) for row in rows]

    def close(self) -> None:
        """Close this process's connection; the next reading opens another."""
        self._open.close()
        self._begin()

    def __enter__(self) -> LiveGraph:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"_connect": self._connect, "entities": self.entities}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._open = contextlib.ExitStack()
        self._store = None
