"""``kgp embed-new``: vectors for entities that came after a run, without training again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, progress_bar

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.progress import Progress
    from kgplatform.store.client import Store
    from kgplatform.training.artifacts import Run
    from kgplatform.training.embed_new import NewVectors


@click.command(name="embed-new")
@click.argument("run")
@click.option("--dry-run", is_flag=True, help="Say which get one; write nothing.")
@json_option
def embed_new(run: str, dry_run: bool, as_json: bool) -> None:
    """Give the entities that came into the graph after RUN vectors beside those of RUN.

    Nothing is trained again. By their features where RUN's vectors are made of features;
    by their texts where RUN is one of `kgp train text-link`; otherwise by their facts with
    entities that RUN knows. Each is marked in the graph, in the
    property of RUN's vectors with `_origin` behind its name. `kgp write RUN` comes first;
    `kgp undo RUN` removes them with RUN's own.
    """
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.cli.write import kind_of
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.add_vectors import add_vectors, target_of_set
    from kgplatform.store.writeback import origin_property, set_of_run
    from kgplatform.training.artifacts import find_run, load_run
    from kgplatform.training.embed_new import embed_new as vectors_of_new

    settings = load_settings()
    trained = load_run(find_run(settings.kgp_runs, run))
    with open_store(settings) as store, progress_bar() as progress:
        integers, kind = bool(trained.source.get("integer_keys")), kind_of(trained)
        target = target_of_set(store, trained.id, integers, kind=kind)
        snapshot, _ = snapshot_of_source(store, trained.source, progress)
        if trained.source.get("task") == "text-link":
            found = _by_texts(store, trained, snapshot, progress)
        else:
            found = vectors_of_new(trained, snapshot)
        counts = {"written": 0, "missing": 0}
        if not dry_run and found.entities:
            counts = add_vectors(
                store,
                trained.id,
                target,
                found.entities,
                found.vectors,
                found.origin,
                progress,
                kind=kind,
            )
    mark = origin_property(set_of_run(trained.id).property)
    data: dict[str, Any] = {
        "run": trained.id,
        "new": len(found.entities) + len(found.without),
        "origin": found.origin,
        "origin_property": mark,
        "entities": list(found.entities),
        "without": list(found.without),
        **counts,
    }
    emit(data, as_json, _text(data, dry_run))


def _by_texts(store: Store, run: Run, snapshot: KGSnapshot, progress: Progress) -> NewVectors:
    """Vectors of new entities by the texts that a run of `kgp train text-link` reads."""
    from kgplatform.cli.entity_texts import texts_of_source
    from kgplatform.joint.text_run import embed_new_texts, load_text_link
    from kgplatform.text.encode import load_encoder

    parts = texts_of_source(store, run.source, run.source["texts"], progress)
    texts = {name: ", ".join(filter(None, each)) for name, each in parts.items()}
    return embed_new_texts(run, snapshot, texts, load_encoder(load_text_link(run).encoder))


def _text(data: dict[str, Any], dry_run: bool) -> str:
    if not data["new"]:
        return f"the graph has no entities that run {data['run']} was not trained on"
    many = len(data["entities"])
    lines = [
        f"{many:,} new entities have a vector by {data['origin']}; nothing was written"
        if dry_run
        else f"{data['written']:,} new entities have a vector by {data['origin']}, which "
        f"{data['origin_property']} says"
    ]
    if data["without"]:
        lacking = "no fact joins them to an entity of the run"
        if data["origin"] == "text":
            lacking = "they have no text"
        lines.append(f"{len(data['without']):,} got none: {lacking}")
    return "\n".join(lines)
