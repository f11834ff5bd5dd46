"""The card of a walker: what it is asked, how well it answers, and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgplatform.training.artifacts import Run
from kgplatform.training.card import to_repeat
from kgplatform.walk.settings import WalkerSettings
from kgplatform.walk.task import Task

COLUMNS = ["split", "asked for", "questions", "MRR", "H@1", "H@10", "within reach"]


def walker_card(run: Run, task: Task, settings: WalkerSettings) -> str:
    """A run's card as Markdown.

    Args:
        run: Complete, with its metrics.
        task: What it was trained on.
        settings: How.
    """
    snapshot = task.snapshot
    asked = "relations" if task.texts is None else "questions in words"
    counts = ", ".join(f"{len(queries):,} {split}" for split, queries in task.questions.items())
    facts = len(snapshot.triples("train"))
    parts = [
        f"# {run.id}",
        f"**walker**, asked for {asked}, trained by {settings.algorithm}: an agent that walks the "
        "facts of a graph to an answer.",
        f"Trained {run.created} on {snapshot.num_entities:,} entities and {facts:,} facts to walk "
        f"on; questions: {counts}; best of {run.epochs} epochs: {run.best_epoch}; "
        f"{run.seconds:.0f} s.",
        "## Results",
        _table(run.metrics),
        "Filtered by the facts of all splits, realistic ranks among ties; an answer that no walk "
        "reaches has the mean of the ranks that are left.",
        "## Use",
        f"- `kgp explain HEAD RELATION --run {run.id}` gives answers with the walks that lead to "
        "them, and `--counterfactual` what becomes of an answer without a fact of its walk.\n"
        "- A walk is how the answer was found: that the facts on it are a reason for it is not "
        "said. The rule that a walk is an instance of tells how often such walks end at an "
        "answer.\n"
        "- It knows the entities and relations of its snapshot, no others.",
        *to_repeat(run, settings.to_json()),
    ]
    return "\n\n".join(parts) + "\n"


def result_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Split, side, questions, MRR, H@1, H@10 and the share within reach, as they are shown."""
    rows = []
    for split, values in metrics.items():
        # Both sides first; of questions in words there is only what is asked.
        for side in ("", "tail", "head"):
            of = values.get(side) if side else values
            if of is not None:
                figures = [f"{of[name]:.3f}" for name in ("mrr", "hits_at_1", "hits_at_10")]
                within = "" if side else f"{values['reachable']:.3f}"
                rows.append([split, side, f"{of['count']:,}", *figures, within])
    return rows


def _table(metrics: Mapping[str, Any]) -> str:
    rows = result_rows(metrics) or [["none set aside", *[""] * (len(COLUMNS) - 1)]]
    lines = [f"| {' | '.join(line)} |" for line in (COLUMNS, *rows)]
    return "\n".join([lines[0], "|---" * len(COLUMNS) + "|", *lines[1:]])
