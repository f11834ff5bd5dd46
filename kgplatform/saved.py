"""Files that others' code writes: what a disk does not take is an OSError with place and reason."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError

_NUMBERED = re.compile(r"\(os error (\d+)\)")
_SHORT = re.compile(r"\d+ requested and \d+ written|unexpected pos \d+ vs \d+")
"""What numpy and PyTorch say where a disk took less than it was given."""

_WORDS = {os.strerror(code): code for code in (errno.EROFS, errno.EACCES, errno.EPERM)}


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Say of a disk that is full, or may not be written to, that it is that.

    Args:
        path: What is written.

    Raises:
        OSError: It is.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        code = _code(error)
        if code is None:
            raise
        raise OSError(code, os.strerror(code), str(path)) from error


@contextlib.contextmanager
def saving(temporary: Path, path: Path) -> Iterator[None]:
    """Write a file whole or not at all.

    Args:
        temporary: What is written; it takes the place of ``path`` at the end, and goes if that
            does not come.
        path: The file.

    Raises:
        OSError: The disk is full, or may not be written to; ``path`` is as it was.
    """
    try:
        with told(path):
            yield
            temporary.replace(path)
    except BaseException:
        # On a disk that may not be written to there is nothing to remove either.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _code(error: BaseException) -> int | None:
    """The system's number of an error; None if it is none of the system's."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    said = str(error)
    if numbered := _NUMBERED.search(said):
        return int(numbered[1])
    if _SHORT.search(said):
        return errno.ENOSPC
    return next((code for words, code in _WORDS.items() if words in said), None)
