"""Full filtered evaluation beside PyKEEN 1.11: the table "Evaluation" of docs/benchmarks.md.

Both sides of the published test split, filtered by train and valid and test, the same weights and
the same ranks. Each round is a process of its own for each way, one after the other; the time is of
the evaluation alone, the memory is what the process needed at most (VmHWM) beyond what it held
before the evaluation. Run from the repository's root, with the data folder beside it::

    python tests/benchmarks/evaluation.py
    python tests/benchmarks/evaluation.py wn18rr/transe --rounds 1
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from quality import load

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import DECODERS, LinkModel

ROWS = ("codex-s/distmult", "codex-s/transe", "wn18rr/distmult", "wn18rr/transe")
WAYS = ("kgplatform", "pykeen")
SPLITS = ("train", "valid", "test")


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", default=list(ROWS), metavar="DATA/MODEL")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, help="PyKEEN's; by default it finds its own")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(measured(given.way, given.rows[0], given)))
        return
    print(
        "| data | model | seconds | PyKEEN | times | CPU-seconds | PyKEEN | times "
        "| memory, MB | PyKEEN | MRR | PyKEEN |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for row in given.rows:
        rounds: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(given.rounds):
            for way in WAYS:
                rounds[way].append(in_child(way, row, given))
        print(line_of(row, rounds), flush=True)


def in_child(way: str, row: str, given: argparse.Namespace) -> dict[str, float]:
    """One evaluation in a process of its own."""
    command = [sys.executable, __file__, row, "--way", way, "--dim", str(given.dim)]
    command += ["--device", given.device]
    if given.batch_size:
        command += ["--batch-size", str(given.batch_size)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(answer.stderr)
    result: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return result


def line_of(row: str, rounds: dict[str, list[dict[str, float]]]) -> str:
    """A row of the table: medians, and the median of the rounds' ratios."""
    ours, theirs = (rounds[way] for way in WAYS)

    def middle(values: list[dict[str, float]], name: str) -> float:
        return statistics.median(value[name] for value in values)

    cells = row.split("/")
    for name in ("seconds", "cpu"):
        times = [b[name] / a[name] for a, b in zip(ours, theirs, strict=True)]
        cells += [f"{middle(side, name):.2f}" for side in (ours, theirs)]
        cells += [f"{statistics.median(times):.1f} ({min(times):.1f} to {max(times):.1f})"]
    cells += [f"{middle(side, 'megabytes'):.0f}" for side in (ours, theirs)]
    cells += [f"{side[0]['mrr']:.6f}" for side in (ours, theirs)]
    return f"| {' | '.join(cells)} |"


def measured(way: str, row: str, given: argparse.Namespace) -> dict[str, float]:
    """Evaluate untrained weights, which take as long as trained ones."""
    data, name = row.split("/")
    snapshot = load(data)
    model = (
        DECODERS[name]
        .model(
            snapshot.num_entities,
            snapshot.num_relations,
            given.dim,
            reciprocal=False,
            generator=torch.Generator().manual_seed(0),
        )
        .to(given.device)
    )
    evaluate = (
        prepared_ours(model, snapshot)
        if way == "kgplatform"
        else prepared_pykeen(name, model, snapshot, given)
    )
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    before = resident("VmRSS")
    started, cpu = time.perf_counter(), time.process_time()
    mrr = evaluate()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    megabytes = (resident("VmHWM") - before) / 1e6
    if given.device != "cpu":
        megabytes = torch.cuda.max_memory_allocated() / 1e6
    return {"seconds": seconds, "cpu": cpu, "megabytes": megabytes, "mrr": mrr}


def prepared_ours(model: LinkModel, snapshot: KGSnapshot) -> Any:
    """A function that evaluates; what is known is looked up inside it, as PyKEEN does."""
    from kgplatform.training.evaluate import evaluate
    from kgplatform.training.known import known_of_snapshot

    test = snapshot.triples("test")

    def run() -> float:
        return evaluate(model, test, known_of_snapshot(snapshot, model.entity.device)).mrr

    return run


def prepared_pykeen(
    name: str, model: LinkModel, snapshot: KGSnapshot, given: argparse.Namespace
) -> Any:
    """A function that evaluates the same weights in PyKEEN."""
    import pykeen.models
    from pykeen.evaluation import RankBasedEvaluator
    from pykeen.triples import CoreTriplesFactory

    parts = {
        split: CoreTriplesFactory(
            snapshot.triples(split),  # type: ignore[arg-type]
            num_entities=snapshot.num_entities,
            num_relations=snapshot.num_relations,
        )
        for split in SPLITS
    }
    options = {"scoring_fct_norm": 2} if name == "transe" else {}
    theirs = {"transe": pykeen.models.TransE, "distmult": pykeen.models.DistMult}[name](
        triples_factory=parts["train"], embedding_dim=given.dim, random_seed=0, **options
    ).to(given.device)
    theirs.entity_representations[0]._embeddings.weight.data.copy_(model.entity)
    theirs.relation_representations[0]._embeddings.weight.data.copy_(model.relation)

    def run() -> float:
        results = RankBasedEvaluator(filtered=True).evaluate(
            theirs,
            parts["test"].mapped_triples,
            batch_size=given.batch_size,
            additional_filter_triples=[
                parts["train"].mapped_triples,
                parts["valid"].mapped_triples,
            ],
            use_tqdm=False,
        )
        return float(results.get_metric("both.realistic.inverse_harmonic_mean_rank"))

    return run


def resident(name: str) -> float:
    """A line of ``/proc/self/status``, in bytes."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1]) * 1024
    raise SystemExit("this benchmark needs Linux's /proc")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
