"""Answers as server-sent events: stages, pieces of text as they are written, then the answer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from kgplatform.errors import KGPlatformError
from kgplatform.service.answers import Tell
from kgplatform.service.problems import problem, problem_of
from kgplatform.service.routes.pooled import service_of
from kgplatform.service.work import Pool

log = logging.getLogger("kgplatform.service")

MEDIA_TYPE = "text/event-stream"
QUIET_SECONDS = 10.0
"""After so long a comment is sent, so that nothing on the way takes the connection for dead."""

EVENTS = """Server-sent events: `stage` ({"stage": …}), `text` ({"text": …}, pieces as the language
model writes them: a draft, not yet checked), then either `answer` (the same as without stream) or
`error` (a problem)."""


def streamed(
    request: Request, work: Callable[[Tell], BaseModel], seconds: float
) -> StreamingResponse:
    """The events of a piece of work, sent as they happen."""
    service = service_of(request)
    events = _events(service.pool, work, seconds, request.state.request)
    return StreamingResponse(events, media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})


async def _events(
    pool: Pool, work: Callable[[Tell], BaseModel], seconds: float, request: str
) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()
    gone = threading.Event()

    def tell(event: str, data: dict[str, Any]) -> bool:
        if not gone.is_set():
            loop.call_soon_threadsafe(queue.put_nowait, (event, json.dumps(data)))
        return not gone.is_set()

    async def done() -> None:
        queue.put_nowait(
            await _outcome(pool, lambda: work(tell).model_dump_json(), seconds, request)
        )
        queue.put_nowait(None)

    task = asyncio.create_task(done())
    try:
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    told = await queue.get()
            except TimeoutError:
                yield ": still at work\n\n"
                continue
            if told is None:
                return
            yield f"event: {told[0]}\ndata: {told[1]}\n\n"
    finally:
        # Whoever read along may have gone: then the language model is told to stop.
        gone.set()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _outcome(
    pool: Pool, work: Callable[[], str], seconds: float, request: str
) -> tuple[str, str]:
    try:
        return "answer", await pool.run(work, seconds)
    except KGPlatformError as error:
        return "error", json.dumps(problem_of(error, request))
    except Exception:
        log.exception("request %s failed", request)
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        body = problem(status, "a mistake of the service", "its log tells more", request)
        return "error", json.dumps(body)
