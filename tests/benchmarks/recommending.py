"""Recommendation on MovieLens: all models with the controls, cold items, and PyG's LightGCN.

The data are the 100,004 ratings in Debian's package ``r-cran-dslabs``; four stars and more are a
like; users with fewer than five likes are left out. Of each user the last fifth of the likes is the
test, the tenth before it validation. Facts beside: genre, year and decade of films; texts: titles.

    apt-get download r-cran-dslabs && dpkg -x r-cran-dslabs_*.deb dslabs
    OMP_NUM_THREADS=1 python tests/benchmarks/recommending.py \\
        dslabs/usr/lib/R/site-library/dslabs/data --results results.jsonl

Each training is one line of the file of results; what it has already is not trained again, so that
the benchmark goes on after an interruption. Needs the package ``rdata``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recommending_data import LIKES, films, read_texts, without
from torch import Tensor

from kgplatform.joint.controls import shuffled_edges
from kgplatform.recommend.evaluate import Scores, figures, means
from kgplatform.recommend.likes import Likes, likes_of
from kgplatform.recommend.settings import RecommendSettings, settings_of
from kgplatform.recommend.train import fit
from kgplatform.recommend.vectors import Vectors
from kgplatform.settings import load_settings

COMMON = {"least_likes": 5}
"""Beside the defaults, which were chosen on validation (docs/log.md)."""

ROWS: dict[str, dict[str, Any]] = {
    "popularity": {"model": "popularity"},
    "item-kNN": {"model": "item_knn", "neighbours": 1000},
    "LightGCN": {"model": "lightgcn"},
    "graph-aware": {"model": "graph"},
    "graph-aware, no texts": {"model": "graph", "texts": "none"},
    "graph-aware, no side facts": {"model": "graph", "side": False},
    "graph-aware, shuffled side facts": {"model": "graph", "facts": "shuffled"},
    "graph-aware, random texts": {"model": "graph", "texts": "random"},
    "graph-aware, shuffled and random": {"model": "graph", "facts": "shuffled", "texts": "random"},
    "BPR-MF, softmax": {"model": "bpr"},
    "BPR-MF": {"model": "bpr", "loss": "bpr"},
    "LightGCN, BPR": {"model": "lightgcn", "loss": "bpr"},
    "graph-aware, BPR": {"model": "graph", "loss": "bpr"},
    "LightGCN of PyG, BPR": {"model": "pyg", "loss": "bpr"},
}
COUNTED = ("popularity", "item-kNN")
FEWER = ("BPR-MF, softmax", "BPR-MF", "LightGCN, BPR", "graph-aware, BPR")
KEPT = ("ndcg_at_20", "recall_at_20")
RESAMPLES = 10_000


def prepared(row: Mapping[str, Any], seed: int, likes: Likes, texts: Tensor) -> tuple[Any, ...]:
    """Settings, likes and texts of a row of the table."""
    given = {name: value for name, value in row.items() if name not in ("texts", "facts")}
    if given["model"] == "pyg":
        given["model"] = "lightgcn"
    settings = settings_of({**COMMON, **given, "seed": seed})
    chosen: Tensor | None = texts
    if row.get("texts") == "none":
        chosen = None
    elif row.get("texts") == "random":
        noise = torch.randn(texts.shape, generator=torch.Generator().manual_seed(seed))
        chosen = noise / noise.norm(dim=1, keepdim=True) * texts.norm(dim=1, keepdim=True)
    return settings, likes, chosen


def pyg_lightgcn(likes: Likes, settings: RecommendSettings) -> Vectors:
    """PyG's layer and loss in its own way, with our batches, stop and evaluation."""
    from torch_geometric.nn.models import LightGCN

    torch.manual_seed(settings.seed)
    users, size = len(likes.users), len(likes.users) + len(likes.items)
    model = LightGCN(size, settings.embedding_dim, settings.layers)
    pairs = likes.of("train")
    edges = torch.cat((pairs.T, pairs.T.flip(0)), dim=1)
    edges[1, : len(pairs)] += users
    edges[0, len(pairs) :] += users
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    best, kept, waited = -1.0, None, 0
    for epoch in range(1, settings.epochs + 1):
        for batch in torch.split(torch.randperm(len(pairs)), settings.batch_size):
            optimizer.zero_grad()
            other = users + torch.randint(len(likes.items), (len(batch),))
            ends = torch.stack((pairs[batch, 0], users + pairs[batch, 1]))
            asked = torch.cat((ends, torch.stack((ends[0], other))), dim=1)
            ranks = model(edges, asked)
            up, down = ranks.chunk(2)
            touched = torch.cat((ends.flatten(), other))
            loss = model.recommendation_loss(up, down, touched, settings.regularization)
            loss.backward()
            optimizer.step()
        if epoch % settings.evaluate_every:
            continue
        with torch.no_grad():
            table = model.get_embedding(edges)
        found = Vectors(table[:users], table[users:])
        reached = means(figures(found.scores, likes, "valid", drawn=False))["ndcg_at_20"]
        waited += 1
        if reached > best:
            best, kept, waited = reached, found, 0
        if waited >= settings.patience:
            break
    assert kept is not None
    return kept


def measured(scores: Scores, likes: Likes) -> dict[str, Any]:
    """Figures on the test: of items that somebody likes in train, of all, and of the others."""
    warm = likes.liked() > 0
    by_user = figures(scores, likes, "test", among=warm)
    cold = figures(scores, likes, "test", among=~warm)
    return {
        "valid": means(figures(scores, likes, "valid", among=warm, drawn=False)),
        "warm": means(by_user),
        "all": means(figures(scores, likes, "test", drawn=False)),
        "cold": means(cold),
        "by_user": {name: by_user[name].tolist() for name in KEPT},
        "cold_by_user": {name: cold[name].tolist() for name in KEPT},
    }


def text_neighbours(likes: Likes, texts: Tensor) -> Scores:
    """Items by the cosine of their title with the mean of those that a user likes."""
    unit = torch.nn.functional.normalize(texts[likes.items], dim=1)
    train = torch.from_numpy(likes.matrix("train").toarray())
    mean = train @ unit
    return lambda users: mean[users] @ unit.T


def train_rows(names: Sequence[str], seeds: int, folder: Path, results: Path) -> None:
    found = films(folder)
    texts = read_texts(found, load_settings().text_cache)
    likes = likes_of(found.snapshot, LIKES, settings_of({**COMMON}))
    beside = without(found.snapshot, LIKES)
    done = {(line["name"], line["seed"]) for line in lines_of(results)}
    if ("titles alone", 0) not in done:
        write(results, "titles alone", 0, measured(text_neighbours(likes, texts), likes), 0.0)
    for seed in range(seeds):
        for name in names:
            few = 1 if name in COUNTED or "PyG" in name else min(3, seeds)
            if (name, seed) in done or (name in (*COUNTED, *FEWER) or "PyG" in name) * seed >= few:
                continue
            row, started = ROWS[name], time.process_time()
            settings, data, chosen = prepared(row, seed, likes, texts)
            if row.get("facts") == "shuffled":
                data = replace(data, side=shuffled_edges(beside, seed).triples())
            if row["model"] == "pyg":
                scores = pyg_lightgcn(data, settings).scores
            else:
                scores = fit(data, settings, chosen).ranker.scores
            write(results, name, seed, measured(scores, data), time.process_time() - started)


def write(results: Path, name: str, seed: int, reached: dict[str, Any], seconds: float) -> None:
    with results.open("a", encoding="utf-8") as file:
        line = {"name": name, "seed": seed, "seconds": seconds, **reached}
        file.write(json.dumps(line) + "\n")
    print(f"{name}, seed {seed}: NDCG@20 {reached['warm']['ndcg_at_20']:.4f}, {seconds:.0f} s")


def lines_of(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def report(results: Path) -> None:
    """The tables of docs/benchmarks.md."""
    lines = lines_of(results)
    names = [name for name in (*ROWS, "titles alone") if any(x["name"] == name for x in lines)]
    shown = ("recall_at_10", "recall_at_20", "ndcg_at_10", "ndcg_at_20", "sampled_recall_at_10")
    print("| model | seeds | valid NDCG@20 |", " | ".join(shown), "| NDCG@20, all items | CPU s |")
    for name in names:
        own = [line for line in lines if line["name"] == name]
        mean = {each: np.mean([line["warm"][each] for line in own]) for each in shown}
        spread = np.std([line["warm"]["ndcg_at_20"] for line in own], ddof=min(1, len(own) - 1))
        figures_ = [f"{mean[each]:.4f}" for each in shown]
        figures_[3] += f" ± {spread:.4f}"
        valid = np.mean([line["valid"]["ndcg_at_20"] for line in own])
        every = np.mean([line["all"]["ndcg_at_20"] for line in own])
        seconds = np.mean([line["seconds"] for line in own])
        cells = [name, str(len(own)), f"{valid:.4f}", *figures_, f"{every:.4f}", f"{seconds:.0f}"]
        print(f"| {' | '.join(cells)} |")
    print("\n| cold items by | Recall@10 | Recall@20 | NDCG@10 | NDCG@20 |")
    for name in names:
        own = [line for line in lines if line["name"] == name]
        cells = [f"{np.mean([line['cold'][each] for line in own]):.4f}" for each in shown[:4]]
        print(f"| {name} | {' | '.join(cells)} |")
    print("\n| graph-aware is better than | NDCG@20 | Recall@20 | cold NDCG@20 |")
    for name in names:
        if name != "graph-aware" and "graph-aware" in names:
            cells = [
                gain(lines, name, *which)
                for which in (("by_user", KEPT[0]), ("by_user", KEPT[1]), ("cold_by_user", KEPT[0]))
            ]
            print(f"| {name} | {' | '.join(cells)} |")


def gain(lines: Sequence[Mapping[str, Any]], rival: str, table: str, metric: str) -> str:
    """Mean difference with its 95 % interval by the paired bootstrap over users."""
    ours, theirs = (
        np.mean([line[table][metric] for line in lines if line["name"] == name], axis=0)
        for name in ("graph-aware", rival)
    )
    differences = ours - theirs
    draw = np.random.default_rng(0)
    rows = draw.integers(0, len(differences), (RESAMPLES, len(differences)))
    low, high = np.quantile(differences[rows].mean(axis=1), [0.025, 0.975])
    return f"{differences.mean():+.4f} ({low:+.4f} to {high:+.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="data/ of the R package dslabs")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--report", action="store_true", help="print the tables, train nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if not args.report:
        train_rows(args.rows, args.seeds, args.folder, args.results)
    report(args.results)


if __name__ == "__main__":
    main()
