"""Vectors of entities that came after training: the table "New entities" of docs/benchmarks.md.

A tenth of the entities is taken out of the graph with all facts. A model is trained on the rest;
then each gets a vector from seven tenths of its facts with the rest, and the other three tenths
are ranked among all entities, the new ones too. Run from the repository's root::

    python tests/benchmarks/new_entities.py umls/distmult umls/complex umls/transe umls/rotate
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from quality import load
from torch import Tensor

from kgplatform.graph.snapshot import KGSnapshot, from_columns
from kgplatform.models import LinkModel
from kgplatform.training.artifacts import Run, load_model
from kgplatform.training.config import resolve_config
from kgplatform.training.embed_new import by_neighbourhood, facts_of_new
from kgplatform.training.evaluate import evaluate
from kgplatform.training.known import known_of_triples
from kgplatform.training.loop import train


def part(graph: KGSnapshot, kept: Tensor, split: Tensor | None = None) -> KGSnapshot:
    """The graph with some of its edges alone, and the entities that they name."""
    rows = graph.triples()[kept].numpy()
    names, places = np.unique(rows[:, ::2], return_inverse=True)
    places = places.reshape(-1, 2)
    return from_columns(
        [graph.entities[index] for index in names],
        graph.relations,
        places[:, 0],
        rows[:, 1],
        places[:, 1],
        (graph.split if split is None else split)[kept].numpy(),
    )


def measure(row: str, seed: int, settings: dict[str, str], folder: Path) -> dict[str, float]:
    """MRR of the facts of held-out entities, by what their vectors are."""
    name, model_name = row.split("/")
    graph = load(name)
    rng = np.random.default_rng(seed)
    held_out = torch.zeros(graph.num_entities, dtype=torch.bool)
    held_out[rng.permutation(graph.num_entities)[: graph.num_entities // 10]] = True
    of_new = held_out[graph.edge_index]
    old = part(graph, ~of_new.any(0))
    # Of the others, 0 is what is known of a new entity and 2 what is asked of it.
    split = torch.from_numpy(rng.choice([0, 2], len(graph.split), p=[0.7, 0.3])).to(torch.int8)
    one_new = of_new.sum(0) == 1
    now = part(graph, one_new, split)
    config = resolve_config(model_name, old, {"seed": seed, "device": "cpu", **settings})
    run = train(old, config, folder / f"{name}-{model_name}-{seed}", source={"data": name})
    return ranked(run, old, now)


def ranked(run: Run, old: KGSnapshot, now: KGSnapshot) -> dict[str, float]:
    """MRR of ``now``'s facts in test with the vectors of each way."""
    known = set(old.entities)
    names = tuple(name for name in now.entities if name not in known)
    asked = with_index(now, old, names)
    everything = torch.cat((asked, old.triples()))
    test = asked[now.split == 2]
    facts = facts_of_new(now, names, tuple(old.entities), tuple(old.relations))
    of = known_of_triples(everything, old.num_entities + len(names))
    model = load_model(run)
    table = model.entity.detach()
    generator = torch.Generator().manual_seed(0)
    ways = {
        "random": torch.randn(len(names), table.shape[1], generator=generator) * table.std(),
        "mean of all": table.mean(0).repeat(len(names), 1),
    }
    vectors = torch.from_numpy(by_neighbourhood(model, facts, len(names)))
    ways["neighbourhood"] = vectors
    return {
        way: evaluate(grown(model, table, vectors), test, of).mrr for way, vectors in ways.items()
    } | {"old entities": run.metrics["test"]["mrr"]}


def grown(model: LinkModel, table: Tensor, vectors: Tensor) -> LinkModel:
    """The model with rows for the new entities behind the others."""
    model.entity = torch.nn.Parameter(torch.cat((table, vectors)))
    model.num_entities = len(model.entity)
    return model


def with_index(now: KGSnapshot, old: KGSnapshot, names: tuple[str, ...]) -> Tensor:
    """Facts by the indices of the run, new entities behind its own, [n, 3]."""
    index = {name: place for place, name in enumerate((*old.entities, *names))}
    entity = torch.tensor([index[name] for name in now.entities])
    head, relation, tail = now.triples().unbind(1)
    names_of = [old.relations.index(name) for name in now.relations]
    return torch.stack((entity[head], torch.tensor(names_of)[relation], entity[tail]), dim=1)


def main() -> None:
    """Print the table as Markdown: means of the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="+", metavar="DATA/MODEL")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", dest="settings", nargs="*", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    settings = dict(text.split("=", 1) for text in arguments.settings)
    with tempfile.TemporaryDirectory() as folder:
        for at, row in enumerate(arguments.rows):
            found = [measure(row, seed, settings, Path(folder)) for seed in range(arguments.seeds)]
            if at == 0:
                print("| data | model | " + " | ".join(found[0]) + " |")
                print("|---" * (len(found[0]) + 2) + "|")
            means = [f"{np.mean([each[way] for each in found]):.3f}" for way in found[0]]
            print(f"| {row.replace('/', ' | ')} | " + " | ".join(means) + " |", flush=True)


if __name__ == "__main__":
    main()
