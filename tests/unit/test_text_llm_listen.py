"""Hearing language models while they write: from an endpoint, from the cache, and stopping them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kgplatform.errors import LanguageModelError
from kgplatform.text.llm.cache import CachedModel
from kgplatform.text.llm.listen import Listener, UnheardError, heard_by, say
from kgplatform.text.llm.openai_model import Endpoint, OpenAIModel
from kgplatform.text.llm.openai_stream import events
from kgplatform.text.llm.protocol import Answer, Message, Request

ASKED = Request((Message("user", "Say it."),))
ModelServers = Callable[[Callable[..., str | Mapping[str, Any]]], Any]


def body(pieces: list[str], *, whole: bool = True) -> bytes:
    said: list[dict[str, Any]] = [{"choices": [{"delta": {"role": "assistant"}}]}]
    said += [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    if whole:
        said += [{"choices": [{"delta": {}, "finish_reason": "length"}]}]
        said += [{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}]
    lines = "".join(f": ping\n\ndata: {json.dumps(each)}\r\n\r\n" for each in said)
    return (lines + ("data: [DONE]\n\n" if whole else "")).encode()


def keeping(pieces: list[str]) -> Listener:
    def listener(piece: str) -> bool:
        pieces.append(piece)
        return True

    return listener


def test_an_endpoint_is_heard_piece_by_piece(model_server: ModelServers) -> None:
    def answer(heard: Any) -> Mapping[str, Any]:
        assert heard.body["stream"]
        return {"body": body(["Za", "żółć", "!"])}

    model = OpenAIModel("m", Endpoint(model_server(answer).url))
    pieces: list[str] = []

    with heard_by(keeping(pieces)):
        said = model.complete(ASKED)
    assert pieces == ["Za", "żółć", "!"]
    assert (said.text, said.finish, said.prompt_tokens, said.answer_tokens) == (
        "Zażółć!",
        "length",
        7,
        3,
    )


def test_an_endpoint_that_does_not_stream_is_heard_at_the_end(model_server: ModelServers) -> None:
    def answer(heard: Any) -> str | Mapping[str, Any]:
        return {"status": 400, "body": b"{}"} if "stream" in heard.body else "All of it."

    server = model_server(answer)
    pieces: list[str] = []
    with heard_by(keeping(pieces)):
        assert OpenAIModel("m", Endpoint(server.url)).complete(ASKED).text == "All of it."
    assert pieces == ["All of it."]
    # Nobody listens: nothing is streamed.
    OpenAIModel("m", Endpoint(server.url)).complete(ASKED)
    assert [("stream" in each.body) for each in server.heard] == [True, False, False]


def test_an_answer_that_breaks_off_is_none(model_server: ModelServers) -> None:
    model = OpenAIModel(
        "m", Endpoint(model_server(lambda _: {"body": body(["Half"], whole=False)}).url)
    )
    with heard_by(lambda _: True), pytest.raises(LanguageModelError, match="broke off"):
        model.complete(ASKED)


def test_whoever_wants_no_more_stops_the_model(model_server: ModelServers, tmp_path: Path) -> None:
    model = OpenAIModel("m", Endpoint(model_server(lambda _: {"body": body(["a", "b"])}).url))
    kept = CachedModel(model, tmp_path)
    with heard_by(lambda piece: piece != "b"), pytest.raises(UnheardError):
        kept.complete(ASKED)
    assert not list(tmp_path.rglob("*.json"))
    with heard_by(lambda _: True):
        assert kept.complete(ASKED).text == "ab"
    pieces: list[str] = []
    with heard_by(keeping(pieces)):
        assert kept.complete(ASKED).cached
    assert pieces == ["ab"]


class Slow:
    """A model that says a word after the other, and asks who listens."""

    name, digest, concurrency = "slow", "slow", 1

    def __init__(self) -> None:
        self.asked = 0

    def complete(self, request: Request) -> Answer:
        self.asked += 1
        for _ in range(20):
            time.sleep(0.01)
            say("word ")
        return Answer("word " * 20, 1, 20, "stop", 0.2)


def test_one_that_goes_does_not_take_the_others_answer_along(tmp_path: Path) -> None:
    slow = Slow()
    kept = CachedModel(slow, tmp_path)
    begun = threading.Event()
    ended: list[str] = []

    def first() -> None:
        def listener(_: str) -> bool:
            begun.set()
            time.sleep(0.05)
            return False

        with heard_by(listener), pytest.raises(UnheardError):
            kept.complete(ASKED)
        ended.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    begun.wait(5)
    assert kept.complete(ASKED).text == "word " * 20
    thread.join()
    assert (ended, slow.asked) == (["first"], 2)


@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_events_are_read_however_they_are_cut(size: int) -> None:
    whole = body(["é", "b"])

    def parts() -> Iterator[bytes]:
        yield from (whole[at : at + size] for at in range(0, len(whole), size))

    found = list(events(parts()))
    assert found[-1] == "[DONE]"
    assert [json.loads(each) for each in found[:-1]][1]["choices"][0]["delta"]["content"] == "é"
