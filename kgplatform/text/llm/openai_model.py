"""Models behind an OpenAI-compatible endpoint: OpenAI, vLLM, llama.cpp, Ollama and their like."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from kgplatform.errors import (
    KGPlatformError,
    LanguageModelError,
    ModelAccessError,
    PromptTooLongError,
    UnknownNameError,
    UsageError,
)
from kgplatform.hosts import CERTIFICATE_REMEDY, fault_of_certificate, is_loopback
from kgplatform.parsed import parsed_json
from kgplatform.retry_after import retry_after
from kgplatform.text.llm.listen import listener, say
from kgplatform.text.llm.openai_stream import TOLD, Heard, events
from kgplatform.text.llm.openai_wire import (
    OPTIONAL,
    RENAMED,
    Completion,
    Models,
    body_of,
    detail_of,
    strict,
)
from kgplatform.text.llm.pace import LONGEST_WAIT, Pace, back_off
from kgplatform.text.llm.protocol import Answer, Request

ATTEMPTS = 5
LARGEST_BODY = 1 << 24
_AGAIN = frozenset({408, 409, 425, 429})
_TOO_LONG = ("context_length", "context length", "context size", "context window", "too long")

_Shape = TypeVar("_Shape", bound=BaseModel)


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked, and how hard.

    Attributes:
        url: Address of the API, up to ``/v1``.
        key: What it wants to be shown, if anything.
        timeout: Seconds that an answer may take.
        concurrency: Requests at once.
        requests_a_minute: Most requests a minute, or None.
    """

    url: str
    key: SecretStr | None = None
    timeout: float = 120.0
    concurrency: int = 4
    requests_a_minute: float | None = None


class OpenAIModel:
    """A model behind an endpoint.

    What fails for a moment (no connection, no answer in time, 408, 429, 5xx, a body that is not
    the protocol's) is tried again, later each time; a ``Retry-After`` is kept to by all threads.

    Attributes:
        name: The model's name, at its endpoint.
        digest: Of both: what the endpoint has behind that name cannot be known from here.
    """

    def __init__(self, model: str, endpoint: Endpoint) -> None:
        self.url = _checked(endpoint)
        self.model = model
        self.name = f"{model} at {httpx.URL(self.url).netloc.decode('ascii')}"
        self.digest = hashlib.sha256(f"openai\n{self.url}\n{model}".encode()).hexdigest()
        self.concurrency = endpoint.concurrency
        self._endpoint = endpoint
        self._pace = Pace(endpoint.requests_a_minute)
        self._guard = threading.Lock()
        self._refused: frozenset[str] = frozenset()
        self._client = httpx.Client(
            headers=_headers(endpoint),
            timeout=httpx.Timeout(endpoint.timeout, connect=min(10.0, endpoint.timeout)),
            # Redirects are not followed, which is the default: the key is for this address.
            limits=httpx.Limits(max_connections=endpoint.concurrency),
        )

    def complete(self, request: Request) -> Answer:
        """Answer a request.

        Raises:
            ModelAccessError: The key was refused.
            PromptTooLongError: The model cannot read as much at once.
            UnknownNameError: The endpoint has no such model.
            LanguageModelError: It refuses the request, or gives no answer however often it is
                asked.
        """
        while True:
            begun = time.monotonic()
            refused = self._refused
            try:
                lenient = replace(request, schema=strict(request.schema))
                body = body_of(self.model, lenient, refused)
                if listener() is not None and (heard := self._heard(body, begun)) is not None:
                    return heard
                said = self._asked("POST", "/chat/completions", body, Completion)
            except _RefusedFieldError as error:
                if error.field in refused:
                    raise _refuses(self.url, error.problem) from None
                with self._guard:
                    self._refused |= {error.field}
                continue
            answer = said.answer(time.monotonic() - begun)
            say(answer.text)
            return answer

    def _heard(self, body: dict[str, Any], begun: float) -> Answer | None:
        """The answer as it is written; None if the endpoint does not tell it so from the start.

        Raises:
            UnheardError: The listener wants no more.
            LanguageModelError: The answer broke off.
        """
        self._pace.wait()
        heard, any_said = Heard(), False
        headers = {"Content-Type": "application/json"}
        content = json.dumps(body | TOLD).encode("ascii")
        try:
            with self._client.stream(
                "POST", self.url + "/chat/completions", content=content, headers=headers
            ) as response:
                if response.status_code != httpx.codes.OK:
                    return None
                for data in events(response.iter_bytes()):
                    heard.take(data)
                    any_said = True
        except (httpx.RequestError, ValueError):
            heard.ended = False
        if heard.ended:
            return heard.answer(time.monotonic() - begun)
        if any_said:
            raise LanguageModelError(f"the language model at {self.url} broke off in its answer")
        return None

    def models(self) -> list[str]:
        """Names of the models that the endpoint says it has."""
        return [model.id for model in self._asked("GET", "/models", None, Models).data]

    def _asked(
        self, method: str, path: str, body: dict[str, Any] | None, shape: type[_Shape]
    ) -> _Shape:
        problem = ""
        for attempt in range(ATTEMPTS):
            self._pace.wait()
            wanted: float | None = None
            try:
                status, headers, content = self._sent(method, path, body)
            except httpx.TimeoutException:
                problem = f"no answer within {self._endpoint.timeout:g} s"
            except httpx.RequestError as error:
                if fault := fault_of_certificate(error):
                    raise LanguageModelError(
                        f"the certificate of the language model at {self.url} is refused, and "
                        f"nothing was sent: {fault}",
                        hint=CERTIFICATE_REMEDY,
                    ) from error
                problem = self._plain(str(error)) or type(error).__name__
            else:
                try:
                    if status == httpx.codes.OK:
                        return shape.model_validate_json(content)
                    problem = self._passing(status, content, body)
                    wanted = retry_after(headers.get("Retry-After"), headers.get("Date"))
                except ValidationError:
                    problem = "its answer is not that of an OpenAI-compatible endpoint"
            if attempt + 1 == ATTEMPTS or (wanted or 0) > LONGEST_WAIT:
                break
            if wanted is None:
                time.sleep(back_off(attempt))
            else:
                # Told by the server, and true for all who ask it.
                self._pace.pause(wanted)
        raise LanguageModelError(
            f"the language model at {self.url} gives no answer: {problem}",
            hint="see that the server runs; answers so far are kept, so that asking again goes on",
        )

    def _sent(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and body; a body that drips in has no more time than any other."""
        until = time.monotonic() + self._endpoint.timeout
        # Escaped, a lone surrogate of a broken document can be sent as well.
        content = None if body is None else json.dumps(body).encode("ascii")
        headers = {"Content-Type": "application/json"}
        with self._client.stream(
            method, self.url + path, content=content, headers=headers
        ) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if time.monotonic() > until or size > LARGEST_BODY:
                    raise httpx.ReadTimeout("the answer does not end")
            return response.status_code, response.headers, b"".join(parts)

    def _passing(self, status: int, content: bytes, body: dict[str, Any] | None) -> str:
        """What went wrong, in words, if asking again may help.

        Raises:
            _RefusedFieldError: It would help to ask without a certain field.
            LanguageModelError: It will not help.
        """
        try:
            said = self._plain(detail_of(parsed_json(content)))
        except ValueError:
            said = self._plain(content[:1_000].decode("utf-8", "replace"))
        problem = f"HTTP {status}" + (f", {said}" if said else "")
        lowered = said.lower()
        if status == 413 or any(words in lowered for words in _TOO_LONG):
            raise PromptTooLongError(f"{self.name} cannot read as much at once: {said}")
        # Of what is refused for a moment, one thing never passes: an account is empty.
        if status >= 500 or (status in _AGAIN and "insufficient_quota" not in lowered):
            return problem
        raise self._refusal(status, problem, lowered, body or {})

    def _refusal(self, status: int, problem: str, lowered: str, body: dict[str, Any]) -> Exception:
        """The error of what asking again will not help."""
        if status in (401, 403):
            return ModelAccessError(
                f"the language model at {self.url} refuses the key: {problem}",
                hint="set KGP_LLM_API_KEY (OPENAI_API_KEY is sent to OpenAI's own endpoint only)",
            )
        if status == 404 and "model" in lowered:
            return UnknownNameError("model", self.model, self._known_models())
        if status in (400, 422):
            for field in (*OPTIONAL, *RENAMED):
                if field in body and field in lowered:
                    return _RefusedFieldError(field, problem)
        return _refuses(self.url, problem)

    def _known_models(self) -> list[str]:
        try:
            return self.models()
        except KGPlatformError:
            return []

    def _plain(self, text: str) -> str:
        """A server's words in a line, without the key, should it say it."""
        key = self._endpoint.key
        if key is not None and key.get_secret_value():
            text = text.replace(key.get_secret_value(), "***")
        return " ".join(text.split())[:300]


class _RefusedFieldError(Exception):
    """An endpoint does not know a field of the request."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field)
        self.field, self.problem = field, problem


def _refuses(url: str, problem: str) -> LanguageModelError:
    return LanguageModelError(
        f"the language model at {url} refuses the request: {problem}",
        hint="see that the address ends where the API begins, usually in /v1",
    )


def _headers(endpoint: Endpoint) -> dict[str, str]:
    """The key, if there is one.

    Raises:
        UsageError: It cannot be one, and would stand in the error of whoever tries to send it.
    """
    if endpoint.key is None:
        return {}
    key = endpoint.key.get_secret_value().strip()
    if not key or not (key.isascii() and key.isprintable()):
        raise UsageError(
            "the key of the language model is empty, or has characters that no key has",
            hint="look at KGP_LLM_API_KEY or OPENAI_API_KEY",
        )
    return {"Authorization": f"Bearer {key}"}


def _checked(endpoint: Endpoint) -> str:
    """The address without a slash at its end.

    Raises:
        UsageError: It is no address, holds a password, or would carry the key unencrypted.
    """
    try:
        url = httpx.URL(endpoint.url)
    except httpx.InvalidURL as error:
        raise UsageError(f"no address of a language model: {error}") from None
    if url.userinfo:
        # Not repeated: it is a secret.
        raise UsageError(
            "a language model's address holds a password", hint="set KGP_LLM_API_KEY instead"
        )
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(
            f"no address of a language model: {endpoint.url!r}",
            hint="for example http://localhost:8000/v1",
        )
    if endpoint.key is not None and url.scheme == "http" and not is_loopback(url.host):
        raise UsageError(
            f"the key would go to {url.host} unencrypted", hint="use https, or unset the key"
        )
    return str(url.copy_with(query=None, fragment=None)).rstrip("/")
