"""The local Neo4j as a process: start it, find it again, stop it."""

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from kgplatform.errors import AuthenticationError, ServerError, UsageError
from kgplatform.progress import Progress, silent
from kgplatform.server import jars, login, swap
from kgplatform.server.config import (
    HOST,
    MIB,
    NEO4J_VERSION,
    USERNAME,
    Folders,
    Ports,
    State,
    choose_ports,
    folders,
    jvm_options,
    make_home,
    read_state,
    write_config,
    write_state,
)
from kgplatform.server.diagnose import DISK_FULL, PortTakenError, explain, why_it_ended
from kgplatform.server.java import find_java
from kgplatform.server.locks import held
from kgplatform.server.shared_classes import java_arguments
from kgplatform.settings import Settings, environment_of_children

MAIN_CLASS = "org.neo4j.server.CommunityEntryPoint"
SECONDS_TO_START = 300
"""Recovery after a crash was seen to take 80 s, a start on a busy machine two minutes."""

SECONDS_TO_STOP = 90
SPACE_TO_START = 200 * MIB
ATTEMPTS = 3
STAGE = "starting Neo4j (s)"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerInfo:
    """A local server that runs.

    Attributes:
        uri: Its Bolt address, for drivers.
        browser: The page of Neo4j Browser.
        username: The login's user.
        password: The login's password; not shown when this is printed.
        version: Neo4j's version.
        pid: Its process.
        home: The folder that holds its data, configuration and logs.
    """

    uri: str
    browser: str
    username: str
    password: str = field(repr=False)
    version: str
    pid: int
    home: Path


def start(settings: Settings, progress: Progress = silent) -> ServerInfo:
    """Start this project's server, or find it running; return when it answers.

    Args:
        settings: Where the project and the cache are; memory.
        progress: Told of the download and of the seconds of the start.

    Raises:
        UsageError: The settings name an existing server, so that none may be started.
        ServerError: No server could be made to run; its hint says what to do.
        AuthenticationError: It runs, and does not take the password of the project's file.
    """
    if settings.neo4j_uri:
        raise UsageError(
            "NEO4J_URI names an existing server; none is started beside it",
            hint="unset NEO4J_URI to use a local server",
        )
    where = folders(settings)
    try:
        make_home(where)
        where.logs.mkdir(exist_ok=True)
        with held(where.lock, "another kgp up or down", progress):
            process = _find(where)
            if process is None:
                return _start(where, settings, progress)
            if _has_stopped(where):
                log.warning("the database had stopped, as it could not write; it is started anew")
                _end(process, where)
                return _start(where, settings, progress)
            # It may still be starting: the kgp that began it can have been killed meanwhile.
            return _await(process, where, _ports(where, process), progress)
    except OSError as error:
        raise ServerError(
            f"cannot write to {where.home}: {error.strerror}",
            hint="make room or give write permission there, or set KGP_HOME to another folder",
        ) from error


def stop(settings: Settings) -> bool:
    """Stop this project's server, and wait for its end.

    It is stopped cleanly, unless its database has stopped before because it could not write:
    then it is killed, and recovers at its next start what was committed.

    Returns:
        False if none ran.

    Raises:
        ServerError: It did not end in time; it is left to finish, not killed.
    """
    where = folders(settings)
    if not where.home.is_dir():
        return False
    with held(where.lock, "another kgp up or down", silent):
        process = _find(where)
        if process is None:
            return False
        _end(process, where)
        state = read_state(where)
        if state is not None:
            write_state(where, State(state.version, state.ports, None))
    return True


@contextmanager
def paused(settings: Settings, progress: Progress = silent) -> Iterator[Folders]:
    """Keep the server stopped, and others from starting it, while something is done to its files.

    Afterwards it runs; if that failed, it runs again if it ran before.

    Raises:
        ServerError: It could not be stopped or started.
    """
    where = folders(settings)
    with held(where.lock, "another kgp up or down", progress):
        process = _find(where)
        try:
            if process is not None:
                _end(process, where)
            yield where
        except BaseException:
            if process is not None:
                # Ctrl-C may have come while it was stopping, which it does nevertheless.
                _end(process, where)
                _start(where, settings, progress)
            raise
        _start(where, settings, progress)


def running(settings: Settings) -> ServerInfo | None:
    """This project's server if its process lives, whether it answers yet or not."""
    where = folders(settings)
    process = _find(where)
    if process is None:
        return None
    return _info(process, where, _ports(where, process), login.read(where) or "")


def _start(where: Folders, settings: Settings, progress: Progress) -> ServerInfo:
    java = find_java()
    if java.note:
        log.warning(java.note)
    classes = java_arguments(java, jars.ensure(settings, progress), progress)
    _check_space(where)
    swap.recover(where)
    state = read_state(where)
    preferred = state.ports if state else None
    login.ensure(where, [str(java.path), *classes])
    command = [str(java.path), *jvm_options(settings), *classes]
    for attempt in range(1, ATTEMPTS + 1):
        ports = choose_ports(preferred)
        write_config(where, ports, settings)
        process = _spawn(where, command)
        try:
            write_state(where, State(NEO4J_VERSION, ports, process.pid))
            return _await(process, where, ports, progress)
        except PortTakenError:
            # Another process took a port between our look and the server's own.
            if attempt == ATTEMPTS:
                raise
        except (KeyboardInterrupt, OSError):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
            raise
    raise AssertionError("unreachable")


def _end(process: psutil.Process, where: Folders) -> None:
    # As it ends, a database that could not write tries again to write what it had begun: in
    # vain while the disk is full, so that it never ends; and where there is room by now, a
    # second time behind the first half, which leaves a log that it will not read (docs/log.md).
    at_once = _has_stopped(where)
    try:
        if at_once:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied:
        raise ServerError(
            f"Neo4j (process {process.pid}) belongs to another user",
            hint="stop it as the user who started it",
        ) from None
    until = time.monotonic() + SECONDS_TO_STOP
    # Not psutil's wait: that also waits for a living parent of the server (a notebook that
    # started it) to take note of its end.
    while _lives(process):
        if time.monotonic() > until:
            raise ServerError(
                f"Neo4j (process {process.pid}) is still stopping after {SECONDS_TO_STOP} s",
                hint=f"wait and repeat; {where.console} says what it does",
            )
        time.sleep(0.1)
    _reap(process)


def _has_stopped(where: Folders) -> bool:
    """Whether the server of this home answers, and its database has stopped as it could not write.

    Without its ports or password, nothing is known of it, and it counts as a usual one.
    """
    state, password = read_state(where), login.read(where)
    if state is None or password is None:
        return False
    return login.has_stopped(f"bolt://{HOST}:{state.ports.bolt}", USERNAME, password)


def _spawn(where: Folders, command: list[str]) -> psutil.Process:
    with where.console.open("wb") as console:
        child = subprocess.Popen(
            [*command, MAIN_CLASS, *_arguments(where)],
            cwd=where.home,
            env=environment_of_children(),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # The server outlives this process, which finds it by its number; without this, Popen
    # would warn of a child that still runs.
    child.returncode = 0
    return psutil.Process(child.pid)


def _await(process: psutil.Process, where: Folders, ports: Ports, progress: Progress) -> ServerInfo:
    password = login.read(where)
    if password is None:
        raise ServerError(
            f"Neo4j runs, and its password file {where.password} is missing",
            hint="write the password into that file and repeat",
        )
    info = _info(process, where, ports, password)
    began = time.monotonic()
    while (waited := time.monotonic() - began) < SECONDS_TO_START:
        if not _lives(process):
            _reap(process)
            raise why_it_ended(where, ports)
        # Only then: before, it could be another server that answers at this port.
        if _says_started(where) and _answers(info, where):
            progress(STAGE, int(waited), int(waited))
            return info
        progress(STAGE, int(waited), None)
        time.sleep(0.2)
    raise ServerError(
        f"Neo4j (process {process.pid}) does not answer after {SECONDS_TO_START} s",
        hint=f"see {where.console}; `kgp up` waits on, `kgp down` stops it",
    )


def _answers(info: ServerInfo, where: Folders) -> bool:
    from neo4j.exceptions import AuthError, DriverError, Neo4jError

    try:
        status, problem = login.ask(info.uri, info.username, info.password)
    except AuthError:
        raise AuthenticationError(
            f"the local Neo4j does not take the password in {where.password}",
            hint="write the password that you gave the user neo4j into that file",
        ) from None
    except (DriverError, Neo4jError, OSError):
        return False
    if DISK_FULL.search(problem):
        raise explain("Neo4j runs, and cannot open its database", problem, where)
    if problem:
        raise ServerError(
            f"Neo4j runs, and cannot open its database: {problem}",
            hint=f"see {where.logs / 'debug.log'}; `kgp down`, move {where.data} away and load "
            "again, or restore a copy of it",
        )
    return status == "online"


def _says_started(where: Folders) -> bool:
    try:
        return "Started." in where.console.read_text(errors="replace")
    except OSError:
        return False


def _find(where: Folders) -> psutil.Process | None:
    """The living server of this home, whatever its file of state says or lacks."""
    state = read_state(where)
    if state is not None and state.pid is not None:
        try:
            process = psutil.Process(state.pid)
            if _is_server(process, where):
                return process
        except psutil.NoSuchProcess:
            pass
    if not where.home.is_dir():
        return None
    for process in psutil.process_iter():
        if _is_server(process, where):
            return process
    return None


def _lives(process: psutil.Process) -> bool:
    # Not by its command line: Java executes itself once more as it begins, and for an instant
    # the process has none.
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _reap(process: psutil.Process) -> None:
    """Take note of the end of a server that this very process began; else it is a zombie."""
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


def _is_server(process: psutil.Process, where: Folders) -> bool:
    # The command line names the home, so a process that got the number of a dead server is
    # told from it; a zombie has no command line and counts as dead.
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return MAIN_CLASS in command and f"--home-dir={where.home}" in command


def _ports(where: Folders, process: psutil.Process) -> Ports:
    state = read_state(where)
    if state is not None:
        return state.ports
    raise ServerError(
        f"Neo4j runs (process {process.pid}), and {where.state} does not say on which ports",
        hint=f"stop it (kill {process.pid}) and run `kgp up` again",
    )


def _info(process: psutil.Process, where: Folders, ports: Ports, password: str) -> ServerInfo:
    return ServerInfo(
        uri=f"bolt://{HOST}:{ports.bolt}",
        browser=f"http://{HOST}:{ports.http}/browser/",
        username=USERNAME,
        password=password,
        version=NEO4J_VERSION,
        pid=process.pid,
        home=where.home,
    )


def _arguments(where: Folders) -> list[str]:
    # In console mode it prints what it logs, so that the console file tells why it ended.
    return [f"--home-dir={where.home}", f"--config-dir={where.conf}", "--console-mode"]


def _check_space(where: Folders) -> None:
    free = shutil.disk_usage(where.home).free
    if free < SPACE_TO_START:
        raise ServerError(
            f"Neo4j needs {SPACE_TO_START // MIB} MiB in {where.home} to start, "
            f"{free // MIB} MiB are free",
            hint="make room, or set KGP_HOME to a folder on another disk",
        )
