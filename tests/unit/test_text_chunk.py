"""Sentences by hand-made cases; chunks by hand and by what holds of every text."""

# ruff: noqa: RUF001

import hashlib
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kgplatform.errors import UsageError
from kgplatform.text.chunk import chunk, chunk_id, count_words, sentences


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["It rains.", "It pours!", "Does it stop?", "No."],
        ["Dr. Grace Hopper met Mr. and Mrs. Smith.", "They talked."],
        ["Use a tool, e.g. a hammer, i.e. the thing in Fig. 3 of vol. 2.", "Then hit."],
        ["She moved to the U.S. Army base.", "He stayed in the U.S.", "The two met later."],
        ["It met at 5 p.m. Monday.", "It ended at 6 p.m.", "They left."],
        ["J. R. R. Tolkien and George W. Bush never met.", "True."],
        ["Acme Inc. Berlin makes tools.", "Zenith makes them for Acme Inc.", "The price is low."],
        ["Pi is 3.14 and e is 2.718.", "Version 3.5.", "Next is kgplatform 1.0."],
        ["It costs approx. $5.", "See https://example.org/a.b?c=d.", "Cheap."],
        ['"Stop!" he said.', '"Why?" she asked.', '"Go."', "Then silence."],
        ["“Really?” asked the man.", "(He was old.)", "“Yes.”", "She left."],
        ["Wait... what is it?", "I do not know… or do I?", "Well...", "Yes."],
        ["Wait . . . what is it?", "Nothing."],
        ["Did he come?", "No.", "He is No. 5."],
        ["What?!", "Never!!!", "ok."],
        ["It was shown.[12]", "It was doubted.[a][3]", "It was settled."],
        ["Smith et al. showed it, cf. Jones vs. Brown.", "Others followed Smith et al.", "We do."],
        ["We met on Jan. 5.", "It was cold in Jan.", "We froze."],
        ["Read section 2.1.", "2.1. Methods are there."],
        ["All is in plan B.", "The rest is not."],
        ["In 1990.", "30 came."],
    ],
    ids=lambda expected: " | ".join(expected)[:40],
)
def test_sentences_end_where_a_reader_ends_them(expected: list[str]) -> None:
    assert cut(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["今天下雨。", "你去吗？", "我不去！"],
        ["彼は「はい。」と言った。", "それから帰った。"],
        ["“你好。”", "他走了。"],
        ["यह एक वाक्य है।", "यह दूसरा है।"],
        ["هل تمطر؟", "نعم."],
    ],
    ids=lambda expected: expected[0],
)
def test_full_stops_of_other_scripts_need_no_space(expected: list[str]) -> None:
    assert cut("".join(expected)) == expected
    assert cut(" ".join(expected)) == expected


def test_paragraphs_items_and_pages_end_sentences_and_single_line_breaks_do_not() -> None:
    text = (
        "A Title\n\nThis line is\nwrapped. And so\r\nis this\r\n \r\nNo stop here\n"
        "- first item\n  * second\n2) third\n1. fourth one\n## Heading\nlast\fnew page"
    )
    assert cut(text) == [
        "A Title",
        "This line is\nwrapped.",
        "And so\r\nis this",
        "No stop here",
        "- first item",
        "* second",
        "2) third",
        "1. fourth one",
        "## Heading\nlast",
        "new page",
    ]


def test_tokens_are_words_and_marks_and_long_runs_count_by_length() -> None:
    assert count_words("Don't stop, it's 3.14!") == 12
    assert count_words(" \n\t") == 0
    assert count_words("漢字とABC") == 4
    assert count_words("x" * 24) == 1
    assert count_words("x" * 49) == 3


def test_a_chunk_holds_whole_sentences_and_the_next_repeats_some() -> None:
    # Four tokens a sentence: three words and a stop.
    text = "A b c. D e f. G h i. J k l. M n o."
    found = chunk("d", text, max_tokens=12, overlap_tokens=4)
    assert [piece.text for piece in found] == ["A b c. D e f. G h i.", "G h i. J k l. M n o."]
    assert [(piece.start, piece.end, piece.index) for piece in found] == [(0, 20, 0), (14, 34, 1)]
    assert [piece.text for piece in chunk("d", text, max_tokens=12, overlap_tokens=0)] == [
        "A b c. D e f. G h i.",
        "J k l. M n o.",
    ]
    # The number of sentences nearest to seven tokens is two; to one token it is none.
    assert [p.text[:6] for p in chunk("d", text, max_tokens=12, overlap_tokens=7)] == [
        "A b c.",
        "D e f.",
        "G h i.",
    ]
    assert len(chunk("d", text, max_tokens=12, overlap_tokens=1)) == 2


def test_what_is_repeated_leaves_room_for_a_new_sentence() -> None:
    text = "A b c. D e f g h i j k."
    found = chunk("d", text, max_tokens=10, overlap_tokens=4)
    assert [piece.text for piece in found] == ["A b c.", "D e f g h i j k."]


def test_only_a_sentence_over_the_limit_is_cut_and_at_spaces_if_it_can_be() -> None:
    text = "Short. One two three four five six seven. Ends."
    found = [piece.text for piece in chunk("d", text, max_tokens=3, overlap_tokens=0)]
    assert found == ["Short.", "One two three", "four five six", "seven.", "Ends."]
    wide = "天" * 5 + " a"
    assert [p.text for p in chunk("d", wide, max_tokens=2, overlap_tokens=0)] == [
        "天天",
        "天天",
        "天 a",
    ]


def test_the_tokenizer_of_a_model_decides_the_length() -> None:
    text = "Aa bb. Cc dd. Ee ff."
    found = chunk("d", text, max_tokens=13, overlap_tokens=0, count_tokens=len)
    assert [piece.text for piece in found] == ["Aa bb. Cc dd.", "Ee ff."]
    # One that gives a character several tokens cannot be kept to one.
    several = chunk("d", "ab", max_tokens=2, overlap_tokens=0, count_tokens=lambda t: 3 * len(t))
    assert [piece.text for piece in several] == ["a", "b"]


def test_an_id_is_of_the_document_the_place_and_the_text() -> None:
    parts = b"\0\0\0\4doc1" + b"\0\0\0\0017" + b"\0\0\0\3\xc3\xa9."
    assert chunk_id("doc1", 7, "é.") == hashlib.sha256(parts).hexdigest()[:32]
    ids = {chunk_id("a", 1, "b"), chunk_id("a1", 1, "b"), chunk_id("a", 11, "b")}
    assert len(ids) == 3


def test_space_alone_has_no_chunks() -> None:
    assert chunk("d", "") == chunk("d", " \n\n\f\t ") == ()


@pytest.mark.parametrize(("limit", "overlap"), [(0, 0), (5, 5), (5, -1), (-3, -5)])
def test_limits_that_cannot_be_are_refused(limit: int, overlap: int) -> None:
    with pytest.raises(UsageError, match=f"{limit} tokens cannot overlap by {overlap}"):
        chunk("d", "A text.", max_tokens=limit, overlap_tokens=overlap)


@pytest.mark.parametrize(
    "unit", [".", "x", "…", "\n", " ", "a. ", "\n- ", '"', "。", "[1]", "Dr. "]
)
def test_time_grows_with_the_length_alone(unit: str) -> None:
    text = unit * (200_000 // len(unit)) + "x"
    begun = time.process_time()
    chunk("d", text)
    assert time.process_time() - begun < 5


PIECES = st.sampled_from(
    [
        *("Dr.", "U.S.", "e.g.", "word", "Word", "A", "3.14", "5.", ".", "...", "?!", '"', "”"),
        *("(", ")", " ", "  ", "\n", "\n\n", "\r\n", "\f", "\t", "\u3000", "\n- ", "。", "」"),
        *("と", "漢", "🦉", "e\u0301", "x" * 60),
    ]
)
TEXTS = st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=200)


def subwords(text: str) -> int:
    """More than the sum of its parts where two sentences meet, as with a model's tokenizer."""
    return -(-len(text) // 3) + text.count(" ") + 1


@given(TEXTS, st.integers(1, 12), st.integers(0, 11), st.sampled_from([count_words, len, subwords]))
@example("A b c. D e f. G h i.", 8, 4, count_words)
def test_chunks_of_any_text_are_exact_ordered_and_leave_nothing_out(
    text: str, limit: int, overlap: int, count_tokens: Callable[[str], int]
) -> None:
    overlap = min(overlap, limit - 1)
    found = chunk("d", text, max_tokens=limit, overlap_tokens=overlap, count_tokens=count_tokens)
    covered = [False] * len(text)
    for place, piece in enumerate(found):
        assert piece.index == place
        assert piece.text == text[piece.start : piece.end]
        assert piece.text == piece.text.strip() != ""
        assert count_tokens(piece.text) <= limit or len(piece.text) == 1
        covered[piece.start : piece.end] = [True] * len(piece.text)
    assert all(done or letter.isspace() for done, letter in zip(covered, text, strict=True))
    for before, after in pairwise(found):
        assert before.start < after.start
        assert before.end < after.end
    assert len({piece.chunk_id for piece in found}) == len(found)


@given(TEXTS, st.integers(1, 12))
def test_no_sentence_that_fits_is_ever_cut(text: str, limit: int) -> None:
    spans = list(sentences(text))
    for piece in chunk("d", text, max_tokens=limit, overlap_tokens=0):
        for start, end in spans:
            if count_words(text[start:end]) <= limit and start < piece.end and piece.start < end:
                assert piece.start <= start
                assert end <= piece.end
