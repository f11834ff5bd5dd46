"""Why a server ended: what it printed, turned into an error that names the remedy."""

import re

from kgplatform.errors import ServerError
from kgplatform.server.config import Folders, Ports

LAST_LINES = 3


class PortTakenError(ServerError):
    """Another process listens on a port that the server wanted."""


DISK_FULL = re.compile(
    r"No space left on device|Disk quota exceeded|File too large|not enough space"
)

# What Neo4j or Java says, in the order in which it is looked for: the first causes of an
# end come before those that follow from them.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        DISK_FULL.pattern,
        "the disk is full",
        "make room, or set KGP_HOME to a folder on another disk",
    ),
    (
        r"Could not reserve enough space|insufficient memory for the Java Runtime"
        r"|OutOfMemoryError|Cannot allocate memory|Invalid maximum heap size",
        "there is not enough memory",
        "close other programs, or set KGP_HEAP to less (512m)",
    ),
    (
        r"UnsupportedClassVersionError|Unrecognized VM option|Unrecognized option"
        r"|Could not create the Java Virtual Machine",
        "this Java cannot run Neo4j",
        "unset JAVA_HOME, or set it to a Java 17 or 21",
    ),
    (
        r"Lock file has been locked by another process|FileLockException",
        "another Neo4j uses the same data",
        "stop that one, or set KGP_HOME to another folder",
    ),
    (
        r"AccessDeniedException|Permission denied|Read-only file system",
        "its folder cannot be written",
        "give this user write permission there, or set KGP_HOME to another folder",
    ),
    (
        r"could not find or load main class|NoClassDefFoundError|ClassNotFoundException",
        "its jars are not complete",
        "run `kgp up` again, which checks and fetches them",
    ),
    (
        r"corrupt|Unable to read (log|store)|StoreFailureException|[Ii]nconsistent store"
        r"|UnderlyingStorageException|unexpected store",
        "its data cannot be read",
        "move the folder `data` away and load again, or restore a copy of it",
    ),
)
_PORT = r"Address already in use|PortBindException"


def why_it_ended(where: Folders, ports: Ports) -> ServerError:
    """The error for a server that ended while it was starting."""
    try:
        told = where.console.read_text(errors="replace")
    except OSError:
        told = ""
    if re.search(_PORT, told):
        return PortTakenError(
            f"port {ports.bolt} or {ports.http} is taken by another program",
            hint="stop that program, or repeat: `kgp up` looks for free ports",
        )
    return explain("Neo4j ended while it started", told, where)


def explain(what: str, told: str, where: Folders) -> ServerError:
    """The error for a Java process that failed, from what it printed.

    Args:
        what: What failed, the beginning of the message.
        told: What it printed.
        where: The server's folders, named in the message.
    """
    for pattern, cause, hint in _CAUSES:
        if re.search(pattern, told):
            return ServerError(f"{what}: {cause} ({where.home})", hint=hint)
    last = " / ".join(_meaningful(told)) or "it said nothing (was it killed?)"
    return ServerError(f"{what}: {last}", hint=f"see {where.logs}, or run `kgp doctor`")


def _meaningful(told: str) -> list[str]:
    lines = [line.strip() for line in told.splitlines()]
    # A stack trace's "at …" lines say nothing to a user; its "Caused by" lines do.
    kept = [line for line in lines if line and not line.startswith(("at ", "... "))]
    causes = [line for line in kept if "ERROR" in line or line.startswith("Caused by")]
    return [line[:200] for line in (causes or kept)[-LAST_LINES:]]
