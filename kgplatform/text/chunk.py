"""Sentences, and chunks of whole sentences under a limit of tokens.

Sentences are found by rules, not by a model: the same text gives the same chunks on every
machine and in every version of whatever else is installed.
"""

# The punctuation of several scripts is the subject here.
# ruff: noqa: RUF001

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator

from kgplatform.errors import UsageError
from kgplatform.triples import Chunk

Span = tuple[int, int]
"""Where a piece of text begins and ends (exclusive), in characters."""

_CLOSERS = r"""["'”’»›)\]）」』】》]"""
_BOUNDARY = re.compile(
    # A form feed, a blank line, and a line that begins an item of a list or a heading.
    r"(?P<block>\f|\n[^\S\n]*\n|\n(?=[^\S\n]*(?:[-*+•]|\d{1,3}[.)]|\#{1,6})[^\S\n]))"
    # Scripts whose full stops need no space after them.
    rf"|(?P<wide>[。！？｡।॥؟۔]+{_CLOSERS}*)"
    # Looking behind and giving nothing back keep a long row of dots from being tried at each.
    rf"|(?<![.!?…‽])(?P<stop>[.!?…‽]++)(?P<closed>{_CLOSERS}*+)(?:\[\w{{1,4}}\])*+(?=\s|\Z)"
)
_NEXT = re.compile(r"""\s*(?P<open>["'“‘«‹„(\[¿¡*_—–-]*)(?P<word>\w*)(?P<mark>\W?)""")
_LONGEST_WORD_BEFORE = 40


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEVER_LAST = _set(
    "adm capt cmdr col dr gen gov hon lt maj messrs mme mr mrs ms mx pres prof rep rev sen sgt "
    "approx ca cf e.g eg i.e ie viz vs z.b d.h bzw"
)
"""Abbreviations that something always follows."""

_BEFORE_NUMBER = _set("art ch chap eq eqs fig figs no nos nr p para pp ref refs sec tab vol vols")
"""Abbreviations only where a number follows: ``No. 5``, but also ``No. He left.``"""

_SOMETIMES_LAST = _set(
    "al ave bldg blvd co corp dept e.v esp est etc inc jr llc ltd mt ph.d phd rd sr st univ usw "
    "a.m p.m jan feb mar apr jun jul aug sep sept oct nov dec"
)
"""Abbreviations that may end a sentence: they do where a common first word follows."""

_FIRST_WORDS = _set(
    "A After All Also Although An And As At Before Both But By During Each For From He Her Here "
    "His How However I If In It Its Later Many Most Moreover My No On One Our She Since So Some "
    "That The Their Then There These They This Those Thus To Under Until We What When Where "
    "While Who Why With You Your"
)
_INITIALS = re.compile(r"[^\W\d_](?:\.[^\W\d_])*")
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3})*")

# Ideographs and kana, which stand for about a word each.
_WIDE_LETTERS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_WIDE_LETTERS}]|[^\W{_WIDE_LETTERS}]{{1,24}}|[^\w\s]")
_WIDE = re.compile(rf"[{_WIDE_LETTERS}]")
_NO_SPACE = re.compile(r"\S")


def count_words(text: str) -> int:
    """Tokens of a text where no model says what one is: words and punctuation marks.

    A Chinese or Japanese character is a token, and a word of more than 24 characters is one
    for each 24, since scripts without spaces and encoded data have words of any length.
    """
    return len(_TOKEN.findall(text))


def is_wide(letter: str) -> bool:
    """Whether a character is an ideograph or kana, whose words no spaces part."""
    return _WIDE.match(letter) is not None


def sentences(text: str) -> Iterator[Span]:
    """The sentences of a text in order, without the space around them.

    Together they hold every character that is not space. A sentence ends at ``.``, ``!``,
    ``?`` or an ellipsis before a space, unless an abbreviation, an initial or a number in a
    list stands before it or the text goes on in lower case; at the full stops of Chinese,
    Japanese, Hindi and Arabic; and, whatever it says, at a blank line, a form feed, and before
    a line that begins with a mark of a list or a heading. A single line break ends nothing.
    """
    start = 0
    for match in _BOUNDARY.finditer(text):
        if _ends(text, start, match):
            yield from _trimmed(text, start, match.end())
            start = match.end()
    yield from _trimmed(text, start, len(text))


def chunk_id(document_id: str, start: int, text: str) -> str:
    """The identity of a chunk: 128 bits of SHA-256 over its document, its place and its text."""
    digest = hashlib.sha256()
    for part in (document_id, str(start), text):
        encoded = part.encode("utf-8")
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    return digest.hexdigest()[:32]


def check_limits(max_tokens: int, overlap_tokens: int) -> None:
    """Make sure that ``chunk`` can keep to these.

    Raises:
        UsageError: ``max_tokens`` is not positive, or ``overlap_tokens`` is not below it.
    """
    if max_tokens < 1 or not 0 <= overlap_tokens < max_tokens:
        raise UsageError(
            f"chunks of {max_tokens} tokens cannot overlap by {overlap_tokens}",
            hint="a chunk has at least one token, and the overlap is less than a chunk",
        )


def chunk(
    document_id: str,
    text: str,
    *,
    max_tokens: int = 256,
    overlap_tokens: int = 32,
    count_tokens: Callable[[str], int] = count_words,
) -> tuple[Chunk, ...]:
    """Cut a text into chunks of whole sentences.

    ``chunk.text == text[chunk.start:chunk.end]`` for each, their starts and ends increase, and
    together they hold every character that is not space. Only a sentence that is longer than
    ``max_tokens`` alone is cut, at spaces if it has any.

    Args:
        document_id: Goes into the ids of the chunks.
        text: The whole text; one without anything but space has no chunks.
        max_tokens: The most tokens of a chunk. One character is kept even if it is more.
        overlap_tokens: How much of a chunk the next one repeats. Whole sentences are repeated,
            the number of them that comes nearest to this, which may be none.
        count_tokens: The number of tokens of a text; a model's tokenizer has its own.

    Raises:
        UsageError: ``max_tokens`` is not positive, or ``overlap_tokens`` is not below it.
    """
    check_limits(max_tokens, overlap_tokens)
    found: list[Chunk] = []
    for start, end in _chunk_spans(text, max_tokens, overlap_tokens, count_tokens):
        piece = text[start:end]
        found.append(Chunk(chunk_id(document_id, start, piece), piece, start, end, len(found)))
    return tuple(found)


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    bare = piece.strip()
    if bare:
        start += len(piece) - len(piece.lstrip())
        yield start, start + len(bare)


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a sentence that begins at ``start`` ends with what ``match`` found."""
    if match["block"] is not None:
        return True
    if match["wide"] is not None:
        # What a closing quotation mark and these follow goes on: 「はい。」と言った。
        quoted = match["wide"][-1] in "”’」』"
        return not (quoted and text[match.end() : match.end() + 1] in {"と", "、", "，"})
    after = _NEXT.match(text, match.end())
    assert after is not None
    word = after["word"]
    if not word and not after["open"] and after["mark"] in {".", ",", ";", ":", "!", "?", "…"}:
        return False
    if word[:1].islower():
        return match["stop"].strip("!?‽") == "" and not match["closed"]
    return match["stop"] != "." or _ends_at_dot(text, start, match.start(), after)


def _ends_at_dot(text: str, start: int, dot: int, after: re.Match[str]) -> bool:
    """Whether the dot ends a sentence, or only an abbreviation, an initial or a number."""
    before = text[max(start, dot - _LONGEST_WORD_BEFORE) : dot].split()
    # Of a text such as `and . Then` the dot has no word of its own.
    if not before or text[dot - 1].isspace():
        return True
    last = before[-1].lstrip("\"'“‘«‹„([—–-")
    abbreviation = last.lower()
    if abbreviation in _NEVER_LAST:
        return False
    if abbreviation in _BEFORE_NUMBER:
        return not after["word"][:1].isdigit()
    if _NUMBER.fullmatch(last) and text[start:dot].strip() == last:
        return False
    initials = _INITIALS.fullmatch(last) and ("." in last or last.isupper())
    if initials or abbreviation in _SOMETIMES_LAST:
        # `J. I. Smith`: an initial, not the first word of a sentence.
        return after["word"] in _FIRST_WORDS and after["mark"] != "."
    return True


def _chunk_spans(
    text: str, limit: int, overlap: int, count_tokens: Callable[[str], int]
) -> Iterator[Span]:
    spans: list[Span] = []
    counts: list[int] = []
    for span in sentences(text):
        count = count_tokens(text[slice(*span)])
        for part in [span] if count <= limit else _cut(text, span, limit, count_tokens):
            spans.append(part)
            counts.append(count if part == span else count_tokens(text[slice(*part)]))
    first = done = 0
    while done < len(spans):
        end = done + 1
        total = sum(counts[first:end])
        while end < len(spans) and total + counts[end] <= limit:
            total += counts[end]
            end += 1
        # A model's tokenizer may count a text as more than the sum of its sentences.
        while end > done + 1 and count_tokens(text[spans[first][0] : spans[end - 1][1]]) > limit:
            end -= 1
        yield spans[first][0], spans[end - 1][1]
        first, done = _overlap_start(counts, first, end, overlap), end
        # What is repeated must leave room for at least one sentence that is new.
        while (
            first < done < len(spans)
            and count_tokens(text[spans[first][0] : spans[done][1]]) > limit
        ):
            first += 1


def _overlap_start(counts: list[int], first: int, end: int, overlap: int) -> int:
    """The sentence from which on the next chunk repeats this one."""
    start, total = end, 0
    while start > first + 1:
        more = total + counts[start - 1]
        if abs(more - overlap) >= abs(total - overlap):
            break
        start, total = start - 1, more
    return start


def _cut(text: str, span: Span, limit: int, count_tokens: Callable[[str], int]) -> Iterator[Span]:
    """Cut one sentence into pieces that keep the limit, each as long as it can be."""
    start, end = span
    while start < end:
        piece = text[start : _longest(text, start, end, limit, count_tokens)]
        if start + len(piece) < end and not text[start + len(piece)].isspace():
            whole_words = piece if piece[-1].isspace() else piece.rsplit(maxsplit=1)[0]
            if count_tokens(whole_words) <= limit:
                piece = whole_words
        piece = piece.rstrip()
        yield start, start + len(piece)
        following = _NO_SPACE.search(text, start + len(piece), end)
        start = following.start() if following else end


def _longest(
    text: str, start: int, end: int, limit: int, count_tokens: Callable[[str], int]
) -> int:
    """Up to where the text from ``start`` keeps the limit; at least a character further.

    The length that is tried doubles until it is too much, and then the last step is halved:
    counting costs little more than the piece, however long the sentence is.
    """
    good = start + 1
    bad = good + limit
    while bad < end and count_tokens(text[start:bad]) <= limit:
        good, bad = bad, bad + (bad - start)
    bad = min(bad, end + 1)
    while bad - good > 1:
        middle = (good + bad) // 2
        if count_tokens(text[start:middle]) <= limit:
            good = middle
        else:
            bad = middle
    return good
