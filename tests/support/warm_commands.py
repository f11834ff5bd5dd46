"""Commands in processes of their own that start at once: forked off a process that is warm.

Importing what commands need takes seconds, and a campaign starts hundreds of them. Here one process
has imported it all, has no threads, and forks for each command: the child is a process like a
user's, with its own standard streams, and can be killed like one.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SECONDS = 240
"""How long a command may take before it counts as hanging."""

IMPORTED = (
    "httpx",
    "matplotlib.pyplot",
    "kgplatform.bulk",
    "kgplatform.connection",
    "kgplatform.facts.pipeline",
    "kgplatform.facts.review",
    "kgplatform.facts.stages",
    "kgplatform.ingest",
    "kgplatform.joint.classify",
    "kgplatform.sources.tables",
    "kgplatform.store.undo",
    "kgplatform.store.weights",
    "kgplatform.text.llm.openai_wire",
    "kgplatform.training.imported",
    "kgplatform.training.loop",
    "kgplatform.training.predict",
    "kgplatform.walk.train",
)
"""What the commands import, beside the modules of the command line."""

Values = Mapping[str, Mapping[str, Any]]
"""Attributes to set, by ``module`` or ``module:Class``: batches, so that small graphs have many."""


@dataclass(frozen=True)
class Told:
    """A command that has ended.

    Attributes:
        code: Its exit code, negative for the signal that killed it.
        out: What it printed.
        err: What it said beside that.
        files: How many files it put in their places whole.
    """

    code: int
    out: str
    err: str
    files: int


@dataclass(frozen=True)
class AtFile:
    """A command kills itself as it puts its n-th file in its place, before that or after it."""

    number: int
    after: bool


@dataclass
class Running:
    """A command that runs."""

    pid: int
    out: Path
    err: Path
    files: Path
    answers: IO[str]

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def lines(self) -> int:
        """How many lines it has printed on stderr."""
        return self.err.read_bytes().count(b"\n")

    def lives(self) -> bool:
        """Whether it runs: an ended one is a zombie until the warm process has seen it."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
        except OSError:
            return False

    def wait(self) -> Told:
        """Until it has ended."""
        code = json.loads(self.answers.readline())["code"]
        return Told(code, self.out.read_text(), self.err.read_text(), self.files.stat().st_size)


@dataclass
class Warm:
    """The process that commands are forked off; one command at a time."""

    process: subprocess.Popen[str]
    folder: Path

    def start(
        self,
        words: Sequence[object],
        cwd: Path,
        env: Mapping[str, str],
        values: Values,
        at_file: AtFile | None = None,
    ) -> Running:
        """Begin a command in a folder, with nothing in its environment but what is given."""
        out, err, files = (self.folder / name for name in ("out", "err", "files"))
        asked = {
            "words": [str(word) for word in words],
            "cwd": str(cwd),
            "env": dict(env),
            "values": {module: dict(each) for module, each in values.items()},
            "out": str(out),
            "err": str(err),
            "files": str(files),
            "at_file": None if at_file is None else [at_file.number, at_file.after],
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        pid = json.loads(self.process.stdout.readline())["pid"]
        return Running(pid, out, err, files, self.process.stdout)


@contextmanager
def warm(folder: Path) -> Iterator[Warm]:
    """Start the warm process; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, __file__],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Warm(process, folder)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


def _serve() -> None:
    """Fork for each line of stdin; tell the child's number, then how it ended."""
    import torch

    torch.set_num_threads(1)
    from kgplatform.cli import COMMANDS

    for name in (*IMPORTED, *(f"kgplatform.cli.{module}" for module, _ in COMMANDS.values())):
        importlib.import_module(name)
    # A fork has the thread that called it alone: a lock that another one holds is held for ever.
    # That of Arrow's memory is looked after by its library (pthread_atfork).
    threads = [place.read_text().strip() for place in Path("/proc/self/task").glob("*/comm")]
    assert sum(name != "jemalloc_bg_thd" for name in threads) == 1, threads
    for line in sys.stdin:
        asked = json.loads(line)
        # Before the fork: the parent may look into it before the child has run at all.
        for name in ("out", "err", "files"):
            Path(asked[name]).write_bytes(b"")
        pid = os.fork()
        if pid == 0:
            _become(asked)
        print(json.dumps({"pid": pid}), flush=True)
        print(json.dumps({"code": _ended(pid)}), flush=True)


def _ended(pid: int) -> int:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGABRT)
    os.waitpid(pid, 0)
    return -signal.SIGABRT


def _become(asked: dict[str, Any]) -> None:
    """Be the command, to its end."""
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    for number, place in ((0, os.devnull), (1, asked["out"]), (2, asked["err"])):
        opened = os.open(place, os.O_RDWR | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    code = 70
    try:
        for module, values in asked["values"].items():
            for name, value in values.items():
                _set(module, name, value)
        _watch_files(Path(asked["files"]), asked["at_file"])
        _run: Callable[[list[str]], object] = importlib.import_module("kgplatform.cli").main
        _run(asked["words"])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _watch_files(told: Path, at_file: list[int] | None) -> None:
    """Count files that are put in their places, by a byte each, and die at one of them."""
    replace, number = os.replace, 0

    def watched(source: Any, place: Any, **given: Any) -> None:
        nonlocal number
        number += 1
        for after in (False, True):
            if after:
                replace(source, place, **given)
            if at_file == [number, after]:
                os.kill(os.getpid(), signal.SIGKILL)
        with told.open("ab") as file:
            file.write(b".")

    os.replace = watched  # type: ignore[assignment]


def _set(module: str, name: str, value: object) -> None:
    place, _, inner = module.partition(":")
    found = importlib.import_module(place)
    found = getattr(found, inner) if inner else found
    getattr(found, name)  # a name that is not there would change nothing
    setattr(found, name, value)


if __name__ == "__main__":
    _serve()
