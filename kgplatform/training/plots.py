"""Pictures of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgplatform.errors import RunError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEARNING_CURVE = Path("plots") / "learning_curve.png"


def plot_learning_curve(metrics_file: Path, picture: Path) -> Path:
    """Draw loss and validation MRR over the epochs of ``metrics.jsonl``, the best marked.

    Args:
        metrics_file: One JSON object an epoch, with ``epoch``, ``loss`` and, where evaluated,
            ``valid_mrr``.
        picture: Where to write; the suffix decides the format.

    Returns:
        ``picture``.

    Raises:
        RunError: The metrics are missing or cannot be read.
    """
    # Figure without pyplot: no window system, no figures kept alive behind our back.
    from matplotlib.figure import Figure

    try:
        lines = [json.loads(line) for line in metrics_file.read_text("utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise RunError(
            f"{metrics_file} cannot be read: {error}", hint="train again or resume the run"
        ) from None
    if not lines:
        raise RunError(f"{metrics_file} has no epoch yet", hint="let the training run longer")
    figure = Figure(figsize=(9, 3.6), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_loss(left, lines)
    _draw_validation(right, lines)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)
    return picture


def _draw_loss(axes: Axes, lines: list[dict[str, Any]]) -> None:
    axes.plot([line["epoch"] for line in lines], [line["loss"] for line in lines], color="C0")
    axes.set(title="Training loss", xlabel="epoch", ylabel="mean loss of a triple")
    axes.grid(alpha=0.3)


def _draw_validation(axes: Axes, lines: list[dict[str, Any]]) -> None:
    evaluated = [line for line in lines if "valid_mrr" in line]
    axes.set(title="Validation", xlabel="epoch", ylabel="filtered MRR, both sides")
    axes.grid(alpha=0.3)
    if not evaluated:
        axes.text(0.5, 0.5, "no validation split", ha="center", transform=axes.transAxes)
        return
    epochs = [line["epoch"] for line in evaluated]
    values = [line["valid_mrr"] for line in evaluated]
    axes.plot(epochs, values, color="C1", marker=".", markersize=4)
    best = max(range(len(values)), key=values.__getitem__)
    label = f"best: {values[best]:.3f} at epoch {epochs[best]}"
    axes.plot(epochs[best], values[best], "o", color="C3", markersize=7, label=label)
    axes.axvline(epochs[best], color="C3", linewidth=0.8, linestyle=":")
    axes.legend(loc="lower right")
