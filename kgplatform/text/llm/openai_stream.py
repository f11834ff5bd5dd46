"""An answer of an OpenAI-compatible endpoint, heard piece by piece (server-sent events)."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from kgplatform.parsed import parsed_json
from kgplatform.text.llm.listen import say
from kgplatform.text.llm.openai_wire import Chunk, Piece, tokens_of
from kgplatform.text.llm.protocol import Answer, Finish

TOLD = {"stream": True, "stream_options": {"include_usage": True}}
"""What a request says beside its body."""


class _Counts(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Counted(BaseModel):
    usage: _Counts | None = None


class Heard:
    """What an endpoint has said so far.

    Attributes:
        ended: Whether it said that this was all.
    """

    def __init__(self) -> None:
        self.ended = False
        self._text: list[str] = []
        self._pieces: list[Piece] = []
        self._finish: Finish = "stop"
        self._counts = _Counts()

    def take(self, data: str) -> None:
        """Take an event's data and let the listener hear what is new in it.

        Raises:
            ValueError: It is not the protocol's.
            UnheardError: The listener wants no more.
        """
        if data == "[DONE]":
            self.ended = True
            return
        said = parsed_json(data)
        chunk, counted = Chunk.model_validate(said), _Counted.model_validate(said)
        if counted.usage is not None:
            self._counts = counted.usage
        for choice in chunk.choices:
            self._pieces += (choice.logprobs and choice.logprobs.content) or []
            if choice.finish_reason is not None:
                self.ended = True
                self._finish = "length" if choice.finish_reason == "length" else "stop"
            if choice.delta.content:
                self._text.append(choice.delta.content)
                say(choice.delta.content)

    def answer(self, seconds: float) -> Answer:
        """All that was said."""
        return Answer(
            text="".join(self._text),
            prompt_tokens=self._counts.prompt_tokens,
            answer_tokens=self._counts.completion_tokens or len(self._text),
            finish=self._finish,
            seconds=seconds,
            tokens=tokens_of(self._pieces) if self._pieces else None,
        )


def events(parts: Iterable[bytes]) -> Iterator[str]:
    """The data of server-sent events, however they are cut into parts."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    left = ""
    for part in parts:
        *lines, left = (left + decoder.decode(part)).split("\n")
        for line in lines:
            if line.startswith("data:"):
                yield line.removeprefix("data:").strip()
