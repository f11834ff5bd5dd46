"""The card of a recommender: what it ranks, how well, beside what needs no training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgplatform.recommend.likes import Likes
from kgplatform.recommend.settings import MODELS, RecommendSettings
from kgplatform.training.artifacts import Run
from kgplatform.training.card import to_repeat

SHOWN = {
    "recall_at_10": "Recall@10",
    "recall_at_20": "Recall@20",
    "ndcg_at_10": "NDCG@10",
    "ndcg_at_20": "NDCG@20",
    "sampled_recall_at_10": "sampled Recall@10",
    "sampled_ndcg_at_10": "sampled NDCG@10",
}


def result_rows(metrics: Mapping[str, Any], model: str) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of a table: the model, what it is compared with, new users, cold items."""
    rows = []
    for split, values in metrics.items():
        rows.append(_row(split, model, values))
        rows += [_row("", name, of) for name, of in values.get("baselines", {}).items()]
        rows.append(_row("", f"{model}, users as if new", values["fold_in"]))
        if "cold" in values:
            rows.append(_row("", f"{model}, cold items among themselves", values["cold"]))
    return ["split", "ranked by", "users", *SHOWN.values()], rows


def recommender_card(run: Run, likes: Likes, settings: RecommendSettings) -> str:
    """A run's card as Markdown.

    Args:
        run: Complete, with its metrics.
        likes: What it was trained on.
        settings: How.
    """
    columns, rows = result_rows(run.metrics, settings.model)
    lines = [columns, ["---"] * len(columns), *rows]
    counts = ", ".join(f"{len(likes.of(s)):,} {s}" for s in ("train", "valid", "test"))
    parts = [
        f"# {run.id}",
        f"**recommend**, by {settings.model}: {MODELS[settings.model]}.",
        f"Trained {run.created} on what {len(likes.users):,} users like of {len(likes.items):,} "
        f"items by {likes.relation} ({counts}) and {len(likes.side):,} facts beside; "
        f"{run.seconds:.0f} s.",
        "## Results",
        "\n".join(f"| {' | '.join(line)} |" for line in lines),
        "All items that a user did not like before are ranked, realistic ranks among ties; "
        "*sampled* ranks each like among 100 drawn items, and is no ranking. *As if new*: the "
        "mean vector of what a user likes stands for the user. Cold items are those that nobody "
        "likes in train.",
        "## Use",
        f"- `kgp recommend ENTITY --run {run.id}` gives items with probabilities and paths, "
        f"`kgp write {run.id}` puts vectors of users and items into the graph.\n"
        "- A recommendation is a guess from what others like; its probability counts what a user "
        "would like and has not met as a miss, so it is a lower bound.\n"
        "- Users that came later are ranked for by the mean of what they like; new items need "
        "another training.",
        *to_repeat(run, settings.to_json()),
    ]
    return "\n\n".join(parts) + "\n"


def _row(split: str, name: str, values: Mapping[str, Any]) -> list[str]:
    return [split, name, f"{values['users']:,}", *(f"{values[each]:.3f}" for each in SHOWN)]
