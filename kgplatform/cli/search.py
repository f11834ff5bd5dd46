"""``kgp similar``: reading what was written back."""

from __future__ import annotations

import click

from kgplatform.cli.output import emit, json_option, table


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
