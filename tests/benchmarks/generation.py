"""Answers as text: the tables of docs/benchmarks.md.

Rows print as they are done. small_models.py makes the two folders. From the repository's root::

    OMP_NUM_THREADS=1 python tests/benchmarks/generation.py WRITER JUDGE WHEEL
    OMP_NUM_THREADS=1 python tests/benchmarks/generation.py WRITER JUDGE WHEEL --train full
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from generation_data import Questions, found_paths, questions_of
from small_models import references

from kgplatform.triples import Split
from kgplatform.walk.generate import (
    Example,
    Step,
    copied_answer,
    prompt_of,
    template_answer,
    write_answers,
)
from kgplatform.walk.language_model import LanguageModel, load_language_model
from kgplatform.walk.text_rewards import (
    FluencyJudge,
    Reward,
    Rewarder,
    RewardWeights,
    Told,
    fluency_judge,
    means,
)
from kgplatform.walk.train_language_model import WritingSettings, train_language_model

ARMS: Mapping[str, RewardWeights] = {
    "full": RewardWeights(),
    "no fluency": RewardWeights(fluency=0.0),
    "no grounding": RewardWeights(grounding=0.0),
    "no exact match": RewardWeights(exact_match=0.0),
    "no F1": RewardWeights(entity_f1=0.0),
    "accuracy alone": RewardWeights(fluency=0.0, grounding=0.0),
}
MOST_TOKENS = 24
SHOWN = 3
"""Answered questions in the rows with examples."""


@dataclass(frozen=True)
class Bench:
    """What all rows share; of many questions ``limit`` are asked, evenly spread."""

    data: Questions
    writer: LanguageModel
    judge: FluencyJudge
    split: Split
    limit: int | None

    @property
    def asked(self) -> Sequence[Told]:
        """The questions that are answered."""
        part = self.data.asked[self.split]
        return [part[at] for at in self.places]

    @property
    def places(self) -> list[int]:
        """Which of the split's questions these are."""
        size = len(self.data.asked[self.split])
        return [round(at) for at in np.linspace(0, size - 1, min(size, self.limit or size))]

    @property
    def texts(self) -> list[str]:
        """Their texts."""
        return [asked.question for asked in self.asked]


class Shown(Rewarder):
    """Shows each update's terms as it comes."""

    def __call__(self, texts: Sequence[str], asked: Sequence[Told]) -> list[Reward]:
        """Rewards, as ever."""
        rewards = super().__call__(texts, asked)
        said = {name: round(value, 3) for name, value in means(rewards).items()}
        print(said, texts[0], file=sys.stderr, flush=True)
        return rewards


def writer_of(folder: str) -> LanguageModel:
    """The writer as it came; in half the bits, which halves the time on our processor."""
    return load_language_model(folder, precision="bfloat16")


def row(bench: Bench, name: str, texts: Sequence[str], started: float) -> str:
    """A table's row; the path of grounding is the gold path in every row."""
    rewards = Rewarder(bench.data.entities, judge=bench.judge)(texts, bench.asked)
    mean = means(rewards)
    right = [reward.fluency or 0.0 for reward in rewards if reward.exact_match]
    fluency = f"{np.mean(right):.3f}" if right else ""
    cells = [
        name,
        *(f"{mean[term]:.3f}" for term in ("exact_match", "entity_f1", "grounding")),
        fluency,
        *(f"{mean[term]:.3f}" for term in ("accuracy", "total")),
        f"{np.mean([len(text.split()) for text in texts]):.1f}",
        f"{time.process_time() - started:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def examples(data: Questions, number: int) -> list[Example]:
    """Training questions with the template's answers, of different paths."""
    found: dict[tuple[str, ...], Example] = {}
    for asked in data.asked["train"]:
        way = tuple(step.relation for step in asked.steps)
        found.setdefault(way, Example(asked.question, asked.steps, template_answer(asked.steps)))
    return list(found.values())[:number]


def baselines(bench: Bench, path: str, paths: Sequence[Sequence[Step]]) -> None:
    """Template and copy."""
    for name, write in (("template", template_answer), ("copy", copied_answer)):
        started = time.process_time()
        texts = [write(steps) if steps else "" for steps in paths]
        print(row(bench, f"{name}, {path}", texts, started), flush=True)


def table(bench: Bench, seed: int) -> None:
    """The first table: baselines, and the writer as it came."""
    gold = [asked.steps for asked in bench.asked]
    every = found_paths(bench.data, bench.split, seed)
    found = [every[at] for at in bench.places]
    nothing: list[tuple[Step, ...]] = [()] * len(bench.asked)
    baselines(bench, "gold path", gold)
    baselines(bench, "joint-qa's path", found)
    for number in (0, SHOWN):
        shown = examples(bench.data, number)
        for name, paths in (
            ("gold path", gold),
            ("no path", nothing),
            ("joint-qa's path", found),
        ):
            started = time.process_time()
            texts = write_answers(
                bench.writer, bench.texts, paths, shown, max_new_tokens=MOST_TOKENS
            )
            line = row(bench, f"SmolLM2, {name}, {number} examples", texts, started)
            print(line, flush=True)
            print("   ", texts[:3], flush=True)


def train(bench: Bench, arm: str, settings: WritingSettings, out: Path | None) -> None:
    """A row of the second table: the writer, trained by one arm's reward with gold paths."""
    started = time.process_time()
    draw = np.random.default_rng(settings.seed)
    part = bench.data.asked["train"]
    part = [part[at] for at in draw.permutation(len(part))]
    rewarder = Shown(bench.data.entities, ARMS[arm], bench.judge)
    prompts = [prompt_of(asked.question, asked.steps) for asked in part]
    trained = train_language_model(bench.writer, prompts, part, rewarder, settings)
    for at in range(0, len(trained.history), 5):
        some = trained.history[at : at + 5]
        print("   ", at, {k: round(float(np.mean([h[k] for h in some])), 3) for k in some[0]})
    if out is not None:
        out.write_text(json.dumps(trained.history, indent=1))
    texts = write_answers(
        trained.model,
        bench.texts,
        [asked.steps for asked in bench.asked],
        max_new_tokens=MOST_TOKENS,
    )
    print(row(bench, f"trained, {arm}", texts, started), flush=True)
    print("   ", texts[:5], flush=True)


def main() -> None:
    """Print the rows that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("writer")
    parser.add_argument("judge")
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--hops", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=["valid", "test"], default="test")
    parser.add_argument("--limit", type=int, default=96)
    parser.add_argument("--train", choices=list(ARMS), action="append", default=[])
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--history", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = questions_of(given.hops, given.seed)
    judge = fluency_judge(load_language_model(given.judge), references(given.wheel))
    print(f"range of fluency {judge.low:.2f} to {judge.high:.2f}; left out {data.left_out}")
    bench = Bench(data, writer_of(given.writer), judge, given.split, given.limit)
    print(f"questions: {len(bench.asked)}", flush=True)
    if not given.train:
        table(bench, given.seed)
    settings = WritingSettings(
        steps=given.steps,
        prompts=2,
        samples=4,
        learning_rate=given.learning_rate,
        kl=0.0,
        max_new_tokens=MOST_TOKENS,
        temperature=0.7,
        seed=given.seed,
    )
    for arm in given.train:
        # LoRA weights wrap the writer; each arm begins with the writer as it came.
        fresh = replace(bench, writer=writer_of(given.writer))
        train(fresh, arm, settings, given.history)


if __name__ == "__main__":
    main()
