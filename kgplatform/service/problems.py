"""Errors as problem details (RFC 9457), with the hint that the command line would print."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field

from kgplatform.errors import (
    AuthenticationError,
    BusyError,
    DatabaseStoppedError,
    GraphChangingError,
    InputError,
    KGPlatformError,
    LanguageModelError,
    QueryRefusedError,
    StoreError,
    TimedOutError,
    TooLargeError,
    UnavailableError,
    UnknownEntityError,
    UnknownNameError,
    UsageError,
)

MEDIA_TYPE = "application/problem+json"

STATUSES: dict[type[KGPlatformError], HTTPStatus] = {
    TimedOutError: HTTPStatus.GATEWAY_TIMEOUT,
    BusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    QueryRefusedError: HTTPStatus.BAD_REQUEST,
    TooLargeError: HTTPStatus.SERVICE_UNAVAILABLE,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    AuthenticationError: HTTPStatus.SERVICE_UNAVAILABLE,
    DatabaseStoppedError: HTTPStatus.SERVICE_UNAVAILABLE,
    GraphChangingError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.BAD_GATEWAY,
    LanguageModelError: HTTPStatus.BAD_GATEWAY,
    UnknownEntityError: HTTPStatus.NOT_FOUND,
    UnknownNameError: HTTPStatus.NOT_FOUND,
    UsageError: HTTPStatus.BAD_REQUEST,
    InputError: HTTPStatus.BAD_REQUEST,
    KGPlatformError: HTTPStatus.CONFLICT,
}
"""The most special class of an error decides. CONFLICT: what this service was started with (a
graph without vectors, a run of another kind) does not allow it."""

TOLD = {
    UnavailableError: "the database does not answer",
    AuthenticationError: "the database does not let the service in",
    DatabaseStoppedError: "the database has stopped",
    TooLargeError: "the database has not the memory for this",
    GraphChangingError: "the graph is being loaded",
    StoreError: "the database failed",
    LanguageModelError: "the language model gives no answer",
}
"""What is said of errors that are not the asker's: addresses and folders are for the log."""


class Problem(BaseModel):
    """What was wrong, and what to do."""

    type: str = Field(default="about:blank", description="Always about:blank: see title.")
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(description="Of HTTP.", examples=[404])
    detail: str = Field(
        description="What was wrong, in a line.", examples=["graph 'films' has no entity 'Polnad'"]
    )
    hint: str | None = Field(
        default=None, description="What to do about it.", examples=["did you mean: Poland"]
    )
    request: str | None = Field(
        default=None, description="By which the service's log knows the request."
    )


class ServiceProblemError(Exception):
    """A request that is refused before any work is done on it."""

    def __init__(
        self, status: HTTPStatus, detail: str, hint: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.hint, self.retry_after = status, hint, retry_after


def status_of(error: KGPlatformError) -> HTTPStatus:
    """The status of an error."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def problem(status: HTTPStatus, detail: str, hint: str, request: str | None) -> dict[str, Any]:
    """The body of an answer that is none."""
    made = Problem(
        title=status.phrase, status=status, detail=detail, hint=hint or None, request=request
    )
    return made.model_dump(exclude_none=True)


def problem_of(error: KGPlatformError, request: str | None) -> dict[str, Any]:
    """The body for one of our errors; what is not the asker's fault is told in general words."""
    kind = next(kind for kind in type(error).__mro__ if kind in STATUSES)
    if kind in TOLD:
        return problem(STATUSES[kind], TOLD[kind], "try again in a while", request)
    return problem(STATUSES[kind], str(error), error.hint, request)
