"""``kgp train joint-classify``: classes of texts by text and graph together."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar, table
from kgplatform.cli.source import pairs, query_text, source_options
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.joint.build import Joint
    from kgplatform.joint.classify import Result
    from kgplatform.joint.nodes import Modality
    from kgplatform.joint.settings import JointSettings
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.sources.labelled_texts import LabelledTexts, TextColumns
    from kgplatform.store.client import Store
    from kgplatform.text.encode import TextEncoder

ENTITY_TEXTS = ("name", "description")
ALIASES = "aliases"


@click.command()
@source_options(own_nodes=True)
@click.option(
    "--texts", required=True, metavar="FILE|CYPHER", help="A table of texts, or a reading query."
)
@click.option("--text-column", default="text", show_default=True)
@click.option("--label-column", default="label", show_default=True)
@click.option(
    "--entity-column", default="entity", show_default=True, help="Id of an entity, or a list."
)
@click.option(
    "--link", "linking", is_flag=True, help="Find the entities by name instead, as kgp link does."
)
@click.option("--split-column", help="train, valid or test; without one, a split is drawn.")
@click.option("--strategy", help="embedding or gnn.")
@click.option("--fusion", help="concat, sum, gate, cross_attention or deep.")
@click.option("--encoder", default="minilm", show_default=True, help="What reads the texts.")
@click.option(
    "--entity-text", multiple=True, help="Property with text of entities [name, description]."
)
@click.option("--modality", multiple=True, metavar="PROPERTY", help="Vectors of entities to use.")
@click.option("--set", "settings_given", multiple=True, metavar="K=V", help="A training setting.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--controls", is_flag=True, help="Train all that a gain by the graph must beat.")
@json_option
def joint_classify(
    source: dict[str, Any],
    texts: str,
    text_column: str,
    label_column: str,
    entity_column: str,
    linking: bool,
    split_column: str | None,
    strategy: str | None,
    fusion: str | None,
    encoder: str,
    entity_text: tuple[str, ...],
    modality: tuple[str, ...],
    settings_given: tuple[str, ...],
    seeds: int,
    controls: bool,
    as_json: bool,
) -> None:
    """Learn classes of texts from the texts and from the entities that they name.

    Texts come from a CSV, TSV, JSON Lines or Parquet file, or from a query over the graph. The
    report says whether the graph helped; with --controls, against all that it must beat. The run
    has a vector an entity, made of text and graph, for kgp write.

    \b
    kgp train joint-classify --graph wiki --texts topics.csv --text-column description \\
        --label-column topic --entity-column id --controls --seeds 5
    kgp train joint-classify --graph films --texts reviews.csv --label-column genre --link
    kgp train joint-classify --graph wiki --texts 'MATCH (e:Entity {graph: "wiki"})
        RETURN e.description AS text, e.topic AS label, e.id AS entity'
    """
    from kgplatform.joint.classify import classify, save_joint
    from kgplatform.joint.settings import settings_from
    from kgplatform.settings import load_settings
    from kgplatform.sources.labelled_texts import TextColumns
    from kgplatform.training.artifacts import new_run_id

    given = pairs("--set", settings_given)
    flags = {"strategy": strategy, "fusion": fusion}
    chosen = settings_from({**given, **{key: each for key, each in flags.items() if each}})
    entities = None if linking else entity_column
    columns = TextColumns(text_column, label_column, entities, split_column)
    settings = load_settings()
    begun = time.monotonic()
    with progress_bar() as progress:
        joint, snapshot, source = _joint(
            settings,
            source,
            texts,
            columns,
            chosen,
            encoder,
            entity_text or ENTITY_TEXTS,
            modality,
            progress,
        )
        note(_sizes(joint))
        result = classify(joint, chosen, seeds=seeds, controls=controls, progress=progress)
    folder = settings.kgp_runs / new_run_id("joint", settings.kgp_runs)
    source = {**source, "texts": texts, "encoder": encoder}
    seconds = time.monotonic() - begun
    run = save_joint(result, chosen, snapshot, folder, source, seconds)
    emit(_data(run.id, result), as_json, _text(run.id, result))


def _joint(
    settings: Settings,
    source: dict[str, Any],
    texts: str,
    columns: TextColumns,
    chosen: JointSettings,
    encoder_name: str,
    entity_text: tuple[str, ...],
    modality: tuple[str, ...],
    progress: Progress,
) -> tuple[Joint, KGSnapshot, dict[str, Any]]:
    """Everything that is read: the graph, the texts, the vectors of both."""
    import torch

    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.connection import open_store
    from kgplatform.joint.build import Joint
    from kgplatform.joint.dataset import linked_texts
    from kgplatform.text.encode import load_encoder
    from kgplatform.text.vector_cache import cached_text_vectors

    cache = settings.text_cache
    with open_store(settings) as store:
        snapshot, source = snapshot_of_source(store, source, progress)
        found = _texts(store, source, texts, columns, progress)
        if columns.entity is None:
            found = _linked(settings, store, source, found, progress)
        encoder = load_encoder(encoder_name)
        modalities = _modalities(
            store,
            source,
            snapshot,
            modality,
            entity_text if chosen.strategy == "gnn" else (),
            encoder,
            cache,
            progress,
        )
    dataset, missing = linked_texts(
        found.texts, found.labels, found.entities, snapshot, found.splits, seed=chosen.seed
    )
    if missing:
        note(f"{missing:,} links name no entity of the graph and are left out")
    vectors = None
    if chosen.text == "pooled":
        vectors = torch.from_numpy(cached_text_vectors(encoder, dataset.texts, cache, progress))
    joint = Joint(dataset, snapshot, encoder, vectors, modalities)
    return joint, snapshot, source


def _texts(
    store: Store, source: dict[str, Any], texts: str, columns: TextColumns, progress: Progress
) -> LabelledTexts:
    """Texts from a file or by a query, with the entities that a column says they name."""
    from kgplatform.graph.entity_properties import query_texts
    from kgplatform.sources.labelled_texts import is_table, read_texts

    if is_table(texts):
        return read_texts(Path(texts), columns)
    params = {**source.get("params", {}), "graph": source.get("graph")}
    return query_texts(store, query_text(texts), params, columns, progress)


def _linked(
    settings: Settings,
    store: Store,
    source: dict[str, Any],
    found: LabelledTexts,
    progress: Progress,
) -> LabelledTexts:
    """The same texts with the entities that they name.

    Raises:
        UsageError: The entities are not a graph's, so that nobody knows their names.
    """
    import dataclasses

    from kgplatform.cli.link import linker_of
    from kgplatform.store.names import read_names
    from kgplatform.text.link import link

    graph = source.get("graph")
    if graph is None:
        raise UsageError(
            "entities are found by name in a graph that kgplatform has loaded",
            hint="give --graph, or a column of entity ids with --entity-column",
        )
    known = read_names(store, graph, ALIASES, progress)
    linker = linker_of(settings, store, graph, known, None, False, progress)
    mentions = link(linker, found.texts, progress)
    entities = tuple(
        tuple(each.entity_id for each in of_text if each.entity_id is not None)
        for of_text in mentions
    )
    return dataclasses.replace(found, entities=entities)


def _modalities(
    store: Store,
    source: dict[str, Any],
    snapshot: KGSnapshot,
    names: tuple[str, ...],
    texts: tuple[str, ...],
    encoder: TextEncoder,
    cache: Path,
    progress: Progress,
) -> dict[str, Modality]:
    """Vectors that the graph has of its entities, and those of their texts."""
    import torch

    from kgplatform.cli.connection import target_of_source
    from kgplatform.graph.entity_properties import entity_property, entity_texts, entity_vectors_of
    from kgplatform.joint.build import TEXT
    from kgplatform.joint.nodes import Modality, standardised
    from kgplatform.text.vector_cache import cached_text_vectors

    modalities: dict[str, Modality] = {}
    if not names and not texts:
        return modalities
    target = target_of_source(source, None, None, None)
    for name in names:
        read = entity_property(store, target, snapshot, name, progress)
        modalities[name] = standardised(Modality(*entity_vectors_of(read, name)))
    if texts:
        read_texts = {
            name: entity_property(store, target, snapshot, name, progress) for name in texts
        }
        written = entity_texts(read_texts, snapshot.num_entities)
        present = torch.tensor([bool(each) for each in written])
        if present.any():
            vectors = torch.from_numpy(cached_text_vectors(encoder, written, cache, progress))
            modalities[TEXT] = Modality(vectors, present)
    return modalities


def _sizes(joint: Joint) -> str:
    dataset = joint.dataset
    counts = {name: len(dataset.rows(name)) for name in ("train", "valid", "test")}
    linked = int((dataset.offsets.diff() > 0).sum())
    return (
        f"{len(dataset):,} texts of {len(dataset.classes)} classes "
        f"({', '.join(f'{count:,} {name}' for name, count in counts.items())}), {linked:,} of "
        f"them with entities of {joint.snapshot.num_entities:,}"
    )


def _data(run: str, result: Result) -> dict[str, Any]:
    from kgplatform.joint.classify import report

    fitted = result.fit
    return {
        "run": run,
        "epochs": fitted.epochs,
        "best_epoch": fitted.best_epoch,
        "cpu_seconds": round(fitted.cpu_seconds, 2),
        **report(result),
    }


def _text(run: str, result: Result) -> str:
    from kgplatform.joint.classify import report

    found = report(result)
    rows = []
    for name, each in found["macro_f1"].items():
        gain = result.differences.get(name)
        rows.append(
            [
                name,
                f"{each['mean']:.3f} ± {each['sd']:.3f}",
                "" if gain is None else f"{gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})",
            ]
        )
    lines = [
        table(["model", "macro-F1 on test texts", "text and graph are better by"], rows),
        result.verdict,
        f"run {run}; next: kgp write {run}",
    ]
    return "\n".join(lines)
