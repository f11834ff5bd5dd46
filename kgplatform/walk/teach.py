"""Which teacher shapes the reward of a training: none, one of its own, or the user's run."""

from __future__ import annotations

from pathlib import Path

import torch

from kgplatform.errors import RunError
from kgplatform.graph.split import ensure_split
from kgplatform.models import VECTORS_ONLY
from kgplatform.progress import Progress
from kgplatform.training.artifacts import RUN_FILE, Run, load_model, load_run
from kgplatform.training.config import resolve_config, resolve_device
from kgplatform.training.loop import resume, train
from kgplatform.walk.reward import Hits, Reward, Shaped
from kgplatform.walk.settings import NO_TEACHER, OWN_TEACHER, WalkerSettings
from kgplatform.walk.task import Task
from kgplatform.walk.teacher import Teacher, teacher_of

FOLDER = "teacher"


def reward_for(
    task: Task,
    settings: WalkerSettings,
    folder: Path,
    given: Run | None,
    progress: Progress,
) -> Reward:
    """What ends are worth in a training.

    Args:
        task: Graph and questions; questions in words have hits alone.
        settings: Which teacher.
        folder: The run's; a teacher of its own is kept in it.
        given: The run that the setting names, if it names one.
        progress: Told of the teacher's epochs.

    Raises:
        RunError: The given teacher is of another graph or split.
    """
    if settings.teacher == NO_TEACHER or task.texts is not None:
        return Hits()
    if settings.teacher == OWN_TEACHER:
        given = own_teacher(task, settings, folder / FOLDER, progress)
    if given is None:
        raise RunError(
            f"the teacher {settings.teacher!r} is not here",
            hint="name a run, or set teacher=train or teacher=none",
        )
    teacher = checked_teacher(given, task, settings.seed)
    device = resolve_device(settings.device)
    return Shaped(Teacher(teacher.model.to(device), teacher.slope, teacher.intercept))


def own_teacher(task: Task, settings: WalkerSettings, folder: Path, progress: Progress) -> Run:
    """A model of the training facts by its own defaults; one that is there already is taken."""
    if (folder / RUN_FILE).exists():
        run = load_run(folder, allow_incomplete=True)
        return run if run.complete else resume(folder, task.snapshot, progress, splits=())
    config = resolve_config(
        settings.teacher_model, task.snapshot, {"seed": settings.seed, "device": settings.device}
    )
    return train(task.snapshot, config, folder, source={}, splits=(), progress=progress)


def checked_teacher(run: Run, task: Task, seed: int) -> Teacher:
    """A run's model as a teacher.

    Raises:
        RunError: It scores no links, or is of other names or another split: it may have seen the
            facts that are tested.
    """
    if run.config.model in VECTORS_ONLY or run.config.task != "links":
        raise RunError(
            f"run {run.id} scores no links, so it cannot be a teacher",
            hint="name a run of `kgp train complex`, or set teacher=train",
        )
    snapshot = task.snapshot
    config = run.config
    its = ensure_split(
        snapshot if run.snapshot_digest == snapshot.digest else task.given,
        seed=config.seed,
        valid_share=config.valid_share,
        test_share=config.test_share,
        by=config.split,
    )
    known = run.snapshot_digest in (snapshot.digest, task.given.digest)
    if not known or not torch.equal(its.split, snapshot.split):
        raise RunError(
            f"run {run.id} was trained on another graph or another split of it: it may have seen "
            "the facts that are tested",
            hint="train the teacher on the same graph with the same seed, or set teacher=train",
        )
    return teacher_of(load_model(run), snapshot, seed)
