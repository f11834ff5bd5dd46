"""Classification by text and graph together, beside all that it must beat.

    python tests/benchmarks/joint_classify.py articles WHEEL --share 0.1
    python tests/benchmarks/joint_classify.py glosses /usr/share/wordnet --share 0.5
    python tests/benchmarks/joint_classify.py articles WHEEL --share 0.1 --rows fusions

What the sets are, `joint_classify_data.py` says. Each row, text alone and the controls too, is
tuned on the validation texts of the first seed over the same `GRID`, and trained with that and four
more seeds; the seed decides the split, the labels that are kept and all that a training draws.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t

sys.path.insert(0, str(Path(__file__).parent))

from joint_classify_data import makers

from kgplatform.joint.build import TEXT, Joint
from kgplatform.joint.classify import VARIANTS, train_variant
from kgplatform.joint.controls import logistic, majority, tfidf
from kgplatform.joint.evidence import FUSED, TEXT_ONLY, differences, macro_f1_of
from kgplatform.joint.fit import probabilities
from kgplatform.joint.nodes import hop_means
from kgplatform.joint.settings import JointSettings, settings_from
from kgplatform.joint.subgraph import undirected
from kgplatform.models import Edges
from kgplatform.triples import SPLITS

BASE = {
    "encoder": "sgc",
    "fusion": "sum",
    "width": 256,
    "dropout": 0.7,
    "text_dropout": 0.4,
    "label_smoothing": 0.1,
    "patience": 8,
}
GRID: list[dict[str, object]] = [
    {"learning_rate": rate, "dropout": dropout}
    for rate, dropout in ((0.002, 0.7), (0.005, 0.7), (0.005, 0.4))
]
FULL_BATCHES = {"patience": 20}

Rows = dict[str, tuple[str, dict[str, object]]]
"""By the name of a row what is trained, fused or a control, and its settings beside `BASE`."""

CONTROLS: Rows = {name: (name, {}) for name in (FUSED, *VARIANTS)}
FUSIONS: Rows = {
    "sgc, concat": (FUSED, {"fusion": "concat"}),
    "sgc, gate": (FUSED, {"fusion": "gate"}),
    "sgc, cross_attention": (FUSED, {"fusion": "cross_attention"}),
    "sgc, deep": (FUSED, {"fusion": "deep", "neighbours": 4, "width": 128}),
}
LINKS = {"strategy": "embedding", "width": 128, "link_epochs": 60}
AROUND = {**LINKS, "neighbours": 8}
EMBEDDINGS: Rows = {
    "distmult, sum": (FUSED, LINKS),
    "distmult, gate": (FUSED, {**LINKS, "fusion": "gate"}),
    "distmult, end to end": (FUSED, {**LINKS, "link_weight": 0.1}),
    "distmult, neighbours": (FUSED, AROUND),
    "distmult, neighbours and relations": (FUSED, {**AROUND, "relations": True}),
}
WORDS = {"text": "lstm", "width": 128}
TUNED = {"text": "tuned", "epochs": 4, "patience": 2}
TEXTS: Rows = {
    "text only, tokens": (TEXT_ONLY, {"text": "tokens"}),
    "sgc, tokens, cross_attention": (FUSED, {"text": "tokens", "fusion": "cross_attention"}),
    "text only, LSTM": (TEXT_ONLY, WORDS),
    "sgc, LSTM": (FUSED, WORDS),
    "text only, tuned": (TEXT_ONLY, TUNED),
    "sgc, tuned": (FUSED, TUNED),
}
NETWORKS: Rows = {
    "sage, sum": (FUSED, {"encoder": "sage", **FULL_BATCHES}),
    "sage, told classes": (FUSED, {"encoder": "sage", "tell_classes": True, **FULL_BATCHES}),
}
ROWS = {
    "controls": CONTROLS,
    "fusions": FUSIONS,
    "embeddings": EMBEDDINGS,
    "texts": TEXTS,
    "networks": NETWORKS,
}


@dataclass(frozen=True)
class Answers:
    """What one training came to: validation macro-F1, classes of the test texts, CPU seconds."""

    valid: float
    told: np.ndarray
    seconds: float


def trained(joint: Joint, settings: JointSettings, name: str) -> Answers:
    """Train the fused model or a control."""
    begun = time.process_time()
    if settings.strategy == "embedding":
        joint = dataclasses.replace(joint, modalities={})
    fitted, task = train_variant(joint, settings, name)
    told = probabilities(fitted.model, task, joint.dataset.rows("test")).argmax(1).numpy()
    return Answers(fitted.valid_macro_f1, told, time.process_time() - begun)


def tuned_row(
    joints: dict[int, Joint], what: str, given: dict[str, object]
) -> tuple[JointSettings, list[Answers]]:
    """The settings that validation texts of the first seed like best, and a training a seed."""
    first = next(iter(joints))
    tried = [settings_from({**BASE, **given, **point, "seed": first}) for point in GRID]
    answers = [trained(joints[first], each, what) for each in tried]
    at = max(range(len(tried)), key=lambda each: answers[each].valid)
    others = [
        trained(joint, dataclasses.replace(tried[at], seed=seed), what)
        for seed, joint in joints.items()
        if seed != first
    ]
    return tried[at], [answers[at], *others]


def measure(joints: dict[int, Joint], rows: Rows, simple: bool) -> None:
    """Print a row a model, and what may be said of the graph."""
    some = next(iter(joints.values()))
    truth = [each.dataset.labels[each.dataset.rows("test")].numpy() for each in joints.values()]
    classes = len(some.dataset.classes)
    found: dict[str, list[np.ndarray]] = {}
    print(
        f"{some.snapshot.num_edges:,} facts, {int((some.dataset.labels >= 0).sum()):,} texts of "
        f"{classes} classes, "
        f"{[len(some.dataset.rows(split)) for split in SPLITS]} train, valid, test; "
        f"seeds {list(joints)}"
    )
    print("| model | macro-F1 (mean ± sd) | by seed | setting | CPU s a training |")
    print("|---|---|---|---|---|", flush=True)

    def tell(name: str, told: list[np.ndarray], setting: str, seconds: float) -> None:
        found[name] = told
        scores = [macro_f1_of(t, a, classes) for t, a in zip(truth, told, strict=True)]
        by_seed = ", ".join(f"{score:.4f}" for score in scores)
        print(
            f"| {name} | {np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f} | {by_seed} | "
            f"{setting} | {seconds:.1f} |",
            flush=True,
        )

    for name, classifier in baselines().items() if simple else ():
        begun = time.process_time()
        told = [classifier(each) for each in joints.values()]
        tell(name, told, "", (time.process_time() - begun) / len(joints))
    for name, (what, given) in rows.items():
        best, runs = tuned_row(joints, what, given)
        tell(
            name,
            [run.told for run in runs],
            f"{best.learning_rate}, dropout {best.dropout}",
            float(np.mean([run.seconds for run in runs])),
        )
    if FUSED in found:
        conclude(truth, found, classes)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:,.0f} MB")


def conclude(truth: list[np.ndarray], found: dict[str, list[np.ndarray]], classes: int) -> None:
    """Differences with two 95 % intervals: over test texts, and over seeds (paired t).

    Test texts differ by seed: for the first all are laid end to end, so it says nothing of what
    another seed would do. A gain is shown where both are above 0.
    """
    ends = np.concatenate(truth)
    laid = {name: np.concatenate(told)[None] for name, told in found.items()}
    scores = {
        name: np.array([macro_f1_of(y, a, classes) for y, a in zip(truth, told, strict=True)])
        for name, told in found.items()
    }
    for name, gain in differences(ends, laid, classes).items():
        apart = scores[FUSED] - scores[name]
        half = t.ppf(0.975, len(apart) - 1) * apart.std(ddof=1) / np.sqrt(len(apart))
        low, high = apart.mean() - half, apart.mean() + half
        said = "shown" if gain.low > 0 and low > 0 else "not shown"
        print(
            f"{FUSED} - {name}: {apart.mean():+.4f}, texts {gain.low:+.4f} to {gain.high:+.4f}, "
            f"seeds {low:+.4f} to {high:+.4f}: {said}"
        )


def baselines() -> dict[str, Callable[[Joint], np.ndarray]]:
    """What needs no training of ours; the vectors' rows use logistic regression."""

    def by(features: Callable[[Joint], list[torch.Tensor]]) -> Callable[[Joint], np.ndarray]:
        def told(joint: Joint) -> np.ndarray:
            dataset = joint.dataset
            columns = torch.cat(features(joint), dim=1).numpy()
            return logistic([columns[dataset.rows(split).numpy()] for split in SPLITS], dataset)

        return told

    def own(joint: Joint) -> torch.Tensor:
        assert joint.text_vectors is not None
        return joint.text_vectors

    def hops(joint: Joint, most: int) -> list[torch.Tensor]:
        edges = Edges(joint.snapshot.edge_index, joint.snapshot.edge_type)
        return hop_means(joint.modalities[TEXT].values, edges, most)

    return {
        "majority": lambda joint: majority(joint.dataset),
        "classes of neighbours, vote": vote,
        "TF-IDF, logistic": lambda joint: tfidf(joint.dataset),
        "text, logistic": by(lambda joint: [own(joint)]),
        "neighbours, logistic": by(lambda joint: hops(joint, 1)),
        "text beside neighbours, logistic": by(lambda joint: [own(joint), *hops(joint, 1)]),
        "text beside two hops, logistic": by(lambda joint: [own(joint), *hops(joint, 2)]),
    }


def vote(joint: Joint) -> np.ndarray:
    """The commonest class of the neighbours that are named by training texts, or of all of them."""
    dataset = joint.dataset
    start, neighbour = undirected(joint.snapshot)
    known = np.full(joint.snapshot.num_entities, -1)
    entity = dataset.entity_index.numpy()  # one a text
    train, test = (dataset.rows(split).numpy() for split in ("train", "test"))
    known[entity[train]] = dataset.labels.numpy()[train]
    found = majority(dataset)
    for row, own in enumerate(entity[test]):
        labels = known[neighbour[start[own] : start[own + 1]]]
        if len(labels := labels[labels >= 0]):
            found[row] = np.bincount(labels).argmax()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["articles", "summaries", "glosses"])
    parser.add_argument("where", type=Path, help="the wheel, or the folder of WordNet's data files")
    parser.add_argument("--share", type=float, default=0.1, help="of the texts, for training")
    parser.add_argument("--rows", choices=ROWS, default="controls")
    parser.add_argument("--only", nargs="*", help="names of rows, of any group")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = ROWS[given.rows]
    if given.only is not None:
        every = {name: row for group in ROWS.values() for name, row in group.items()}
        rows = {name: every[name] for name in given.only}
    with tempfile.TemporaryDirectory() as folder:
        make = makers(given.what, given.where, given.share, given.cache or Path(folder))
    joints = {seed: make(seed) for seed in range(given.first_seed, given.first_seed + given.seeds)}
    measure(joints, rows, given.rows == "controls" and given.only is None)


if __name__ == "__main__":
    main()
