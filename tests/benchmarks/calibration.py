"""Whether confidence holds: the table "Calibration" of docs/benchmarks.md.

The test facts are hidden from the graph, links are predicted, and those that are among the
hidden facts are counted, by confidence. Run from the repository's root::

    python tests/benchmarks/calibration.py umls/distmult
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import tempfile
from pathlib import Path

import numpy as np
from quality import load

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.training.calibrate import expected_calibration_error
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.training.predict import predict

EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


def without_test(graph: KGSnapshot) -> KGSnapshot:
    """The graph as if its test facts were not known."""
    kept = graph.split != 2
    return dataclasses.replace(
        graph,
        edge_index=graph.edge_index[:, kept],
        edge_type=graph.edge_type[kept],
        split=graph.split[kept],
    )


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", metavar="DATA/MODEL")
    name, model = parser.parse_args().row.split("/")
    graph = load(name)
    seen = without_test(graph)
    with tempfile.TemporaryDirectory() as folder:
        config = resolve_config(model, seen, {"device": "cpu"})
        run = train(seen, config, Path(folder) / "run", source={"data": name})
        found = predict(run, seen, top_k=1_000_000)
    links, fitted = found.links, found.calibration
    hidden = {
        (graph.entities[h], graph.relations[r], graph.entities[t])
        for h, r, t in graph.triples("test").tolist()
    }
    sure = np.array([link.confidence for link in links])
    true = np.array([(link.head, link.relation, link.tail) in hidden for link in links])
    losses = ", ".join(f"{way} {loss:.5f}" for way, loss in fitted.log_loss.items())
    print(f"{name}, {model}: of the 100 surest, {true[:100].sum()} are hidden facts")
    print(f"log loss when held out: {losses}")
    print(
        f"expected calibration error when held out: {fitted.error:.5f}, of likely candidates "
        f"{fitted.likely_error:.3f}; of hidden facts {expected_calibration_error(sure, true):.5f}\n"
    )
    print("| confidence | links | mean confidence | hidden facts among them |\n|---|---|---|---|")
    for low, high in itertools.pairwise(EDGES):
        here = (sure >= low) & (sure < high)
        if here.any():
            mean, rate = sure[here].mean(), true[here].mean()
            print(f"| {low:.2f} to {high:.2f} | {here.sum():,} | {mean:.3f} | {rate:.3f} |")


if __name__ == "__main__":
    main()
