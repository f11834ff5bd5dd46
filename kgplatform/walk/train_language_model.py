"""Training a language model's own weights by the reward of what it writes.

REINFORCE with a leave-one-out baseline over several texts a prompt (Williams 1992; Kool et al.
2019, "Buy 4 REINFORCE Samples, Get a Baseline for Free!"; Ahmadian et al. 2024, "Back to Basics"),
as trl has it, on LoRA weights (Hu et al. 2021) of peft: the model's own stay as they are.
"""

from __future__ import annotations

import contextlib
import io
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kgplatform.errors import InputError, TrainingError, UsageError
from kgplatform.progress import Progress, silent
from kgplatform.walk.language_model import LanguageModel, first_line
from kgplatform.walk.text_rewards import Rewarder, Told, means

STAGE = "learning to write"


@dataclass(frozen=True)
class WritingSettings:
    """How a language model is trained.

    Attributes:
        steps: Updates of the weights.
        prompts: Questions an update.
        samples: Texts a question; the mean of the others' rewards is a text's baseline.
        learning_rate: Of AdamW, falling to 0.
        kl: What a text's reward loses for each unit of KL divergence from the model as it was.
        rank: Of the LoRA matrices.
        max_new_tokens: Most tokens of a text.
        temperature: Of the sampling.
        seed: Of every random choice.
    """

    steps: int = 100
    prompts: int = 4
    samples: int = 8
    learning_rate: float = 1e-4
    kl: float = 0.02
    rank: int = 8
    max_new_tokens: int = 32
    temperature: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "prompts", "learning_rate", "rank", "max_new_tokens", "temperature"):
            if getattr(self, name) <= 0:
                raise UsageError(f"the setting {name} is {getattr(self, name)}", hint="above 0")
        if self.samples < 2:
            raise UsageError(
                f"{self.samples} samples a question", hint="a baseline takes two or more"
            )
        if self.kl < 0:
            raise UsageError(f"the setting kl is {self.kl}", hint="0 leaves it out")


@dataclass(frozen=True, eq=False)
class TrainedWriter:
    """A training's end.

    Attributes:
        model: With the trained weights.
        history: For each update the mean of each reward term, and ``kl`` if that counted.
    """

    model: LanguageModel
    history: tuple[Mapping[str, float], ...]


def train_language_model(
    model: LanguageModel,
    prompts: Sequence[str],
    asked: Sequence[Told],
    rewarder: Rewarder,
    settings: WritingSettings | None = None,
    folder: Path | None = None,
    progress: Progress = silent,
) -> TrainedWriter:
    """Train a language model on questions.

    Args:
        model: The model; it is wrapped by LoRA weights, and of no use by itself afterwards.
        prompts: What it goes on from, one a question
            (:func:`kgplatform.walk.generate.prompt_of`).
        asked: The questions.
        rewarder: What its texts are worth.
        settings: What to do.
        folder: Where to save the LoRA weights; None: nowhere.
        progress: Told of updates.

    Raises:
        InputError: There are no prompts, or not one a question.
        UsageError: The extra ``rl`` is not installed, or the model would judge itself.
        TrainingError: The loss is not a number.
    """
    chosen = settings or WritingSettings()
    if not prompts or len(prompts) != len(asked):
        raise InputError(
            f"{len(prompts)} prompts for {len(asked)} questions",
            hint="one a question, at least one",
        )
    judge = rewarder.judge
    if judge is not None and judge.model.name == model.name:
        raise UsageError("a model that judges itself learns to please itself", hint="load another")
    if hasattr(model.network, "peft_config"):
        raise UsageError("the model has LoRA weights already", hint="train it as it was before")
    _check_length(model, prompts, chosen.max_new_tokens)
    history: list[dict[str, float]] = []

    def reward(completions: list[str], row: list[int], **_: object) -> list[float]:
        # As LanguageModel.generate ends a text, so it is judged.
        found = rewarder([first_line(text) for text in completions], [asked[at] for at in row])
        history.append(dict(means(found)))
        progress(STAGE, len(history), chosen.steps)
        return [each.total for each in found]

    with tempfile.TemporaryDirectory() as scratch, _quiet(), _generators_kept():
        trainer = _trainer(model, prompts, reward, chosen, scratch)
        trainer.train()
        logged = [entry for entry in trainer.state.log_history if "loss" in entry]
        network = trainer.model.eval()
    if any(entry["loss"] != entry["loss"] for entry in logged):
        raise TrainingError("the loss is not a number", hint="lower learning_rate")
    for terms, entry in zip(history, logged, strict=False):
        if "kl" in entry:
            terms["kl"] = float(entry["kl"])
    if folder is not None:
        network.save_pretrained(str(folder))
    trained = LanguageModel(model.name, network, model.tokenizer, network.device)
    return TrainedWriter(trained, tuple(history))


def _trainer(
    model: LanguageModel,
    prompts: Sequence[str],
    reward: Callable[..., list[float]],
    settings: WritingSettings,
    scratch: str,
) -> Any:
    try:
        from datasets import Dataset
        from peft import LoraConfig
        from trl import RLOOConfig, RLOOTrainer
    except ImportError as error:
        raise UsageError(
            f"training a language model needs {error.name}", hint="pip install 'kgplatform[rl]'"
        ) from None
    config = RLOOConfig(
        output_dir=scratch,
        max_steps=settings.steps,
        per_device_train_batch_size=settings.prompts * settings.samples,
        num_generations=settings.samples,
        max_completion_length=settings.max_new_tokens,
        temperature=settings.temperature,
        learning_rate=settings.learning_rate,
        beta=settings.kl,
        # The same text must be as likely when it is learnt from as when it was written.
        disable_dropout=True,
        gradient_checkpointing=False,
        seed=settings.seed,
        use_cpu=model.device.type == "cpu",
        bf16=model.device.type == "cuda" and model.network.dtype == torch.bfloat16,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
    )
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=2 * settings.rank,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    rows = [{"prompt": prompt, "row": at} for at, prompt in enumerate(prompts)]
    return RLOOTrainer(
        model=model.network,
        args=config,
        reward_funcs=reward,
        train_dataset=Dataset.from_list(rows),
        processing_class=model.tokenizer,
        peft_config=lora,
    )


def _check_length(model: LanguageModel, prompts: Sequence[str], most: int) -> None:
    longest = max(map(len, model.prompt_ids(prompts)))
    if longest + most > model.context:
        raise InputError(
            f"a prompt has {longest} tokens, the model reads {model.context - most} before a text",
            hint="tell fewer facts or examples, or lower max_new_tokens",
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The trainer prints each of its records; ours go to ``history`` and progress."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)


@contextlib.contextmanager
def _generators_kept() -> Iterator[None]:
    """The trainer seeds every generator there is; they are put back afterwards."""
    python, array = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
