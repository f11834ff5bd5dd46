"""``kgp train recommend``: what users like next, from what they like and what the graph knows."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.entity_texts import PROPERTIES, texts_of_source
from kgplatform.cli.output import emit, json_option, note, progress_bar, table
from kgplatform.cli.source import pairs, source_options

if TYPE_CHECKING:
    from torch import Tensor

    from kgplatform.progress import Progress
    from kgplatform.recommend.assess import Assessed
    from kgplatform.recommend.likes import Likes
    from kgplatform.recommend.settings import RecommendSettings
    from kgplatform.recommend.train import Epoch
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.training.artifacts import Run

NO_TEXTS = "none"

FIGURES = ("recall_at_10", "recall_at_20", "ndcg_at_10", "ndcg_at_20", "sampled_recall_at_10")


@click.command()
@source_options(own_nodes=True)
@click.option(
    "--relation", required=True, help="From a user to what they like; all else is known beside."
)
@click.option("--items", metavar="LABEL", help="Entities of it are items though nobody likes them.")
@click.option(
    "--texts",
    default=PROPERTIES,
    show_default=True,
    help="Properties with text, or a file of id<TAB>text, or none.",
)
@click.option("--encoder", default="minilm", show_default=True, help="A text encoder.")
@click.option("--set", "settings_given", multiple=True, metavar="K=V", help="A training setting.")
@json_option
def recommend(
    source: dict[str, Any],
    relation: str,
    items: str | None,
    texts: str,
    encoder: str,
    settings_given: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train a recommender on one relation of a graph: heads are users, tails what they like.

    By --set model=: graph (LightGCN over vectors that side facts and texts have entered; the
    default), lightgcn, bpr, item_knn or popularity. Of each user the last likes are set aside
    where the source returns times, else random ones. Reported beside it is what popularity and
    item-kNN reach, users as if they were new, and items that nobody likes in training.

    \b
    kgp train recommend --graph films --relation LIKES
    kgp train recommend --graph films --relation LIKES --items Film --set model=lightgcn
    kgp train recommend --graph films --relation RATED --set least_weight=4 --cypher 'MATCH
        (a:Entity {graph: "films"})-[r]->(b) RETURN a.id AS head, type(r) AS relation,
        b.id AS tail, coalesce(r.stars, 0.0) AS weight, coalesce(r.time, 0) AS time'
    """
    from kgplatform.recommend.settings import settings_of
    from kgplatform.settings import load_settings

    settings = load_settings()
    chosen = settings_of(pairs("--set", settings_given))
    run, assessed = _trained(settings, source, relation, items, texts, encoder, chosen)
    data = {
        "run": run.id,
        "folder": str(run.folder),
        "epochs": len(assessed.fitted.curve),
        "best_epoch": assessed.fitted.best_epoch,
        "seconds": run.seconds,
        "users": len(assessed.trained.users),
        "items": len(assessed.trained.items),
        "metrics": dict(run.metrics),
    }
    emit(data, as_json, _text(run, assessed))


def _trained(
    settings: Settings,
    source: dict[str, Any],
    relation: str,
    items: str | None,
    texts: str,
    encoder: str,
    chosen: RecommendSettings,
) -> tuple[Run, Assessed]:
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.connection import open_store
    from kgplatform.recommend.assess import train_recommender
    from kgplatform.recommend.card import recommender_card
    from kgplatform.recommend.likes import likes_of
    from kgplatform.recommend.run import save_recommender
    from kgplatform.training.artifacts import CARD_FILE, METRICS_FILE, new_run_id, write_atomically

    started = time.monotonic()
    with open_store(settings) as store, progress_bar() as progress:
        snapshot, source = snapshot_of_source(store, source, progress)
        also = _labelled(store, source, items)
        likes = likes_of(snapshot, relation, chosen, also)
        vectors = None
        if chosen.model == "graph" and texts != NO_TEXTS:
            vectors = _vectors(settings, store, source, likes, texts, encoder, progress)
    note(_sizes(likes))
    with progress_bar() as progress:
        assessed = train_recommender(likes, chosen, vectors, progress, _show)
    folder = settings.kgp_runs / new_run_id("recommend", settings.kgp_runs)
    source = {**source, "items_label": items}
    if vectors is not None:
        source |= {"texts": texts, "text_encoder": encoder}
    folder.mkdir(parents=True, exist_ok=True)
    curve = "".join(json.dumps(asdict(epoch)) + "\n" for epoch in assessed.fitted.curve)
    write_atomically(folder / METRICS_FILE, curve)
    run = save_recommender(
        folder,
        assessed.trained,
        source,
        snapshot.digest,
        assessed.metrics,
        time.monotonic() - started,
    )
    write_atomically(folder / CARD_FILE, recommender_card(run, likes, chosen))
    return run, assessed


def _labelled(store: Store, source: dict[str, Any], label: str | None) -> Sequence[str]:
    """Ids of the entities that are items by their label.

    Raises:
        UsageError: The source is no graph of kgplatform's, or has none of that label.
    """
    from kgplatform.errors import UsageError
    from kgplatform.store.recommendation import ids_with_label

    if label is None:
        return ()
    graph = source.get("graph")
    if graph is None:
        raise UsageError("--items is a label of a graph's entities", hint="add --graph")
    found = ids_with_label(store, graph, label)
    if not found:
        raise UsageError(
            f"graph {graph!r} has no entity with label {label!r}", hint=f"kgp schema {graph}"
        )
    return found


def _vectors(
    settings: Settings,
    store: Store,
    source: dict[str, Any],
    likes: Likes,
    texts: str,
    encoder_name: str,
    progress: Progress,
) -> Tensor | None:
    """Vectors of entities' texts [N, D], zeros for those without; None where no text is found."""
    import torch

    from kgplatform.errors import UsageError
    from kgplatform.text.encode import load_encoder
    from kgplatform.text.vector_cache import cached_text_vectors

    try:
        found = texts_of_source(store, source, texts, progress)
    except UsageError:
        # Which nodes a query's entities are is needed for their properties alone.
        if texts != PROPERTIES:
            raise
        note("the query does not say where its entities are, so no texts are read: see --graph")
        return None
    said = [", ".join(filter(None, found.get(name, ()))) for name in likes.entities]
    rows = [row for row, text in enumerate(said) if text]
    if not rows:
        return None
    encoder = load_encoder(encoder_name)
    vectors = torch.zeros(len(said), encoder.dimension)
    written = [said[row] for row in rows]
    vectors[rows] = torch.from_numpy(
        cached_text_vectors(encoder, written, settings.text_cache, progress)
    )
    return vectors


def _sizes(likes: Likes) -> str:
    counts = ", ".join(f"{len(likes.of(split)):,} {split}" for split in ("train", "valid", "test"))
    return (
        f"{len(likes.users):,} users, {len(likes.items):,} items, likes: {counts}; "
        f"{len(likes.side):,} facts beside"
    )


def _show(epoch: Epoch) -> None:
    if epoch.ndcg is not None:
        note(f"epoch {epoch.epoch}: loss {epoch.loss:.3f}, NDCG@20 on valid {epoch.ndcg:.3f}")


def _text(run: Run, assessed: Assessed) -> str:
    from kgplatform.recommend.card import result_rows

    lines = [
        f"run {run.id}: {len(assessed.fitted.curve)} epochs in {run.seconds:.1f} s, "
        f"best {assessed.fitted.best_epoch}"
    ]
    if run.metrics:
        columns, rows = result_rows(run.metrics, str(run.source["ranks_by"]))
        lines.append(table(columns, rows))
    else:
        lines.append("no user has likes to set aside, so no metrics")
    relation = run.source["relation"]
    lines.append(f"next: kgp recommend ENTITY --relation {relation} --run {run.id}")
    return "\n".join(lines)
