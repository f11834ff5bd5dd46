"""An answer of llama.cpp, heard token by token, so that it can be stopped."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from kgplatform.text.llm.listen import listener
from kgplatform.text.llm.openai_wire import Chunk, Piece, detail_of, tokens_of
from kgplatform.text.llm.protocol import Answer, Finish, Token

DEEPEST = 8
"""Opening braces before a closing one that may belong to it."""


class Stream:
    """What the engine says of a request; it is called with each piece.

    Attributes:
        problem: Why there is no answer; None if there is one.
        unheard: Whether it was ended because the listener wanted no more.
    """

    def __init__(self, *, objects_once: bool) -> None:
        self.problem: str | None = None
        self.unheard = False
        self._listener = listener()
        self._objects_once = objects_once
        self._objects: set[str] = set()
        self._text = ""
        self._pieces: list[Piece] = []
        self._finish: Finish = "stop"
        self._prompt_tokens = 0

    def __call__(self, said: Any) -> bool:
        """Take a piece; true if no more are wanted."""
        # What is raised here would be lost: the caller is the engine.
        if "error" in said:
            self.problem = detail_of(said)
            return True
        try:
            chunk = Chunk.model_validate(said)
        except ValidationError as error:
            self.problem = f"an answer of an unknown form: {error}"
            return True
        if chunk.timings is not None:
            self._prompt_tokens = chunk.timings.cache_n + chunk.timings.prompt_n
        for choice in chunk.choices:
            self._text += choice.delta.content or ""
            self._pieces += (choice.logprobs and choice.logprobs.content) or []
            if choice.finish_reason == "length":
                self._finish = "length"
            if self._listener and choice.delta.content:
                self.unheard = not self._listener(choice.delta.content)
                if self.unheard:
                    return True
            if self._objects_once and "}" in (choice.delta.content or "") and self._repeats():
                self._finish = "repeats"
                return True
        return False

    def answer(self, seconds: float) -> Answer:
        """All that was said."""
        return Answer(
            text=self._text,
            prompt_tokens=self._prompt_tokens,
            answer_tokens=len(self._pieces),
            finish=self._finish,
            seconds=seconds,
            tokens=_cut(tokens_of(self._pieces), len(self._text)),
        )

    def _repeats(self) -> bool:
        """Whether the object that ends here was there before; the text then ends with it, too."""
        end = self._text.rfind("}") + 1
        found = _object_before(self._text, end)
        if found is None:
            return False
        if found not in self._objects:
            self._objects.add(found)
            return False
        self._text = self._text[:end]
        return True


def _object_before(text: str, end: int) -> str | None:
    """The smallest JSON object that ends at a place, if one does: a name may have braces, too."""
    start = end
    for _ in range(DEEPEST):
        start = text.rfind("{", 0, start)
        if start < 0:
            return None
        try:
            json.loads(text[start:end])
        except ValueError:
            continue
        return text[start:end]
    return None


def _cut(tokens: tuple[Token, ...], length: int) -> tuple[Token, ...]:
    """Tokens of the first characters of a text."""
    kept, left = [], length
    for token in tokens:
        kept.append(Token(token.text[: max(0, left)], token.log_probability))
        left -= len(token.text)
    return tuple(kept)
