"""A server that may be killed, a folder for commands, and what is there before and after."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bolt_proxy import Moment, Proxy
from database_copies import Copy, copied, restored
from run_files import run_files
from vector_readers import VectorReaders
from warm_commands import AtFile, Running, Values, Warm, warm
from writing_commands import BATCHES, Words, Writing

from kgplatform import server as local
from kgplatform.settings import Settings
from kgplatform.store.client import Store, connect
from kgplatform.store.schema import migrate

Digest = Callable[..., str]


@dataclass
class Scene:
    """A server that may be killed, a folder to work in, and a process that commands come from.

    Attributes:
        settings: Of the server.
        warm: The process.
        folder: Where commands run.
        model: Address of an endpoint of a language model.
        digest: Of a database (tests/conftest.py).
        values: Attributes that commands have set (:mod:`warm_commands`).
    """

    settings: Settings
    warm: Warm
    folder: Path
    model: str
    digest: Digest
    values: Values = field(default_factory=lambda: BATCHES)
    prepared: dict[str, Prepared] = field(default_factory=dict)

    def info(self) -> local.ServerInfo:
        """The server, which must run."""
        info = local.running(self.settings)
        assert info is not None
        return info

    @contextmanager
    def store(self) -> Iterator[Store]:
        """A connection to it, straight."""
        info = self.info()
        with connect(info.uri, info.username, info.password) as store:
            yield store

    def start(
        self,
        words: Words,
        port: int | None = None,
        at_file: AtFile | None = None,
        *,
        own: bool = False,
    ) -> Running:
        """Begin a command, straight or through a proxy's port.

        Args:
            words: The command.
            port: The proxy's port.
            at_file: When it kills itself.
            own: Whether it finds the server as its project's own, not by an address.
        """
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(Path.home()),
            "OMP_NUM_THREADS": "1",
            "KGP_RUNS": str(self.folder / "runs"),
            "KGP_HOME": str(self.settings.kgp_home if own else self.folder / ".kgplatform"),
            "KGP_HEAP": str(self.settings.kgp_heap),
            "KGP_LLM_MODEL": "small",
            "KGP_LLM_CONCURRENCY": "1",
        }
        if not own:
            info = self.info()
            environment |= {
                "NEO4J_URI": info.uri if port is None else f"bolt://127.0.0.1:{port}",
                "NEO4J_PASSWORD": info.password,
            }
        return self.warm.start(words, self.folder, environment, self.values, at_file)

    def done(self, *words: object) -> Any:
        """Run a command to its end; its JSON."""
        told = self.start([*words, "--json"]).wait()
        assert told.code == 0, told.err
        return json.loads(told.out)

    def proxy(
        self,
        moment: Moment | None = None,
        fault: Callable[[], None] | None = None,
        *,
        uneven: bool = False,
    ) -> Proxy:
        """A proxy in front of the server."""
        port = int(self.info().uri.rsplit(":", 1)[1])
        return Proxy(("127.0.0.1", port), moment, fault, uneven)

    def kill_server(self, running: Running) -> bool:
        """Kill the server, and wait for its end; whether a command still ran when it was killed."""
        pid = self.info().pid
        os.kill(pid, signal.SIGKILL)
        at_work = running.lives()
        while local.running(self.settings) is not None:
            time.sleep(0.005)
        return at_work

    def empty(self) -> None:
        """Leave nothing in the database and in the folder."""
        with self.store() as store:
            restored(store, Copy())
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)


@dataclass(frozen=True)
class State:
    """What a database and a folder hold, without what is another thing every time.

    Attributes:
        graph: Digest of the database.
        files: Digests of the files of runs.
        size: Nodes and relationships, to tell what is lost from what is doubled.
    """

    graph: str
    files: Mapping[str, str]
    size: int


@dataclass(frozen=True)
class Prepared:
    """A command that is ready to be disturbed, and what it came to undisturbed.

    Attributes:
        writing: The command.
        words: As it is called.
        before: The database before it.
        files: A copy of the folder before it.
        after: What it made.
        seen: How many messages of each kind it sent.
        seconds: How long it took.
        lines: How many lines it printed on stderr.
        put: How many files it put in their places.
        sets: Digests of the whole sets of vectors that readers may find, by name.
    """

    writing: Writing
    words: Words
    before: Copy
    files: Path
    after: State
    seen: Counter[str]
    seconds: float
    lines: int
    put: int
    sets: dict[str, str] = field(default_factory=dict)


def prepare(scene: Scene, writing: Writing) -> Prepared:
    """Make what a command needs, run it undisturbed, and keep both states; once."""
    if writing.name in scene.prepared:
        return scene.prepared[writing.name]
    scene.empty()
    words = writing.prepare(scene)
    files = scene.folder.with_name(f"before {writing.name}")
    shutil.copytree(scene.folder, files)
    own = "--bulk" in words
    with scene.store() as store:
        before = copied(store)
    with scene.proxy() as proxy:
        began = time.monotonic()
        told = scene.start(words, None if own else proxy.port, own=own).wait()
        seconds = time.monotonic() - began
    assert told.code == 0, told.err
    with scene.store() as store:
        after = state(scene, store, writing)
        lines = told.err.count("\n")
        made = Prepared(
            writing, words, before, files, after, proxy.seen, seconds, lines, told.files
        )
        if writing.vectors:
            made.sets.update(VectorReaders.whole_sets(store))
            restored(store, before)
            made.sets.update(VectorReaders.whole_sets(store))
    scene.prepared[writing.name] = made
    return made


def restore(scene: Scene, made: Prepared) -> None:
    """Put database and folder back to before the command."""
    with scene.store() as store:
        restored(store, made.before)
    shutil.rmtree(scene.folder)
    shutil.copytree(made.files, scene.folder)


def state(scene: Scene, store: Store, writing: Writing) -> State:
    """What there is now."""
    # The record of each load says how much of it was new: that of a repetition is another one.
    # That of the schema says when it was made, and a bulk load makes it anew.
    without = {"Load", "SchemaMigration"}
    graph = scene.digest(store, ignoring=writing.ignoring, without=without)
    (row,) = store.rows("RETURN COUNT { (n) WHERE NOT n:Load } + COUNT { ()-->() } AS size")
    return State(graph, run_files(scene.folder / "runs"), row["size"])


@contextmanager
def begun_scene(
    settings: Settings, folder: Path, model: str, digest: Digest, values: Values = BATCHES
) -> Iterator[Scene]:
    """Start a server with a schema and nothing else, and end it with all that belongs to it."""
    try:
        local.start(settings)
        with warm(folder / "streams") as process:
            scene = Scene(settings, process, folder / "work", model, digest, values)
            with scene.store() as store:
                migrate(store)
            yield scene
    finally:
        local.stop(settings)
