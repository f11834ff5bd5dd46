"""Causal language models: texts written after prompts, and how likely given texts are.

Any causal model of Hugging Face, by the name of a hub, as a folder or as a GGUF file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kgplatform.errors import InputError, TrainingError, UsageError
from kgplatform.progress import Progress, silent
from kgplatform.text.causal import Precision, load_causal, loading
from kgplatform.text.encode import readable

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENS_A_BATCH = 2_048
"""Tokens that are read or written together on a CPU, padding among them."""

TOKENS_A_BATCH_OF_A_GPU = 32_768

READING, WRITING = "reading texts", "writing texts"


@dataclass(frozen=True, eq=False)
class Likelihood:
    """How likely texts are.

    Attributes:
        mean: Mean log-probability of a token, float64 [N]; -inf for a text without tokens.
        tokens: How many tokens each text has, int64 [N].
    """

    mean: np.ndarray
    tokens: np.ndarray


class LanguageModel:
    """A causal language model.

    What it writes ends at the end of the line: an answer is a line.

    Attributes:
        name: As it was asked for.
        network: Its weights, frozen unless ``requires_grad_`` says otherwise.
        tokenizer: What cuts texts for it.
        device: Where it computes.
        stops: Tokens that end what it writes.
    """

    def __init__(
        self,
        name: str,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        device: torch.device,
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise InputError(
                f"language model {name!r} has no token for the end of a text",
                hint="save its tokenizer with an eos_token",
            )
        self.name = name
        # Any: its adapters' wrappers are of no one type.
        self.network: Any = network
        self.network.requires_grad_(False)
        self.network.eval()  # type: ignore[no-untyped-call]
        self.tokenizer = tokenizer
        self.device = device
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.stops = [tokenizer.eos_token_id, *_end_of_line(tokenizer)]
        # Where others generate with the network (training does), they are to stop as we do.
        network.generation_config.eos_token_id = self.stops
        network.generation_config.pad_token_id = tokenizer.pad_token_id

    @property
    def context(self) -> int:
        """Most tokens that it can have before it."""
        return int(getattr(self.network.config, "max_position_embeddings", 1_024))

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int = 48,
        samples: int = 1,
        seed: int | None = None,
        temperature: float = 1.0,
        progress: Progress = silent,
    ) -> list[list[str]]:
        """What it writes after prompts, a line each.

        Args:
            prompts: What to go on from; of one that is too long the beginning is left out.
            max_new_tokens: Most tokens of a text.
            samples: Texts a prompt.
            seed: Of the sampling; None: the likeliest token each time (greedy). The same prompts
                with the same seed give the same texts.
            temperature: Of the sampling; below 1, likely tokens are likelier.
            progress: Told of prompts.

        Returns:
            For each prompt its ``samples`` texts.

        Raises:
            UsageError: Numbers that cannot be, or several texts without sampling.
        """
        _check_generation(max_new_tokens, samples, seed, temperature, self.context)
        chosen: dict[str, Any] = {"do_sample": False}
        if seed is not None:
            chosen = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        rows = [ids[-(self.context - max_new_tokens) :] for ids in self.prompt_ids(prompts)]
        found: list[list[str]] = [[] for _ in rows]
        done = 0
        with _seeded(seed, self.device):
            for batch in self._batches([len(ids) + max_new_tokens for ids in rows], samples):
                ids, mask = _padded([rows[at] for at in batch], self._pad, left=True)
                out = self.network.generate(
                    input_ids=ids.to(self.device),
                    attention_mask=mask.to(self.device),
                    max_new_tokens=max_new_tokens,
                    num_return_sequences=samples,
                    **chosen,
                )
                texts = self.tokenizer.batch_decode(
                    out[:, ids.shape[1] :], skip_special_tokens=True
                )
                for place, text in enumerate(texts):
                    found[batch[place // samples]].append(first_line(text))
                done += len(batch)
                progress(WRITING, done, len(rows))
        return found

    @torch.no_grad()
    def likelihood(
        self,
        texts: Sequence[str],
        prompts: Sequence[str] | None = None,
        progress: Progress = silent,
    ) -> Likelihood:
        """Mean log-probability of a token of given texts.

        Args:
            texts: What to judge.
            prompts: What stands before each, a space between; it is read, not judged. None: a text
                is judged as the beginning of a document.
            progress: Told of texts.

        Raises:
            UsageError: There are more or fewer prompts than texts.
            TrainingError: The model's weights make no numbers.
        """
        if prompts is not None and len(prompts) != len(texts):
            raise UsageError(f"{len(prompts)} prompts for {len(texts)} texts", hint="one a text")
        if prompts is None:
            before, read = [[self._start]] * len(texts), self._text_ids(texts)
        else:
            before = self.prompt_ids(prompts)
            read = self._text_ids([f" {text.strip()}" if text.strip() else "" for text in texts])
        read = [ids[: self.context - 1] for ids in read]
        mean = np.full(len(texts), -np.inf)
        tokens = np.array([len(ids) for ids in read], dtype=np.int64)
        rows = []
        for first, ids in zip(before, read, strict=True):
            # Of a prompt that is too long, the end is nearest to the text.
            rows.append(first[-(self.context - len(ids)) :] + ids)
        done = 0
        for batch in self._batches([len(ids) for ids in rows], 1):
            mean[batch] = self._mean([rows[at] for at in batch], tokens[batch])
            done += len(batch)
            progress(READING, done, len(rows))
        if np.isnan(mean).any():
            raise TrainingError(
                f"language model {self.name!r} gives log-probabilities that are no numbers",
                hint="its weights are damaged, or too large for its precision: use float32",
            )
        return Likelihood(mean, tokens)

    def _mean(self, rows: list[list[int]], tokens: np.ndarray) -> np.ndarray:
        """Mean log-probability of the last ``tokens`` of each row, [B]."""
        ids, mask = _padded(rows, self._pad, left=False)
        ids, mask = ids.to(self.device), mask.to(self.device)
        logits = self.network(input_ids=ids, attention_mask=mask).logits[:, :-1]
        chance = torch.log_softmax(logits.float(), -1).gather(-1, ids[:, 1:, None])[..., 0]
        lengths = torch.tensor([len(row) for row in rows], device=self.device)[:, None]
        number = torch.from_numpy(tokens).to(self.device)[:, None]
        place = torch.arange(1, ids.shape[1], device=self.device)
        judged = (place >= lengths - number) & (place < lengths)
        total = chance.masked_fill(~judged, 0.0).double().sum(1)
        mean = total / number[:, 0].clamp_min(1)
        return mean.masked_fill(number[:, 0] == 0, -torch.inf).cpu().numpy()

    @property
    def _pad(self) -> int:
        return int(self.tokenizer.pad_token_id)

    def prompt_ids(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, begun as the model's tokenizer begins a text, at least one each."""
        if not prompts:
            return []
        read = self.tokenizer([readable(prompt) for prompt in prompts])["input_ids"]
        last = self.tokenizer.eos_token_id
        open_ended = [ids[:-1] if ids[-1:] == [last] else ids for ids in map(list, read)]
        return [ids or [self._start] for ids in open_ended]

    def _text_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts and nothing else."""
        if not texts:
            return []
        read = self.tokenizer([readable(text) for text in texts], add_special_tokens=False)
        return [list(ids) for ids in read["input_ids"]]

    @property
    def _start(self) -> int:
        """The mark that a document begins with."""
        first = self.tokenizer.bos_token_id
        return int(self.tokenizer.eos_token_id if first is None else first)

    def _batches(self, lengths: Sequence[int], copies: int) -> Iterator[list[int]]:
        """Rows of about one length together, as many as fit."""
        on_processor = self.device.type == "cpu"
        budget = TOKENS_A_BATCH if on_processor else TOKENS_A_BATCH_OF_A_GPU
        order = sorted(range(len(lengths)), key=lambda at: lengths[at])
        batch: list[int] = []
        for at in order:
            if batch and lengths[at] * (len(batch) + 1) * copies > budget:
                yield batch
                batch = []
            batch.append(at)
        if batch:
            yield batch


def load_language_model(
    name: str,
    device: str | torch.device = "cpu",
    *,
    adapter: Path | None = None,
    precision: Precision = "float32",
) -> LanguageModel:
    """A causal language model by name.

    Args:
        name: A folder; a file ``….gguf``, which is made into plain numbers as it is read (with the
            extra ``rl``); or a name at the hub, which is asked unless the cache of transformers has
            the model already.
        device: Where it is to compute.
        adapter: Folder of LoRA weights that
            :func:`kgplatform.walk.train_language_model.train_language_model` saved.
        precision: Of its weights.

    Raises:
        InputError: There is no such model here or at the hub, its files are damaged, it is no
            causal language model, or reading it needs a package that is not installed.
        UsageError: LoRA weights are given and peft is not installed.
    """
    with loading(name):
        tokenizer, network = load_causal(name, device, precision)
        if adapter is not None:
            network = _adapted(network, adapter)
    return LanguageModel(name, network, tokenizer, torch.device(device))


def first_line(text: str) -> str:
    """A text's first line that is not empty, without spaces around it."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _adapted(network: Any, adapter: Path) -> Any:
    try:
        from peft import PeftModel
    except ImportError:
        raise UsageError(
            "LoRA weights need the package peft", hint="pip install 'kgplatform[rl]'"
        ) from None
    return PeftModel.from_pretrained(network, str(adapter))


@contextlib.contextmanager
def _seeded(seed: int | None, device: torch.device) -> Iterator[None]:
    """Torch's own generator is what the library draws from; it is put back afterwards."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _end_of_line(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The token of an end of line, if the tokenizer has one; else texts are cut afterwards."""
    ids = tokenizer("a\n", add_special_tokens=False)["input_ids"]
    last = ids[-1]
    return [last] if len(ids) > 1 and tokenizer.decode([last]) == "\n" else []


def _padded(rows: Sequence[Sequence[int]], pad: int, *, left: bool) -> tuple[Tensor, Tensor]:
    """Rows as one tensor, and where it has tokens: int64 [B, L] each."""
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros((len(rows), longest), dtype=torch.int64)
    for at, row in enumerate(rows):
        place = slice(longest - len(row), longest) if left else slice(0, len(row))
        ids[at, place] = torch.tensor(row)
        mask[at, place] = 1
    return ids, mask


def _check_generation(
    most: int, samples: int, seed: int | None, temperature: float, context: int
) -> None:
    if most < 1 or most >= context:
        raise UsageError(f"texts of {most} tokens", hint=f"1 to {context - 1} with this model")
    if samples < 1 or temperature <= 0:
        raise UsageError(f"{samples} samples at temperature {temperature}", hint="both are above 0")
    if samples > 1 and seed is None:
        raise UsageError("several texts a prompt must be sampled", hint="give a seed")
