"""``kgp train text-link``: links by the texts of entities, alone or with a trained model."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.entity_texts import PROPERTIES, aligned, texts_of_source
from kgplatform.cli.output import emit, json_option, note, progress_bar, table
from kgplatform.cli.results import METRICS
from kgplatform.cli.source import pairs, source_options

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.joint.text_settings import TextLinkSettings
    from kgplatform.joint.text_train import Epoch
    from kgplatform.settings import Settings
    from kgplatform.training.artifacts import Run

Texts = dict[str, tuple[str, ...]]


@click.command(name="text-link")
@source_options(own_nodes=True)
@click.option(
    "--texts",
    default=PROPERTIES,
    show_default=True,
    help="Properties of the nodes, the name first; or a file of id<TAB>text.",
)
@click.option("--encoder", default="minilm", show_default=True, help="A text encoder.")
@click.option("--fuse", metavar="RUN", help="A trained model to mix the scores with.")
@click.option("--set", "settings_given", multiple=True, metavar="K=V", help="A training setting.")
@json_option
def text_link(
    source: dict[str, Any],
    texts: str,
    encoder: str,
    fuse: str | None,
    settings_given: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train links by text: what a name and a description say of an entity's facts.

    The texts are read by a language model that stays as it is; what is trained asks of a head's
    text and a relation for the tail's text, with the texts of neighbours beside. With --fuse its
    scores are mixed with those of a run of `kgp train`, by weights learned on validation.
    Reported is what text, structure and both reach, and what the texts give away.

    \b
    kgp train text-link --graph wordnet
    kgp train text-link --graph wordnet --texts entity2text.tsv --fuse latest
    kgp train text-link --graph films --texts title,plot --set neighbours=false
    """
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.connection import open_store
    from kgplatform.joint.text_settings import settings_of
    from kgplatform.settings import load_settings

    settings = load_settings()
    chosen = settings_of(pairs("--set", settings_given))
    with open_store(settings) as store, progress_bar() as progress:
        snapshot, source = snapshot_of_source(store, source, progress)
        found = texts_of_source(store, source, texts, progress)
    source = {**source, "texts": texts}
    run, data = _trained(settings, snapshot, source, found, encoder, fuse, chosen)
    emit({"run": run.id, "folder": str(run.folder), **data}, as_json, _text(run, data))


def _trained(
    settings: Settings,
    snapshot: KGSnapshot,
    source: dict[str, Any],
    texts: Texts,
    encoder_name: str,
    fuse: str | None,
    chosen: TextLinkSettings,
) -> tuple[Run, dict[str, Any]]:
    import torch

    from kgplatform.joint.text_assess import assess
    from kgplatform.joint.text_run import TextLinkRun, save_text_link
    from kgplatform.joint.text_train import train_text_link
    from kgplatform.text.encode import load_encoder
    from kgplatform.text.vector_cache import cached_text_vectors
    from kgplatform.training.artifacts import load_model, new_run_id

    started = time.monotonic()
    structure = _run_to_fuse(settings, fuse, snapshot)
    split = _split(snapshot, structure, chosen)
    names, whole = aligned(split.entities, texts)
    encoder = load_encoder(encoder_name)
    cache = settings.text_cache
    with progress_bar() as progress:
        vectors = torch.from_numpy(cached_text_vectors(encoder, whole, cache, progress))
        model, curve = train_text_link(split, vectors, chosen, progress, _show)
        data, _ = assess(
            model,
            split,
            names,
            whole,
            lambda changed: cached_text_vectors(encoder, changed, cache),
            load_model(structure) if structure else None,
            progress,
        )
    data["curve"] = [asdict(epoch) for epoch in curve]
    said = {"fused_with": structure.id if structure else None, "report": data}
    trained = TextLinkRun(
        model,
        tuple(split.entities),
        tuple(split.relations),
        split.triples("train"),
        encoder.name,
        encoder.digest,
        said,
    )
    run = save_text_link(
        settings.kgp_runs / new_run_id("text-link", settings.kgp_runs),
        trained,
        snapshot,
        source,
        data["metrics"]["text"],
        time.monotonic() - started,
    )
    return run, data


def _run_to_fuse(settings: Settings, name: str | None, snapshot: KGSnapshot) -> Run | None:
    """The run of ``--fuse``, if it was trained on this very graph."""
    from kgplatform.training.artifacts import find_run, load_run
    from kgplatform.training.loop import check_snapshot

    if name is None:
        return None
    run = load_run(find_run(settings.kgp_runs, name))
    check_snapshot(run, snapshot)
    return run


def _split(snapshot: KGSnapshot, structure: Run | None, chosen: TextLinkSettings) -> KGSnapshot:
    """The graph with its split: that of the run it is to be fused with, if there is one."""
    from kgplatform.graph.split import ensure_split

    if structure is None:
        return ensure_split(snapshot, seed=chosen.seed)
    config = structure.config
    return ensure_split(
        snapshot,
        seed=config.seed,
        valid_share=config.valid_share,
        test_share=config.test_share,
        by=config.split,
    )


def _show(epoch: Epoch) -> None:
    mrr = "" if epoch.valid_mrr is None else f", MRR on valid {epoch.valid_mrr:.3f}"
    note(f"epoch {epoch.epoch}: loss {epoch.loss:.3f}{mrr}")


def _text(run: Run, data: dict[str, Any]) -> str:
    from kgplatform.joint.text_assess import report

    rows = [
        [name, split, *(f"{values[metric]:.3f}" for metric in METRICS)]
        for name, splits in data["metrics"].items()
        for split, values in splits.items()
    ]
    lines = [f"run {run.id}: {len(data['curve'])} epochs in {run.seconds:.1f} s"]
    if rows:
        lines.append(table(["by", "split", *METRICS], rows))
    return "\n".join([*lines, report(data), f"next: kgp write {run.id}"])
