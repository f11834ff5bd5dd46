"""The judge that comes with the package: what the graph says is fitted, what texts say is not.

There are no judgements of extracted facts that would hold for everybody's texts and extractors. So
evidence is taken at its word (the extractors' confidence, documents as independent witnesses, how
sure the links are), with weights set by hand; beside it stands what the graph says, fitted on
CoDEx-S's validation facts and hard negatives as log-odds against an even chance, at half its
weight, as another graph is another graph. How often an entity occurs is left out: there it says how
the negatives were chosen. Run from the repository's root::

    OMP_NUM_THREADS=1 python tests/benchmarks/default_judge.py --runs FOLDER
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from judgement import examples, models_of
from quality import load
from triple_classification import NAME, negatives

from kgplatform.facts.background import background_of
from kgplatform.facts.fit_judge import Example, fit_part
from kgplatform.facts.judge import DEFAULT_JUDGE
from kgplatform.facts.judge_model import Judge, Part, save_judge
from kgplatform.rules.mine import MiningConfig, mine_rules
from kgplatform.training.calibrate import Curve
from kgplatform.training.classify_triples import labelled

FITTED_ON = (
    "validation facts and hard negatives of CoDEx-S, half of them true, for what the graph says, "
    "which counts half; on nothing for what texts say, whose weights are set by hand"
)
LEFT_OUT = ("head_count", "tail_count", "head_degree", "tail_degree", "asserted")
SHARE = 0.5
"""How much another graph's log-odds count."""

BY_HAND: dict[str, tuple[float, float, float, float]] = {
    "evidence_odds": (0.0, 1.0, 0.0, 0.0),
    "named": (1.0, 2.0, 0.0, 0.0),
    "link_odds": (2.0, 0.8, 0.0, -0.7),
    "rivals": (0.0, -1.0, 0.0, 0.0),
    "type_odds": (0.0, 0.3, 1.0, -0.2),
    "type_against": (0.0, -2.0, 0.0, 0.0),
}
"""By column: value that counts nothing, log-odds a unit above it, where that changes, by what."""

BIAS = -0.3
"""Extractors say more than is so."""

GRAPH: tuple[tuple[str, ...], ...] = (
    ("head",),
    ("tail",),
    ("head", "tail", "pair"),
    ("head", "tail", "pair", "rules"),
    ("head", "tail", "pair", "model"),
    ("head", "tail", "pair", "rules", "model"),
)


def by_hand(columns: Sequence[str]) -> Part:
    """The part of evidence, and of labels."""
    table = np.array([BY_HAND[name] for name in columns])
    return Part(
        tuple(columns),
        mean=table[:, 0],
        spread=np.ones(len(columns)),
        weights=table[:, 1],
        knots=table[:, 2:3].repeat(3, axis=1),
        bends=np.column_stack((table[:, 3], np.zeros((len(columns), 2)))),
        missing=np.zeros(len(columns)),
        bias=BIAS,
        corrections={},
        curve=Curve("score", "platt", 1.0, 0.0),
        said={"examples": 0},
    )


def beside(texts: Part, graph: Part) -> Part:
    """Both, the graph's log-odds at their share."""

    def both(name: str, share: float = 1.0) -> np.ndarray:
        return np.concatenate((getattr(texts, name), share * getattr(graph, name)))

    # Platt's curve of the fitted part goes into its weights: the sum is curved no more.
    curve = graph.curve if graph.curve.method == "platt" else Curve("score", "platt", 1.0, 0.0)
    slope, intercept = SHARE * curve.slope, SHARE * curve.intercept
    return replace(
        texts,
        columns=texts.columns + graph.columns,
        mean=both("mean"),
        spread=both("spread"),
        weights=both("weights", slope),
        knots=both("knots"),
        bends=both("bends", slope),
        missing=both("missing", slope),
        bias=texts.bias + slope * graph.bias + intercept,
        said=graph.said,
    )


def rounded(part: Part) -> Part:
    """Four digits: a file that people can read."""
    names = ("mean", "spread", "weights", "knots", "bends", "missing")
    return replace(
        part,
        **{name: np.round(getattr(part, name), 4) for name in names},
        bias=round(part.bias, 4),
    )


def main() -> None:
    """Write the file inside the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    graph = load(NAME)
    rules = mine_rules(background_of(graph, split="train").matrices, MiningConfig())
    models = models_of(graph, 0, arguments.runs)
    background = background_of(graph, split="train", rules=rules, models=models)
    facts = labelled(graph.triples("valid"), negatives(graph, "valid"))
    known = [
        # Each a relation of its own: no correction of one would mean anything elsewhere.
        Example(
            {name: value for name, value in each.features.items() if name not in LEFT_OUT},
            str(row),
            each.true,
        )
        for row, each in enumerate(examples(facts, background))
    ]
    fitted = {groups: fit_part(known, frozenset(groups)) for groups in GRAPH}
    evidence = ("evidence_odds", "named", "link_odds", "rivals")
    parts = []
    for labels, groups in product(((), ("type_odds", "type_against")), ((), *GRAPH)):
        texts = by_hand((*evidence, *labels))
        parts.append(rounded(beside(texts, fitted[groups]) if groups else texts))
        print(f"{labels} {groups}: {parts[-1].said}")
    parts.sort(key=lambda part: (-len(part.columns), part.columns))
    save_judge(Judge(tuple(parts), FITTED_ON), DEFAULT_JUDGE)


if __name__ == "__main__":
    main()
