"""``kgp train walker``: an agent that learns to walk from what is asked to the answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kgplatform.cli.output import emit, json_option, note, progress_bar, table
from kgplatform.cli.source import pairs, source_options

if TYPE_CHECKING:
    from kgplatform.progress import Progress
    from kgplatform.settings import Settings
    from kgplatform.training.artifacts import Run
    from kgplatform.walk.settings import WalkerSettings
    from kgplatform.walk.task import Task

PATH = click.Path(path_type=Path)


@click.command()
@source_options(own_nodes=True, frozen=True)
@click.option(
    "--questions", type=PATH, help="Questions in words, in a file as `kgp train joint-qa` takes."
)
@click.option("--encoder", default="minilm", show_default=True, help="A name or a folder.")
@click.option("--set", "settings_given", multiple=True, metavar="K=V", help="A training setting.")
@click.option("--resume", metavar="RUN", help="Continue an interrupted run.")
@json_option
def walker(
    source: dict[str, Any],
    questions: Path | None,
    encoder: str,
    settings_given: tuple[str, ...],
    resume: str | None,
    as_json: bool,
) -> None:
    """Train an agent that walks the graph from what is asked to the answer.

    It is asked for the other end of training facts, whose own edges it may not walk; or, with
    --questions, in words that name an entity. Facts of valid and test are never walked on. By
    REINFORCE, or with --set algorithm=dqn by Q-learning. Where facts are asked for, an embedding
    model that is trained first shapes the reward: --set teacher=none leaves it out,
    --set teacher=RUN takes one of yours.

    \b
    kgp train walker --graph umls
    kgp train walker --graph umls --set algorithm=dqn --set steps=3
    kgp train walker --graph family --questions questions.tsv
    """
    from kgplatform.settings import load_settings
    from kgplatform.walk.settings import settings_of

    settings = load_settings()
    if resume is not None:
        run = _resumed(settings, resume)
    else:
        chosen = settings_of(pairs("--set", settings_given))
        run = _trained(settings, source, questions, encoder, chosen)
    data = {
        "run": run.id,
        "folder": str(run.folder),
        "epochs": run.epochs,
        "best_epoch": run.best_epoch,
        "seconds": run.seconds,
        "left_out": run.source.get("left_out", {}),
        "metrics": dict(run.metrics),
    }
    emit(data, as_json, _text(run))


def _trained(
    settings: Settings,
    source: dict[str, Any],
    questions: Path | None,
    encoder: str,
    chosen: WalkerSettings,
) -> Run:
    from kgplatform.cli.joint_qa import graph_and_names
    from kgplatform.training.artifacts import new_run_id
    from kgplatform.walk.task import fact_task
    from kgplatform.walk.train import train_walker

    teacher = _teacher(settings, chosen)
    with progress_bar() as progress:
        snapshot, source, names = graph_and_names(settings, source, progress)
        said: dict[str, Any] = {}
        if questions is None:
            task = fact_task(snapshot, chosen)
        else:
            source = {**source, "questions": str(questions), "encoder": encoder}
            task, said, left = asked_in_words(
                settings, snapshot, names, questions, encoder, chosen, progress
            )
            source["left_out"] = left
    folder = settings.kgp_runs / new_run_id("walker", settings.kgp_runs)
    count = len(task.questions["train"])
    note(f"run {folder.name}: {count:,} questions, {snapshot.num_edges:,} facts")
    with progress_bar() as progress:
        return train_walker(
            task, chosen, folder, source=source, said=said, teacher=teacher, progress=progress
        )


def _resumed(settings: Settings, name: str) -> Run:
    from kgplatform.cli.connection import snapshot_of_run
    from kgplatform.training.artifacts import find_run, load_run
    from kgplatform.walk.run import read_settings
    from kgplatform.walk.task import fact_task
    from kgplatform.walk.train import resume_walker

    folder = find_run(settings.kgp_runs, name)
    interrupted = load_run(folder, allow_incomplete=True)
    chosen, said = read_settings(interrupted)
    source = interrupted.source
    with progress_bar() as progress:
        snapshot = snapshot_of_run(settings, source, interrupted.snapshot_digest, progress)
        if "questions" in source:
            task, _, _ = asked_in_words(
                settings,
                snapshot,
                said["names"],
                Path(source["questions"]),
                source["encoder"],
                chosen,
                progress,
            )
        else:
            task = fact_task(snapshot, chosen)
    note(f"run {interrupted.id} goes on")
    with progress_bar() as progress:
        return resume_walker(folder, task, teacher=_teacher(settings, chosen), progress=progress)


def _teacher(settings: Settings, chosen: WalkerSettings) -> Run | None:
    """The run that the setting names, if it names one."""
    from kgplatform.training.artifacts import find_run, load_run
    from kgplatform.walk.settings import NO_TEACHER, OWN_TEACHER

    if chosen.teacher in (NO_TEACHER, OWN_TEACHER):
        return None
    return load_run(find_run(settings.kgp_runs, chosen.teacher))


def asked_in_words(
    settings: Settings,
    snapshot: Any,
    names: Mapping[str, str],
    file: Path,
    encoder: str,
    chosen: WalkerSettings,
    progress: Progress,
) -> tuple[Task, dict[str, Any], dict[str, int]]:
    """Questions of a file as a task; what the run remembers; how many were left out, by reason."""
    import torch

    from kgplatform.errors import InputError
    from kgplatform.joint.qa_questions import (
        Names,
        link,
        read_questions,
        split_questions,
        words_read,
    )
    from kgplatform.text.encode import load_encoder
    from kgplatform.text.vector_cache import cached_text_vectors
    from kgplatform.walk.task import text_task

    degree = snapshot.edge_index.flatten().bincount(minlength=snapshot.num_entities).tolist()
    linked, left = link(read_questions(file), Names(snapshot.entities, names, degree))
    if not linked:
        raise InputError(
            f"{file}: no question can be tied to the graph: {next(iter(left))}",
            hint="name entities as the graph does, or give a column topic",
        )
    parts = split_questions(
        linked, chosen.split, valid=chosen.valid_share, test=chosen.test_share, seed=chosen.seed
    )
    reader = load_encoder(encoder)
    texts = {
        name: torch.from_numpy(
            cached_text_vectors(
                reader, [words_read(q.words) for q in part], settings.text_cache, progress
            )
        )
        for name, part in parts.items()
    }
    task = text_task(
        snapshot,
        {name: [q.topic for q in part] for name, part in parts.items()},
        {name: [q.answers for q in part] for name, part in parts.items()},
        texts,
        {name: [q.question.text for q in part] for name, part in parts.items()},
        names,
    )
    said = {"encoder": reader.name, "encoder_digest": reader.digest, "names": dict(names)}
    return task, said, {reason: len(lines) for reason, lines in left.items()}


def _texts(run: Run) -> list[str]:
    """What the texts about the best answers are worth, beside the baselines' texts."""
    terms = ("exact_match", "entity_f1", "grounding", "fluency", "accuracy", "total")
    rows = [
        [split, who, *(f"{found[term]:.3f}" if term in found else "" for term in terms)]
        for split, values in run.metrics.items()
        for who, found in values.get("texts", {}).items()
    ]
    return [table(["split", "text by", *terms], rows)] if rows else []


def _text(run: Run) -> str:
    from kgplatform.walk.card import COLUMNS, result_rows

    lines = [f"run {run.id}: {run.epochs} epochs in {run.seconds:.0f} s, best {run.best_epoch}"]
    for reason, count in run.source.get("left_out", {}).items():
        lines.append(f"{count:,} questions left out: {reason}")
    if rows := result_rows(run.metrics):
        lines.append(table(COLUMNS, rows))
        lines.append("filtered; an answer that no walk reaches has the mean of the ranks left")
    lines += _texts(run)
    lines.append(f"next: kgp explain HEAD RELATION --run {run.id}   kgp write {run.id}")
    return "\n".join(lines)
