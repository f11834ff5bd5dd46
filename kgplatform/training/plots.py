"""Pictures of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgplatform.errors import InputError, RunError
from kgplatform.parsed import parsed_json
from kgplatform.training.calibrate import ReliabilityBin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEARNING_CURVE = Path("plots") / "learning_curve.png"

MOST_BARS = 40
"""Relations that are drawn, those with most facts."""


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
        InputError: A picture of that suffix cannot be made.
    """
    lines = _lines_of(metrics_file)
    figure = new_figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    _draw_loss(left, lines)
    _draw_validation(right, lines)
    return saved(figure, picture)


def plot_comparison(runs: Sequence[tuple[str, Path]], picture: Path) -> Path:
    """Draw the learning curves of several runs over each other.

    Args:
        runs: A name and the ``metrics.jsonl`` of each.
        picture: Where to write.

    Raises:
        RunError: The metrics of a run are missing or cannot be read.
        InputError: A picture of that suffix cannot be made.
    """
    figure = new_figure(10, 4.2)
    left, right = figure.subplots(1, 2)
    left.set(title="Training loss", xlabel="epoch", ylabel="mean loss of a triple")
    right.set(title="Validation", xlabel="epoch", ylabel="filtered MRR, both sides")
    for at, (name, metrics_file) in enumerate(runs):
        lines = _lines_of(metrics_file)
        color = f"C{at % 10}"
        left.plot(*_series(lines, "loss"), color=color, label=name)
        right.plot(*_series(lines, "valid_mrr"), color=color, marker=".", markersize=4)
    for axes in (left, right):
        axes.grid(alpha=0.3)
    left.legend(fontsize="small")
    return saved(figure, picture)


def plot_relations(split: str, values: Mapping[str, Any], picture: Path) -> Path:
    """Draw a bar a relation: its MRR, by its cardinality; and what all have, and rules alone.

    Args:
        split: Of which the values are.
        values: A split's part of a run's metrics, with ``relations``.
        picture: Where to write.

    Raises:
        InputError: A picture of that suffix cannot be made.
    """
    shown = list(values["relations"].items())[:MOST_BARS]
    shown.sort(key=lambda item: item[1]["mrr"])
    figure = new_figure(8, 1.6 + 0.24 * len(shown))
    axes = figure.subplots()
    kinds = sorted({relation["cardinality"] for _, relation in shown})
    for at, kind in enumerate(kinds):
        places = [i for i, (_, relation) in enumerate(shown) if relation["cardinality"] == kind]
        bars = [shown[i][1]["mrr"] for i in places]
        axes.barh(places, bars, color=f"C{at}", label=kind)
    names = [f"{plain(name)} ({relation['count'] // 2:,})" for name, relation in shown]
    axes.set_yticks(range(len(shown)), names, fontsize="small")
    axes.axvline(values["mrr"], color="black", linewidth=1, label=f"all: {values['mrr']:.3f}")
    if "baseline" in values:
        rules = values["baseline"]["mrr"]
        axes.axvline(
            rules, color="black", linewidth=1, linestyle=":", label=f"rules alone: {rules:.3f}"
        )
    left = len(values["relations"]) - len(shown)
    more = f"; {left:,} relations with fewer facts are left out" if left else ""
    axes.set(xlim=(0, 1), xlabel="filtered MRR, both sides (facts in brackets)")
    axes.set_title(f"Relations of {split}{more}", fontsize="medium")
    axes.legend(loc="lower right", fontsize="small")
    axes.grid(axis="x", alpha=0.3)
    return saved(figure, picture)


def plot_reliability(series: Mapping[str, Sequence[ReliabilityBin]], picture: Path) -> Path:
    """Draw what was true against what was said, a line each; the diagonal is calibrated.

    Args:
        series: By name, from :func:`kgplatform.training.calibrate.reliability`.
        picture: Where to write.

    Raises:
        InputError: A picture of that suffix cannot be made.
    """
    figure = new_figure(5.2, 4.8)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
    for at, (name, bins) in enumerate(series.items()):
        said, true = [each.confidence for each in bins], [each.true for each in bins]
        sizes = [10 + 120 * each.count / sum(other.count for other in bins) for each in bins]
        axes.plot(said, true, color=f"C{at % 10}", label=name)
        axes.scatter(said, true, s=sizes, color=f"C{at % 10}")
    axes.set(xlabel="probability that was said", ylabel="share that was true")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    return saved(figure, picture)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches."""
    # Figure without pyplot: no window system, no figures kept alive behind our back.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def saved(figure: Figure, picture: Path) -> Path:
    """Write a figure; the suffix decides the format.

    Raises:
        InputError: There is no such format.
    """
    formats = figure.canvas.get_supported_filetypes()
    if picture.suffix.removeprefix(".").lower() not in formats:
        raise InputError(
            f"{picture} cannot be drawn: its suffix is no format of pictures",
            hint="name it .png, .svg or .pdf",
        )
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)
    return picture


def plain(name: str) -> str:
    """A name as matplotlib writes it, dollar signs and all; IRIs by their last part."""
    short = name.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1] or name
    return short.replace("$", r"\$")[:40]


def _lines_of(metrics_file: Path) -> list[dict[str, Any]]:
    try:
        lines = [parsed_json(line) for line in metrics_file.read_text("utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise RunError(
            f"{metrics_file} cannot be read: {error}", hint="train again or resume the run"
        ) from None
    if not lines:
        raise RunError(f"{metrics_file} has no epoch yet", hint="let the training run longer")
    return lines


def _series(lines: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    """Epochs that have a value, and the values."""
    having = [line for line in lines if name in line]
    return [line["epoch"] for line in having], [line[name] for line in having]


def _draw_loss(axes: Axes, lines: list[dict[str, Any]]) -> None:
    axes.plot(*_series(lines, "loss"), color="C0")
    axes.set(title="Training loss", xlabel="epoch", ylabel="mean loss of a triple")
    axes.grid(alpha=0.3)


def _draw_validation(axes: Axes, lines: list[dict[str, Any]]) -> None:
    epochs, values = _series(lines, "valid_mrr")
    axes.set(title="Validation", xlabel="epoch", ylabel="filtered MRR, both sides")
    axes.grid(alpha=0.3)
    if not epochs:
        axes.text(0.5, 0.5, "no validation split", ha="center", transform=axes.transAxes)
        return
    axes.plot(epochs, values, color="C1", marker=".", markersize=4)
    best = max(range(len(values)), key=values.__getitem__)
    label = f"best: {values[best]:.3f} at epoch {epochs[best]}"
    axes.plot(epochs[best], values[best], "o", color="C3", markersize=7, label=label)
    axes.axvline(epochs[best], color="C3", linewidth=0.8, linestyle=":")
    axes.legend(loc="lower right")
