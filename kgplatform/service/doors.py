"""What is expensive to open, opened once in the background while the service answers already."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from kgplatform.errors import BusyError, KGPlatformError
from kgplatform.store.deadline import seconds_left

log = logging.getLogger("kgplatform.service")

Opener = Callable[[], Any]


@dataclass(frozen=True)
class Doors:
    """What has been opened, by name and graph; used by many threads at once.

    Attributes:
        opened: What each opener gives, or will.
    """

    opened: Mapping[tuple[str, str], Future[Any]] = field(default_factory=dict)

    def get(self, name: str, graph: str) -> Any:
        """What was opened; waited for as long as the request may take.

        Raises:
            BusyError: It is not open yet.
            KGPlatformError: It could not be opened, or was not to be.
        """
        future = self.opened.get((name, graph))
        if future is None:
            raise KGPlatformError(f"this service does not {name}", hint="it was started without it")
        try:
            return future.result(timeout=seconds_left())
        except NotYetError:
            raise BusyError(
                f"what is needed to {name} is being opened", hint="see /health/ready"
            ) from None

    def states(self) -> dict[str, str]:
        """``open``, ``opening``, or why not, by name and graph."""
        return {f"{name} {graph}": _state(each) for (name, graph), each in self.opened.items()}

    @property
    def tried(self) -> bool:
        """Whether nothing is being opened any more."""
        return all(each.done() for each in self.opened.values())


@contextlib.contextmanager
def opening(openers: Mapping[tuple[str, str], Opener]) -> Iterator[Doors]:
    """Open one after the other, in a thread of its own; at the end nothing more is begun."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="kgp-open")
    try:
        yield Doors(
            {
                key: thread.submit(copy_context().run, _told, key, each)
                for key, each in openers.items()
            }
        )
    finally:
        thread.shutdown(wait=True, cancel_futures=True)


def _told(key: tuple[str, str], opener: Opener) -> Any:
    try:
        return opener()
    except KGPlatformError as error:
        log.warning("cannot %s graph %s: %s", *key, error)
        raise
    except Exception:
        log.exception("cannot %s graph %s", *key)
        raise


def _state(future: Future[Any]) -> str:
    if not future.done():
        return "opening"
    error = future.exception()
    if error is None:
        return "open"
    # Of what is the service's own, its start says more than a stranger should know.
    return str(error) if isinstance(error, KGPlatformError) else "failed"
