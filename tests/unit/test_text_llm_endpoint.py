"""Language models behind an endpoint: real HTTP, and all that goes wrong with it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from kgplatform.errors import (
    KGPlatformError,
    LanguageModelError,
    ModelAccessError,
    PromptTooLongError,
    UnknownNameError,
    UsageError,
)
from kgplatform.settings import Settings, load_settings
from kgplatform.text.llm import pace
from kgplatform.text.llm.load import load_model
from kgplatform.text.llm.openai_model import ATTEMPTS, Endpoint, OpenAIModel
from kgplatform.text.llm.protocol import Message, Request, Token

Servers = Callable[[Callable[[Any], Any]], Any]

KEY = "sk-very-secret-key"
ASKED = Request((Message("user", "how are you?"),), max_tokens=20)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Waits of milliseconds; an empty folder, and none of the tester's settings."""
    monkeypatch.setattr(pace, "FIRST_WAIT", 0.01)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def error(status: int, message: str, code: str = "", **headers: str) -> dict[str, Any]:
    body = json.dumps({"error": {"message": message, "code": code}}).encode()
    return {"status": status, "body": body, "headers": headers}


def in_turn(*said: Any) -> Callable[[Any], Any]:
    """One answer a request, the last of them for ever."""
    left = list(said)
    return lambda heard: left.pop(0) if len(left) > 1 else left[0]


def test_a_request_and_its_answer(model_server: Servers) -> None:
    accent = [{"token": "\\xc3", "bytes": [0xC3], "logprob": -0.5}]
    accent += [{"token": "\\xa9", "bytes": [0xA9], "logprob": -0.25}]
    choice = {
        "message": {"role": "assistant", "content": "aé"},
        "finish_reason": "length",
        "logprobs": {"content": [{"token": "a", "logprob": -0.1}, *accent]},
    }
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    body = json.dumps({"choices": [choice], "usage": usage, "more": 1}).encode()
    server = model_server(lambda heard: {"body": body})
    schema = {
        "type": "object",
        "properties": {"default": {"type": "string", "maxLength": 9, "default": ""}},
    }
    model = OpenAIModel("small", Endpoint(server.url + "/", SecretStr(KEY)))
    answer = model.complete(Request(ASKED.messages, schema, 20, seed=3))
    assert (answer.text, answer.finish, answer.cached) == ("aé", "length", False)
    assert (answer.prompt_tokens, answer.answer_tokens) == (7, 3)
    assert answer.tokens == (Token("a", -0.1), Token("", -0.5), Token("é", -0.25))
    (heard,) = server.heard
    assert heard.path == "/v1/chat/completions"
    assert heard.headers["Authorization"] == f"Bearer {KEY}"
    assert heard.body["messages"] == [{"role": "user", "content": "how are you?"}]
    assert (heard.body["max_tokens"], heard.body["temperature"], heard.body["seed"]) == (20, 0, 3)
    # Strict mode wants no lengths and defaults, but all properties; one of such a name stays.
    wanted = {
        "type": "object",
        "properties": {"default": {"type": "string"}},
        "required": ["default"],
    }
    assert heard.body["response_format"]["json_schema"]["schema"] == wanted


def test_what_fails_for_a_moment_is_asked_again(model_server: Servers) -> None:
    server = model_server(
        in_turn(
            error(500, "oh"), error(503, "busy"), {"body": b"<html>"}, {"body": b"{}"}, "well again"
        )
    )
    assert OpenAIModel("small", Endpoint(server.url)).complete(ASKED).text == "well again"
    assert len(server.heard) == 5


def test_a_server_that_is_down(model_server: Servers) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(LanguageModelError, match=f"{url} gives no answer: .*refused") as raised:
        OpenAIModel("small", Endpoint(url, SecretStr(KEY))).complete(ASKED)
    assert KEY not in f"{raised.value} {raised.value.hint}"


def test_a_slow_server_is_asked_again(model_server: Servers) -> None:
    server = model_server(in_turn({"text": "late", "delay": 0.4}, "soon"))
    model = OpenAIModel("small", Endpoint(server.url, timeout=0.2))
    assert model.complete(ASKED).text == "soon"
    always = model_server(lambda heard: {"text": "late", "delay": 0.3})
    with pytest.raises(LanguageModelError, match=r"no answer within 0\.1 s"):
        OpenAIModel("small", Endpoint(always.url, timeout=0.1)).complete(ASKED)
    assert len(always.heard) == ATTEMPTS


def test_an_answer_that_drips_in_has_no_more_time() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        while not stop.is_set():
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                try:
                    while not stop.wait(0.02):
                        connection.sendall(b" ")
                except OSError:
                    continue

    threading.Thread(target=drip, daemon=True).start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    with pytest.raises(LanguageModelError, match="no answer within"):
        OpenAIModel("small", Endpoint(url, timeout=0.1)).complete(ASKED)
    stop.set()
    listening.close()


def test_retry_after_is_kept_to_by_all(model_server: Servers) -> None:
    refused = error(429, "slowly", **{"Retry-After": "0.4"})
    server = model_server(in_turn(refused, "well"))
    model = OpenAIModel("small", Endpoint(server.url, concurrency=2))
    assert model.complete(ASKED).text == "well"
    assert server.heard[1].at - server.heard[0].at >= 0.4
    # A date in the past asks for no wait; one that nobody would wait for ends it at once.
    past = error(429, "slowly", **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})
    server = model_server(in_turn(past, "well"))
    assert OpenAIModel("small", Endpoint(server.url)).complete(ASKED).text == "well"
    server = model_server(lambda heard: error(429, "tomorrow", **{"Retry-After": "86400"}))
    with pytest.raises(LanguageModelError, match="tomorrow"):
        OpenAIModel("small", Endpoint(server.url)).complete(ASKED)
    assert len(server.heard) == 1


def test_an_empty_account_is_not_asked_again(model_server: Servers) -> None:
    server = model_server(lambda heard: error(429, "pay first", "insufficient_quota"))
    with pytest.raises(LanguageModelError, match="pay first"):
        OpenAIModel("small", Endpoint(server.url)).complete(ASKED)
    assert len(server.heard) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_said_and_not_shown(status: int, model_server: Servers) -> None:
    server = model_server(lambda heard: error(status, f"wrong key {KEY}"))
    with pytest.raises(ModelAccessError, match=r"wrong key \*\*\*") as raised:
        OpenAIModel("small", Endpoint(server.url, SecretStr(KEY))).complete(ASKED)
    assert raised.value.exit_code == 4
    assert KEY not in f"{raised.value!r} {raised.value.hint}"
    assert len(server.heard) == 1


def test_an_unknown_model_is_said_with_those_there_are(model_server: Servers) -> None:
    def answer(heard: Any) -> dict[str, Any]:
        if heard.path.endswith("/models"):
            return {"body": json.dumps({"data": [{"id": "large"}, {"id": "little"}]}).encode()}
        return error(404, "The model `litle` does not exist")

    server = model_server(answer)
    with pytest.raises(UnknownNameError) as raised:
        OpenAIModel("litle", Endpoint(server.url)).complete(ASKED)
    assert raised.value.hint == "did you mean 'little'? known: large, little"


def test_what_an_endpoint_does_not_know_is_left_out(model_server: Servers) -> None:
    def answer(heard: Any) -> Any:
        for name in ("logprobs", "max_tokens"):
            if name in heard.body:
                return error(400, f"Unsupported parameter: '{name}' is not supported")
        return "well"

    server = model_server(answer)
    model = OpenAIModel("small", Endpoint(server.url))
    assert [model.complete(ASKED).text for _ in range(2)] == ["well", "well"]
    # Found out once, at the price of a request each.
    assert len(server.heard) == 4
    body = server.heard[-1].body
    assert body["max_completion_tokens"] == 20
    assert {"logprobs", "top_logprobs", "max_tokens"}.isdisjoint(body)


def test_other_refusals_are_final(model_server: Servers) -> None:
    server = model_server(lambda heard: error(400, "no"))
    with pytest.raises(LanguageModelError, match="refuses the request: HTTP 400, no"):
        OpenAIModel("small", Endpoint(server.url)).complete(ASKED)
    server = model_server(lambda heard: error(400, "the maximum context length is 9 tokens"))
    with pytest.raises(PromptTooLongError, match="maximum context length"):
        OpenAIModel("small", Endpoint(server.url)).complete(ASKED)
    elsewhere = model_server(lambda heard: "stolen")
    headers = {"Location": elsewhere.url + "/chat/completions"}
    server = model_server(lambda heard: {"status": 307, "headers": headers})
    with pytest.raises(LanguageModelError, match="HTTP 307"):
        OpenAIModel("small", Endpoint(server.url, SecretStr(KEY))).complete(ASKED)
    assert not elsewhere.heard


def test_requests_a_minute_and_at_once(model_server: Servers) -> None:
    server = model_server(lambda heard: {"text": "well", "delay": 0.1})
    model = OpenAIModel("small", Endpoint(server.url, concurrency=3))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(model.complete, [ASKED] * 9))
    assert server.most_at_once == 3
    server = model_server(lambda heard: "well")
    model = OpenAIModel("small", Endpoint(server.url, requests_a_minute=1_200))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(model.complete, [ASKED] * 5))
    # Twenty a second: the fifth goes out .2 s after the first, give or take a thread's start.
    assert server.heard[-1].at - server.heard[0].at >= 0.15


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:hidden@example.org/v1", "holds a password"),
        ("ftp://example.org/v1", "no address"),
        ("http://", "no address"),
        ("http://[::1", "no address"),
        ("http://example.org/v1", "unencrypted"),
    ],
)
def test_addresses_that_cannot_be_used(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        OpenAIModel("small", Endpoint(url, SecretStr(KEY)))
    assert "hidden" not in str(raised.value)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("key", ["", " \n", "two\nlines", "schlüssel"])
def test_what_is_no_key_is_not_sent(key: str) -> None:
    with pytest.raises(UsageError, match="characters that no key has") as raised:
        OpenAIModel("small", Endpoint("http://localhost:1/v1", SecretStr(key)))
    assert "lines" not in str(raised.value)


def test_a_broken_body_is_asked_for_again(model_server: Servers) -> None:
    broken = {"body": b"not gzip", "headers": {"Content-Encoding": "gzip"}}
    server = model_server(in_turn(broken, "well"))
    assert OpenAIModel("small", Endpoint(server.url)).complete(ASKED).text == "well"


def test_keys_go_where_they_belong(
    model_server: Servers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    models = json.dumps({"data": [{"id": "only"}]}).encode()
    server = model_server(lambda heard: "well" if heard.body else {"body": models})
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = load_model(server.url, tmp_path / "answers")
    assert model.name.startswith("only at 127.0.0.1:")
    assert model.complete(ASKED).text == "well"
    # OpenAI's key is for OpenAI.
    assert all("Authorization" not in heard.headers for heard in server.heard)
    monkeypatch.setenv("KGP_LLM_API_KEY", "other-secret")
    monkeypatch.setenv("KGP_LLM_BASE_URL", server.url)
    monkeypatch.setenv("KGP_LLM_MODEL", "named")
    assert load_model("openai:asked-for").complete(ASKED).text == "well"
    assert server.heard[-1].body["model"] == "asked-for"
    assert server.heard[-1].headers["Authorization"] == "Bearer other-secret"
    assert load_model(server.url, tmp_path / "answers").complete(ASKED).text == "well"
    assert server.heard[-1].body["model"] == "named"
    kept = b"".join(path.read_bytes() for path in (tmp_path / "answers").rglob("*.json"))
    assert b"well" in kept
    for text in (kept.decode(), repr(load_settings()), repr(vars(model))):
        assert KEY not in text
        assert "other-secret" not in text


def test_tokens_have_a_price(model_server: Servers, tmp_path: Path) -> None:
    server = model_server(lambda heard: "well")
    settings = load_settings(kgp_llm_model="m", kgp_llm_price_in=3.0, kgp_llm_price_out=15.0)
    model = load_model(server.url, tmp_path, settings)
    for _ in range(3):
        model.complete(ASKED)
    usage = model.usage
    assert (usage.requests, usage.cached) == (1, 2)
    assert (usage.prompt_tokens, usage.answer_tokens) == (100, 10)
    assert usage.cost == pytest.approx((100 * 3 + 10 * 15) / 1e6)
    assert load_model(server.url, None, load_settings(kgp_llm_model="m")).usage.cost is None


def test_models_that_are_not_there(model_server: Servers, tmp_path: Path) -> None:
    models = json.dumps({"data": [{"id": "one"}, {"id": "two"}]}).encode()
    server = model_server(lambda heard: {"body": models})
    not_gguf = tmp_path / "model.gguf"
    not_gguf.write_bytes(b"GGML....")
    for name, message in [
        (server.url, "has 2 models: one, two"),
        ("gpt", "no such language model"),
        ("gguf:", "no such language model"),
        ("foo:bar", "no such kind of language model: 'foo'"),
        (f"gguf:{tmp_path}/none.gguf", "there is no language model at"),
        (f"gguf:{not_gguf}", "is not a GGUF file"),
        (f"gguf:{not_gguf}#sha256=00ff", "has the SHA-256 .*, not 00ff"),
        (f"hf:{tmp_path}/none", "there is no language model at"),
    ]:
        with pytest.raises(KGPlatformError, match=message) as raised:
            load_model(name)
        assert raised.value.hint
