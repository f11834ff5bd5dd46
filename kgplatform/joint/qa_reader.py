"""What a question says: vectors of its words and phrases, and a small LSTM over its words.

A phrase (up to three words in a row) is read by the encoder *alone*, out of its question. So its
vector says what it means and not what else is asked, and a step that attends to "other half" is
the same step in a question that training never saw. Where in the question a phrase stands is what
the LSTM adds, for attention only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kgplatform.joint.qa_questions import TOPIC
from kgplatform.progress import Progress, silent
from kgplatform.text.encode import TextEncoder, text_vectors

LONGEST_PHRASE = 3
KEY_SIZE = 64


class Phrases:
    """Vectors of phrases, each read once.

    Args:
        encoder: A frozen encoder.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder
        self._place: dict[str, int] = {}
        self._table = np.zeros((0, encoder.dimension), dtype=np.float32)

    def add(self, texts: Iterable[str], progress: Progress = silent) -> None:
        """Read those that are new."""
        new = [text for text in dict.fromkeys(texts) if text not in self._place]
        if new:
            self._table = np.concatenate((self._table, text_vectors(self.encoder, new, progress)))
            self._place |= {text: len(self._place) + at for at, text in enumerate(new)}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Their vectors, float32 [n, D]."""
        self.add(texts)
        return self._table[[self._place[text] for text in texts]]


def phrases_of(words: Sequence[str]) -> list[tuple[int, int]]:
    """Where phrases begin and end: single words first; none holds the topic."""
    spans = []
    for size in range(1, LONGEST_PHRASE + 1):
        for start in range(len(words) - size + 1):
            if TOPIC not in words[start : start + size]:
                spans.append((start, start + size))
    return spans


def phrase_texts(words: Sequence[str]) -> list[str]:
    """The phrases of a question's words."""
    return [" ".join(words[start:end]) for start, end in phrases_of(words)]


_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NO_LETTERS = re.compile(r"[\W_]+")


def relation_text(name: str) -> str:
    """A relation's name as words: ``placeOfBirth``, ``PLACE_OF_BIRTH``, ``people/place_of_birth``.

    Of an IRI, what follows the last ``#`` or ``/``.
    """
    local = re.split(r"[#/]", name.rstrip("#/"))[-1] if "://" in name else name
    return _NO_LETTERS.sub(" ", _HUMP.sub(" ", local)).strip().lower() or name


@dataclass(frozen=True)
class Batch:
    """Questions as the reader takes them.

    Attributes:
        words: Vectors of words, zero for the topic and padding, [B, L, D].
        topic: Where the topic is named, bool [B, L].
        length: Words of each, int64 [B].
        phrases: Vectors of phrases, [B, P, D].
        span: Begin and last word of each phrase, int64 [B, P, 2].
        mask: Where there is a phrase, bool [B, P].
    """

    words: Tensor
    topic: Tensor
    length: Tensor
    phrases: Tensor
    span: Tensor
    mask: Tensor


def batch_of(questions: Sequence[tuple[str, ...]], phrases: Phrases) -> Batch:
    """Questions, as words, in a batch."""
    spans = [phrases_of(words) for words in questions]
    size, longest = len(questions), max(map(len, questions))
    # A question of nothing but its topic has an empty phrase.
    most = max(1, *map(len, spans))
    width = phrases.encoder.dimension
    batch = Batch(
        torch.zeros(size, longest, width),
        torch.zeros(size, longest, dtype=torch.bool),
        torch.tensor([len(words) for words in questions]),
        torch.zeros(size, most, width),
        torch.zeros(size, most, 2, dtype=torch.long),
        torch.zeros(size, most, dtype=torch.bool),
    )
    for row, (words, places) in enumerate(zip(questions, spans, strict=True)):
        batch.mask[row, : max(1, len(places))] = True
        batch.topic[row, : len(words)] = torch.tensor([word == TOPIC for word in words])
        if not places:
            continue
        vectors = torch.from_numpy(phrases(phrase_texts(words)))
        batch.phrases[row, : len(places)] = vectors
        batch.span[row, : len(places)] = torch.tensor([(a, b - 1) for a, b in places])
        single = [start for start, end in places if end == start + 1]
        batch.words[row, single] = vectors[: len(single)]
    return batch


class Reader(nn.Module):
    """A bidirectional LSTM over a question's words.

    Args:
        width: Length of the encoder's vectors, D.
        hidden: Length of a state, a direction, h.
        dropout: Share of numbers set to zero in training.
    """

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.narrow = nn.Linear(width, KEY_SIZE)
        self.named = nn.Parameter(torch.randn(KEY_SIZE))
        self.lstm = nn.LSTM(KEY_SIZE, hidden, batch_first=True, bidirectional=True)
        self.drop = nn.Dropout(dropout)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """States of words [B, L, 2h], and of the whole question [B, 2h]."""
        seen = self.drop(self.narrow(batch.words)) + batch.topic.unsqueeze(-1) * self.named
        packed = nn.utils.rnn.pack_padded_sequence(
            seen, batch.length, batch_first=True, enforce_sorted=False
        )
        out, (last, _) = self.lstm(packed)
        states, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
        return self.drop(states), self.drop(torch.cat((last[0], last[1]), dim=1))


def states_of_phrases(states: Tensor, batch: Batch) -> Tensor:
    """Of each phrase the state of its first and last word, [B, P, 4h]."""
    width = states.shape[-1]
    ends = [
        states.gather(1, batch.span[..., side].unsqueeze(-1).expand(-1, -1, width))
        for side in (0, 1)
    ]
    return torch.cat(ends, dim=-1)
