"""What goes over the wire to an OpenAI-compatible endpoint, and what comes back."""

from __future__ import annotations

import codecs
from collections.abc import Set as AbstractSet
from typing import Annotated, Any

from annotated_types import MinLen
from pydantic import BaseModel

from kgplatform.text.llm.protocol import Answer, Request, Token

OPTIONAL = ("response_format", "top_logprobs", "logprobs", "seed", "temperature")
"""What an endpoint may refuse to be told, and can be asked without."""

RENAMED = {"max_tokens": "max_completion_tokens"}
"""What OpenAI's newer models want under another name."""

_NOT_STRICT = ("default", "maxLength", "minLength", "title")


class Piece(BaseModel):
    """A token of an answer."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class _Probabilities(BaseModel):
    content: list[Piece] | None = None


class _Said(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Said = _Said()
    delta: _Said = _Said()
    finish_reason: str | None = None
    logprobs: _Probabilities | None = None


class _Counts(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Timings(BaseModel):
    cache_n: int = 0
    prompt_n: int = 0


class Chunk(BaseModel):
    """A piece of a streamed answer, as llama.cpp gives it."""

    choices: list[_Choice] = []
    timings: _Timings | None = None


class Completion(BaseModel):
    """The answer of ``/chat/completions``; what else stands in it is passed over."""

    choices: Annotated[list[_Choice], MinLen(1)]
    usage: _Counts = _Counts()

    def answer(self, seconds: float) -> Answer:
        """What the model said."""
        choice = self.choices[0]
        pieces = choice.logprobs.content if choice.logprobs else None
        return Answer(
            text=choice.message.content or "",
            prompt_tokens=self.usage.prompt_tokens,
            answer_tokens=self.usage.completion_tokens,
            finish="length" if choice.finish_reason == "length" else "stop",
            seconds=seconds,
            tokens=tokens_of(pieces) if pieces else None,
        )


def tokens_of(pieces: list[Piece]) -> tuple[Token, ...]:
    """Pieces whose texts joined are the answer's; a character may be of several pieces."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return tuple(
        Token(
            piece.token if piece.bytes is None else decoder.decode(bytes(piece.bytes)),
            piece.logprob,
        )
        for piece in pieces
    )


class _Model(BaseModel):
    id: str


class Models(BaseModel):
    """The answer of ``/models``."""

    data: list[_Model]


def body_of(
    model: str, request: Request, refused: AbstractSet[str] = frozenset()
) -> dict[str, Any]:
    """The body of a request.

    Args:
        model: The model's name.
        request: What it is asked.
        refused: Of ``OPTIONAL`` and ``RENAMED``, what the endpoint does not know.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "logprobs": True,
        # Of each token its own; some servers give none of that unless others are asked for, too.
        "top_logprobs": 1,
    }
    if request.schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": request.schema},
        }
    for name in refused & body.keys():
        value = body.pop(name)
        if name in RENAMED:
            body[RENAMED[name]] = value
    if "logprobs" in refused:
        body.pop("top_logprobs", None)
    return body


def strict(schema: Any) -> Any:
    """A schema as OpenAI's strict mode wants it: no lengths or defaults, all properties required.

    Lengths only keep a model from going round in circles; what comes back is validated anyway.
    """
    if isinstance(schema, list):
        return [strict(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: strict(value)
        for key, value in schema.items()
        # A property may have such a name; its value is a schema.
        if key not in _NOT_STRICT or isinstance(value, dict)
    }
    if isinstance(kept.get("properties"), dict) and kept.get("type") == "object":
        kept["required"] = list(kept["properties"])
    return kept


def detail_of(body: Any) -> str:
    """What an error's body says, wherever servers put it."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        return " ".join(str(error[key]) for key in ("message", "detail", "code") if error.get(key))
    return str(error)
