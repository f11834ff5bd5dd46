"""``kgp train joint-qa``: from questions with answers, and a graph, to what answers more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar, table
from kgplatform.cli.source import pairs, query_text, source_options
from kgplatform.errors import InputError

if TYPE_CHECKING:
    from kgplatform.graph.snapshot import KGSnapshot
    from kgplatform.joint.qa_questions import Question
    from kgplatform.joint.qa_settings import QASettings
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.training.artifacts import Run


@click.command(name="joint-qa")
@source_options(own_nodes=True, frozen=True)
@click.option(
    "--texts",
    required=True,
    metavar="FILE|CYPHER",
    help="Questions: TSV, CSV, JSON Lines, Parquet; or a reading query.",
)
@click.option("--question-column", help="Where the question is; else `question` or `text`.")
@click.option("--answer-column", help="Ids or names of answers; else `answers` or `answer`.")
@click.option("--topic-column", help="Id or name of what is asked about; else `topic`.")
@click.option("--path-column", help="Relations to the answers, if known; else `path`.")
@click.option(
    "--strategy",
    type=click.Choice(["gnn", "embedding"]),
    default="gnn",
    show_default=True,
    help="Walk by the relations' names, or ask a score function.",
)
@click.option("--encoder", default="minilm", show_default=True, help="A name or a folder.")
@click.option("--set", "settings_given", multiple=True, metavar="K=V", help="A training setting.")
@json_option
def joint_qa(
    source: dict[str, Any],
    texts: str,
    question_column: str | None,
    answer_column: str | None,
    topic_column: str | None,
    path_column: str | None,
    strategy: str,
    encoder: str,
    settings_given: tuple[str, ...],
    as_json: bool,
) -> None:
    """Learn to answer questions about a graph from questions with their answers.

    A question names an entity of the graph; its answers are entities. How one leads to the other
    need not be given. Several answers stand between `|`. Without a column `split`, paraphrases
    of one question are kept together, and a tenth of the questions each validates and tests.

    \b
    kgp train joint-qa --graph family --texts questions.tsv
    kgp train joint-qa --graph family --texts questions.csv --strategy embedding
    kgp train joint-qa --graph family --texts 'MATCH (q:Question)-[:ABOUT]->(e:Entity)
        RETURN q.text AS question, e.id AS topic, q.answers AS answers'
    kgp train joint-qa --texts q.jsonl --set hops=2 --cypher 'MATCH (h:Person)-[r]->(t)
        RETURN h.name AS head, type(r) AS relation, t.name AS tail'
    """
    from kgplatform.joint.qa_settings import settings_of
    from kgplatform.settings import load_settings

    chosen = settings_of({**pairs("--set", settings_given), "strategy": strategy})
    named = {
        "question": question_column,
        "answer": answer_column,
        "topic": topic_column,
        "path": path_column,
    }
    columns = {key: name for key, name in named.items() if name is not None}
    settings = load_settings()
    with progress_bar() as progress:
        read = _questions(settings, source, texts, columns, progress)
        snapshot, source, names = graph_and_names(settings, source, progress)
    run, left = _trained(settings, snapshot, source, names, read, chosen, encoder, texts)
    data = {
        "run": run.id,
        "folder": str(run.folder),
        "strategy": strategy,
        "seconds": run.seconds,
        "questions": len(read),
        "left_out": {reason: len(lines) for reason, lines in left.items()},
        "metrics": dict(run.metrics),
    }
    emit(data, as_json, _text(run, data, left))


def _questions(
    settings: Settings,
    source: Mapping[str, Any],
    texts: str,
    columns: Mapping[str, str],
    progress: Progress,
) -> list[Question]:
    """Questions of a file, or of a query over the database, which may use ``$graph``."""
    from kgplatform.connection import open_store
    from kgplatform.joint.qa_questions import questions_of, read_questions
    from kgplatform.store.stream_query import stream_rows

    if not is_query(texts):
        return read_questions(Path(texts), columns)
    params = {**source.get("params", {}), "graph": source.get("graph")}
    found: list[tuple[Any, ...]] = []
    with open_store(settings) as store:
        required = list(columns.values())
        rows = stream_rows(store, query_text(texts), params, required, progress)
        for names, block in rows:
            header = names
            found += zip(*block, strict=True)
    if not found:
        raise InputError("the query returns no questions", hint="try it in Browser")
    return questions_of(header, enumerate(found, 1), "the query", columns, row="row")


def is_query(texts: str) -> bool:
    """Whether what names questions is a query, or a file of one, rather than a table."""
    return texts.endswith((".cypher", ".cql")) or bool(re.search(r"\sRETURN\s", texts, re.I))


def graph_and_names(
    settings: Settings, source: dict[str, Any], progress: Progress
) -> tuple[KGSnapshot, dict[str, Any], dict[str, str]]:
    """The graph, its source, and what its entities are called where the database tells."""
    from kgplatform.cli.connection import snapshot_of_source
    from kgplatform.cli.train import opened
    from kgplatform.connection import open_store
    from kgplatform.store.texts import read_parts
    from kgplatform.store.writeback import Target

    if "snapshot" in source:
        return *opened(Path(source["snapshot"])), {}
    with open_store(settings) as store:
        snapshot, source = snapshot_of_source(store, source, progress)
        graph, label, key = (source.get(name) for name in ("graph", "label", "key"))
        target = Target(label=label, key=key, graph=None) if label and key else Target(graph=graph)
        found = read_parts(store, target, ["name"], progress) if graph or label else {}
    names = {key: name for key, (name,) in found.items()}
    known = set(snapshot.entities)
    return snapshot, source, {key: name for key, name in names.items() if key in known}


def _trained(
    settings: Settings,
    snapshot: KGSnapshot,
    source: dict[str, Any],
    names: Mapping[str, str],
    read: list[Question],
    chosen: QASettings,
    encoder: str,
    texts: str,
) -> tuple[Run, dict[str, list[int]]]:
    from kgplatform.joint.qa_questions import Names, link, split_questions
    from kgplatform.joint.qa_reader import Phrases
    from kgplatform.joint.qa_report import qa_metrics
    from kgplatform.joint.qa_run import save_answers
    from kgplatform.joint.qa_template import Templates
    from kgplatform.joint.qa_train import train_answers
    from kgplatform.text.encode import load_encoder
    from kgplatform.training.artifacts import new_run_id

    degree = snapshot.edge_index.flatten().bincount(minlength=snapshot.num_entities).tolist()
    linked, left = link(read, Names(snapshot.entities, names, degree))
    if not linked:
        reason = next(iter(left))
        named = "the query" if is_query(texts) else texts
        raise InputError(
            f"{named}: no question can be tied to the graph: {reason}",
            hint="name entities as the graph does, or give --topic-column",
        )
    parts = split_questions(
        linked, chosen.split, valid=chosen.valid_share, test=chosen.test_share, seed=chosen.seed
    )
    folder = settings.kgp_runs / new_run_id("joint-qa", settings.kgp_runs)
    note(f"run {folder.name}: {len(linked):,} questions, {snapshot.num_edges:,} facts")
    with progress_bar() as progress:
        trained = train_answers(snapshot, parts, Phrases(load_encoder(encoder)), chosen, progress)
    templates = Templates(parts["train"], trained.solver.walks, snapshot.relations)
    metrics = qa_metrics(trained.judged, parts, templates)
    where = {**source, "texts": texts}
    return save_answers(folder, trained, snapshot, chosen, names, where, metrics), left


def _text(run: Run, data: Mapping[str, Any], left: Mapping[str, list[int]]) -> str:
    from kgplatform.joint.qa_report import verdict

    rows = [
        [
            split,
            f"{values['count']:,}",
            f"{values['hits_at_1']:.3f}",
            f"{values['baseline']['hits_at_1']:.3f}",
            f"{values['calibration_error']:.3f}",
        ]
        for split, values in run.metrics.items()
    ]
    lines = [f"run {run.id}: {data['strategy']}, {run.seconds:.0f} s of the processor"]
    rows_of = "rows" if is_query(run.source["texts"]) else "lines"
    for reason, at in left.items():
        some = ", ".join(map(str, at[:5])) + (", …" if len(at) > 5 else "")
        lines.append(f"{len(at):,} questions left out: {reason} ({rows_of} {some})")
    heads = ["split", "questions", "hits@1", "kind of question alone", "calibration error"]
    lines += [table(heads, rows), verdict(run.metrics)]
    lines.append(f"next: kgp write {run.id}")
    return "\n".join(lines)
