"""Question answering over a graph: the table of docs/benchmarks.md.

Rows print as they are done. From the repository's root::

    OMP_NUM_THREADS=1 python tests/benchmarks/joint_qa.py
    OMP_NUM_THREADS=1 python tests/benchmarks/joint_qa.py --set 2H/path --seeds 1 --row gnn
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from joint_qa_data import country_questions, path_question, shuffled, without_relation

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.qa_questions import (
    Linked,
    Names,
    SplitBy,
    link,
    split_questions,
)
from kgplatform.joint.qa_reader import Phrases, relation_text
from kgplatform.joint.qa_settings import QASettings
from kgplatform.joint.qa_template import Templates
from kgplatform.joint.qa_train import train_answers
from kgplatform.joint.qa_walks import Walks
from kgplatform.text.encode import load_encoder
from kgplatform.triples import Split

SETS = ("2H/pair", "3H/pair", "2H/path", "3H/path", "2H/relation", "countries")
ROWS = (
    "kind of question",
    "gnn",
    "gnn, no distances",
    "gnn, edges shuffled",
    "gnn, names permuted",
    "embedding",
)
HELD_OUT = ("nationality", "profession", "cause_of_death", "religion", "place_of_death")
"""The relation that seed 0, 1, … leaves out of training in ``2H/relation``."""

WAYS: Mapping[str, SplitBy] = {"pair": "pair", "path": "path", "countries": "given"}

Parts = Mapping[Split, Sequence[Linked]]


@dataclass(frozen=True)
class Task:
    """A graph, questions by split, and how many could not be tied to the graph."""

    snapshot: KGSnapshot
    parts: Parts
    left_out: int


def task_of(name: str, seed: int) -> Task:
    """A question set in the split that a seed draws."""
    names: dict[str, str] = {}
    if name == "countries":
        snapshot, names, questions = country_questions(seed)
    else:
        snapshot, questions = path_question(int(name[0]))
    known = Names(snapshot.entities, names, Walks(snapshot, 1).degree.tolist())
    linked, left = link(questions, known)
    if name.endswith("/relation"):
        parts = without_relation(linked, HELD_OUT[seed % len(HELD_OUT)], seed)
    else:
        by = WAYS[name.split("/")[-1]]
        parts = split_questions(linked, by, valid=0.1, test=0.1, seed=seed)
    return Task(snapshot, parts, sum(map(len, left.values())))


def result(task: Task, row: str, seed: int, phrases: Phrases) -> tuple[float, float, float]:
    """hits@1 on valid and test, and seconds of the processor."""
    started = time.process_time()
    if row == "kind of question":
        walks = Walks(task.snapshot, 3)
        templates = Templates(task.parts["train"], walks, task.snapshot.relations)
        found = [float(templates.hits(task.parts[s]).mean()) for s in ("valid", "test")]
        return found[0], found[1], time.process_time() - started
    settings = QASettings(strategy="embedding" if row == "embedding" else "gnn", seed=seed)
    snapshot, texts = task.snapshot, None
    if row == "gnn, no distances":
        settings = replace(settings, distances=False)
    elif row == "gnn, edges shuffled":
        snapshot = shuffled(snapshot, seed)
    elif row == "gnn, names permuted":
        texts = [relation_text(name) for name in snapshot.relations]
        # Every name moves on by as many places, so none keeps its own.
        by = 1 + int(np.random.default_rng(seed).integers(len(texts) - 1))
        texts = texts[by:] + texts[:by]
    trained = train_answers(snapshot, task.parts, phrases, settings, relation_texts=texts)
    judged = trained.judged
    return float(judged["valid"].hits.mean()), float(judged["test"].hits.mean()), trained.seconds


def main() -> None:
    """Print every run as it ends, then the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", dest="sets", action="append", choices=SETS)
    parser.add_argument("--row", dest="rows", action="append", choices=ROWS)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    phrases = Phrases(load_encoder())
    lines = []
    for name in arguments.sets or SETS:
        found: dict[str, list[tuple[float, float, float]]] = {}
        for seed in range(arguments.seeds):
            task = task_of(name, seed)
            sizes = {split: len(part) for split, part in task.parts.items()}
            print(f"{name} seed {seed}: {sizes}, {task.left_out} left out", flush=True)
            for row in arguments.rows or ROWS:
                values = result(task, row, seed, phrases)
                found.setdefault(row, []).append(values)
                valid, test, seconds = values
                text = f"valid {valid:.4f}, test {test:.4f}, {seconds:.1f} s"
                print(f"{name} seed {seed} {row}: {text}", flush=True)
        lines += [line_of(name, row, values) for row, values in found.items()]
    print("| set | row | valid | test | by seed | CPU seconds |\n|---|---|---|---|---|---|")
    print("\n".join(lines))


def line_of(name: str, row: str, values: Sequence[tuple[float, float, float]]) -> str:
    """A row of the table: means and standard deviations over seeds."""
    valid, test, seconds = np.array(values).T
    cells = [
        name,
        row,
        f"{valid.mean():.3f}",
        f"{test.mean():.3f} ± {test.std(ddof=min(1, len(test) - 1)):.3f}",
        ", ".join(f"{value:.3f}" for value in test),
        f"{seconds.mean():.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
