"""Neo4j's offline importer: files of nodes and relationships into a database of their own."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from kgplatform.errors import ServerError
from kgplatform.progress import Progress, silent
from kgplatform.server import jars
from kgplatform.server.config import Folders, folders, heap_mib, jvm_options
from kgplatform.server.diagnose import explain
from kgplatform.server.java import find_java
from kgplatform.server.login import ADMIN_CLASS
from kgplatform.server.shared_classes import java_arguments
from kgplatform.server.swap import DATABASE
from kgplatform.settings import Settings

STAGE = "importing (s)"
SECONDS_TO_END = 30
CONFIGURATION = (
    "dbms.usage_report.enabled=false",
    "db.tx_log.preallocate=false",
    # Pages go to the disk all the time that it works, many in one write: a tenth of its time.
    "server.memory.pagecache.flush.buffer.enabled=true",
)
WORKERS = {"kgplatform.store.bulk.digests", "kgplatform.store.bulk.rows"}
"""The modules of the processes that write the files."""


def run_importer(
    settings: Settings,
    folder: Path,
    arguments: Sequence[str],
    *,
    meanwhile: Callable[[], None] = lambda: None,
    progress: Progress = silent,
) -> Path:
    """Import files into a database of their own; the server's is not touched.

    Args:
        settings: Where the project and the cache are; memory.
        folder: The folder of the files, which the importer works in.
        arguments: What it is told: its options, with names of files in the folder.
        meanwhile: What is done while it works.
        progress: Told of the seconds that it takes.

    Returns:
        The folder of data, with ``databases`` and ``transactions``.

    Raises:
        ServerError: It failed; its output is in the server's folder of logs.
    """
    where = folders(settings)
    java = find_java()
    classes = java_arguments(java, jars.ensure(settings, progress), progress)
    home = folder / "home"
    (home / "conf").mkdir(parents=True)
    (home / "conf" / "neo4j.conf").write_text("".join(f"{line}\n" for line in CONFIGURATION))
    where.logs.mkdir(parents=True, exist_ok=True)
    # All in a file: a command line ends at some length, and there may be any number of files.
    told = folder / "arguments"
    memory = f"--max-off-heap-memory={max(heap_mib(settings), 512)}m"
    lines = ["database", "import", "full", *arguments, memory, DATABASE]
    told.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = [str(java.path), *jvm_options(settings), _mark(folder)]
    command += [*classes, ADMIN_CLASS, f"@{told.name}"]
    with log_of(where).open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C comes to us, and we end it; so it is the same wherever it comes from.
            start_new_session=True,
        )
        try:
            meanwhile()
            _await(process, progress)
        finally:
            _end(process)
    if process.returncode != 0:
        raise _why(process.returncode, where)
    return home / "data"


def log_of(where: Folders) -> Path:
    """What the last import printed."""
    return where.logs / "import.log"


def clear(folder: Path) -> None:
    """Remove what an import that was killed has left, its process first if it still works."""
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if _mark(folder) in command or (str(folder) in command and WORKERS & set(command)):
                process.kill()
                process.wait(SECONDS_TO_END)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    if folder.exists():
        shutil.rmtree(folder)


def _mark(folder: Path) -> str:
    """An option without effect by which the process of an import is known."""
    return f"-Dkgplatform.import={folder}"


def _await(process: subprocess.Popen[bytes], progress: Progress) -> None:
    began = time.monotonic()
    while process.poll() is None:
        progress(STAGE, int(time.monotonic() - began), None)
        time.sleep(0.1)
    progress(STAGE, (took := int(time.monotonic() - began)), took)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _why(code: int, where: Folders) -> ServerError:
    told = log_of(where).read_text(encoding="utf-8", errors="replace")
    if code < 0 and not re.search("FAILED|Error|Exception", told):
        told = f"it was ended by signal {-code}"
    error = explain("the import failed, nothing was loaded", told, where)
    if error.hint.startswith("see "):
        error.hint = f"see {log_of(where)}, or load without --bulk"
    return error


def disk_error(error: OSError, folder: Path) -> ServerError:
    """The error for a file of the import that could not be written."""
    return ServerError(
        f"files for the import cannot be written to {folder}: {os.strerror(error.errno or 0)}",
        hint="make room (the source's size four times over), or set KGP_HOME to another folder",
    )
