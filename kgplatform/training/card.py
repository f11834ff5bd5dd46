"""The model card of a run: what it is and how well it does, in a few lines."""

from __future__ import annotations

import json

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import SPECS
from kgplatform.training.artifacts import Run
from kgplatform.triples import SPLITS


def model_card(run: Run, snapshot: KGSnapshot) -> str:
    """A run's card as Markdown.

    Args:
        run: Complete, with its metrics.
        snapshot: What it was trained on, split.
    """
    counts = ", ".join(f"{len(snapshot.triples(split)):,} {split}" for split in SPLITS)
    lines = [
        f"# {run.id}",
        "",
        f"**{run.config.model}**: {SPECS[run.config.model].summary}.",
        "",
        f"Trained {run.created} on {snapshot.num_entities:,} entities, "
        f"{snapshot.num_relations:,} relations and {snapshot.num_edges:,} triples ({counts}); "
        f"best of {run.epochs} epochs: {run.best_epoch}; {run.seconds:.0f} s.",
        "",
        "| split | MRR | H@1 | H@3 | H@10 | mean rank |",
        "|---|---|---|---|---|---|",
    ]
    for split, values in run.metrics.items():
        hits = " | ".join(f"{values[f'hits_at_{k}']:.3f}" for k in (1, 3, 10))
        lines.append(f"| {split} | {values['mrr']:.3f} | {hits} | {values['mean_rank']:.1f} |")
    if not run.metrics:
        lines.append("| none set aside | | | | | |")
    lines += [
        "",
        "Filtered by the facts of all splits, both sides, realistic ranks among ties.",
        "",
        f"Settings: `{json.dumps(run.config.to_json())}`",
        "",
        f"Snapshot `{run.snapshot_digest[:16]}`, source `{json.dumps(run.source)}`.",
        "",
    ]
    return "\n".join(lines)
