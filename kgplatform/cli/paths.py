"""``kgp paths``: how two entities are connected."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from kgplatform.cli.output import emit, json_option

if TYPE_CHECKING:
    from kgplatform.store.paths import FoundPath

HOPS = 6
HOPS_WEIGHTED = 4
"""Further hops mean reading much of the graph where facts are not surely true."""


@click.command()
@click.argument("start", metavar="A")
@click.argument("end", metavar="B")
@click.option("--graph", default="default", show_default=True, help="Their graph.")
@click.option(
    "--max-hops", type=int, help=f"Most facts of a path: {HOPS}, with --weighted {HOPS_WEIGHTED}."
)
@click.option("--weighted", is_flag=True, help="The surest path: the product of confidences.")
@click.option("--predicted", is_flag=True, help="Also over predicted links.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=10, show_default=True, help="Most paths."
)
@json_option
def paths(
    start: str,
    end: str,
    graph: str,
    max_hops: int | None,
    weighted: bool,
    predicted: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Find all shortest paths between A and B, ids or names, in either direction of facts.

    With --weighted, the one path whose confidences have the greatest product; a fact without a
    confidence counts as sure.

    \b
    kgp paths poland portugal --graph countries
    kgp paths poland portugal --graph countries --weighted --predicted
    """
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.paths import shortest_paths, surest_path

    hops = max_hops if max_hops is not None else HOPS_WEIGHTED if weighted else HOPS
    with open_store(load_settings()) as store:
        if weighted:
            surest = surest_path(store, graph, start, end, max_hops=hops, predicted=predicted)
            found = [] if surest is None else [surest]
        else:
            found = shortest_paths(
                store, graph, start, end, max_hops=hops, predicted=predicted, limit=limit
            )
    text = "\n".join(map(_text, found)) or f"no path of {hops} facts or fewer: see --max-hops"
    data = {"from": start, "to": end, "max_hops": hops, "paths": [asdict(each) for each in found]}
    emit(data, as_json, text)


def _text(path: FoundPath) -> str:
    parts = [path.names[0]]
    for place, fact in enumerate(path.facts):
        label = fact.relation if fact.kind == "asserted" else f"{fact.relation}, predicted"
        forward = fact.head == path.ids[place]
        parts.append(f"-[{label}]->" if forward else f"<-[{label}]-")
        parts.append(path.names[place + 1])
    sure = "" if path.confidence == 1 else f"  ({path.confidence:.3f})"
    return " ".join(parts) + sure
