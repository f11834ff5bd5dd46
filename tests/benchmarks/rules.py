"""Rules alone, and what they add to a model: the rows "rules" of docs/benchmarks.md.

Run from the repository's root, with the data folder beside it as ``shared/data``::

    python tests/benchmarks/rules.py                       # rules alone, all data sets
    python tests/benchmarks/rules.py umls/distmult         # the model, rules, and both
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import quality

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.rules.apply import Applier
from kgplatform.rules.combine import evaluate_combined, learn_combination
from kgplatform.rules.evaluate import choose_length, evaluate_on_splits, train_matrices
from kgplatform.rules.mine import MiningConfig, mine_rules
from kgplatform.training.artifacts import load_model
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train

ROWS = ("umls", "kinship", "codex-s", "wn18rr")
COLUMNS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")


def mined(snapshot: KGSnapshot, max_length: int) -> tuple[Applier, int, float]:
    """Rules as long as validation wants them, that length, and the processor seconds of mining."""
    start = time.process_time()
    matrices = train_matrices(snapshot)
    rules = mine_rules(matrices, MiningConfig(max_length=max_length))
    seconds = time.process_time() - start
    length = choose_length(matrices, rules, snapshot)
    return Applier(matrices, rules[rules.length <= length]), length, seconds


def line_of(cells: list[str], values: dict[str, Any]) -> str:
    """A row of a table."""
    return " | ".join(["", *cells, *(f"{values[name]:.3f}" for name in COLUMNS), ""]).strip()


def alone(name: str, max_length: int) -> None:
    """Print a row of rules alone: both sides, and tails only."""
    snapshot = quality.load(name)
    applier, length, seconds = mined(snapshot, max_length)
    start = time.process_time()
    metrics = evaluate_on_splits(applier, snapshot)
    spent = time.process_time() - start
    count = f"{len(applier.rules):,}"
    for split, side, values in (
        ("valid", "both", metrics["valid"]),
        ("test", "both", metrics["test"]),
        ("test", "tail", metrics["test"]["tail"]),
    ):
        cells = [name, split, side, str(length), count, f"{seconds:.1f}", f"{spent:.1f}"]
        print(line_of(cells, values), flush=True)


def together(row: str, max_length: int, settings: dict[str, str]) -> None:
    """Print the rows of a model, of rules and of both."""
    name, model = row.split("/")
    snapshot = quality.load(name)
    with tempfile.TemporaryDirectory() as folder:
        config = resolve_config(model, snapshot, {"seed": 0, "device": "cpu", **settings})
        run = train(snapshot, config, Path(folder) / "run", source={"data": name})
        trained = load_model(run)
    applier, length, _ = mined(snapshot, max_length)
    combination = learn_combination(trained, applier, snapshot)
    metrics = evaluate_combined(trained, applier, snapshot, combination)
    for part, splits in metrics.items():
        shown = model if part == "model" else part
        for split in ("valid", "test"):
            weight = f"{combination.common:.2f}" if part == "both" else ""
            print(line_of([name, shown, split, str(length), weight], splits[split]), flush=True)


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=list(ROWS), metavar="DATA[/MODEL]")
    parser.add_argument("--max-length", type=int, default=3)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="K=V")
    arguments = parser.parse_args()
    settings = dict(text.split("=", 1) for text in arguments.settings)
    heads = {
        False: ("data", "split", "side", "length", "rules", "mined s", "ranked s"),
        True: ("data", "by", "split", "length", "weight"),
    }
    for with_model, names in heads.items():
        rows = [row for row in arguments.rows if ("/" in row) is with_model]
        if rows:
            print(f"| {' | '.join(names)} | MRR | H@1 | H@3 | H@10 |")
            print("|" + "---|" * (len(names) + len(COLUMNS)))
        for row in rows:
            if with_model:
                together(row, arguments.max_length, settings)
            else:
                alone(row, arguments.max_length)


if __name__ == "__main__":
    main()
