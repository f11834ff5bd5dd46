"""Lists of items from a language model: JSON that is validated, asked for again, or seen to be cut.

The answer is an object with one list. A backend that can keep to a JSON schema writes nothing else;
what others write is read leniently (a fence around it, words before it) and validated strictly.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from kgplatform.text.llm.likelihood import confidences
from kgplatform.text.llm.protocol import Answer, LanguageModel, Message, Request
from kgplatform.text.llm.untrusted import harmless

ATTEMPTS = 3
KEY = "facts"
"""The name of the list, unless the caller gives another."""

SHOWN = 600
"""Characters of a wrong answer, and of what is wrong with it, that are shown to the model."""

Item = TypeVar("Item", bound=BaseModel)


@dataclass(frozen=True)
class Listed(Generic[Item]):
    """What a model listed.

    Attributes:
        items: What could be used, in its order.
        confidences: Of each, from 0 to 1; None where the backend does not tell.
        problems: What could not be used, and why.
        cut: Whether there may be more: the answer was cut off, and then it has no items; or the
            list is full, or was stopped as it has an item twice.
    """

    items: tuple[Item, ...]
    confidences: tuple[float | None, ...]
    problems: tuple[str, ...] = ()
    cut: bool = False


def ask_list(
    model: LanguageModel,
    messages: Sequence[Message],
    item: type[Item],
    *,
    most: int,
    max_tokens: int,
    key: str = KEY,
) -> Listed[Item]:
    """Have a model list items.

    An answer that is no JSON, or has items that are not valid, is shown to the model with what is
    wrong, up to twice; of the last answer the valid items are kept, the others are its problems.

    Args:
        model: Who is asked.
        messages: The question.
        item: What the list has.
        most: Items; as many mean that there may be more.
        max_tokens: Of an answer.
        key: The name of the list.

    Raises:
        PromptTooLongError: The model cannot read as much at once.
        LanguageModelError: The model cannot be asked.
    """
    schema = list_schema(item, most, key)
    correction: tuple[Message, ...] = ()
    for attempt in range(ATTEMPTS):
        request = Request((*messages, *correction), schema, max_tokens)
        answer = model.complete(request)
        listed = _read(answer, item, most, key)
        if listed.cut or not listed.problems or attempt + 1 == ATTEMPTS:
            break
        correction = _correction(answer, listed.problems, key)
    return listed


def list_schema(item: type[BaseModel], most: int, key: str = KEY) -> dict[str, Any]:
    """JSON schema of the answer."""
    entry = item.model_json_schema()
    definitions = entry.pop("$defs", None)
    shape: dict[str, Any] = {
        "type": "object",
        "properties": {key: {"type": "array", "items": entry, "maxItems": most}},
        "required": [key],
        "additionalProperties": False,
    }
    return {**shape, "$defs": definitions} if definitions else shape


def _correction(answer: Answer, problems: Sequence[str], key: str) -> tuple[Message, ...]:
    wrong = "\n".join(problems)[:SHOWN]
    return (
        Message("assistant", harmless(answer.text[:SHOWN])),
        Message(
            "user",
            f"That answer cannot be used: {harmless(wrong)}\n"
            f'Answer the question again, correctly, with JSON only: {{"{key}": [...]}}',
        ),
    )


def _read(answer: Answer, item: type[Item], most: int, key: str) -> Listed[Item]:
    found, problem, cut = _entries(answer, key)
    if cut or problem:
        return Listed((), (), (problem,) if problem else (), cut)
    items: list[Item] = []
    sure: list[float | None] = []
    problems: list[str] = []
    for entry, confidence in zip(found, confidences(answer, key, len(found)), strict=True):
        try:
            items.append(item.model_validate(entry))
        except ValidationError as error:
            problems.append(_wrong(entry, error))
        else:
            sure.append(confidence)
    cut = len(found) >= most or answer.finish == "repeats"
    return Listed(tuple(items), tuple(sure), tuple(problems), cut)


def _entries(answer: Answer, key: str) -> tuple[list[Any], str, bool]:
    """The list's entries, what is wrong with the answer as a whole, and whether it was cut."""
    # Stopped behind an object of the list.
    text = answer.text + ("]}" if answer.finish == "repeats" else "")
    start = text.find("{")
    if start < 0:
        return [], "it is no JSON object", False
    if answer.finish == "length":
        return [], "", True
    try:
        value, _ = json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError as error:
        # Unclosed to its very end: cut off, even where the server does not say so.
        unclosed = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        return [], "" if unclosed else f"it is no JSON: {error}", unclosed
    except RecursionError:
        return [], "it is nested too deeply", False
    except ValueError as error:  # a number of thousands of digits
        return [], f"it is no JSON: {error}", False
    entries = value.get(key) if isinstance(value, dict) else None
    if not isinstance(entries, list):
        return [], f'it has no list "{key}"', False
    return entries, "", False


def _wrong(entry: Any, error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    shown = json.dumps(entry, ensure_ascii=False)[:200]
    return f"{where}: {first['msg'][:200]}, in {shown}"
