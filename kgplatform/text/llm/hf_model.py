"""Causal language models of Hugging Face, run in this process by transformers."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import torch

from kgplatform.errors import InputError, PromptTooLongError
from kgplatform.text.causal import load_causal, loading
from kgplatform.text.encode import readable
from kgplatform.text.llm.listen import listener, say
from kgplatform.text.llm.protocol import Answer, Message, Request, Token

SAMPLED = 1_024
"""Numbers of a tensor that go into the digest as they are; of the others their bytes' sum does."""


class HuggingFaceModel:
    """A model of Hugging Face, from a folder or from the hub.

    Nothing keeps its answers to a request's JSON schema: they are validated, and asked for again.

    Attributes:
        name: That of the hub, or of its folder.
        digest: Of its weights, its tokenizer and its device.
        context: Tokens that it holds at once, prompt and answer together.
    """

    concurrency = 1

    def __init__(self, name: str, device: str = "cpu") -> None:
        with loading(name):
            self._tokenizer, self._network = load_causal(name, device)
        if self._tokenizer.eos_token_id is None:
            raise InputError(
                f"language model {name!r} has no token for the end of a text",
                hint="save its tokenizer with an eos_token",
            )
        self._network.requires_grad_(False).eval()
        # A folder's place on this machine is nobody's business in a graph.
        self.name = Path(name).name if Path(name).exists() else name
        self.context = int(getattr(self._network.config, "max_position_embeddings", 1_024))
        self.digest = _digest(self._tokenizer, self._network)
        self._guard = threading.Lock()

    @torch.no_grad()
    def complete(self, request: Request) -> Answer:
        """Answer a request.

        Raises:
            PromptTooLongError: Prompt and answer together are longer than the context.
        """
        begun = time.monotonic()
        prompt = self._prompt(request.messages)
        length = prompt.shape[1]
        if length + request.max_tokens > self.context:
            raise PromptTooLongError(
                f"{self.name} cannot read {length} tokens and write {request.max_tokens}: "
                f"it holds {self.context}"
            )
        with self._guard, torch.random.fork_rng():
            torch.manual_seed(request.seed)
            out = self._network.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=request.max_tokens,
                pad_token_id=self._tokenizer.eos_token_id,
                return_dict_in_generate=True,
                output_logits=True,
                streamer=None if listener() is None else _heard(self._tokenizer),
                **_sampling(request.temperature),
            )
        written = out.sequences[0, length:].tolist()
        ended = bool(written) and written[-1] in self._ends
        chances = [
            torch.log_softmax(logits[0].float(), -1)[token].item()
            for token, logits in zip(written, out.logits, strict=True)
        ]
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        return Answer(
            text=str(text),
            prompt_tokens=length,
            answer_tokens=len(written),
            finish="stop" if ended else "length",
            seconds=time.monotonic() - begun,
            tokens=self._pieces(written, chances),
        )

    @property
    def _ends(self) -> set[int]:
        ends = self._network.generation_config.eos_token_id
        several = ends if isinstance(ends, list) else [ends]
        return {self._tokenizer.eos_token_id, *(end for end in several if end is not None)}

    def _prompt(self, messages: tuple[Message, ...]) -> torch.Tensor:
        """Token ids, int64 [1, L], by the chat template; without one, a turn a paragraph."""
        turns = [{"role": turn.role, "content": readable(turn.content)} for turn in messages]
        if self._tokenizer.chat_template:
            text = self._tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True
            )
            read = self._tokenizer(text, add_special_tokens=False, return_tensors="pt")
        else:
            text = "\n\n".join(turn["content"] for turn in turns) + "\n\n"
            read = self._tokenizer(text, return_tensors="pt")
        ids: torch.Tensor = read["input_ids"].to(self._network.device)
        return ids

    def _pieces(self, written: list[int], chances: list[float]) -> tuple[Token, ...]:
        """Tokens as text; a character that is of several is given to the last of them."""
        pieces, before = [], ""
        for number, chance in enumerate(chances, start=1):
            text = str(self._tokenizer.decode(written[:number], skip_special_tokens=True))
            if text.endswith("\ufffd") and number < len(chances):
                text = before
            pieces.append(Token(text[len(before) :], chance))
            before = text
        return tuple(pieces)


def _heard(tokenizer: Any) -> Any:
    """What lets the listener hear a text as it is written, in whole words."""
    from transformers import TextStreamer

    class Heard(TextStreamer):
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            say(text)

    return Heard(tokenizer, skip_prompt=True, skip_special_tokens=True)


def _sampling(temperature: float) -> dict[str, Any]:
    if temperature == 0:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}


def _digest(tokenizer: Any, network: Any) -> str:
    sha = hashlib.sha256(f"huggingface\n{network.device}\n{tokenizer.chat_template}\n".encode())
    sha.update(tokenizer.backend_tokenizer.to_str().encode())
    for name, tensor in sorted(network.state_dict().items()):
        flat = tensor.detach().reshape(-1).contiguous()
        # All of a large model would take as long to hash as to read; a sum of its bytes does not,
        # and is another one where a byte has changed.
        total = int(flat.view(torch.uint8).sum(dtype=torch.int64))
        sha.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {total}\n".encode())
        sha.update(flat[:SAMPLED].cpu().view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
