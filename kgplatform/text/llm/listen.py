"""Hearing an answer while it is written, from wherever the model is asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from kgplatform.errors import LanguageModelError

Listener = Callable[[str], bool]
"""Takes a piece of text; says whether to go on."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class UnheardError(LanguageModelError):
    """Nobody waits for the answer any more, and it was not written to its end."""

    def __init__(self) -> None:
        super().__init__("nobody waits for the language model's answer any more")


@contextlib.contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Let a listener hear what language models write in this block, piece by piece.

    A context, not an argument: whoever asks a model for a sentence need not know that somebody
    listens. A backend that cannot tell pieces says all at once; where the listener wants no more,
    the model stops and :class:`UnheardError` is raised.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def listener() -> Listener | None:
    """Who listens to this thread's models, if anybody does."""
    return _listener.get()


def say(text: str) -> None:
    """Let the listener hear a text, if there is one.

    Raises:
        UnheardError: It wants no more.
    """
    heard = _listener.get()
    if heard is not None and text and not heard(text):
        raise UnheardError
