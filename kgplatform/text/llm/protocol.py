"""What a language model is asked, what it answers, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

Finish = Literal["stop", "length", "repeats"]
Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """A turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked; equal requests of one model may have one answer.

    Attributes:
        messages: The conversation so far; the model says what comes next.
        schema: JSON schema that the answer is to keep, or None for any text. A backend that can
            allows nothing else; of the others it is a wish.
        max_tokens: Most tokens of the answer.
        temperature: 0 for the likeliest token each time.
        seed: Of the sampling, where temperature is above 0.
    """

    messages: tuple[Message, ...]
    schema: dict[str, Any] | None = None
    max_tokens: int = 1_024
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer, and the logarithm of its probability when it was written."""

    text: str
    log_probability: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says.

    Attributes:
        text: Its words.
        prompt_tokens: Tokens that it read.
        answer_tokens: Tokens that it wrote.
        finish: ``stop`` where it came to an end, ``length`` where it was cut off, ``repeats`` where
            it was stopped, having written an object of its JSON twice: behind that object.
        seconds: How long it took.
        tokens: The text in pieces with their probabilities, if the backend tells them.
        cached: Whether it was given before and costs nothing now.
    """

    text: str
    prompt_tokens: int
    answer_tokens: int
    finish: Finish
    seconds: float
    tokens: tuple[Token, ...] | None = None
    cached: bool = False


class LanguageModel(Protocol):
    """Anything that answers requests; it may be asked from several threads at once.

    Attributes:
        name: As it was asked for, without anything secret.
        digest: Of all that decides its answers, as far as that can be known from here.
        concurrency: Requests that it answers at once.
    """

    name: str
    digest: str
    concurrency: int

    def complete(self, request: Request) -> Answer:
        """Answer a request.

        Raises:
            PromptTooLongError: The model cannot read as much at once.
            LanguageModelError: It cannot be asked, or gives no answer.
        """
        ...
