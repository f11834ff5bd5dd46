"""Triples a second in training, beside PyKEEN: the table "Training" of docs/benchmarks.md.

Run from the repository's root; both sides train the same synthetic graph with the same length of
vectors, batch and number of negatives, in turn, each in a process of its own::

    python tests/benchmarks/training.py
    python tests/benchmarks/training.py --models distmult --entities 15000 --rounds 1
    python tests/benchmarks/training.py --grow          # cost against size, without the peer

PyKEEN draws negatives for each triple (its sLCWA loop, its defaults but for the numbers); ours
are shared by the batch, and each triple is asked on both sides. Both minimise a cross-entropy.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch

MODELS = {"transe": "TransE", "distmult": "DistMult", "complex": "ComplEx", "rotate": "RotatE"}

STEPS = 40
"""Of each side in a round."""


def triples_of(entities: int, relations: int, facts: int) -> torch.Tensor:
    """Random facts whose entities come as often as in real graphs, skewed; int64 [facts, 3]."""
    generator = torch.Generator().manual_seed(0)
    ends = (torch.rand(2, facts, generator=generator) ** 2 * entities).long()
    kinds = torch.randint(relations, (facts,), generator=generator)
    return torch.stack((ends[0], kinds, ends[1]), dim=1)


def clocks() -> tuple[float, float]:
    """Now, by the wall and by the processor: the latter tells more on a busy machine."""
    return time.perf_counter(), time.process_time()


def rates(triples: int, started: tuple[float, float]) -> dict[str, float]:
    """Triples a second since then, by either clock."""
    wall, processor = (now - then for now, then in zip(clocks(), started, strict=True))
    return {"rate": triples / wall, "processor": triples / processor}


def ours(model: str, options: argparse.Namespace) -> dict[str, float]:
    """Triples a second of our steps."""
    from kgplatform.graph.rows import EdgeRows
    from kgplatform.training.artifacts import build_model
    from kgplatform.training.config import TrainingConfig
    from kgplatform.training.negatives import training_facts
    from kgplatform.training.optimizers import OPTIMIZERS
    from kgplatform.training.step import Trainer, epoch_steps

    triples = triples_of(options.entities, options.relations, options.steps * options.batch)
    config = TrainingConfig(
        model,
        embedding_dim=options.dim,
        candidates="sampled",
        negatives=options.negatives,
        batch_size=options.batch,
        optimizer="adam",
        learning_rate=0.01,
        device=options.device,
    )
    device = torch.device(options.device)
    built = build_model(config, options.entities, options.relations, edges=None, features=None).to(
        device
    )
    rows = EdgeRows(triples[:, ::2].T.contiguous(), triples[:, 1].contiguous()).to(device)
    trainer = Trainer(
        config,
        built,
        OPTIMIZERS["adam"](built.parameters(), config.learning_rate),
        rows,
        training_facts(rows, options.entities, options.relations, config),
        torch.Generator(device).manual_seed(0),
    )
    found: dict[str, float] = {}
    for _ in range(2):  # The first epoch warms up.
        started = clocks()
        losses = [loss for loss, _ in epoch_steps(trainer)]
        float(losses[-1])  # On a GPU, this waits for all that was queued.
        found = rates(len(triples), started)
    return found


def peers(model: str, options: argparse.Namespace) -> dict[str, float]:
    """Triples a second of PyKEEN's training loop."""
    import pykeen.models
    from pykeen.losses import CrossEntropyLoss
    from pykeen.training import SLCWATrainingLoop
    from pykeen.triples import CoreTriplesFactory

    triples = triples_of(options.entities, options.relations, options.steps * options.batch)
    factory = CoreTriplesFactory(triples, options.entities, options.relations)
    # A complex number is two of ours.
    length = options.dim // 2 if model in ("complex", "rotate") else options.dim
    built = getattr(pykeen.models, MODELS[model])(
        triples_factory=factory, embedding_dim=length, loss=CrossEntropyLoss(), random_seed=0
    ).to(options.device)
    loop = SLCWATrainingLoop(
        model=built,
        triples_factory=factory,
        optimizer=torch.optim.Adam(built.parameters(), lr=0.01),
        negative_sampler_kwargs={"num_negs_per_pos": options.negatives},
    )
    found: dict[str, float] = {}
    for _ in range(2):
        started = clocks()
        loop.train(
            factory,
            num_epochs=1,
            batch_size=options.batch,
            use_tqdm=False,
            use_tqdm_batch=False,
            only_size_probing=False,
        )
        found = rates(len(triples), started)
    return found


def measured(side: str, model: str, options: argparse.Namespace) -> dict[str, float]:
    """Rate and peak memory of one side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--models", model]
    for name in ("entities", "relations", "dim", "batch", "negatives", "steps", "threads"):
        command += [f"--{name}", str(getattr(options, name))]
    command += ["--device", options.device]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    values: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return values


def compare(options: argparse.Namespace) -> None:
    """Print both sides of each model as a Markdown table."""
    print(
        f"{options.entities:,} entities, {options.relations} relations, {options.dim} numbers, "
        f"batch {options.batch}, {options.negatives} negatives, {options.device}, "
        f"{options.threads} threads; medians of {options.rounds}\n\n"
        "| model | PyKEEN, triples/s | ours | times | by the processor: PyKEEN | ours | times "
        "| peak memory, MB: PyKEEN | ours |\n|---|---|---|---|---|---|---|---|---|"
    )
    for model in options.models:
        rounds: dict[str, list[dict[str, float]]] = {"peers": [], "ours": []}
        for _ in range(options.rounds):
            for side, found in rounds.items():
                found.append(measured(side, model, options))
        cells = [model]
        for name in ("rate", "processor"):
            theirs, own = (
                statistics.median(one[name] for one in rounds[side]) for side in ("peers", "ours")
            )
            cells += [f"{theirs:,.0f}", f"{own:,.0f}", f"{own / theirs:.1f}"]
        for side in ("peers", "ours"):
            cells.append(f"{statistics.median(one['peak'] for one in rounds[side]):,.0f}")
        print(f"| {' | '.join(cells)} |", flush=True)


LABELS = {
    "entities": "entities",
    "steps": "batches of 1,024 facts",
    "dim": "numbers a vector",
    "negatives": "negatives a batch",
    "batch": "triples a batch",
}

GROWING: dict[str, tuple[int, ...]] = {
    "entities": (10_000, 100_000, 1_000_000),
    "steps": (4, 16, 64),
    "dim": (64, 128, 256, 512),
    "negatives": (64, 256, 1024, 4096),
    "batch": (256, 1024, 4096),
}


def grow(options: argparse.Namespace) -> None:
    """Print, and draw, what a triple costs as one size after the other grows."""
    print("| model | what grows | microseconds of processor a triple; peak memory |\n|---|---|---|")
    drawn: dict[str, dict[str, list[tuple[int, float]]]] = {name: {} for name in GROWING}
    for model in options.models:
        for name, sizes in GROWING.items():
            costs = []
            for size in sizes:
                values = argparse.Namespace(**{**vars(options), name: size})
                found = measured("ours", model, values)
                cost = 1e6 / found["processor"]
                drawn[name].setdefault(model, []).append((size, cost))
                costs.append(f"{size:,}: {cost:.1f}; {found['peak']:,.0f} MB")
            print(f"| {model} | {name} | {', '.join(costs)} |", flush=True)
    if options.plot:
        draw(drawn, options.plot)


def draw(costs: dict[str, dict[str, list[tuple[int, float]]]], picture: str) -> None:
    """A panel for each size that grows, a line for each model."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    for panel, (name, by_model) in zip(figure.subplots(2, 3).flat, costs.items(), strict=False):
        for model, points in by_model.items():
            panel.loglog(*zip(*points, strict=True), marker="o", label=model)
        panel.set_xticks(GROWING[name], [f"{size:,}" for size in GROWING[name]], minor=False)
        panel.set_xticks([], minor=True)
        panel.set(xlabel=LABELS[name], ylabel="µs of processor a triple", ylim=(5, 500))
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
    figure.get_axes()[-1].remove()  # six places for five sizes
    figure.savefig(picture, dpi=110)


def main() -> None:
    """Measure one side, or compare both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--entities", type=int, default=15_000)
    parser.add_argument("--relations", type=int, default=237)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--negatives", type=int, default=256)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--grow", action="store_true")
    parser.add_argument("--plot", metavar="PNG", help="where --grow draws")
    parser.add_argument("--side", choices=("ours", "peers"))
    options = parser.parse_args()
    if options.side is None:
        (grow if options.grow else compare)(options)
        return
    torch.set_num_threads(options.threads)
    values = {"ours": ours, "peers": peers}[options.side](options.models[0], options)
    values["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(values))


if __name__ == "__main__":
    main()
