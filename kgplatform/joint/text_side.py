"""The text's side of a joint model: states of texts, [B, L, D], by four ways to read them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from kgplatform.progress import Progress, silent
from kgplatform.text.encode import STAGE, TextEncoder

WORD = re.compile(r"\w+|[^\w\s]")
MOST_WORDS = 20_000
TEXTS_A_BATCH = 64


class PooledTexts(nn.Module):
    """A vector a text that was computed before: one state each.

    Args:
        vectors: float32 [T, D].
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        self.register_buffer("vectors", vectors, persistent=False)
        self.width = int(vectors.shape[1])

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """States [B, 1, D] and their mask [B, 1]."""
        states = self.vectors[rows].unsqueeze(1)
        return states, torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)


class FrozenTokens(nn.Module):
    """A vector a token, computed once by an encoder that is not trained.

    Args:
        encoder: Frozen.
        texts: All of them.
        progress: Told of texts read.
    """

    def __init__(
        self, encoder: TextEncoder, texts: Sequence[str], progress: Progress = silent
    ) -> None:
        super().__init__()
        self.width = encoder.dimension
        self.states = token_states(encoder, texts, progress)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """States [B, L, D] and their mask [B, L]."""
        chosen = [self.states[row] for row in rows.tolist()]
        return pad_sequence(chosen, batch_first=True), _mask([len(each) for each in chosen])


@torch.no_grad()
def token_states(
    encoder: TextEncoder, texts: Sequence[str], progress: Progress = silent
) -> list[Tensor]:
    """States of the tokens of each text, [L, D]; texts of like length are read together."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    found: list[Tensor] = [torch.empty(0)] * len(texts)
    for start in range(0, len(order), TEXTS_A_BATCH):
        rows = order[start : start + TEXTS_A_BATCH]
        tokens = encoder.tokens([texts[row] for row in rows])
        states = encoder.read(tokens).states.cpu()
        for row, each, mask in zip(rows, states, tokens.mask, strict=True):
            found[row] = each[mask].clone()
        progress(STAGE, start + len(rows), len(order))
    return found


class TunedTokens(nn.Module):
    """A vector a token, by an encoder that is trained along.

    Args:
        encoder: Its weights are made trainable.
        texts: All of them.
    """

    def __init__(self, encoder: TextEncoder, texts: Sequence[str]) -> None:
        super().__init__()
        self.encoder, self.texts = encoder, texts
        self.width = encoder.dimension
        self.network = encoder.network.requires_grad_(True)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """States [B, L, D] and their mask [B, L]."""
        tokens = self.encoder.tokens([self.texts[row] for row in rows.tolist()])
        states = self.encoder.read(tokens).states
        return states, tokens.mask.to(states.device)


class WordsLSTM(nn.Module):
    """Learned word embeddings under a bidirectional LSTM, for a small case without an encoder.

    Hochreiter and Schmidhuber 1997. Words are those of the training texts.

    Args:
        texts: All of them.
        known: Texts whose words are learned, int64.
        width: D, even.
        dropout: Of embeddings.
    """

    def __init__(
        self, texts: Sequence[str], known: Tensor, width: int = 128, dropout: float = 0.3
    ) -> None:
        super().__init__()
        words = [WORD.findall(text.lower()) for text in texts]
        counts = Counter(word for row in known.tolist() for word in words[row])
        # 0 stands for a word that training never saw.
        codes = {word: at for at, (word, _) in enumerate(counts.most_common(MOST_WORDS), start=1)}
        self.codes = [torch.tensor([codes.get(w, 0) for w in row] or [0]) for row in words]
        self.width = width
        self.words = nn.Embedding(len(codes) + 1, width)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(width, width // 2, batch_first=True, bidirectional=True)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """States [B, L, D] and their mask [B, L]."""
        chosen = [self.codes[row] for row in rows.tolist()]
        lengths = torch.tensor([len(each) for each in chosen])
        given = self.dropout(self.words(pad_sequence(chosen, batch_first=True)))
        packed = pack_padded_sequence(given, lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return states, _mask(lengths.tolist())


TextSide = PooledTexts | FrozenTokens | TunedTokens | WordsLSTM


def _mask(lengths: Sequence[int]) -> Tensor:
    longest = max(lengths, default=1)
    return torch.arange(longest) < torch.from_numpy(np.asarray(lengths))[:, None]
