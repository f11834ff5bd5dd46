"""Links by text, by structure, and by both: the rows "Text in the graph's own task".

Run from the repository's root, with the data folder beside it as ``shared/data``::

    python tests/benchmarks/text_link.py umls --seeds 5
    python tests/benchmarks/text_link.py wn18rr --fuse RUN_FOLDER --set half=true --rules
    python tests/benchmarks/text_link.py wn18rr --texts gloss --set half=true
    python tests/benchmarks/text_link.py wn18rr --inductive --set half=true
    python tests/benchmarks/text_link.py wn18rr --permuted --set half=true
    python tests/benchmarks/text_link.py wn18rr --tune 20000 --set half=true --half-texts

Without ``--fuse`` a graph of less than 1,000 entities gets a ComplEx of its own, seed by seed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import quality
import torch

from kgplatform.cli.entity_texts import aligned, texts_of_file
from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.graph.split import ensure_split
from kgplatform.joint.text_assess import assess
from kgplatform.joint.text_settings import TextLinkSettings, settings_of
from kgplatform.joint.text_train import Epoch, train_text_link
from kgplatform.joint.text_tune import TuneSettings, tune_encoder
from kgplatform.models import LinkModel
from kgplatform.rules.apply import Applier
from kgplatform.rules.combine import evaluate_combined, learn_combination
from kgplatform.rules.evaluate import choose_length, train_matrices
from kgplatform.rules.mine import MiningConfig, mine_rules
from kgplatform.text.encode import TextEncoder, load_encoder
from kgplatform.text.vector_cache import cached_text_vectors
from kgplatform.training.artifacts import load_model, load_run
from kgplatform.training.config import resolve_config
from kgplatform.training.loop import train
from kgplatform.training.ranks import Scorer

COLUMNS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10")
SMALL = 1_000
HEAD = "| data | by | split | MRR | H@1 | H@3 | H@10 | MRR by seed |\n" + "|---" * 8 + "|"

Rows = dict[tuple[str, str], list[dict[str, Any]]]


def texts_of(name: str, snapshot: KGSnapshot, what: str) -> tuple[list[str], list[str]]:
    """Names, and what is read of each entity: ``both``, its ``name`` or its ``gloss`` alone."""
    path = quality.DATA / name / "entity2text.tsv"
    names, whole = aligned(snapshot.entities, texts_of_file(path))
    if what == "name":
        return names, names
    if what == "gloss":
        parts = [
            text.removeprefix(name).lstrip(", ") for name, text in zip(names, whole, strict=True)
        ]
        return names, [part or "no description" for part in parts]
    return names, whole


def structure_of(
    name: str, snapshot: KGSnapshot, fuse: Path | None, seed: int, folder: Path
) -> LinkModel | None:
    """The model of a run, or for a small graph one trained now."""
    if fuse is not None:
        return load_model(load_run(fuse))
    if snapshot.num_entities > SMALL:
        return None
    config = resolve_config("complex", snapshot, {"device": "cpu", "seed": seed})
    return load_model(train(snapshot, config, folder / f"complex-{seed}", source={"data": name}))


def show(started: float, epoch: Epoch) -> None:
    """A point of the learning curve, with the processor seconds up to it."""
    print(f"# {time.process_time() - started:.0f} s {epoch}", flush=True)


def add_rules(scorer: Scorer, snapshot: KGSnapshot, rows: Rows) -> None:
    """The rules of the training facts together with what was fused."""
    matrices = train_matrices(snapshot)
    rules = mine_rules(matrices, MiningConfig(max_length=3))
    length = choose_length(matrices, rules, snapshot)
    applier = Applier(matrices, rules[rules.length <= length])
    combination = learn_combination(scorer, applier, snapshot)
    found = evaluate_combined(scorer, applier, snapshot, combination)
    for part, label in (("rules", "rules"), ("both", "text, structure and rules")):
        for split, values in found[part].items():
            rows.setdefault((label, split), []).append(values)


def one_seed(
    name: str,
    snapshot: KGSnapshot,
    encoder: TextEncoder,
    settings: TextLinkSettings,
    given: argparse.Namespace,
    rows: Rows,
) -> None:
    """Train and assess once; figures join ``rows``."""
    names, whole = texts_of(name, snapshot, given.texts)
    started = time.process_time()

    def encode(said: Sequence[str]) -> np.ndarray:
        with torch.autocast("cpu", torch.bfloat16, enabled=given.half_texts):
            return cached_text_vectors(encoder, said, given.cache)

    vectors = torch.from_numpy(encode(whole))
    if given.permuted:
        order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(settings.seed))
        vectors = vectors[order]
    print(f"# {time.process_time() - started:.0f} s for {len(whole):,} texts", flush=True)
    started = time.process_time()
    model, _ = train_text_link(snapshot, vectors, settings, watch=partial(show, started))
    print(f"# {time.process_time() - started:.0f} s training", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        structure = structure_of(name, snapshot, given.fuse, settings.seed, Path(folder))
    data, both = assess(model, snapshot, names, whole, encode, structure)
    for label, splits in data["metrics"].items():
        for split, values in splits.items():
            rows.setdefault((label, split), []).append(values)
    leaks = data["leaks"]
    print(f"# named in {leaks['named_share']:.3f}; {leaks['masked_texts']:,} texts masked")
    rows.setdefault(("text, held-out names masked", leaks["split"]), []).append(leaks["masked"])
    for label, parts in leaks["buckets"].items():
        for part, values in parts.items():
            rows.setdefault((f"{label}, {part}", leaks["split"]), []).append(values)
    if given.rules:
        add_rules(both or model, snapshot, rows)


def tuned(
    name: str, snapshot: KGSnapshot, encoder: TextEncoder, given: argparse.Namespace, seed: int
) -> None:
    """Train the encoder's own weights on some of the training facts."""
    _, whole = texts_of(name, snapshot, given.texts)
    started = time.process_time()

    def watch(step: int, loss: float) -> None:
        print(f"# {time.process_time() - started:.0f} s step {step} loss {loss:.3f}", flush=True)

    settings = TuneSettings(facts=given.tune, half=True, seed=seed)
    tune_encoder(encoder, snapshot, whole, settings, watch)


def line_of(name: str, label: str, split: str, found: Sequence[dict[str, Any]]) -> str:
    """A row of the table: means over seeds, and each seed's MRR."""
    means = [f"{statistics.mean(values[column] for values in found):.3f}" for column in COLUMNS]
    seeds = ", ".join(f"{values['mrr']:.3f}" for values in found)
    spread = f" ± {statistics.stdev([v['mrr'] for v in found]):.3f}" if len(found) > 1 else ""
    cells = [name, label, split, means[0] + spread, *means[1:], seeds]
    return " | ".join(["", *cells, ""]).strip()


def main() -> None:
    """Print the table as Markdown; lines of ``#`` are what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--texts", choices=("both", "name", "gloss"), default="both")
    parser.add_argument("--fuse", type=Path, metavar="RUN_FOLDER")
    parser.add_argument("--inductive", action="store_true", help="hold entities out, not facts")
    parser.add_argument("--permuted", action="store_true", help="each entity has another's text")
    parser.add_argument("--rules", action="store_true", help="rules of the training facts, too")
    parser.add_argument("--half-texts", action="store_true", help="read texts in bfloat16")
    parser.add_argument("--tune", type=int, metavar="FACTS", help="train the encoder on so many")
    parser.add_argument("--cache", type=Path, default=Path("text-vectors"))
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="K=V")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows: Rows = {}
    chosen = dict(text.split("=", 1) for text in given.settings)
    for seed in range(given.seeds):
        snapshot = quality.load(given.data)
        if given.inductive:
            snapshot = ensure_split(
                snapshot, seed=seed, valid_share=0.03, test_share=0.03, by="inductive"
            )
        encoder = load_encoder()
        if given.tune:
            tuned(given.data, snapshot, encoder, given, seed)
        settings = settings_of({"seed": seed, **chosen})
        one_seed(given.data, snapshot, encoder, settings, given, rows)
    print(HEAD)
    for (label, split), found in rows.items():
        print(line_of(given.data, label, split, found))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"# {time.process_time():.0f} s in all, {peak:,.0f} MB at most")


if __name__ == "__main__":
    main()
