"""Answers of language models: kept, read as lists, corrected, seen to be cut."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from kgplatform.errors import InputError, LanguageModelError
from kgplatform.text.llm.cache import CachedModel, request_key
from kgplatform.text.llm.gguf_stream import Stream
from kgplatform.text.llm.likelihood import confidences
from kgplatform.text.llm.openai_model import Endpoint, OpenAIModel
from kgplatform.text.llm.protocol import Answer, Message, Request, Token
from kgplatform.text.llm.structured import Listed, ask_list, list_schema
from kgplatform.text.llm.untrusted import fenced, harmless

Servers = Callable[[Callable[[Any], Any]], Any]
ASKED = Request((Message("user", "how are you?"),))


class Counting:
    """A model that says which answer it is."""

    name, digest, concurrency = "counting", "0" * 64, 8

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked = 0
        self.seconds = seconds
        self.guard = threading.Lock()

    def complete(self, request: Request) -> Answer:
        with self.guard:
            self.asked += 1
            asked = self.asked
        time.sleep(self.seconds)
        if "fail" in request.messages[-1].content:
            raise LanguageModelError("it fails")
        return Answer(str(asked), 1, 1, "length", 0.5, (Token(str(asked), -0.25),))


def test_an_answer_is_paid_once(tmp_path: Path) -> None:
    model = Counting()
    first = CachedModel(model, tmp_path).complete(ASKED)
    again = CachedModel(model, tmp_path).complete(ASKED)
    assert again == replace(first, cached=True)
    assert model.asked == 1
    others = [
        replace(ASKED, messages=(Message("system", "how are you?"),)),
        replace(ASKED, max_tokens=1),
        replace(ASKED, temperature=0.5),
        replace(ASKED, seed=1),
        replace(ASKED, schema={}),
        replace(ASKED, messages=(Message("user", "lone \ud800"),)),
    ]
    for other in others:
        assert not CachedModel(model, tmp_path).complete(other).cached
    other_model = Counting()
    other_model.digest = "1" * 64
    assert not CachedModel(other_model, tmp_path).complete(ASKED).cached


def test_what_is_asked_twice_at_once_is_asked_once(tmp_path: Path) -> None:
    model = Counting(seconds=0.1)
    kept = CachedModel(model, tmp_path)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(kept.complete, [ASKED] * 8))
    assert model.asked == 1
    assert sum(not answer.cached for answer in answers) == 1
    failing = Request((Message("user", "fail"),))
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(kept.complete, failing) for _ in range(2)]
        assert all(isinstance(one.exception(), LanguageModelError) for one in waiting)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"text": 1}', "null", "\x00\xff"])
def test_a_damaged_answer_is_asked_for_again(damage: str, tmp_path: Path) -> None:
    model = Counting()
    CachedModel(model, tmp_path).complete(ASKED)
    key = request_key(model.digest, ASKED)
    path = tmp_path / key[:2] / f"{key}.json"
    path.write_bytes(damage.encode("latin-1"))
    assert CachedModel(model, tmp_path).complete(ASKED).text == "2"
    assert CachedModel(model, tmp_path).complete(ASKED).cached
    assert [file.suffix for file in path.parent.iterdir()] == [".json"]


def test_an_answer_that_cannot_be_kept_ends_it(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("a file, where a folder should be")
    with pytest.raises(InputError, match=r"cannot be kept in .*answers: Not a directory"):
        CachedModel(Counting(), tmp_path / "answers").complete(ASKED)


class Pair(BaseModel):
    left: str
    right: int


def listed(server: Any, most: int = 9) -> Listed[Pair]:
    model = OpenAIModel("small", Endpoint(server.url))
    return ask_list(model, [Message("user", "list")], Pair, most=most, max_tokens=50)


GOOD = '{"facts": [{"left": "a", "right": 1}, {"left": "b", "right": 2}]}'


@pytest.mark.parametrize(
    "text",
    [GOOD, f"```json\n{GOOD}\n```", f"Here you are: {GOOD} Anything else?", f"\n{GOOD}"],
)
def test_items_are_read(text: str, model_server: Servers) -> None:
    server = model_server(lambda heard: text)
    found = listed(server)
    assert found.items == (Pair(left="a", right=1), Pair(left="b", right=2))
    assert (found.confidences, found.problems, found.cut) == ((None, None), (), False)
    assert len(server.heard) == 1
    schema = server.heard[0].body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["facts"]["maxItems"] == 9


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("I would rather not.", "it is no JSON object"),
        ('{"facts": [}]}', "it is no JSON: "),
        ('{"fact": []}', 'it has no list "facts"'),
        ('{"facts": 3}', 'it has no list "facts"'),
        ('{"facts": [{"left": "a"}]}', "right: Field required"),
        ('{"facts": [{"left": "a", "right": "x"}, 7]}', "right: Input should be"),
        ('{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_the_model_is_shown_its_mistake(text: str, problem: str, model_server: Servers) -> None:
    server = model_server(lambda heard: text if len(heard.body["messages"]) == 1 else GOOD)
    assert len(listed(server).items) == 2
    first, second = (heard.body["messages"] for heard in server.heard)
    assert second[0] == first[0]
    assert [message["role"] for message in second] == ["user", "assistant", "user"]
    assert problem in second[2]["content"]


def test_what_stays_wrong_is_said_and_the_rest_is_used(model_server: Servers) -> None:
    server = model_server(
        lambda heard: '{"facts": [{"left": "a", "right": 1}, {"left": [], "right": 2}]}'
    )
    found = listed(server)
    assert found.items == (Pair(left="a", right=1),)
    assert len(found.problems) == 1
    assert "left: Input should be a valid string" in found.problems[0]
    assert len(server.heard) == 3


@pytest.mark.parametrize(
    ("text", "finish"),
    [
        (GOOD, "length"),
        (GOOD[:-1], "stop"),
        (GOOD[:30], "stop"),
        (GOOD[:21], "stop"),
        ('{"facts": [', "length"),
        ('{"facts":', "stop"),
    ],
)
def test_a_cut_answer_is_not_used(text: str, finish: str, model_server: Servers) -> None:
    server = model_server(lambda heard: {"text": text, "finish": finish})
    assert listed(server) == Listed((), (), (), cut=True)
    assert len(server.heard) == 1


def test_a_full_list_may_have_more(model_server: Servers) -> None:
    found = listed(model_server(lambda heard: GOOD), most=2)
    assert found.cut
    assert len(found.items) == 2


def test_confidence_is_that_of_the_values() -> None:
    pieces = ['{"', "facts", '":[', '{"left', '":"', "a b", "c", '","', "right", '":', "7", "}"]
    pieces += [',{"left":"', 'x","', 'right":8}', "]}"]
    chances = dict(zip(range(len(pieces)), [-9.0] * len(pieces), strict=True))
    chances |= {5: -0.1, 6: -0.3, 10: -0.8}
    tokens = tuple(Token(piece, chances[at]) for at, piece in enumerate(pieces))
    answer = Answer("".join(pieces), 1, 1, "stop", 0.0, tokens)
    first, second = confidences(answer, "facts", 2)
    assert first == pytest.approx(2.718281828 ** (-(0.1 + 0.3 + 0.8) / 3))
    assert second == pytest.approx(2.718281828**-9)
    padded = (Token("\n ", -9.0), *tokens, Token(" ", -9.0), Token("", -9.0))
    assert confidences(replace(answer, tokens=padded), "facts", 2) == [first, second]
    # Probabilities of another text, or another list, say nothing.
    assert confidences(replace(answer, text=answer.text + "."), "facts", 2) == [None, None]
    assert confidences(answer, "other", 2) == [None, None]
    assert confidences(replace(answer, tokens=None), "facts", 1) == [None]


VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.dictionaries(VALUES, VALUES | st.integers() | st.none(), min_size=1)), st.data())
@settings(max_examples=60, deadline=None)
def test_any_answer_cut_into_any_tokens_has_confidences(items: list[Any], data: Any) -> None:
    text = json.dumps({"facts": items}, ensure_ascii=data.draw(st.booleans()))
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12).map(sorted))
    ends = [0, *cuts, len(text)]
    tokens = tuple(Token(text[start:end], -0.5) for start, end in pairwise(ends))
    found = confidences(Answer(text, 1, 1, "stop", 0.0, tokens), "facts", len(items))
    assert len(found) == len(items)
    for item, confidence in zip(items, found, strict=True):
        if any(value != "" for value in item.values()):
            assert confidence == pytest.approx(2.718281828**-0.5)


def test_marks_of_turns_are_broken_up() -> None:
    text = "a <|im_start|>system\nb</s> [INST] <\uff5cUser\uff5c> 3 < 4 [1] <b>"
    assert (
        harmless(text) == "a < |im_start|>system b< /s> [ INST] < \uff5cUser\uff5c> 3 < 4 [1] < b>"
    )
    mark = fenced("text").split()[1]
    assert mark.strip(">") not in "text"
    assert fenced("text") == fenced("text") != fenced("texts")


def said(text: str, finish: str | None = None) -> dict[str, Any]:
    """A piece of an answer as llama.cpp streams it."""
    tokens = [{"token": text, "bytes": list(text.encode()), "logprob": -0.5}]
    choice = {"delta": {"content": text}, "finish_reason": finish, "logprobs": {"content": tokens}}
    return {"choices": [choice], "timings": {"cache_n": 30, "prompt_n": 4}}


def test_a_stream_ends_where_an_object_repeats() -> None:
    one, other = '{"left": "a{b}", "right": 1}', '{"left": "a{b}", "right": 2}'
    pieces = [
        '{"facts": [',
        *one[:-1],
        "}, ",
        *other[:-1],
        '}, {"left": "a{b}",',
        ' "right": 1}, {',
    ]
    stream = Stream(objects_once=True)
    assert [stream(said(piece)) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    answer = stream.answer(1.0)
    assert answer.text == f'{{"facts": [{one}, {other}, {one}'
    assert (answer.finish, answer.prompt_tokens, answer.answer_tokens) == (
        "repeats",
        34,
        len(pieces),
    )
    assert "".join(token.text for token in answer.tokens or ()) == answer.text
    found = ask_list(Fixed(answer), [], Pair, most=9, max_tokens=9)
    assert found.cut
    assert [pair.right for pair in found.items] == [1, 2, 1]
    assert list(found.confidences) == pytest.approx([2.718281828**-0.5] * 3)


def test_a_stream_that_ends_by_itself() -> None:
    stream = Stream(objects_once=False)
    for text in ("{}", "{}", "é"):
        assert not stream(said(text))
    assert not stream({"choices": [{"delta": {}, "finish_reason": "length"}]})
    assert not stream({"choices": [], "usage": {}})
    assert stream.answer(1.0).text == "{}{}é"
    assert stream.answer(1.0).finish == "length"
    assert Stream(objects_once=True)({"error": {"message": "no"}})
    broken = Stream(objects_once=True)
    assert broken({"choices": 3})
    assert (broken.problem or "").startswith("an answer of an unknown form")


class Fixed:
    """A model with one answer."""

    name, digest, concurrency = "fixed", "0" * 64, 1

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def complete(self, request: Request) -> Answer:
        return self.answer


def test_schema_of_a_list() -> None:
    schema = list_schema(Pair, 4)
    assert schema["properties"]["facts"]["items"]["required"] == ["left", "right"]
    assert schema["additionalProperties"] is False
