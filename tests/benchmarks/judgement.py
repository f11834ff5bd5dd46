"""Judgement of candidates on CoDEx-S's hard negatives: the tables of docs/benchmarks.md.

No text is there, so the judge has what the graph says: how the ends are used, what joins them,
rules, and the two ComplEx runs of ``triple_classification.py``, all from training facts. It is
fitted on valid and its negatives; penalties and curves are chosen on folds held out there. Test is
judged once. Run from the repository's root::

    OMP_NUM_THREADS=1 python tests/benchmarks/judgement.py --seeds 3 --runs FOLDER
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from quality import load
from triple_classification import NAME, SETTINGS, negatives

from kgplatform.facts.background import Background, TrainedModel, background_of, trained_model
from kgplatform.facts.features import as_rows
from kgplatform.facts.fit_judge import Example, fit_part
from kgplatform.facts.graph_features import graph_features
from kgplatform.facts.judge_model import Part
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.rules.mine import MiningConfig, mine_rules
from kgplatform.training.artifacts import load_run
from kgplatform.training.calibrate import expected_calibration_error, reliability
from kgplatform.training.classify_triples import (
    Labelled,
    labelled,
    triple_classification,
)
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.training.plots import plot_reliability
from kgplatform.triples import Split

LEAST_ACCURACY = 0.85
MOST_ERROR = 0.05
USED = ("head", "tail", "pair", "rules", "model")
SETS: dict[str, tuple[str, ...]] = {
    "use of the ends": ("head", "tail"),
    "what joins them": ("pair",),
    "rules": ("rules",),
    "models": ("model",),
    "all": USED,
    "all but use": ("pair", "rules", "model"),
    "all but what joins": ("head", "tail", "rules", "model"),
    "all but rules": ("head", "tail", "pair", "model"),
    "all but models": ("head", "tail", "pair", "rules"),
}


def models_of(graph: KGSnapshot, seed: int, runs: Path) -> list[TrainedModel]:
    """Both ComplEx; trained if the folder does not have them."""
    found = []
    for at, settings in enumerate(SETTINGS, start=1):
        folder = runs / f"complex{at}-seed{seed}"
        if not (folder / "card.md").exists():
            began = time.process_time()
            config = resolve_config("complex", graph, {**settings, "seed": seed})
            train(graph, config, folder, source={"data": NAME})
            print(f"trained {folder.name}: {time.process_time() - began:.0f} CPU seconds")
        found.append(trained_model(load_run(folder)))
    return found


def examples(facts: Labelled, background: Background) -> list[Example]:
    """Labelled triples with their features."""
    columns = graph_features(facts.triples.numpy(), background)
    rows = as_rows(columns, len(facts.label))
    names = [background.relations[each] for each in facts.relation]
    return [
        Example(row, name, bool(true))
        for row, name, true in zip(rows, names, facts.label, strict=True)
    ]


def said(part: Part, judged: Sequence[Example]) -> np.ndarray:
    """The probability of each example."""
    added = part.contributions(
        [each.features for each in judged], [each.relation for each in judged]
    )
    return part.probability(added.sum(axis=1))


def figures(probability: np.ndarray, label: np.ndarray) -> tuple[float, ...]:
    """Accuracy, area under the ROC curve, and ECE."""
    from sklearn.metrics import roc_auc_score

    right = float(((probability >= 0.5) == label).mean())
    error = expected_calibration_error(probability, label)
    return right, float(roc_auc_score(label, probability)), error


def baselines(
    models: Sequence[TrainedModel], graph: KGSnapshot, false: Mapping[Split, torch.Tensor]
) -> tuple[float, float]:
    """Test accuracy of thresholds a relation, and of the classifier, of both models together."""
    found = triple_classification([each.model for each in models], graph, false)
    return found["thresholds"]["test"]["accuracy"], found["classifier"]["test"]["accuracy"]


def main() -> None:
    """Print the tables as Markdown; exit with 1 if the judge misses its mark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--runs", type=Path, required=True, help="where trained models are kept")
    parser.add_argument("--plot", type=Path, help="where to draw the reliability diagram")
    parser.add_argument("--valid-only", action="store_true", help="leave test alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    graph = load(NAME)
    false: dict[Split, torch.Tensor] = {
        "valid": negatives(graph, "valid"),
        "test": negatives(graph, "test"),
    }
    facts = {split: labelled(graph.triples(split), each) for split, each in false.items()}
    began = time.process_time()
    rules = mine_rules(background_of(graph, split="train").matrices, MiningConfig())
    print(f"{len(rules):,} rules: {time.process_time() - began:.0f} CPU seconds")
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in SETS}
    peers = []
    for seed in range(arguments.seeds):
        models = models_of(graph, seed, arguments.runs)
        background = background_of(graph, split="train", rules=rules, models=models)
        began = time.process_time()
        of = {split: examples(each, background) for split, each in facts.items()}
        print(f"features: {time.process_time() - began:.0f} CPU seconds")
        if not arguments.valid_only:
            peers.append(baselines(models, graph, false))
        for name, groups in SETS.items():
            part = fit_part(of["valid"], frozenset(groups), seed)
            valid = tuple(part.said[key] for key in ("accuracy", "calibration_error"))
            if arguments.valid_only:
                found[name].append(valid)
                continue
            probability = said(part, of["test"])
            found[name].append((*valid, *figures(probability, facts["test"].label)))
            if name == "all" and seed == 0 and arguments.plot is not None:
                ones = np.ones(len(probability))
                bins = reliability(probability, facts["test"].label, ones)
                plot_reliability({"CoDEx-S, test": bins}, arguments.plot)
    show(found, peers)


def show(found: Mapping[str, list[tuple[float, ...]]], peers: list[tuple[float, float]]) -> None:
    """Print means over seeds, and all seeds' test accuracy."""
    print("| features | valid, held out | ECE there | test accuracy | AUC | ECE |")
    print("|---|---|---|---|---|---|")
    for name, rows in found.items():
        cells = [f"{value:.4f}" for value in np.mean(rows, axis=0)]
        each = ", ".join(f"{row[2]:.4f}" for row in rows if len(row) > 2)
        print(f"| {name} | " + " | ".join(cells) + f" | {each}")
    for name, values in zip(("thresholds", "classifier"), zip(*peers, strict=True), strict=False):
        print(f"| {name} of `triple_classification.py` | " + ", ".join(f"{v:.4f}" for v in values))
    whole = np.mean(found["all"], axis=0)
    if len(whole) > 2 and (whole[2] < LEAST_ACCURACY or whole[4] > MOST_ERROR):
        raise SystemExit(f"below the mark of {LEAST_ACCURACY}, {MOST_ERROR}")


if __name__ == "__main__":
    main()
