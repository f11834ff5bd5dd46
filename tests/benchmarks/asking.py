"""Questions in words by each strategy and by the chooser: the tables of docs/benchmarks.md.

With a server that ``NEO4J_URI`` names or that ``kgp up`` started here. From the repository's root::

    OMP_NUM_THREADS=1 python tests/benchmarks/asking.py countries --split test
    OMP_NUM_THREADS=1 python tests/benchmarks/asking.py countries --split test --llm gguf:MODEL
    OMP_NUM_THREADS=1 python tests/benchmarks/asking.py 2H --seed 0
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from asking_data import Gold, country_questions, path_parts, write_examples

from kgplatform.answer.ask import Asker, offered, open_asker, unknown
from kgplatform.answer.ask_offers import surest
from kgplatform.answer.plan_choice import THRESHOLD
from kgplatform.answer.records import Answer
from kgplatform.connection import open_store
from kgplatform.settings import Settings, load_settings
from kgplatform.store.client import Store
from kgplatform.store.load import load
from kgplatform.training.calibrate import expected_calibration_error
from kgplatform.triples import Triple

EVERYTHING = 1_000
"""Most entities of an answer."""

BINS = 5


@dataclass(frozen=True)
class Row:
    """What came of some questions.

    Attributes:
        name: Of the strategy.
        right: Which were answered rightly, silence where nothing is known among them, [n].
        hits: Whether the first entity is right, [n].
        silent: Where the answer is not known, [n].
        answerable: Which the graph can answer, [n].
        confidence: Of each answer, the best guess where it was withheld, [n].
        guessed: Whether the best guess was right, [n].
        seconds: Of the processor of each question.
    """

    name: str
    right: np.ndarray
    hits: np.ndarray
    silent: np.ndarray
    answerable: np.ndarray
    confidence: np.ndarray
    guessed: np.ndarray
    seconds: np.ndarray

    def cells(self) -> list[str]:
        """A line of the table."""
        answered = self.answerable
        error = expected_calibration_error(self.confidence, self.guessed, bins=BINS)
        return [
            self.name,
            str(len(self.right)),
            f"{self.right.mean():.3f}",
            f"{self.right[answered].mean():.3f}",
            f"{self.hits[answered].mean():.3f}",
            f"{int((self.silent & ~answered).sum())} of {int((~answered).sum())}",
            f"{int((self.silent & answered).sum())} of {int(answered.sum())}",
            f"{int((~self.silent & ~self.right).sum())}",
            f"{error:.3f}",
            f"{np.median(self.seconds):.2f}",
        ]


HEADS = (
    "strategy", "questions", "right", "right of answerable", "first entity", "silent rightly",
    "silent wrongly", "wrong", "calibration error", "CPU s, median",
)  # fmt: skip


def judged(asker: Asker, questions: Sequence[Gold], strategy: str | None, talk: bool) -> Row:
    """Ask a strategy, or all with the surest taken."""
    name = strategy or "chooser"
    lines = []
    for gold in questions:
        started = time.process_time()
        asked = asker.strategies if strategy is None else (strategy,)
        offers = offered(asker, gold.text, asked, EVERYTHING)
        guess = surest(offers)
        seconds = time.process_time() - started
        known = guess is not None and guess.confidence >= THRESHOLD
        answer: Answer = guess if known and guess is not None else unknown(gold.text, guess)
        sure = answer.confidence
        right = gold.is_right(answer)
        lines.append(
            (right, gold.hit(answer), not known, gold.answerable, sure,
             guess is not None and gold.answerable and gold.is_right(guess), seconds)
        )  # fmt: skip
        if talk:
            mark = "+" if right else "-"
            print(f"{mark} {name} {sure:.2f} {gold.text} => {answer.text[:90]}", flush=True)
    columns = [np.array(column) for column in zip(*lines, strict=True)]
    return Row(name, *columns)


def path_asker(
    store: Store, settings: Settings, given: argparse.Namespace
) -> tuple[Asker, list[Gold]]:
    """PathQuestion in the database, with what learnt from its training questions.

    Its training questions are the examples, and a ``joint-qa`` run learns from the same.
    """
    from kgplatform.joint.qa_reader import Phrases
    from kgplatform.joint.qa_report import qa_metrics
    from kgplatform.joint.qa_run import save_answers
    from kgplatform.joint.qa_settings import QASettings
    from kgplatform.joint.qa_template import Templates
    from kgplatform.joint.qa_train import train_answers
    from kgplatform.text.encode import load_encoder

    graph = f"path-{given.set}"
    snapshot, parts = path_parts(given.set, given.seed)
    facts = [
        Triple(snapshot.entities[head], snapshot.relations[relation], snapshot.entities[tail])
        for head, relation, tail in snapshot.triples().tolist()
    ]
    load(store, graph, [], facts, source="pathquestion")
    table = settings.kgp_runs / f"{graph}-{given.seed}.tsv"
    write_examples(table, snapshot, parts)
    encoder = load_encoder()
    chosen = QASettings(seed=given.seed, split="given")
    folder = settings.kgp_runs / f"{graph}-joint-{given.seed}"
    if not folder.is_dir():
        trained = train_answers(snapshot, parts, Phrases(encoder), chosen)
        templates = Templates(parts["train"], trained.solver.walks, snapshot.relations)
        metrics = qa_metrics(trained.judged, parts, templates)
        source = {"graph": graph, "texts": str(table)}
        save_answers(folder, trained, snapshot, chosen, {}, source, metrics)
    only_train = table.with_suffix(".train.tsv")
    write_examples(only_train, snapshot, {"train": parts["train"]})
    asker = open_asker(
        store, settings, graph, runs=[folder.name], examples=only_train, encoder=encoder
    )
    ids = snapshot.entities
    return asker, [
        Gold(each.question.text, (frozenset(ids[at] for at in each.answers),))
        for each in parts[given.split if given.split == "test" else "valid"]
    ]


def print_table(rows: Sequence[Row]) -> None:
    """As Markdown."""
    print("| " + " | ".join(HEADS) + " |\n|" + "---|" * len(HEADS))
    for row in rows:
        print("| " + " | ".join(row.cells()) + " |")


def main() -> None:
    """Print every answer, then the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=["countries", "2H", "3H"])
    parser.add_argument("--split", choices=["dev", "test"], default="dev")
    parser.add_argument("--graph", default="countries")
    parser.add_argument("--strategy", action="append", help="default: each, and the chooser")
    parser.add_argument("--seed", type=int, default=0, help="of the split of PathQuestion")
    parser.add_argument("--llm")
    parser.add_argument("--first", type=int, help="so many questions, for slow strategies")
    parser.add_argument("--quiet", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings = load_settings()
    with open_store(settings) as store:
        if given.set == "countries":
            asker = open_asker(store, settings, given.graph, llm=given.llm)
            questions = country_questions(given.split)
        else:
            asker, questions = path_asker(store, settings, given)
        questions = questions[: given.first]
        print("strategies", asker.strategies)
        strategies = given.strategy or [*asker.strategies, "chooser"]
        rows = [
            judged(asker, questions, None if name == "chooser" else name, not given.quiet)
            for name in strategies
        ]
    print_table(rows)


if __name__ == "__main__":
    main()
