"""What commands print of an evaluation: figures, how sure they are, what rules alone reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgplatform.cli.output import table

METRICS = ("mrr", "hits_at_1", "hits_at_3", "hits_at_10", "mean_rank")

RULE_TEXTS = {
    "symmetric": "{if} goes both ways",
    "inverse": "{then} is {if} turned round",
    "duplicate": "{then} holds where {if} does",
}


def metrics_table(metrics: Mapping[str, Any]) -> str:
    """Filtered ranking metrics, a row a split, each with what rules alone reach below it."""
    rows = []
    for split, values in metrics.items():
        rows.append([split, *_figures(values), interval_text(values)])
        if "baseline" in values:
            rows.append(["  rules alone", *_figures(values["baseline"]), ""])
    return table(["split", *METRICS, "95 % of mrr"], rows)


def results_text(metrics: Mapping[str, Any], most_relations: int = 0) -> str:
    """The metrics, by cardinality, what the rules know, and by relation if any are wanted."""
    if "accuracy" in list(metrics.values())[-1]:
        return _labels_table(metrics)
    if "mrr" not in list(metrics.values())[-1]:
        return _plain_table(metrics)
    parts = [metrics_table(metrics)]
    # The last split is the one that counts: test, where there is one.
    split, values = list(metrics.items())[-1]
    if "cardinalities" in values:
        parts.append(_cardinality_table(split, values["cardinalities"]))
    if "baseline" in values:
        parts.append(_rules_text(split, values))
    if most_relations and "relations" in values:
        parts.append(_relation_table(split, values["relations"], most_relations))
    return "\n\n".join(parts)


def _plain_table(metrics: Mapping[str, Any]) -> str:
    """The figures of a run that ranks no links, a row a split."""
    names = [name for name, value in list(metrics.values())[-1].items() if not _has_parts(value)]
    rows = [
        [split, *(f"{values[name]:,.4g}" if name in values else "" for name in names)]
        for split, values in metrics.items()
    ]
    return table(["split", *names], rows)


def _has_parts(value: Any) -> bool:
    return not isinstance(value, int | float)


def _labels_table(metrics: Mapping[str, Any]) -> str:
    """How well labels are told, a row a split."""
    names = ("accuracy", "macro_f1", "calibration_error")
    rows = [
        [
            split,
            f"{values['count']:,}",
            *(f"{values[name]:.3f}" for name in names),
            f"{values['baseline']['accuracy']:.3f}",
        ]
        for split, values in metrics.items()
    ]
    return table(["split", "entities", *names, "commonest class"], rows)


def interval_text(values: Mapping[str, Any]) -> str:
    """The interval of an MRR, or nothing in runs of earlier versions."""
    if "mrr_interval" not in values:
        return ""
    low, high = values["mrr_interval"]
    return f"{low:.3f} to {high:.3f}"


def _figures(values: Mapping[str, Any]) -> list[str]:
    return [f"{values[name]:.3f}" for name in METRICS]


def _cardinality_table(split: str, kinds: Mapping[str, Any]) -> str:
    rows = [
        [
            kind,
            f"{values['head']['count']:,}",
            *(f"{values[side]['mrr']:.3f}" for side in ("head", "tail")),
            *(f"{values[side]['hits_at_10']:.3f}" for side in ("head", "tail")),
        ]
        for kind, values in kinds.items()
    ]
    headings = ["facts", "mrr of heads", "of tails", "hits_at_10 of heads", "of tails"]
    return table([f"{split} by cardinality", *headings], rows)


def _rules_text(split: str, values: Mapping[str, Any]) -> str:
    baseline = values["baseline"]
    share = f"{baseline['linked']:.0%} of {split}'s facts join entities that train joins already"
    lines = [share]
    for rule in baseline["rules"]:
        text = RULE_TEXTS[rule["kind"]].format_map(rule)
        lines.append(f"  {text}: {rule['confidence']:.0%}, in {rule['facts']:,} facts of train")
    if baseline["mrr"] >= values["mrr"]:
        lines.append("the model does not beat these rules")
    return "\n".join(lines)


def _relation_table(split: str, relations: Mapping[str, Any], most: int) -> str:
    rows = [
        [name, values["cardinality"], f"{values['count'] // 2:,}", *_figures(values)]
        for name, values in list(relations.items())[:most]
    ]
    text = table([f"{split} by relation", "kind", "facts", *METRICS], rows)
    left = len(relations) - len(rows)
    return text + (f"\nand {left:,} relations more, in run.json" if left else "")
