"""Ctrl-C while threads wait for something that may take minutes to come."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from kgplatform.cli.output import report_error

SECONDS_TO_END = 3.0
STOPPED = "stopped by the user"
EXIT_CODE = 130


@contextlib.contextmanager
def stopped_promptly(hint: str) -> Iterator[None]:
    """Let Ctrl-C end the work inside, and the process in some seconds, whatever threads do.

    A thread that reads ahead may wait for a server that does not answer, and the end of the
    work for the thread. For work that is safe against a kill: nothing is gained by waiting.

    Args:
        hint: What the user can do after it.
    """
    previous = signal.getsignal(signal.SIGINT)
    alone = threading.current_thread() is threading.main_thread()
    if not alone or previous is not signal.default_int_handler:
        # Somebody's program, which has its own way to be stopped.
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        timer = threading.Timer(SECONDS_TO_END, _end, [hint])
        timer.daemon = True
        timer.start()
        signal.signal(signal.SIGINT, previous)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    except KeyboardInterrupt:
        report_error(STOPPED, hint)
        sys.exit(EXIT_CODE)
    finally:
        signal.signal(signal.SIGINT, previous)


def _end(hint: str) -> None:
    if sys.stderr.isatty():
        # The bars of the progress, which are not taken down now, hide the cursor.
        sys.stderr.write("\x1b[?25h\n")
    report_error(STOPPED, hint)
    os._exit(EXIT_CODE)
