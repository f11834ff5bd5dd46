"""What language models were asked, in tokens and in money."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from kgplatform.text.llm.protocol import Answer, LanguageModel, Request

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a million tokens, in whatever currency the user thinks of.

    Attributes:
        read: Of tokens that the model reads.
        written: Of tokens that it writes.
    """

    read: float
    written: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Answers so far.

    Attributes:
        requests: Questions that a model answered; what was kept from before is not among them.
        cached: Answers that were there already.
        prompt_tokens: Tokens that were read for the requests.
        answer_tokens: Tokens that were written for them.
        seconds: What they took, added up over those that were answered at once.
        cost: What they cost; None without a price.
    """

    requests: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    seconds: float = 0.0
    cost: float | None = None


class MeteredModel:
    """A model whose answers are counted; it stands outside of what keeps them.

    Attributes:
        price: Of its tokens; None if unknown.
    """

    def __init__(self, model: LanguageModel, price: Price | None = None) -> None:
        self.name, self.digest, self.concurrency = model.name, model.digest, model.concurrency
        self.price = price
        self._model = model
        self._guard = threading.Lock()
        self._usage = Usage(cost=None if price is None else 0.0)

    @property
    def usage(self) -> Usage:
        """What was asked so far."""
        with self._guard:
            return self._usage

    def complete(self, request: Request) -> Answer:
        """Answer a request and count it."""
        answer = self._model.complete(request)
        with self._guard:
            self._usage = _added(self._usage, answer, self.price)
        return answer


def _added(usage: Usage, answer: Answer, price: Price | None) -> Usage:
    if answer.cached:
        return replace(usage, cached=usage.cached + 1)
    cost = usage.cost
    if price is not None:
        read, written = answer.prompt_tokens * price.read, answer.answer_tokens * price.written
        cost = (cost or 0.0) + (read + written) / MILLION
    return Usage(
        requests=usage.requests + 1,
        cached=usage.cached,
        prompt_tokens=usage.prompt_tokens + answer.prompt_tokens,
        answer_tokens=usage.answer_tokens + answer.answer_tokens,
        seconds=usage.seconds + answer.seconds,
        cost=cost,
    )
