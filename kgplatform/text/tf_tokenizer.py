"""TensorFlow Text's BertTokenizer behind the platform's interface; needs the extra ``tf``.

For whoever serves a model in TensorFlow and must know that what it was trained on here was cut the
same way: the ids are those of the encoder's own tokenizer, and so are the places.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from kgplatform.errors import InputError, UsageError
from kgplatform.text.encode import Tokens, max_tokens, readable

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LONGEST_WORD = 100
"""Characters of a word above which BERT's tokenizer calls it unknown."""

BYTES_OF_A_WORD = 1 << 20
"""TensorFlow Text's own limit, in bytes; of a word above it, it loses where the word ends."""

Piece = tuple[int, int, int]
"""A token: its id, and where it begins and ends in the text, in characters."""


class TensorflowTokenizer:
    """BERT's WordPiece tokens, cut by TensorFlow Text.

    Args:
        network: A sentence-transformers encoder with a WordPiece vocabulary.

    Raises:
        UsageError: TensorFlow Text is not installed.
        InputError: The encoder's tokenizer is of another kind.
    """

    def __init__(self, network: SentenceTransformer) -> None:
        tensorflow, tensorflow_text = _packages()
        own = network.tokenizer
        model = json.loads(own.backend_tokenizer.to_str())["model"]
        if model["type"] != "WordPiece" or own.backend_tokenizer.normalizer is None:
            raise InputError(
                f"TensorFlow Text's BertTokenizer cannot stand for a {model['type']} tokenizer",
                hint="leave tokenizer='tensorflow', or use an encoder of BERT's kind",
            )
        words = sorted(model["vocab"], key=model["vocab"].__getitem__)
        table = tensorflow.lookup.StaticVocabularyTable(
            tensorflow.lookup.KeyValueTensorInitializer(
                words,
                list(range(len(words))),
                key_dtype=tensorflow.string,
                value_dtype=tensorflow.int64,
            ),
            num_oov_buckets=1,
        )
        # Lower case is done here: TensorFlow Text folds more (ß becomes ss) and then gives
        # places in the folded text.
        self._cutter = tensorflow_text.BertTokenizer(
            table,
            lower_case=False,
            unknown_token=model["unk_token"],
            max_bytes_per_word=BYTES_OF_A_WORD,
        )
        self._normalizer = own.backend_tokenizer.normalizer
        self._limit = max_tokens(network)
        self._marks = (own.cls_token_id, own.sep_token_id, own.pad_token_id, own.unk_token_id)
        self._folded: dict[str, str] = {}

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """The tokens of a batch."""
        folded = [self._fold(readable(text)) for text in texts]
        cut = self._cutter.tokenize_with_offsets([text for text, _ in folded])
        ids, starts, ends = (column.to_list() for column in cut)
        begin, end, padding, _ = self._marks
        rows: list[list[Piece]] = []
        for row, (text, places) in enumerate(folded):
            pieces = list(self._pieces(text, places, ids[row], starts[row], ends[row]))
            rows.append([(begin, 0, 0), *pieces[: self._limit - 2], (end, 0, 0)])
        longest = max(map(len, rows), default=0)
        blank = (padding, 0, 0)
        table = torch.tensor([row + [blank] * (longest - len(row)) for row in rows])
        table = table.to(torch.int64).reshape(len(rows), longest, 3)
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        mask = torch.arange(longest) < lengths[:, None]
        return Tokens(table[..., 0], mask, table[..., 1:])

    def _fold(self, text: str) -> tuple[str, list[int]]:
        """A text as the encoder's normalizer has it, and where each character of it comes from."""
        folded, places = [], []
        for place, letter in enumerate(text):
            if letter not in self._folded:
                # Letter by letter is the same as all at once: nothing is composed, and of what
                # is taken apart the accents go.
                self._folded[letter] = self._normalizer.normalize_str(letter)
            folded.append(self._folded[letter])
            places += [place] * len(self._folded[letter])
        return "".join(folded), places

    def _pieces(
        self,
        text: str,
        places: list[int],
        ids: list[list[int]],
        starts: list[list[int]],
        ends: list[list[int]],
    ) -> Iterator[Piece]:
        """The tokens of a text, whose bytes the cutter counts."""
        character = [at for at, letter in enumerate(text) for _ in letter.encode()]
        for word, firsts, lasts in zip(ids, starts, ends, strict=True):
            spans = [
                (character[first], character[last - 1])
                for first, last in zip(firsts, lasts, strict=True)
            ]
            if spans[-1][1] - spans[0][0] >= LONGEST_WORD:
                word, spans = [self._marks[3]], [(spans[0][0], spans[-1][1])]
            for piece, (first, last) in zip(word, spans, strict=True):
                yield piece, places[first], places[last] + 1


def _packages() -> tuple[Any, Any]:
    try:
        import tensorflow
        import tensorflow_text
    except ImportError:
        raise UsageError(
            "TensorFlow Text's tokenizer needs a package that is not installed",
            hint="pip install 'kgplatform[tf]', in an environment of its own: it is large",
        ) from None
    return tensorflow, tensorflow_text
