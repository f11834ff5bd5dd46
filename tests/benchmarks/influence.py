"""How well the influence of a fact on a link, which `kgp explain` estimates by fitting two vectors
anew, agrees with training again without the fact.

From the repository's root::

    OMP_NUM_THREADS=1 python tests/benchmarks/influence.py --model complex --links 12

UMLS with its published split. Test links that the model has among its first ten; of each, the two
facts that weigh most by the estimate, and two drawn from those that touch its ends. Each retraining
has the same seed and settings, and all facts but the one (and its mirror) that is left out. The
control leaves out a fact that touches neither end: what retraining changes anyway.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from kgplatform.graph.snapshot import KGSnapshot, from_columns
from kgplatform.models import LinkModel
from kgplatform.training.artifacts import load_model
from kgplatform.training.config import resolve_config
from kgplatform.training.influence import Fact, influences, opinion
from kgplatform.training.loop import train
from kgplatform.triples import SPLITS

DATA = Path("../shared/data/umls")
EPOCHS, WIDTH = 30, 64
MOST_RANK = 10
SETTINGS = {"epochs": str(EPOCHS), "embedding_dim": str(WIDTH), "evaluate_every": str(EPOCHS)}


def umls() -> KGSnapshot:
    """The facts with their split."""
    rows, split = [], []
    for code, name in enumerate(SPLITS):
        lines = (DATA / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
        rows += [line.split("\t") for line in lines]
        split += [code] * len(lines)
    entities = sorted({each for head, _, tail in rows for each in (head, tail)})
    relations = sorted({relation for _, relation, _ in rows})
    at = {name: place for place, name in enumerate(entities)}
    of = {name: place for place, name in enumerate(relations)}
    return from_columns(
        entities,
        relations,
        np.array([at[head] for head, _, _ in rows]),
        np.array([of[relation] for _, relation, _ in rows]),
        np.array([at[tail] for _, _, tail in rows]),
        np.array(split, dtype=np.int8),
    )


def trained(snapshot: KGSnapshot, model: str) -> LinkModel:
    """A model of the training facts, always by the same seed."""
    with tempfile.TemporaryDirectory() as folder:
        config = resolve_config(model, snapshot, SETTINGS)
        return load_model(train(snapshot, config, Path(folder) / "run", source={}))


def without(snapshot: KGSnapshot, fact: Fact) -> KGSnapshot:
    """The snapshot with a fact and its mirror outside of all splits."""
    head, relation, tail = fact
    edges, types = snapshot.edge_index, snapshot.edge_type
    out = (edges[0] == head) & (types == relation) & (edges[1] == tail)
    out |= (edges[0] == tail) & (types == relation) & (edges[1] == head)
    kept = (~out).nonzero().squeeze(1)
    return from_columns(
        snapshot.entities,
        snapshot.relations,
        edges[0][kept].numpy(),
        types[kept].numpy(),
        edges[1][kept].numpy(),
        snapshot.split[kept].numpy(),
    )


def main() -> None:
    """Print the agreement."""
    from scipy.stats import spearmanr

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="complex")
    parser.add_argument("--links", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    draw = random.Random(given.seed)
    begun = time.process_time()
    snapshot = umls()
    model = trained(snapshot, given.model)
    facts, known = snapshot.triples("train"), snapshot.triples()
    tests = [tuple(row) for row in snapshot.triples("test").tolist()]
    draw.shuffle(tests)
    links = [link for link in tests if opinion(model, link, known).rank <= MOST_RANK]
    rows: list[tuple[str, float, float]] = []
    for link in links[: given.links]:
        around = [tuple(row) for row in facts.tolist() if {row[0], row[2]} & {link[0], link[2]}]
        far = [tuple(row) for row in facts.tolist() if not {row[0], row[2]} & {link[0], link[2]}]
        drawn = draw.sample(around, 2)
        found = influences(model, facts, link, known=known, of=drawn, most=len(around))
        before = opinion(model, link, known).probability
        estimates = {each.fact: each.after.probability - before for each in found}
        top = [each.fact for each in found[:2]]
        asked = [("top", fact) for fact in top]
        asked += [("drawn", fact) for fact in drawn if fact in estimates and fact not in top]
        asked += [("control", draw.choice(far))]
        for kind, fact in asked:
            again = trained(without(snapshot, fact), given.model)
            change = opinion(again, link, known).probability - before
            rows.append((kind, estimates.get(fact, 0.0), change))
        print(f"{len(rows)} retrainings, {time.process_time() - begun:.0f} s", flush=True)
    for kind in ("top", "drawn", "control"):
        part = [(estimate, change) for each, estimate, change in rows if each == kind]
        same = np.mean([np.sign(estimate) == np.sign(change) for estimate, change in part])
        sizes = np.mean([abs(change) for _, change in part])
        print(f"{kind}: {len(part)}, mean |change| {sizes:.3f}, sign agrees {same:.2f}")
    measured = [row for row in rows if row[0] != "control"]
    rank = spearmanr([row[1] for row in measured], [row[2] for row in measured])
    print(f"Spearman {rank.statistic:.2f} (p {rank.pvalue:.3f}) over {len(measured)} facts")
    print([(kind, round(a, 3), round(b, 3)) for kind, a, b in rows])


if __name__ == "__main__":
    main()
