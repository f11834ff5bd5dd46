"""Explanations as pictures: by matplotlib in a file, by neo4j-viz as a page to look around in.

Asserted facts are drawn as lines, predicted ones dashed, what is explained in another colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from kgplatform.answer.explanation import (
    Counterfactual,
    Explanation,
    ModalityWeight,
    RuleReason,
    passed,
)
from kgplatform.answer.records import Path
from kgplatform.errors import UsageError
from kgplatform.store.statements import Statement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE = ".html"
INK, FAINT, ASSERTED, PREDICTED, ASKED = "#1b2a41", "#8d99ae", "#3a6ea5", "#e07a1f", "#b3261e"
MOST_BARS = 8
LONGEST_NAME = 26

Place = tuple[float, float]


def draw(found: Explanation, picture: FilePath) -> FilePath:
    """Draw an explanation: its paths and rules as a graph, what changes as bars.

    Args:
        found: It.
        picture: Where; the suffix decides the format, ``.html`` a page.

    Returns:
        ``picture``.

    Raises:
        InputError: There is no such format.
        UsageError: There is nothing to draw, or a page needs a package that is not there.
    """
    statements = drawn_statements(found)
    bars = _bars(found)
    if not statements and not bars:
        raise UsageError(
            "there is nothing to draw: no path, rule or change was found",
            hint="look further with more --top-k, or add --counterfactual",
        )
    if picture.suffix.lower() == PAGE:
        return _page(found, statements, picture)
    from kgplatform.training.plots import new_figure, saved

    heights = [4.4] * bool(statements) + [0.8 + 0.32 * len(bars)] * bool(bars)
    figure = new_figure(9.5, sum(heights))
    # Parts of their own: long labels of bars must not make the graph narrow.
    parts = list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).flat)
    if statements:
        _draw_graph(parts[0].subplots(), found, statements)
    if bars:
        _draw_bars(parts[-1].subplots(), bars, heading="" if statements else found.subject)
    return saved(figure, picture)


def drawn_statements(found: Explanation) -> list[Statement]:
    """The facts of an explanation's paths and rules, each once, in one direction."""
    every = [
        *(each for path in found.paths for each in path.statements),
        *(each for rule in found.rules for each in rule.statements),
    ]
    kept: dict[tuple[str, str, str], Statement] = {}
    for each in every:
        if (each.tail, each.relation, each.head) not in kept:
            kept[each.head, each.relation, each.tail] = each
    return list(kept.values())


def places(found: Explanation, statements: Sequence[Statement]) -> dict[str, Place]:
    """Where each entity is drawn: the ends left and right, what lies between in lanes.

    A path has a lane of its own as far as its entities have none yet; what is on no path, too.
    """
    walked = [path for path in found.paths if path.statements]
    walked += [Path(rule.statements, rule.confidence) for rule in found.rules if _is_walk(rule)]
    ends = (found.head, found.tail)
    lanes: list[dict[str, float]] = []
    placed: set[str | None] = set(ends)
    for path in walked:
        ids = [key for key, _ in passed(path, found.head)]
        ids = ids if ids[0] == found.head else ids[::-1]
        lane = {key: at / (len(ids) - 1) for at, key in enumerate(ids) if key not in placed}
        if len(ids) == 2:
            lane = dict.fromkeys(lane, 0.5)
        lanes += [lane] if lane else []
        placed |= lane.keys()
    for each in statements:
        for key in (each.head, each.tail):
            if key not in placed:
                lanes.append({key: 0.5})
                placed.add(key)
    # The middle is left to the link itself.
    rows = len(lanes) + len(lanes) % 2
    found_places = {key: (float(at), 0.5) for at, key in enumerate(ends) if key is not None}
    for row, lane in enumerate(lanes):
        for key, along in lane.items():
            found_places[key] = (along, 1 - (row + 0.5) / rows)
    named = {key for each in statements for key in (each.head, each.tail)}
    return {key: place for key, place in found_places.items() if key in named}


def _is_walk(rule: RuleReason) -> bool:
    """Whether each fact of a rule's body here begins where the one before ended."""
    pairs = [{each.head, each.tail} for each in rule.statements]
    return bool(pairs) and all(len(one & other) == 1 for one, other in pairwise(pairs))


def _draw_graph(axes: Axes, found: Explanation, statements: Sequence[Statement]) -> None:
    from kgplatform.training.plots import plain

    where = places(found, statements)
    names = {
        key: name
        for each in statements
        for key, name in ((each.head, each.head_name), (each.tail, each.tail_name))
    }
    axes.set(xlim=(-0.14, 1.14), ylim=(-0.03, 1.03), xticks=[], yticks=[])
    axes.set_title(found.subject.replace("$", r"\$"), fontsize=11, color=INK)
    for side in axes.spines.values():
        side.set_visible(False)
    if found.kind == "link" and found.head in where and found.tail in where:
        _edge(axes, where[found.head], where[found.tail], ASKED, ":", "", 0.0)
    together: dict[frozenset[str], int] = {}
    for each in statements:
        pair = frozenset((each.head, each.tail))
        turn = together[pair] = together.get(pair, 0) + 1
        color, style = (PREDICTED, "--") if each.kind == "predicted" else (ASSERTED, "-")
        label = each.relation if each.confidence >= 1 else f"{each.relation} {each.confidence:.2f}"
        bend = 0.16 * turn * (1 if turn % 2 else -1)
        straight = {each.head, each.tail} != {found.head, found.tail} and turn == 1
        _edge(
            axes, where[each.head], where[each.tail], color, style, label, 0.0 if straight else bend
        )
    for key, (x, y) in where.items():
        end = key in (found.head, found.tail)
        axes.text(
            x,
            y,
            plain(names.get(key, key))[:LONGEST_NAME],
            ha="center",
            va="center",
            fontsize=9.5 if end else 8.5,
            fontweight="bold" if end else "normal",
            color="white" if end else INK,
            bbox={
                "boxstyle": "round,pad=0.35",
                "facecolor": INK if end else "white",
                "edgecolor": INK if end else FAINT,
            },
            zorder=3,
        )


def _edge(
    axes: Axes, start: Place, end: Place, color: str, style: str, label: str, bend: float
) -> None:
    """An arrow with its label beside it, bent where several join the same two."""
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": color,
            "linestyle": style,
            "linewidth": 1.4,
            "shrinkA": 26,
            "shrinkB": 26,
            "connectionstyle": f"arc3,rad={bend}",
        },
        zorder=1,
    )
    if label:
        # The middle of an arc3 curve: half its bend across the straight line.
        x = (start[0] + end[0]) / 2 + bend * (end[1] - start[1]) / 2
        y = (start[1] + end[1]) / 2 - bend * (end[0] - start[0]) / 2
        axes.text(
            x,
            y,
            label.replace("$", r"\$"),
            ha="center",
            va="center",
            fontsize=7,
            color=color,
            bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none"},
            zorder=2,
        )


def _bars(found: Explanation) -> list[tuple[str, float, float]]:
    """What is drawn as bars: a label, and a value before and after."""
    changes = sorted(found.counterfactuals, key=_size)[:MOST_BARS]
    bars = [(_without(each), each.before, each.after) for each in changes]
    return bars + [
        (_of_modality(each), each.probability, each.without) for each in found.modalities
    ]


def _size(each: Counterfactual) -> float:
    return -abs(each.after - each.before)


def _without(each: Counterfactual) -> str:
    fact = f"{each.without.head_name} {each.without.relation} {each.without.tail_name}"
    return f"{each.of} without {fact}"


def _of_modality(each: ModalityWeight) -> str:
    share = "" if each.weight is None else f" ({each.weight:.0%})"
    return f"without {each.modality}{share}"


def _draw_bars(axes: Axes, bars: Sequence[tuple[str, float, float]], heading: str) -> None:
    rows = range(len(bars))
    axes.barh(rows, [before for _, before, _ in bars], color="#d9dfe8", height=0.7, label="with it")
    after = [value for _, _, value in bars]
    axes.barh(rows, after, color=ASSERTED, height=0.34, label="without")
    axes.set_yticks(rows, [label.replace("$", r"\$")[:70] for label, _, _ in bars], fontsize=7.5)
    axes.invert_yaxis()
    axes.set_xlim(0, max(1.0, max(max(before, value) for _, before, value in bars)))
    axes.tick_params(axis="x", labelsize=7.5)
    axes.legend(fontsize=7.5, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    if heading:
        axes.set_title(heading.replace("$", r"\$"), fontsize=10, color=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _page(found: Explanation, statements: Sequence[Statement], picture: FilePath) -> FilePath:
    """A page by neo4j-viz, whose nodes can be moved and whose facts say more of themselves."""
    try:
        from neo4j_viz import Node, Relationship, VisualizationGraph
    except ImportError:
        raise UsageError(
            "pages are drawn by neo4j-viz", hint="pip install 'kgplatform[viz]', or name it .png"
        ) from None
    where = places(found, statements)
    names = {
        key: name
        for each in statements
        for key, name in ((each.head, each.head_name), (each.tail, each.tail_name))
    }
    number = {key: at for at, key in enumerate(where)}
    nodes = [
        Node(
            id=number[key],
            caption=names.get(key, key),
            size=26 if key in (found.head, found.tail) else 20,
            color=INK if key in (found.head, found.tail) else ASSERTED,
            x=900 * x,
            y=-500 * y,
            properties={"id": key},
        )
        for key, (x, y) in where.items()
    ]
    facts = [
        Relationship(
            source=number[each.head],
            target=number[each.tail],
            caption=f"{each.relation} {each.confidence:.2f}",
            color=PREDICTED if each.kind == "predicted" else ASSERTED,
            properties={
                "kind": each.kind,
                "confidence": each.confidence,
                "sources": ", ".join(each.sources),
                "run": each.run or "",
            },
        )
        for each in statements
    ]
    if found.kind == "link" and found.head in number and found.tail in number:
        facts.append(
            Relationship(
                source=number[found.head],
                target=number[found.tail],
                caption="explained",
                color=ASKED,
                properties={"kind": "explained", "says": found.subject},
            )
        )
    page = VisualizationGraph(nodes=nodes, relationships=facts).render()
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(str(page.data), encoding="utf-8")
    return picture
