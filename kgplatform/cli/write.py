"""``kgp write`` and ``predict``: what a run learned, into the graph."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.look import emit_linked
from kgplatform.cli.output import emit, json_option, progress_bar, table
from kgplatform.cli.rule_support import supported
from kgplatform.errors import UsageError

if TYPE_CHECKING:
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.store.client import Store
    from kgplatform.store.links import Link
    from kgplatform.store.writeback import Target
    from kgplatform.training.artifacts import Run
    from kgplatform.training.calibrate import Calibration
    from kgplatform.training.predict import PredictedLink, Prediction

ENCODED = ("text", "image")
"""Kinds of vectors that one encoder makes of what it reads: only those of one can be compared."""

graph_option = click.option("--graph", help="Graph of kgplatform's own nodes to write to.")
label_option = click.option("--label", help="Label of your own nodes to write to.")
key_option = click.option("--key", help="The property that identifies them.")


@click.command()
@click.argument("run")
@graph_option
@label_option
@key_option
@click.option("--bytes", "keep_bytes", is_flag=True, help="Keep them as bytes, too: read faster.")
@click.option("--replace", is_flag=True, help="Also in place of another text encoder's vectors.")
@click.option("--dry-run", is_flag=True, help="Print the Cypher and the counts; write nothing.")
@json_option
def write(
    run: str,
    graph: str | None,
    label: str | None,
    key: str | None,
    keep_bytes: bool,
    replace: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Write RUN's entity vectors into the graph, build their index, make them the active set.

    A graph has an active set of each kind: graph (of facts alone), joint (of text and graph),
    text and image. Readers keep the old vectors until all new ones are in. A write that was cut
    goes on where it was when it is run again; `kgp undo RUN` takes everything back.
    """
    from kgplatform.cli.connection import target_of_source
    from kgplatform.connection import open_store
    from kgplatform.joint.classify import modality_weights
    from kgplatform.settings import load_settings
    from kgplatform.store.weights import write_weights
    from kgplatform.store.writeback import write_vectors
    from kgplatform.training.artifacts import entity_vectors

    settings = load_settings()
    trained = _load_run(settings, run)
    check_vectors_of(trained)
    target = target_of_source(trained.source, graph, label, key)
    keys, vectors = entity_vectors(trained)
    with open_store(settings) as store, progress_bar() as progress:
        if not replace:
            check_encoder_of(store, trained, target)
        if dry_run:
            dimension = int(vectors.shape[1])
            data = _planned_vectors(store, trained, target, list(keys), dimension, keep_bytes)
            emit(data, as_json, "\n".join([*data["statements"], _planned_text(data)]))
            return
        properties = run_properties(trained, target)
        data = write_vectors(
            store,
            trained.id,
            properties,
            target,
            keys,
            vectors,
            progress,
            kind=kind_of(trained),
            keep_bytes=keep_bytes,
        )
        weights = modality_weights(trained.folder)
        if weights is not None:
            write_weights(store, data["property"], target, keys, *weights, progress)
    kept = data["written"] * vectors.shape[1] * 4 if data["bytes_property"] else 0
    data = {"run": trained.id, **data, "bytes_kept": kept}
    lines = [
        f"{data['written']:,} vectors of {vectors.shape[1]} numbers in property "
        f"{data['property']}, index {data['index']}, now active"
    ]
    if kept:
        lines.append(f"kept as bytes, too: {kept:,} bytes in property {data['bytes_property']}")
    if weights is not None:
        lines.append("how much of each is text and graph: …_text_weight and …_graph_weight")
    if data["missing"]:
        lines.append(f"{data['missing']:,} entities of the run are no longer in the graph")
    if data["replaced"]:
        lines.append(f"they take the place of {data['replaced']}")
    of_entities = target.graph is not None and target.label == "Entity"
    shown = {"graph": target.graph, "run": trained.id, "entity": str(keys[0]), "top_k": 10}
    query = "find_nearest" if of_entities else "show_run"
    emit_linked(data, as_json, "\n".join(lines), query, **shown)


@click.command()
@click.argument("run")
@click.option("--relation", help="Only links of this relation.")
@click.option("--head", help="Only links from this entity.")
@click.option(
    "--top-k", type=click.IntRange(min=1), default=20, show_default=True, help="How many links."
)
@click.option("--write", "write_back", is_flag=True, help="Write them as PREDICTED links.")
@click.option("--dry-run", is_flag=True, help="With --write: print the Cypher, write nothing.")
@graph_option
@label_option
@key_option
@json_option
def predict(
    run: str,
    relation: str | None,
    head: str | None,
    top_k: int,
    write_back: bool,
    dry_run: bool,
    graph: str | None,
    label: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Predict the links that the graph lacks and RUN's model is most confident of.

    A link that the graph has is never predicted. The probability is calibrated on validation
    facts and counts every unknown link as false, so it is a lower bound; the rank is the link's
    place among the candidates of (head, relation, ?). What supports a link is the surest rule
    that gives it, if `kgp rules` has mined any of this graph, else the path between its ends
    that most often goes with the relation. Of a run with task=classify it prints
    entities' labels and their probability; --head names one entity.
    """
    from kgplatform.cli.connection import snapshot_of_run, target_of_source
    from kgplatform.connection import open_store
    from kgplatform.settings import load_settings
    from kgplatform.store.links import write_links
    from kgplatform.training.predict import predict as predict_of_run

    settings = load_settings()
    trained = _load_run(settings, run)
    if trained.config.task == "classify":
        if write_back or relation is not None:
            raise UsageError(
                f"run {trained.id} predicts labels, not links",
                hint="leave --write and --relation; --head names the entity",
            )
        _predict_labels(trained, head, top_k, as_json)
        return
    with progress_bar() as progress:
        snapshot = snapshot_of_run(settings, trained.source, trained.snapshot_digest, progress)
        found = predict_of_run(trained, snapshot, relation=relation, head=head, top_k=top_k)
        links, rules = supported(settings, snapshot, found.links)
        data: dict[str, Any] = {
            "run": trained.id,
            "links": [_link_data(link) for link in links],
            "calibration": calibration_data(found),
            "rules": rules,
        }
        text = links_table(links)
        if links:
            text += f"\n{calibration_text(found)}"
        if write_back:
            target = target_of_source(trained.source, graph, label, key)
            properties = run_properties(trained, target) | {
                "calibration": data["calibration"]["method"],
                "calibration_negatives": found.negatives,
                "calibration_error": found.calibration.error,
            }
            if dry_run:
                from kgplatform import queries

                data["statements"] = [queries.get("write/merge_predicted")]
                text += f"\n\n{data['statements'][0]}\nnothing was written"
            else:
                rows = [stored(link) for link in links]
                with open_store(settings) as store:
                    data |= write_links(store, trained.id, properties, target, rows, progress)
                text += f"\n{data['written']:,} written as PREDICTED links"
    if "written" in data:
        emit_linked(data, as_json, text, "show_predicted", graph=target.graph, run=trained.id)
        return
    emit(data, as_json, text)


def write_run(store: Store, run: Run, target: Target, progress: Progress) -> dict[str, Any]:
    """Write a run of vectors onto the nodes that it is of."""
    from kgplatform.store.writeback import write_vectors
    from kgplatform.training.artifacts import entity_vectors

    target = replace(target, integer_keys=bool(run.source["integer_keys"]))
    keys, vectors = entity_vectors(run)
    properties = run_properties(run, target)
    return write_vectors(
        store, run.id, properties, target, keys, vectors, progress, kind=kind_of(run)
    )


def kind_of(run: Run) -> str:
    """The kind of a run's vectors, of which a graph has one active set each."""
    from kgplatform.store.writeback import KINDS

    return run.config.model if run.config.model in KINDS else "graph"


def check_vectors_of(run: Run) -> None:
    """Make sure that a run has vectors at all.

    Raises:
        UsageError: It recommends by counts.
    """
    if (by := run.source.get("ranks_by")) in ("item_knn", "popularity"):
        raise UsageError(
            f"run {run.id} ranks by {by}, which has no vectors",
            hint="kgp train recommend --set model=lightgcn makes a run that has",
        )


def check_encoder_of(store: Store, run: Run, target: Target) -> None:
    """Make sure that a run's vectors are of the encoder whose vectors readers have now.

    Raises:
        InputError: They are another encoder's; both are named.
    """
    from kgplatform.store.texts import check_encoder

    if "encoder" in run.source and (kind := kind_of(run)) in ENCODED:
        dimension = run.config.embedding_dim
        check_encoder(store, target, run.source["encoder"], dimension, kind)


def run_properties(run: Run, target: Target) -> dict[str, Any]:
    """What a run's node in the database carries."""
    best: dict[str, Any] = run.metrics.get("test") or run.metrics.get("valid") or {}
    shown = (
        "mrr",
        "hits_at_1",
        "hits_at_3",
        "hits_at_10",
        "mean_rank",
        "recall_at_20",
        "ndcg_at_20",
    )
    return {
        "model": run.config.model,
        "graph": target.graph,
        "snapshot": run.snapshot_digest,
        "seed": run.config.seed,
        "created": run.created,
        **{name: best[name] for name in shown if name in best},
        **{name: run.source[name] for name in ("encoder", "encoder_digest") if name in run.source},
    }


def _predict_labels(run: Run, entity: str | None, top_k: int, as_json: bool) -> None:
    """Print what a node classification says of entities, the surest first."""
    from dataclasses import asdict

    from kgplatform.errors import UnknownNameError
    from kgplatform.training.artifacts import load_vocabulary
    from kgplatform.training.classify_nodes import predict_labels

    entities, _ = load_vocabulary(run)
    if entity is not None and entity not in entities:
        raise UnknownNameError("entity", entity, entities)
    found = predict_labels(run, None if entity is None else (entity,))[:top_k]
    rows = [[each.entity, each.label, f"{each.probability:.2f}"] for each in found]
    judged: dict[str, Any] = run.metrics.get("valid") or run.metrics["train"]
    text = table(["entity", "label", "probability"], rows)
    text += f"\nexpected calibration error on valid: {judged['calibration_error']:.3f}"
    labels = [asdict(each) for each in found]
    error = judged["calibration_error"]
    emit({"run": run.id, "labels": labels, "expected_calibration_error": error}, as_json, text)


def stored(link: PredictedLink) -> Link:
    """A predicted link as the graph keeps it."""
    from kgplatform.store.links import Link

    rule = "" if link.support is None else link.support.rule
    return Link(link.head, link.relation, link.tail, link.score, link.confidence, link.rank, rule)


def links_table(links: list[PredictedLink]) -> str:
    """Predicted links for a person."""
    if not links:
        return "no links to predict: every plausible one is known"
    rows = [
        [
            link.head,
            link.relation,
            link.tail,
            f"{link.confidence:.2f}",
            str(link.rank),
            _support_text(link),
        ]
        for link in links
    ]
    return table(["head", "relation", "tail", "probability", "rank", "supported by"], rows)


def calibration_data(found: Prediction) -> dict[str, Any]:
    """How the probabilities were fitted and how far they hold, as the JSON has it."""
    from dataclasses import asdict

    fitted = found.calibration
    return {
        "method": _method(fitted),
        "negatives": found.negatives,
        "log_loss": fitted.log_loss,
        "expected_calibration_error": fitted.error,
        "expected_calibration_error_of_likely": (
            None if isnan(fitted.likely_error) else fitted.likely_error
        ),
        "reliability": [asdict(each) for each in fitted.reliability],
    }


def calibration_text(found: Prediction) -> str:
    """The same for a person."""
    from kgplatform.training.calibrate import LIKELY

    fitted = found.calibration
    rows = [
        [
            f"{each.low:.2f} to {each.high:.2f}",
            f"{each.count:,.0f}",
            f"{each.confidence:.3f}",
            f"{each.true:.3f}",
        ]
        for each in fitted.reliability
    ]
    likely = "" if isnan(fitted.likely_error) else f", {fitted.likely_error:.3f} from {LIKELY} on"
    return (
        f"\nprobability by {_method(fitted)}; negatives: {found.negatives}\n"
        f"expected calibration error {fitted.error:.4f}{likely}, on validation queries held out:\n"
        + table(["probability", "candidates", "mean", "facts among them"], rows)
    )


def _method(fitted: Calibration) -> str:
    return f"{fitted.curve.method} on {fitted.curve.feature}"


def _support_text(link: PredictedLink) -> str:
    if link.support is None:
        return "no path"
    return f"{link.support.rule} ({link.support.confidence:.2f})"


def _load_run(settings: Settings, name: str) -> Run:
    from kgplatform.training.artifacts import find_run, load_run

    return load_run(find_run(settings.kgp_runs, name))


def _planned_vectors(
    store: Store, run: Run, target: Target, keys: list[str], dimension: int, keep_bytes: bool
) -> dict[str, Any]:
    from kgplatform.store.writeback import check_target, planned_statements, set_of_run

    present = check_target(store, target, keys)
    names = set_of_run(run.id, kind_of(run))
    return {
        "run": run.id,
        "dry_run": True,
        "would_write": present,
        "missing": len(keys) - present,
        "dimension": dimension,
        "property": names.property,
        "index": names.index,
        "statements": planned_statements(names, target, keep_bytes=keep_bytes),
    }


def _planned_text(data: dict[str, Any]) -> str:
    return (
        f"would write {data['would_write']:,} vectors of {data['dimension']} numbers to property "
        f"{data['property']} ({data['missing']:,} entities missing); nothing was written"
    )


def _link_data(link: PredictedLink) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "head": link.head,
        "relation": link.relation,
        "tail": link.tail,
        "score": link.score,
        "confidence": link.confidence,
        "probability": link.confidence,
        "rank": link.rank,
        "support": None if link.support is None else asdict(link.support),
        "kind": "predicted",
    }
