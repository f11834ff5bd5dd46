"""What each request passes before any work is done: host, key, rate, size; and its line in the log.

Plain ASGI around the whole application, so that what is streamed stays streamed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kgplatform.hosts import is_loopback
from kgplatform.service.config import ServiceConfig
from kgplatform.service.limits import Buckets
from kgplatform.service.metrics import Metrics
from kgplatform.service.problems import MEDIA_TYPE, ServiceProblemError, problem

log = logging.getLogger("kgplatform.service")

OPEN = frozenset({"/health/live", "/health/ready", "/openapi.json", "/docs"})
"""What needs no key: it says nothing of any graph."""

BODY_SECONDS = 10.0

HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


class Gate:
    """An application behind its checks.

    Attributes:
        app: The application.
        config: How the service is run.
        metrics: What counts its requests.
    """

    def __init__(self, app: ASGIApp, config: ServiceConfig, metrics: Metrics) -> None:
        self.app, self.config, self.metrics = app, config, metrics
        self._buckets = Buckets(config.rate, config.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        state = scope.setdefault("state", {})
        state["request"] = secrets.token_hex(8)
        seen = _Seen(send, state["request"])
        try:
            self._check(scope)
            await self.app(scope, self._limited(receive), seen)
        except ServiceProblemError as refused:
            await _refuse(seen, refused, state["request"])
        except Exception:
            # Its body has been sent by the application's own handler.
            log.exception("request %s failed", state["request"])
        finally:
            self._count(scope, seen.status, time.perf_counter() - begun)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        client = scope.get("client")
        who = f"address {client[0] if client else 'unknown'}"
        if not self.config.keys:
            self._check_local(headers)
        elif scope["path"] not in OPEN and scope["method"] != "OPTIONS":
            owner = self.config.keys.owner(_key(headers))
            if owner is None:
                self._take(who)
                raise ServiceProblemError(
                    HTTPStatus.UNAUTHORIZED,
                    "a key is needed, and none or a wrong one was shown",
                    "Authorization: Bearer KEY, or X-API-Key: KEY",
                )
            who = f"key {owner}"
        scope["state"]["who"] = who
        self._take(who)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.config.largest_body:
            raise _too_large(self.config.largest_body)

    def _check_local(self, headers: Headers) -> None:
        """Refuse what a page of the web makes a browser of this machine send.

        It can point its own name at this machine, and then Host is that name; or ask this machine
        from its own, and then Origin is.
        """
        origin = headers.get("origin")
        from_here = (
            origin is None
            or origin in self.config.origins
            or is_loopback(_host(origin.partition("://")[2]))
        )
        if not from_here or not is_loopback(_host(headers.get("host", ""))):
            raise ServiceProblemError(
                HTTPStatus.FORBIDDEN,
                "without keys the service answers this machine's own names only",
                "ask http://127.0.0.1, or let a page in with --origin",
            )

    def _take(self, who: str) -> None:
        wait = self._buckets.wait(who)
        if wait > 0:
            raise ServiceProblemError(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"more than {self.config.rate:g} requests a second",
                "wait as long as Retry-After says",
                retry_after=wait,
            )

    def _limited(self, receive: Receive) -> Receive:
        size, ended = 0, False

        async def limited() -> Message:
            nonlocal size, ended
            if ended:
                return await receive()
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the request's body does not arrive") from None
            size += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if size > self.config.largest_body:
                raise HTTPException(413, str(_too_large(self.config.largest_body)))
            return message

        return limited

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        self.metrics.answered(route, scope["method"], status, seconds)
        # Neither the path that was asked for, nor the query, nor the body: they may say anything.
        log.info(
            "%s %s %s %d %.1f ms, %s",
            scope["state"]["request"],
            scope["method"],
            route,
            status,
            seconds * 1_000,
            scope["state"].get("who", "refused"),
        )


class _Seen:
    """What is sent, with the headers that every answer has, and its status."""

    def __init__(self, send: Send, request: str) -> None:
        self._send, self._request = send, request
        self.status = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = (b"x-request-id", self._request.encode("ascii"))
            message["headers"] = [*message.get("headers", ()), *HEADERS, own]
        await self._send(message)


async def _refuse(send: _Seen, refused: ServiceProblemError, request: str) -> None:
    body = json.dumps(problem(refused.status, str(refused), refused.hint, request)).encode()
    headers: list[tuple[bytes, bytes]] = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(refused.retry_after))).encode()))
    if refused.status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    start: dict[str, Any] = {"status": int(refused.status), "headers": headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": body})


def _key(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return headers.get("x-api-key", "")


def _host(header: str) -> str:
    """The name in a Host header, without its port; an IPv6 address without its brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _too_large(most: int) -> ServiceProblemError:
    return ServiceProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the request's body has more than {most:,} bytes"
    )
