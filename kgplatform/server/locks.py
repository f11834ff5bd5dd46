"""A lock between processes that ends with its holder, even if that is killed."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kgplatform.errors import ServerError
from kgplatform.progress import Progress

SECONDS_TO_WAIT = 600


@contextmanager
def held(path: Path, other: str, progress: Progress) -> Iterator[None]:
    """Hold the lock of this file; wait for whoever holds it now, and say so.

    Args:
        path: The lock's file; it is made and stays, only its lock matters.
        other: What the holder is, for the one who waits: ``another kgp up``.
        progress: Told how long the wait has been.

    Raises:
        ServerError: It was not free within ten minutes.
    """
    began = time.monotonic()
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = int(time.monotonic() - began)
            if waited > SECONDS_TO_WAIT:
                raise ServerError(
                    f"{other} holds {path} for {waited} s", hint="end that process and repeat"
                )
            progress(f"waiting for {other} (s)", waited, None)
            time.sleep(0.2)
        # Closing the file gives the lock back.
        yield
