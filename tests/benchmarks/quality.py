"""Link prediction quality of every model's defaults: the table "Quality" of docs/benchmarks.md.

Run from the repository's root, with the data folder beside it as ``shared/data``::

    python tests/benchmarks/quality.py                     # the small graphs
    python tests/benchmarks/quality.py umls/gcn --seeds 1  # a row
    python tests/benchmarks/quality.py wn18rr/complex      # with its settings in configs/

A row with a file ``configs/DATA-MODEL.yaml`` is trained with it, as ``kgp train --config`` is;
all others with the defaults. Nations is the split inside the package ``pykeen``; no default was
chosen on it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from kgplatform.graph.snapshot import KGSnapshot, from_triples
from kgplatform.training.artifacts import Run
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.triples import SPLITS, Split, Triple

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

CONFIGS = Path(__file__).resolve().parent / "configs"

LEAST: dict[str, tuple[str, float]] = {
    "nations/transe": ("mrr", 0.505),
    "nations/distmult": ("mrr", 0.824),
    "nations/complex": ("mrr", 0.803),
    "nations/rotate": ("mrr", 0.720),
    "nations/rgcn": ("mrr", 0.803),
    "kinship/transe": ("hits_at_10", 0.92),
    "kinship/distmult": ("mrr", 0.659),
    "kinship/complex": ("mrr", 0.881),
    "kinship/rotate": ("mrr", 0.840),
    "kinship/rgcn": ("mrr", 0.708),
    "umls/transe": ("mrr", 0.724),
    "umls/distmult": ("mrr", 0.909),
    "umls/complex": ("mrr", 0.947),
    "umls/rotate": ("mrr", 0.891),
    "umls/rgcn": ("mrr", 0.931),
    "umls/gcn": ("mrr", 0.88),
}
"""Data set and model, and what the median of seeds must reach on test."""

TESTED = ("umls/transe", "umls/complex", "umls/rotate", "umls/gcn", "kinship/distmult")
"""Rows that the tests train, one seed each: the quick ones."""

LARGE: dict[str, tuple[str, float]] = {
    "codex-s/transe": ("mrr", 0.354),
    "codex-s/complex": ("mrr", 0.472),
    "wn18rr/distmult": ("mrr", 0.452),
    "wn18rr/complex": ("mrr", 0.475),
    "wn18rr/rotate": ("mrr", 0.477),
    "wn18rr/rgcn": ("mrr", 0.123),
}
"""The same for graphs whose training takes minutes to hours."""

COLUMNS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")


@cache
def load(name: str, data: Path = DATA) -> KGSnapshot:
    """A data set with its published split."""
    if name == "nations":
        return nations()
    triples = []
    for split in SPLITS:
        for line in (data / name / f"{split}.tsv").read_text("utf-8").splitlines():
            head, relation, tail = line.split("\t")
            triples.append(Triple(head, relation, tail, split))
    return from_triples(triples)


def nations() -> KGSnapshot:
    """PyKEEN's Nations."""
    from pykeen.datasets import Nations

    dataset = Nations()  # type: ignore[no-untyped-call]
    parts: dict[Split, Any] = {
        "train": dataset.training,
        "valid": dataset.validation,
        "test": dataset.testing,
    }
    return from_triples(
        Triple(str(head), str(relation), str(tail), split)
        for split, part in parts.items()
        for head, relation, tail in part.label_triples(part.mapped_triples)
    )


def settings_of(row: str) -> dict[str, Any]:
    """What the row's file of settings says, if there is one."""
    path = CONFIGS / f"{row.replace('/', '-')}.yaml"
    return dict(yaml.safe_load(path.read_text("utf-8"))) if path.exists() else {}


def runs_of(row: str, seeds: int, folder: Path) -> list[Run]:
    """One training a seed, with the settings that a user gets."""
    name, model = row.split("/")
    snapshot = load(name)
    found = []
    for seed in range(seeds):
        config = resolve_config(
            model, snapshot, {"device": "cpu", **settings_of(row), "seed": seed}
        )
        found.append(
            train(snapshot, config, folder / f"{name}-{model}-{seed}", source={"data": name})
        )
    return found


def median_of(row: str, runs: list[Run]) -> tuple[float, float]:
    """The median of what the row is judged by, and its mark."""
    metric, mark = {**LEAST, **LARGE}.get(row, ("mrr", 0.0))
    return statistics.median(run.metrics["test"][metric] for run in runs), mark


def line_of(row: str, runs: list[Run]) -> str:
    """A row of the table: medians of the test metrics, each seed's MRR, seconds a run."""
    test = [run.metrics["test"] for run in runs]
    medians = [f"{statistics.median(values[name] for values in test):.3f}" for name in COLUMNS]
    seeds = ", ".join(f"{values['mrr']:.3f}" for values in test)
    valid = statistics.median(run.metrics["valid"]["mrr"] for run in runs)
    seconds = statistics.median(run.seconds for run in runs)
    name, model = row.split("/")
    metric, mark = {**LEAST, **LARGE}.get(row, ("mrr", 0.0))
    least = "" if not mark else f"{'H@10 ' if metric != 'mrr' else ''}{mark:.3f}"
    cells = [name, model, least, *medians, seeds]
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
            median, mark = median_of(row, runs)
            if median < mark:
                missed.append(row)
    if missed:
        raise SystemExit(f"below the mark: {', '.join(missed)}")


if __name__ == "__main__":
    main()
