"""Readers of vectors while these are written: each finds one whole set, or is told to repeat."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from writing_commands import ENTITIES, GRAPH

from kgplatform.errors import InputError, StoreError
from kgplatform.store.client import Store
from kgplatform.store.search import similar
from kgplatform.store.stream_vectors import StoredVectors, active_set, read_set
from kgplatform.store.writeback import Target


@dataclass
class VectorReaders:
    """What readers found.

    Attributes:
        sets: Digests of the whole sets that they may find, by name.
        read: How often they found each, or were told to repeat.
        problems: What they found beside that.
    """

    sets: dict[str, str]
    read: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @staticmethod
    def whole_sets(store: Store) -> dict[str, str]:
        """The active set, by its name."""
        name = active_set(store, Target(graph=GRAPH))
        assert name is not None
        return {name: digest_of(read_set(store, name)), f"near {name}": near(store)}

    def look(self, store: Store) -> None:
        """Read all vectors of the active set, and ask its index."""
        name = active_set(store, Target(graph=GRAPH))
        if name is None:
            self.problems.append("readers found no active set of vectors")
            return
        found = digest_of(read_set(store, name))
        if found != self.sets.get(name):
            self.problems.append(f"readers found vectors of {name} that are not those of the run")
        self.read["whole"] += 1
        close = near(store)
        if close not in {each for key, each in self.sets.items() if key.startswith("near ")}:
            self.problems.append(f"a search by vectors found what is near by no set: {close}")
        self.read["searched"] += 1


def digest_of(vectors: StoredVectors) -> str:
    """Of ids and numbers, whatever order they come in."""
    assert vectors.present.all()
    assert len(vectors.ids) == ENTITIES, f"{len(vectors.ids)} of {ENTITIES} vectors"
    rows = zip(vectors.ids, vectors.values, strict=True)
    lines = sorted(f"{key} {row.tobytes().hex()}" for key, row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def near(store: Store) -> str:
    """What is near one entity, by the active set."""
    return " ".join(hit.id for hit in similar(store, GRAPH, "e0", 5))


@contextmanager
def reading_vectors(
    store: Callable[[], AbstractContextManager[Store]], sets: dict[str, str]
) -> Iterator[VectorReaders]:
    """Read all the time, in a thread, until the block ends."""
    readers, over = VectorReaders(sets), threading.Event()

    def work() -> None:
        while not over.is_set():
            try:
                with store() as connected:
                    while not over.is_set():
                        readers.look(connected)
            except (StoreError, InputError) as error:
                # The server was killed, or the set has changed while it was read; either is told.
                readers.read[type(error).__name__] += 1
            except AssertionError as error:
                # No server at the moment, else a set that is not whole.
                if str(error):
                    readers.problems.append(str(error))
            over.wait(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield readers
    finally:
        over.set()
        thread.join()
