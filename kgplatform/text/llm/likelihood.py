"""How sure a language model was of what it wrote, by the probabilities of the tokens."""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left
from itertools import accumulate

from kgplatform.text.chunk import Span
from kgplatform.text.llm.protocol import Answer, Token

_SPACE = re.compile(r"[\s,]*")
_NAME = re.compile(r'"(?:[^"\\]|\\.)*"\s*:\s*')


def confidences(answer: Answer, key: str, number: int) -> list[float | None]:
    """How sure the model was of each item of a list in its JSON answer.

    That is the geometric mean of the probabilities of the tokens that an item's values are made
    of; names and punctuation of the JSON, which the schema dictates, do not count.

    Args:
        answer: The answer, a JSON object.
        key: The list in it.
        number: Items of the list.

    Returns:
        A number from 0 to 1 each; None for all where the backend gives no probabilities, or gives
        them for another text.
    """
    unknown: list[float | None] = [None] * number
    tokens = answer.tokens or ()
    written = "".join(token.text for token in tokens)
    # Some servers trim the text, but not its tokens.
    if not tokens or written.strip() != answer.text.strip():
        return unknown
    found = _value_spans(written, key)
    if len(found) != number:
        return unknown
    ends = list(accumulate(len(token.text) for token in tokens))
    return [_mean(tokens, ends, spans) for spans in found]


def _mean(tokens: tuple[Token, ...], ends: list[int], spans: list[Span]) -> float | None:
    total, count = 0.0, 0
    for start, end in spans:
        # From the first token that ends after the span's start to the last that begins before
        # its end.
        at = bisect_left(ends, start + 1)
        while at < len(ends) and ends[at] - len(tokens[at].text) < end:
            total += tokens[at].log_probability
            count += 1
            at += 1
    return math.exp(min(0.0, total / count)) if count else None


def _value_spans(text: str, key: str) -> list[list[Span]]:
    """Where the values of each item stand, in a text that is known to be such JSON."""
    begun = re.search(rf"{re.escape(json.dumps(key))}\s*:\s*\[", text)
    if begun is None:
        return []
    decoder = json.JSONDecoder()
    items: list[list[Span]] = []
    at = _skip(text, begun.end())
    while at < len(text) and text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        items.append(_values(text, at + 1, end, decoder))
        at = _skip(text, end)
    return items


def _values(text: str, at: int, end: int, decoder: json.JSONDecoder) -> list[Span]:
    spans = []
    at = _skip(text, at)
    while at < end and (name := _NAME.match(text, at, end)) is not None:
        value, stop = decoder.raw_decode(text, name.end())
        # Quotation marks are often one token with what stands beside them, which is dictated.
        quotes = int(isinstance(value, str))
        spans.append((name.end() + quotes, stop - quotes))
        at = _skip(text, stop)
    return spans


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()
