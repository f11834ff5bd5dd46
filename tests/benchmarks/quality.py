"""Link prediction quality of every model's defaults: the table "Quality" of docs/benchmarks.md.

Run from the repository's root, with the data folder beside it as ``shared/data``::

    python tests/benchmarks/quality.py                     # the whole table
    python tests/benchmarks/quality.py umls/gcn --seeds 1  # a row of it
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.training.artifacts import Run
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.triples import SPLITS, Triple

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

LEAST = {
    "umls/transe": 0.70,
    "umls/distmult": 0.90,
    "umls/gcn": 0.88,
    "kinship/distmult": 0.65,
}
"""Data set and model, and the test MRR that the defaults must reach (median of seeds)."""

COLUMNS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")


def load(name: str, data: Path = DATA) -> KGSnapshot:
    """A data set with its published split."""
    triples = []
    for split in SPLITS:
        for line in (data / name / f"{split}.tsv").read_text("utf-8").splitlines():
            head, relation, tail = line.split("\t")
            triples.append(Triple(head, relation, tail, split))
    return from_triples(triples)


def runs_of(row: str, seeds: int, folder: Path) -> list[Run]:
    """One training a seed, with the defaults that a user gets."""
    name, model = row.split("/")
    snapshot = load(name)
    found = []
    for seed in range(seeds):
        config = resolve_config(model, snapshot, {"seed": seed, "device": "cpu"})
        found.append(
            train(snapshot, config, folder / f"{name}-{model}-{seed}", source={"data": name})
        )
    return found


def line_of(row: str, runs: list[Run]) -> str:
    """A row of the table: medians of the test metrics, each seed's MRR, seconds a run."""
    test = [run.metrics["test"] for run in runs]
    medians = [f"{statistics.median(values[name] for values in test):.3f}" for name in COLUMNS]
    seeds = ", ".join(f"{values['mrr']:.3f}" for values in test)
    valid = statistics.median(run.metrics["valid"]["mrr"] for run in runs)
    seconds = statistics.median(run.seconds for run in runs)
    name, model = row.split("/")
    cells = [name, model, f"{LEAST[row]:.2f}" if row in LEAST else "", *medians, seeds]
    return " | ".join(["", *cells, f"{valid:.3f}", f"{seconds:.0f}", ""]).strip()


def main() -> None:
    """Print the table as Markdown; exit with 1 if a row misses its mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=list(LEAST), metavar="DATA/MODEL")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    print(
        "| data | model | least | MRR | H@1 | H@3 | H@10 | MRR by seed | valid MRR | seconds |\n"
        "|---|---|---|---|---|---|---|---|---|---|"
    )
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for row in arguments.rows:
            runs = runs_of(row, arguments.seeds, Path(folder))
            print(line_of(row, runs), flush=True)
            median = statistics.median(run.metrics["test"]["mrr"] for run in runs)
            if median < LEAST.get(row, 0.0):
                missed.append(row)
    if missed:
        raise SystemExit(f"below the mark: {', '.join(missed)}")


if __name__ == "__main__":
    main()
