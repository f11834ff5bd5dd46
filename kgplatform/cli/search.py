"""``kgp search`` and ``similar``: entities by what is said of them, and by their vectors."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, table
from kgplatform.errors import UsageError
from kgplatform.parsed import parsed_json

if TYPE_CHECKING:
    from kgplatform.answer.search import Searcher
    from kgplatform.store.search import Hit

PASSAGE_SHOWN = 160
"""Characters of a passage that are printed."""


@click.command()
@click.argument("text")
@click.option("--graph", default="default", show_default=True, help="The graph.")
@click.option(
    "--top-k", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many hits."
)
@click.option(
    "--label", "labels", multiple=True, help="Only of this label, or one of several; or Chunk."
)
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="PROPERTY=VALUE",
    help="Only with this value; of one property, any of several.",
)
@click.option(
    "--by",
    multiple=True,
    metavar="CHANNEL",
    help="Only by name, fulltext, text, graph or facts, as often as needed.  [default: all]",
)
@click.option(
    "--weights",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Learned weights of the channels (`kgp tune search`), in place of the usual ones.",
)
@click.option(
    "--expand",
    type=click.IntRange(0, 1000),
    default=0,
    show_default=True,
    help="Further entities, a step along the graph from the hits.",
)
@json_option
def search(
    text: str,
    graph: str,
    top_k: int,
    labels: tuple[str, ...],
    conditions: tuple[str, ...],
    by: tuple[str, ...],
    weights: Path | None,
    expand: int,
    as_json: bool,
) -> None:
    """Find entities and passages that TEXT names, describes or asks for, with the reasons.

    Five channels are searched and made one ranking: names like the words of TEXT; full text of
    names, descriptions and passages; vectors of texts (`kgp encode --write`); vectors of the graph
    (`kgp write RUN`), around what the others find first; facts with what TEXT names. Where a graph
    has no vectors, the others do, and a line says so.

    \b
    kgp search "landlocked country on the Danube" --graph countries
    kgp search "Curie" --label Person --where field=physics --expand 5
    """
    from kgplatform.answer.search import open_searcher
    from kgplatform.answer.search import search as find
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings

    settings = load_settings(kgp_search_weights=weights)
    where = _conditions(conditions)
    with open_store(settings) as store:
        searcher = open_searcher(store, settings, graph)
        hits = find(
            searcher,
            text,
            top_k=top_k,
            labels=labels,
            where=where,
            by=by or None,
            expand=expand,
        )
    for channel, how in () if by else searcher.missing.items():
        note(f"not by {channel}, as the graph has no such vectors: {how}")
    emit(_found(text, searcher, by, hits), as_json, _hits_text(hits))


def _conditions(given: tuple[str, ...]) -> dict[str, list[Any]]:
    """Values by property; one that reads as a number or truth value stands for that, too."""
    found: dict[str, list[Any]] = defaultdict(list)
    for each in given:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise UsageError(f"--where {each!r}", hint="--where PROPERTY=VALUE")
        found[name].append(value)
        try:
            read = parsed_json(value)
        except ValueError:
            continue
        if isinstance(read, bool | int | float):
            found[name].append(read)
    return dict(found)


def _found(text: str, searcher: Searcher, by: tuple[str, ...], hits: list[Hit]) -> dict[str, Any]:
    from kgplatform.answer.records import data_of

    return {
        "text": text,
        "graph": searcher.graph,
        "channels": list(by or searcher.channels),
        "missing": {} if by else dict(searcher.missing),
        "hits": [data_of(hit) for hit in hits],
    }


def _hits_text(hits: list[Hit]) -> str:
    if not hits:
        return "nothing found"
    lines = []
    for place, hit in enumerate(hits, 1):
        what = f" ({', '.join(hit.labels)})" if hit.labels else ""
        lines.append(f"{place:>3}  {hit.name}{what}  {hit.score:.3f}")
        lines += [f"       {reason}" for reason in hit.reasons]
        if hit.kind == "chunk":
            lines.append(f"       {' '.join(hit.text.split())[:PASSAGE_SHOWN]} [{hit.source}]")
    return "\n".join(lines)


@click.command()
@click.argument("entity")
@click.option("--graph", default="default", show_default=True, help="Its graph.")
@click.option(
    "--top-k", type=click.IntRange(min=1), default=10, show_default=True, help="How many."
)
@click.option(
    "--kind",
    type=click.Choice(["graph", "joint", "text", "image"]),
    help="By which vectors.  [default: the first of these that there are]",
)
@json_option
def similar(entity: str, graph: str, top_k: int, kind: str | None, as_json: bool) -> None:
    """Find the entities nearest to ENTITY, an id or a name, by the active vectors.

    Those of kind graph are what a model learned of its facts, those of kind joint of its facts and
    texts (`kgp train joint-classify` and its like), those of kind text what an encoder made of its
    name and description, those of kind image of its images (`kgp encode`).
    """
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.search import similar as find_similar

    with open_store(load_settings()) as store:
        hits = find_similar(store, graph, entity, top_k, kind)
    data = {
        "entity": entity,
        "hits": [
            {"id": hit.id, "name": hit.name, "score": hit.score, "reasons": list(hit.reasons)}
            for hit in hits
        ],
    }
    rows = [[hit.name, f"{hit.score:.3f}", "; ".join(hit.reasons)] for hit in hits]
    emit(data, as_json, table(["name", "score", "in common"], rows))
