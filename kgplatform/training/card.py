"""The model card of a run: what it is, how well it does and where it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kgplatform.graph.snapshot import KGSnapshot
from kgplatform.models import SPECS
from kgplatform.training.artifacts import Run
from kgplatform.triples import SPLITS

HARDEST = 5
"""Relations that are named as those the model knows least of."""

FACTS_TO_BE_NAMED = 10
"""Of fewer facts than that, a relation's MRR says little."""


def model_card(run: Run, snapshot: KGSnapshot) -> str:
    """A run's card as Markdown.

    Args:
        run: Complete, with its metrics.
        snapshot: What it was trained on, split.
    """
    counts = ", ".join(f"{len(snapshot.triples(split)):,} {split}" for split in SPLITS)
    parts = [
        f"# {run.id}",
        f"**{_name(run)}**: {SPECS[run.config.model].summary}.",
        f"Trained {run.created} on {snapshot.num_entities:,} entities, "
        f"{snapshot.num_relations:,} relations and {snapshot.num_edges:,} triples ({counts}); "
        f"best of {run.epochs} epochs: {run.best_epoch}; {run.seconds:.0f} s.",
        "## Results",
        _results_table(run.metrics),
        "Filtered by the facts of all splits, both sides, realistic ranks among ties. The interval "
        "is a bootstrap over facts: it tells what other facts would change, not another seed.",
        *_last_split(run.metrics),
        "## Use",
        f"- `kgp write {run.id}` puts the vectors into the graph, `kgp predict {run.id}` lists "
        "missing links with a calibrated confidence.\n"
        "- It knows the entities and relations of its snapshot, no others; a link that it finds "
        "likely is a guess from the graph's pattern, not a fact.\n"
        "- What the graph says too often or too seldom of some entities, the vectors repeat.",
        *to_repeat(run, run.config.to_json()),
    ]
    return "\n\n".join(parts) + "\n"


def to_repeat(run: Run, settings: Mapping[str, Any]) -> list[str]:
    """The end of a card: what another training needs to be the same.

    Args:
        run: The run.
        settings: All of its settings.
    """
    return [
        "## To repeat it",
        f"Settings: `{json.dumps(settings)}`",
        f"Snapshot `{run.snapshot_digest[:16]}`, source `{json.dumps(run.source)}`"
        + (f", commit `{run.commit[:12]}`." if run.commit else "."),
        "Versions: " + ", ".join(f"{name} {value}" for name, value in run.versions.items()) + ".",
    ]


def _name(run: Run) -> str:
    if run.config.encoder is None:
        return run.config.model
    return f"{run.config.model} over {run.config.decoder}"


def _results_table(metrics: Mapping[str, Any]) -> str:
    lines = [
        "| split | MRR | 95 % | H@1 | H@3 | H@10 | mean rank |",
        "|---|---|---|---|---|---|---|",
    ]
    for split, values in metrics.items():
        low, high = values["mrr_interval"]
        lines.append(_row(split, values, f"{low:.3f} to {high:.3f}"))
        if "baseline" in values:
            lines.append(_row(f"{split}, rules alone", values["baseline"], ""))
    if not metrics:
        lines.append("| none set aside | | | | | | |")
    return "\n".join(lines)


def _row(name: str, values: Mapping[str, Any], interval: str) -> str:
    hits = " | ".join(f"{values[f'hits_at_{k}']:.3f}" for k in (1, 3, 10))
    return f"| {name} | {values['mrr']:.3f} | {interval} | {hits} | {values['mean_rank']:.1f} |"


def _last_split(metrics: Mapping[str, Any]) -> list[str]:
    """What of test, or else of valid, deserves a word: cardinalities, leaks, hard relations."""
    if not metrics:
        return []
    split, values = list(metrics.items())[-1]
    lines = [
        f"| {split} | facts | MRR of heads | MRR of tails |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {kind} | {of['head']['count']:,} | {of['head']['mrr']:.3f} | {of['tail']['mrr']:.3f} |"
        for kind, of in values["cardinalities"].items()
    ]
    parts = ["\n".join(lines)]
    if "baseline" in values:
        parts.append(
            f"{values['baseline']['linked']:.0%} of {split}'s facts join entities that a train "
            "fact joins already; what rules make of that stands in the table as *rules alone*."
        )
    hard = [
        (name, of)
        for name, of in values["relations"].items()
        if of["count"] >= 2 * FACTS_TO_BE_NAMED
    ]
    hard.sort(key=lambda item: item[1]["mrr"])
    if hard:
        named = ", ".join(f"`{name}` ({of['mrr']:.3f})" for name, of in hard[:HARDEST])
        parts.append(f"Weakest relations of at least {FACTS_TO_BE_NAMED} facts: {named}.")
    return parts
