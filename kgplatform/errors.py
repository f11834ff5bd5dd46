"""Every error that kgplatform raises on purpose.

::

    KGPlatformError            exit code 1
    ├── UsageError             2   the command or call itself is wrong
    │   └── UnknownNameError   2   a name that is not in a registry; suggests one that is
    ├── InputError             1   a file or value is wrong; says where
    │   └── UnknownEntityError 1   a graph has no such entity; suggests some
    ├── ServerError            1   the local Neo4j could not be made to work
    ├── StoreError             1   the database refused or failed
    │   ├── AuthenticationError   4
    │   ├── UnavailableError      1   no server answers, or the connection was lost
    │   ├── DatabaseStoppedError  1   the database could not write and works no more
    │   ├── QueryRefusedError     2   a query that is not allowed where it was given
    │   ├── TooLargeError         1   the server has not the memory for this at once
    │   ├── TimedOutError         1   it took longer than it was allowed to
    │   └── SchemaError           1   a constraint or index that is needed is missing
    ├── LanguageModelError     1   a language model cannot be loaded, or gives no answer
    │   ├── ModelAccessError      4   its endpoint refused the key
    │   └── PromptTooLongError    1   it cannot read as much at once
    ├── BusyError              1   too much is asked of a service at once
    ├── TrainingError          1   a training cannot start or go on
    └── RunError               1   a run folder is missing, incomplete or does not fit

Each carries a ``hint``: the next step for the user. ``str(error)`` is what was wrong, in
one line; the command line prints both and never a traceback for these.
"""

from collections.abc import Iterable

LONGEST_MESSAGE = 4_000
"""Characters."""


class KGPlatformError(Exception):
    """Base of all errors that name their cause and remedy.

    Args:
        message: What was wrong, in one line.
        hint: What to do about it, in one line; empty if nothing can be advised.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        # It may quote what somebody else wrote, however long that is.
        cut = len(message) > LONGEST_MESSAGE
        super().__init__(f"{message[:LONGEST_MESSAGE]} …" if cut else message)
        self.hint = hint


class UsageError(KGPlatformError):
    """The command or the call is wrong in itself."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that is not among the known ones; the hint suggests the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        nearest = _nearest(name, names)
        hint = f"did you mean {nearest!r}? " if nearest else ""
        listed = f"known: {', '.join(names)}" if names else f"there is no {kind} yet"
        super().__init__(f"no such {kind}: {name!r}", hint=hint + listed)


class InputError(KGPlatformError):
    """A file, row or value that cannot be used."""


class UnknownEntityError(InputError):
    """A graph has no entity of that id or name."""


class ServerError(KGPlatformError):
    """The local Neo4j server could not be installed, started or stopped."""


class StoreError(KGPlatformError):
    """The database refused a statement or failed."""


class AuthenticationError(StoreError):
    """The database refused the user name or password."""

    exit_code = 4


class UnavailableError(StoreError):
    """No database answers at the address, or the connection was lost."""


class DatabaseStoppedError(StoreError):
    """The database could not write (its disk is full) and does nothing until started anew."""


class QueryRefusedError(StoreError):
    """A query is not allowed where it was given (a write where only reading is)."""

    exit_code = 2


class GraphChangingError(StoreError):
    """The graph is being loaded, or changed while it was read: what was read is not one state."""


class TooLargeError(StoreError):
    """The server has not enough memory to do this in one piece."""


class TimedOutError(StoreError):
    """What was asked for took longer than it was allowed to."""


class SchemaError(StoreError):
    """A constraint or index that the operation depends on is missing or differs."""


class LanguageModelError(KGPlatformError):
    """A language model cannot be loaded, or its endpoint gives no answer."""


class ModelAccessError(LanguageModelError):
    """The endpoint of a language model refused the key, or there is none."""

    exit_code = 4


class PromptTooLongError(LanguageModelError):
    """A language model cannot read as much at once; half of it may do."""


class BusyError(KGPlatformError):
    """More is asked of a service at once than it can do; later it can."""


class TrainingError(KGPlatformError):
    """A training cannot start or cannot go on (bad data, NaN scores, wrong device)."""


class RunError(KGPlatformError):
    """A run folder is missing, incomplete, or does not fit what is asked of it."""


def _nearest(name: str, names: list[str]) -> str | None:
    # difflib, not rapidfuzz: it is in the standard library and this runs once, on failure.
    from difflib import get_close_matches

    lowered = {known.lower(): known for known in names}
    matches = get_close_matches(name.lower(), lowered, n=1, cutoff=0.4)
    return lowered[matches[0]] if matches else None
