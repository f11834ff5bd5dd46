"""Classification by text and graph together, beside all that it must beat.

    python tests/benchmarks/joint_classify.py articles WHEEL --share 0.1
    python tests/benchmarks/joint_classify.py articles WHEEL --share 0.1 --rows fusions
    python tests/benchmarks/joint_classify.py summaries WHEEL --share 0.1

Each row is tuned on the validation texts of seed 0 over the same `GRID`, then trained with seeds
0 to 4; the seed decides the split, the labels that are kept and all that a training draws.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t

sys.path.insert(0, str(Path(__file__).parent))

from articles import read_articles

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.joint.build import TEXT, Joint, train_joint
from kgplatform.joint.classify import VARIANTS, with_structure
from kgplatform.joint.controls import logistic, majority, random_vectors, tfidf
from kgplatform.joint.dataset import LinkedTexts, linked_texts
from kgplatform.joint.evidence import FUSED, RANDOM, differences, macro_f1_of
from kgplatform.joint.fit import probabilities
from kgplatform.joint.nodes import Modality, hop_means
from kgplatform.joint.settings import JointSettings, settings_from
from kgplatform.models import Edges
from kgplatform.text.encode import load_encoder
from kgplatform.text.vector_cache import cached_text_vectors
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
GRID: list[dict[str, object]] = [{"learning_rate": 0.002}, {"learning_rate": 0.005}]
EPOCHS_OF_FULL_BATCHES = {"patience": 20}

FUSIONS: dict[str, dict[str, object]] = {
    **{f"sgc, {name}": {"fusion": name} for name in ("concat", "gate", "cross_attention")},
    "sage, sum": {"encoder": "sage", **EPOCHS_OF_FULL_BATCHES},
    "sage, told classes": {"encoder": "sage", "tell_classes": True, **EPOCHS_OF_FULL_BATCHES},
    "sgc, deep": {"fusion": "deep", "neighbours": 8, "width": 128},
    "distmult, sum": {"strategy": "embedding", "fusion": "sum"},
    "distmult, gate": {"strategy": "embedding", "fusion": "gate"},
    "distmult end to end, sum": {"strategy": "embedding", "link_weight": 0.1},
}
DEAR: dict[str, dict[str, object]] = {
    "text only, LSTM": {"text": "lstm", "width": 128},
    "text only, tuned": {"text": "tuned", "epochs": 6, "patience": 2},
}

Make = Callable[[int], Joint]


def with_share(dataset: LinkedTexts, share: float, seed: int) -> LinkedTexts:
    """Of the training texts as many as make up a share of all, drawn by the seed."""
    train = dataset.rows("train")
    generator = torch.Generator().manual_seed(seed)
    order = train[torch.randperm(len(train), generator=generator)]
    split = dataset.split.clone()
    split[order[round(share * len(dataset)) :]] = -1
    return dataclasses.replace(dataset, split=split)


def joint_of(
    texts: list[str],
    labels: list[str],
    vectors: torch.Tensor,
    own: torch.Tensor,
    snapshot: KGSnapshot,
    share: float,
    seed: int,
) -> Joint:
    """Texts of a share of labels; each names the entity in its row, whose text is ``own``."""
    dataset, _ = linked_texts(
        texts,
        labels,
        [[each] for each in snapshot.entities],
        snapshot,
        valid_share=0.1,
        test_share=0.4,
        seed=seed,
    )
    modality = Modality(own, torch.ones(len(own), dtype=torch.bool))
    return Joint(
        with_share(dataset, share, seed), snapshot, load_encoder(), vectors, {TEXT: modality}
    )


def answers(joint: Joint, settings: JointSettings, name: str) -> tuple[float, np.ndarray, float]:
    """Validation macro-F1, answers to the test texts, CPU seconds."""
    begun = time.process_time()
    change, sees_text, sees_graph = VARIANTS.get(name, (lambda same, _: same, True, True))
    changed = change(joint, settings.seed)
    if settings.strategy == "embedding":
        changed = dataclasses.replace(changed, modalities={})
    if sees_graph:
        changed = with_structure(changed, settings)
        if name == RANDOM:
            changed = random_vectors(changed, settings.seed)
    fitted, task = train_joint(changed, settings, sees_text=sees_text, sees_graph=sees_graph)
    told = probabilities(fitted.model, task, joint.dataset.rows("test")).argmax(1).numpy()
    return fitted.valid_macro_f1, told, time.process_time() - begun


def trained_rows(rows: str) -> Iterator[tuple[str, dict[str, object], str]]:
    """Name of a row, its settings, and the control that it is."""
    if rows == "controls":
        yield from ((name, {}, name) for name in (FUSED, *VARIANTS))
    elif rows == "fusions":
        yield from ((name, given, FUSED) for name, given in FUSIONS.items())
    else:
        yield from ((name, given, "text only") for name, given in DEAR.items())


def measure(make: Make, rows: str, seeds: int) -> None:
    """Print a row a model, and what may be said of the graph."""
    joints = [make(seed) for seed in range(seeds)]
    truth = [each.dataset.labels[each.dataset.rows("test")].numpy() for each in joints]
    classes = len(joints[0].dataset.classes)
    found: dict[str, list[np.ndarray]] = {}
    print(
        f"{joints[0].snapshot.num_edges:,} facts, {len(joints[0].dataset):,} texts, "
        f"{[len(joints[0].dataset.rows(split)) for split in SPLITS]} train, valid, test"
    )
    print("| model | macro-F1 (mean ± sd) | by seed | setting | CPU s a training |")
    print("|---|---|---|---|---|", flush=True)

    def tell(name: str, told: list[np.ndarray], setting: str, seconds: float) -> None:
        found[name] = told
        scores = [macro_f1_of(t, a, classes) for t, a in zip(truth, told, strict=True)]
        by_seed = ", ".join(f"{score:.3f}" for score in scores)
        print(
            f"| {name} | {np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f} | {by_seed} | "
            f"{setting} | {seconds:.1f} |",
            flush=True,
        )

    if rows == "controls":
        for name, simple in baselines().items():
            begun = time.process_time()
            told = [simple(each) for each in joints]
            tell(name, told, "C on valid", (time.process_time() - begun) / seeds)
    for name, given, control in trained_rows(rows):
        tuned = [settings_from({**BASE, **given, **point}) for point in GRID]
        best = max(tuned, key=lambda each: answers(joints[0], each, control)[0])
        runs = [
            answers(each, dataclasses.replace(best, seed=seed), control)
            for seed, each in enumerate(joints)
        ]
        tell(
            name,
            [run[1] for run in runs],
            f"{best.learning_rate}",
            float(np.mean([run[2] for run in runs])),
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
        "TF-IDF, logistic": lambda joint: tfidf(joint.dataset),
        "text, logistic": by(lambda joint: [own(joint)]),
        "neighbours, logistic": by(lambda joint: hops(joint, 1)),
        "text beside neighbours, logistic": by(lambda joint: [own(joint), *hops(joint, 1)]),
        "text beside two hops, logistic": by(lambda joint: [own(joint), *hops(joint, 2)]),
    }


def encoded(texts: list[str], cache: Path) -> torch.Tensor:
    """Pooled vectors, with the seconds that they took, first and from the cache."""
    encoder = load_encoder()
    begun = time.process_time()
    vectors = cached_text_vectors(encoder, texts, cache)
    first = time.process_time() - begun
    cached_text_vectors(encoder, texts, cache)
    again = time.process_time() - begun - first
    print(f"encoding {len(texts):,} texts: {first:.1f} CPU s, from the cache {again:.2f}")
    return torch.from_numpy(vectors)


def makers(what: str, where: Path, share: float, cache: Path) -> Make:
    """From a seed to texts and graph."""
    articles = read_articles(where)
    texts = articles.descriptions if what == "articles" else articles.summaries
    vectors = encoded(texts, cache)
    return lambda seed: joint_of(
        texts, articles.topics, vectors, vectors, articles.snapshot, share, seed
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["articles", "summaries"])
    parser.add_argument("where", type=Path)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--rows", choices=["controls", "fusions", "dear"], default="controls")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        make = makers(given.what, given.where, given.share, given.cache or Path(folder))
        measure(make, given.rows, given.seeds)


if __name__ == "__main__":
    main()
